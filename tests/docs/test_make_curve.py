"""The picture of a learning curve, for a game whose endings have names of their own."""

import pytest

from docs import make_curve, make_pictures, make_strength
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


@pytest.mark.parametrize("script, words", [
    (make_curve, ["--run", "nope", "--points", "2", "--games", "2", "--out", "x.png"]),
    (make_strength, ["nope", "--out", "x.png"]), (make_pictures, ["--zoo", "nope", "--out", "x"])])
def test_what_is_not_there_is_named(script, words, tmp_path, monkeypatch, capsys):
    """One line and exit code 2, nothing written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        script.main(words)
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.count("error:") == 1 and "nope: " in err
    assert not list(tmp_path.iterdir())
