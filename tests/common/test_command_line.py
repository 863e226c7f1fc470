"""What every command line shares: the games' names, and one rank that speaks."""

import pytest

import run
from common.command_line import GAME_NAMES
from gym_compete import GAMES
from selfplay import presets


@pytest.mark.parametrize("rank, lines", [("0", 1), ("1", 0)])
def test_one_rank_speaks(rank, lines, monkeypatch, capfd):
    """Under mpirun every rank refuses the command line, and one says so."""
    monkeypatch.setenv("PMI_RANK", rank)
    with pytest.raises(SystemExit) as end:
        run.main(["--env", "chess"])
    assert end.value.code == 2
    assert capfd.readouterr().err.count("\n") == lines


def test_names_are_games():
    """The names that --help knows are games of gym_compete, and each preset holds them all."""
    assert GAME_NAMES == tuple(GAMES)[:6]  # further ones are tests' own
    assert set(presets.POLICIES) == set(presets.MISSING) == set(GAME_NAMES)
    assert {game for game, _ in presets.ONE_MACHINE} == set(GAME_NAMES)
