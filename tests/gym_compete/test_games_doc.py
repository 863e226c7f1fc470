"""docs/games.md says what the code does: observations, actions, endings, options, examples."""

import re
from pathlib import Path

import numpy as np
import pytest

from gym_compete import GAMES, find_game

DOC = (Path(__file__).resolve().parents[2] / "docs" / "games.md").read_text()
SECTIONS = dict(part.split("\n", 1) for part in DOC.split("\n## ")[1:])
EXAMPLES = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
SIX = ("run-to-goal-ants", "run-to-goal-humans", "you-shall-not-pass", "sumo-ants", "sumo-humans",
       "kick-and-defend")
# The keys of these blocks in the code are short; the document lists their numbers.
PROSE = {"ball": "ball xy - own xy (2), ball z, 4 - ball x, 3 - ball y, -3 - ball y",
         "other_qpos": "other's qpos", "other_qpos[2:]": "other's qpos[2:]",
         "offset": "other's xy - own xy", "axes": "torso's axes",
         "ring": "radius, way to the edge, other's, steps left"}

games = pytest.mark.parametrize("name", SIX)


def table(text, head):
    """Rows of the one table whose first column is called `head`, as lists of cells."""
    first, = re.finditer(rf"^\| {head} \|.*\n", text, re.MULTILINE)
    rows = text[first.start():].split("\n\n")[0].splitlines()
    rows = [[cell.strip().replace("`", "") for cell in row.strip("| ").split("|")] for row in rows]
    assert len({len(row) for row in rows}) == 1
    return rows[2:]


def words(line):
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", line)


def test_headings():
    """Those that comments in the code refer to, and one for each game."""
    shared = {"Physics", "Reset", "Observations", "Dense reward", "Competition reward",
              "Potential"}
    assert set(SECTIONS) == {"Use", *shared, *SIX}
    ids = [[name.split("]")[0].strip("["), env_id]
           for name, env_id, *_ in table(DOC.split("\n## ")[0], "game")]
    assert ids == [[name, GAMES[name].env_id] for name in SIX]


@games
def test_observations(name):
    """Slices without gaps, block by block as the code lays them out for both seats."""
    game = find_game(name)()
    *rows, whole = table(SECTIONS[name], "slice")
    slices = [[int(edge) for edge in row[0].split(":")] for row in rows]
    sizes = [int(row[2]) for row in rows]
    assert slices[0][0] == 0
    assert all(before[1] == after[0] for before, after in zip(slices, slices[1:]))
    assert [stop - start for start, stop in slices] == sizes
    assert whole == [f"0:{sum(sizes)}", "all", str(sum(sizes))]
    assert game.ob_dims == (sum(sizes), sum(sizes))
    for me, other in (game.seats, game.seats[::-1]):
        blocks = game.blocks(me, other)
        assert [block.shape[1] for _, block in blocks] == sizes
        for (block, _), (_, what, _) in zip(blocks, rows):
            assert re.match(re.escape(PROSE.get(block, block)) + r"(?![\w\[])", what)
    game.sim.close()


@games
def test_actions(name):
    """How many, and the motors' range."""
    game = find_game(name)()
    (count, low, high), = re.findall(r"^Actions: (\d+), each from (\S+) to (\S+)\.$",
                                     SECTIONS[name], re.MULTILINE)
    assert game.ac_dims == (int(count), int(count)) and float(low) == -float(high)
    for seat in game.seats:
        np.testing.assert_array_equal(seat.ac_high, float(high))
    game.sim.close()


@games
def test_endings(name):
    """Each ending once, by its name."""
    endings = [row[0] for row in table(SECTIONS[name], "ending")]
    assert sorted(endings) == sorted(find_game(name).endings[1:])


def is_among(name, where):
    """Whether a cell such as "all" or "sumo-*, kick-and-defend" means this game."""
    patterns = [".*" if part == "all" else part.replace("*", ".*") for part in where.split(", ")]
    return any(re.fullmatch(part, name) for part in patterns)


@games
def test_options(name):
    """The game's own keywords, and no other, are listed in its section and explained for all."""
    options = find_game(name).options
    line, = re.findall(r"^Options: (.*)$", SECTIONS[name], re.MULTILINE)
    assert sorted(words(line)) == sorted(options)
    for keyword, default, where, _ in table(SECTIONS["Use"], "keyword"):
        assert (keyword in options) == is_among(name, where)
        if keyword in options:
            assert default.strip('"') == str(options[keyword])


def dense_reward(name, **weights):
    """Of both seats in the first step of a match."""
    game = find_game(name)(**weights)
    game.reset(0, np.random.default_rng(0))
    game.step([np.zeros((1, size)) for size in game.ac_dims])
    return game.reward_move


@games
def test_weights_without_an_effect(name):
    """The table names the games in which a weight changes no reward; in the others it does."""
    effects = {keyword: what for keyword, _, _, what in table(SECTIONS["Use"], "keyword")}
    for weight in ("dense_forward", "dense_survive", "dense_goal_dist"):
        nowhere = effects[weight].partition("no effect in ")[2]
        same = np.array_equal(dense_reward(name), dense_reward(name, **{weight: 2.0}))
        assert same == is_among(name, nowhere), weight


@games
def test_time(name):
    """The time limit in steps and seconds, and the steps of the simulator."""
    game = find_game(name)()
    (steps, seconds), = re.findall(r"^Time limit: (\d+) steps \((\S+) s\)", SECTIONS[name], re.M)
    assert int(steps) == game.max_episode_steps
    assert float(seconds) == pytest.approx(game.max_episode_steps * game.dt)
    row, = (row for row in table(SECTIONS["Physics"], "game") if name in row[0].split(", "))
    assert row[1] == f"{game.timestep:g} s" and row[2] == f"{game.dt:g} s"
    assert row[4] == ", ".join(map(str, game.yaws))
    game.sim.close()


@games
def test_pictures(name):
    """One per game, called as the game."""
    assert re.findall(r"!\[[^]]+\]\((.*?)\)", SECTIONS[name]) == [f"images/{name}.png"]


@pytest.mark.parametrize("example", EXAMPLES, ids=["one match", "many", "PettingZoo", "one seat"])
def test_examples(example):
    """They run as they stand."""
    if "parallel_env" in example:
        pytest.importorskip("pettingzoo")
    exec(example, {})


def test_links():
    """Links within the document lead to its headings."""
    anchors = {title.lower().replace(" ", "-") for title in SECTIONS}
    assert set(re.findall(r"\]\(#(.*?)\)", DOC)) <= anchors
