"""A replay file, and whether anything can be drawn."""

import pytest
from flail import EULER

import load_parameter_run
from gym_compete import Renderer, RenderingError
from viewing.recording import RecordedMatch, load


@pytest.fixture(scope="module")
def kept(players, tmp_path_factory):
    """A replay file that the command line has written: match 3 of seed 5."""
    path = tmp_path_factory.mktemp("kept") / "match.npz"
    load_parameter_run.main(["--param-paths", *players, *EULER, "--seed", "5", "--first-game", "3",
                             "--save-replay", str(path)])
    return path


@pytest.fixture(scope="module")
def opengl(kept):
    """Skips where nothing can be drawn."""
    try:
        Renderer(RecordedMatch(load(kept)).game, 64, 64).close()
    except RenderingError as error:
        pytest.skip(str(error))
