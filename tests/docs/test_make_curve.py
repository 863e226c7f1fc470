"""The picture of a learning curve, for a game whose endings have names of their own."""

from docs.make_curve import draw, endings


def test_a_curve_of_any_game(tmp_path):
    """Rare endings are left out; iterations without a finished game are no fault."""
    rows = [{"run/timesteps": str(100 * k), "run/alpha": "1", "agent0/end_goal": share,
             "agent0/end_both_down": "0.5", "agent0/end_not_finite": "0.01"}
            for k, share in ((1, "nan"), (2, "0"), (3, "0.4"))]
    shown = endings(rows)
    assert list(shown) == ["goal", "both down"] and shown["goal"][1:] == [0, 0.2]
    out = tmp_path / "curve.png"
    draw(rows, [0, 3], {"its first self": [[(0.5, 0.5), (0.4, 0.4)], [(0.9, 0), (0.8, 0.1)]]}, out)
    assert out.read_bytes().startswith(b"\x89PNG")
