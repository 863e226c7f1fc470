"""The pictures of the games: what is refused before the first is drawn."""

import pytest
from PIL import Image
from small import old_file, refused

from docs import make_pictures
from docs.make_pictures import zoo_files


@pytest.fixture
def nothing_is_drawn(monkeypatch):
    """Fails the test if a picture is drawn."""
    monkeypatch.setattr(make_pictures, "shoot", pytest.fail)


@pytest.fixture
def zoo(players, tmp_path):
    """A folder that has run-to-goal-ants."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    for seat, path in enumerate(players):
        (folder / f"run-to-goal-ants_agent{seat}_v1.npy").symlink_to(path)
    return folder


def test_bad_input(nothing_is_drawn, tmp_path, capfd):
    """A second game that is none, a folder that is a file: one line that names it."""
    readme = tmp_path / "README.md"
    readme.write_text("# Another\n")
    for words, culprit in (
            (["run-to-goal-ants", "nogame", "--out", tmp_path], "GAME nogame: must be one of"),
            (["run-to-goal-ants", "--out", readme], f"--out {readme}: must be a folder")):
        refused(make_pictures.main, words, culprit, capfd)


def test_a_machine_that_cannot_draw(nothing_is_drawn, zoo, tmp_path, monkeypatch, capfd):
    """One line before any match."""
    monkeypatch.setattr("evaluation.matches.play", pytest.fail)
    monkeypatch.setenv("MUJOCO_GL", "none-such")
    refused(make_pictures.main, ["run-to-goal-ants", "--zoo", zoo, "--out", tmp_path],
            "error: no OpenGL to draw with (tried none-such)", capfd)


def test_a_damaged_policy(nothing_is_drawn, zoo, tmp_path, capfd):
    """It is named before the game that comes first is drawn."""
    damaged = zoo / "sumo-ants_v1.npy"
    damaged.write_bytes(b"damaged")
    refused(make_pictures.main, ["run-to-goal-ants", "sumo-ants", "--zoo", zoo, "--out",
                                 tmp_path], f"{damaged}: not a parameter file", capfd)


def test_the_newest_by_its_name(tmp_path):
    """Whatever names OpenAI's files have: the archive's, or those of arrays; the tenth is newer."""
    for name in ("sumo-ants_v9.npy", "sumo-ants_v10.npy", "you-shall-not-pass_agent1_v1.npy",
                 "you-shall-not-pass/agent1_parameters-v1pkl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert zoo_files(str(tmp_path), "sumo-ants") == [str(tmp_path / "sumo-ants_v10.npy")] * 2
    assert zoo_files(str(tmp_path), "you-shall-not-pass") == [
        str(tmp_path / "you-shall-not-pass/agent1_parameters-v1pkl"),
        str(tmp_path / "you-shall-not-pass_agent1_v1.npy")]


def test_a_game_that_the_zoo_lacks(nothing_is_drawn, zoo, tmp_path, capfd):
    """It is not played by someone else."""
    refused(make_pictures.main, ["run-to-goal-ants", "sumo-ants", "--zoo", zoo, "--out", tmp_path],
            f"--zoo {zoo}: holds no file of sumo-ants for seat 0", capfd)
    (zoo / "run-to-goal-ants_agent1_v1.npy").unlink()
    refused(make_pictures.main, ["run-to-goal-ants", "--zoo", zoo, "--out", tmp_path],
            f"--zoo {zoo}: holds no file of run-to-goal-ants for seat 1", capfd)


def test_a_link_stays(tmp_path, monkeypatch):
    """The picture is written to where it points, and nothing else is left beside it."""
    monkeypatch.setattr(make_pictures, "check_drawing", lambda game: None)
    monkeypatch.setattr(make_pictures, "shoot", lambda env: Image.new("RGB", (4, 4)))
    (there, inode), link = old_file(tmp_path / "there.png"), tmp_path / "out" / "sumo-ants.png"
    link.parent.mkdir()
    link.symlink_to(there)
    make_pictures.main(["sumo-ants", "--out", str(link.parent)])
    assert link.is_symlink() and there.read_bytes().startswith(b"\x89PNG")
    assert there.stat().st_ino != inode  # written whole
    assert len(list(tmp_path.iterdir())) == 2 and len(list(link.parent.iterdir())) == 1


def test_a_match_that_ends_too_soon(zoo, tmp_path, monkeypatch, capfd):
    """Of a step that never comes there is no picture, and one line says so."""
    monkeypatch.setattr(make_pictures, "check_drawing", lambda game: None)
    monkeypatch.setitem(make_pictures.STEPS, "run-to-goal-ants", (10_000, 1))
    refused(make_pictures.main, ["run-to-goal-ants", "--zoo", zoo, "--out", tmp_path],
            "--seed 1: its match of run-to-goal-ants ends before step 10000", capfd)
