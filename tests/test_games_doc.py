"""docs/games.md says what the code does: observations, endings, options, pictures."""

import re
from pathlib import Path

import pytest

from gym_compete import find_game

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEXT = (DOCS / "games.md").read_text()
NAMES = re.findall(r"^\| `([\w-]+)-v0` \| `([\w-]+)` \|", TEXT, re.M)


def section(name):
    """A game's part of the file."""
    return re.split(r"^## ", TEXT.split(f"\n## {name}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def test_all_six():
    """Ids and short names are those that the code knows."""
    assert len(NAMES) == 6
    for env_id, name in NAMES:
        assert find_game(name).env_id == f"{env_id}-v0"


@pytest.mark.parametrize("name", [name for _, name in NAMES])
def test_a_game(name):
    """Slices follow each other, in the order and sizes of the code's blocks, for both seats."""
    game, text = find_game(name)(), section(name)
    rows = re.findall(r"^\| (\d+):(\d+) \| (.+?) \| (\d+) \|$", text, re.M)
    for seat, other in (game.seats, game.seats[::-1]):
        blocks = game.blocks(seat, other)
        assert [int(size) for *_, size in rows] == [block.shape[1] for _, block in blocks]
        for (_, _, what, _), (called, _) in zip(rows, blocks):
            assert what.split()[0] in called.split()[0] or called[0] in "rbt"
    stop = 0
    for start, end, _, size in rows:
        assert int(start) == stop and int(end) - int(start) == int(size)
        stop = int(end)
    assert game.ob_dims == (stop, stop)
    actions, high = re.search(r"Actions: (\d+) in ±(\d[\d.]*\d|\d)", text).groups()
    for seat in game.seats:
        assert len(seat.ac_high) == int(actions) and (seat.ac_high == float(high)).all()
    for ending in filter(None, game.endings):
        assert f"`{ending}`" in text
    for option in set(game.options) - {"max_episode_steps", "integrator"}:
        assert f"`{option}" in text
    for option, value in game.options.items():
        assert re.search(rf'^\| `{option}` \| `?"?{value}"?`? \|', TEXT, re.M)
    assert f"](images/{name}.png)" in text and (DOCS / f"images/{name}.png").exists()
