"""Runs on a disk: found by any name, and gone on with whatever has happened to their files."""

import os

import pytest
from test_run import SMALL

import catalogue
import load_parameter_run
import run
from resume import find_run
from run_folder import find_place, lasting, run_name

SPELLINGS = ("made", "made/", "saveparameters/made", "saveparameters/made/", "./saveparameters/made",
             "../exp[1]/saveparameters/made/", "ABSOLUTE", "ABSOLUTE/")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout called exp[1] in whose saveparameters/ a run "made" of two iterations lies."""
    folder = tmp_path_factory.mktemp("disk") / "exp[1]"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SAVE_DIR", str(folder / "saveparameters"))
        run.main([*SMALL, "--run", "made", "--max-iters", "2"])
    return folder


@pytest.fixture
def home(checkout, monkeypatch):
    """The scripts work in that checkout."""
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(checkout / "saveparameters"))
    monkeypatch.chdir(checkout)
    return checkout


# Names


def test_the_newest_run_of_any_checkout(home):
    """Brackets in a folder's name are letters: its newest run is found, and listed."""
    args = load_parameter_run.make_parser().parse_args([])
    made = home / "saveparameters/made"
    assert load_parameter_run.choose_files(args) == [
        str(made / f"agent{k}/000002.npz") for k in (0, 1)]
    told = catalogue.list_all(str(home), str(home / "saveparameters"))
    assert told.count("(newest of 3)") == 2


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_run_is_named_by_its_folder(home, spelling):
    """Every spelling that tab completion or a person writes means the run, wherever one is taken.
    """
    save_dir, made = str(home / "saveparameters"), str(home / "saveparameters/made")
    spelling = spelling.replace("ABSOLUTE", made)
    found = find_place(save_dir, spelling)
    assert os.path.samefile(found, made) and not found.endswith("/")
    assert run_name(save_dir, found) == "made"
    args = load_parameter_run.make_parser().parse_args(["--run", spelling])
    assert all(os.path.exists(path) for path in load_parameter_run.choose_files(args))
    assert run.plain_name(run.make_parser(), spelling) == "made"
    assert os.path.samefile(find_run(save_dir, spelling), made)
    kept = lasting(save_dir, spelling)
    assert kept == "made" or os.path.isabs(kept)


def test_paths_are_no_names(home, tmp_path):
    """A dot is the present folder, not saveparameters/; elsewhere a run has its path for a name."""
    save_dir = str(home / "saveparameters")
    for path in (".", "..", "./made"):
        assert find_place(save_dir, path) == os.path.normpath(path)
    assert find_place(save_dir, "nowhere/") == lasting(save_dir, "nowhere/").rstrip("/")
    assert run_name(save_dir, str(tmp_path / "run/")) == str(tmp_path / "run")
