"""Runs on a disk: found by any name, and gone on with whatever has happened to their files."""

import errno
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_run import SMALL, refused

import catalogue
import load_parameter_run
import run
import run_lock
from resume import find_run
from run_folder import find_place, lasting, run_name

ROOT = Path(__file__).resolve().parents[1]
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


def contents(folder):
    """Every file of a run, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}


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


# One process at a time

HOLDER = ("import os, sys; sys.path.insert(0, {root!r}); import run_lock; "
          "run_lock.hold({folder!r}, '--run X'); print(os.getpid(), flush=True); input()")


@pytest.fixture
def copy(checkout, tmp_path, monkeypatch):
    """A copy of the run, where the scripts look for runs."""
    shutil.copytree(checkout / "saveparameters/made", tmp_path / "made")
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(tmp_path))
    return tmp_path / "made"


def test_a_run_that_is_being_trained_is_refused(copy, capfd):
    """By the process and its host, until that process is gone, however it goes."""
    code = HOLDER.format(root=str(ROOT), folder=str(copy))
    with subprocess.Popen([sys.executable, "-c", code], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        pid = int(holder.stdout.readline())
        before = contents(copy)
        who = f"is being trained by pid {pid} on {platform.node()}; wait"
        refused(run.main, ["--resume", "made"], f"--resume made: {who}", capfd)
        refused(run.main, [*SMALL, "--max-iters", "1", "--run", "made"], f"--run made: {who}",
                capfd)
        assert contents(copy) == before
        holder.kill()
    run.main(["--resume", "made", "--max-iters", "2"])
    assert "done: 2 iterations" in capfd.readouterr().out
    assert (copy / run_lock.NAME).read_text() == ""


def test_a_disk_without_locks_refuses_nobody(tmp_path, monkeypatch):
    """Then there is no telling whether somebody else is at work."""
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(run_lock.fcntl, "lockf", none)
    run_lock.hold(str(tmp_path), "--run X")
    run_lock.let_go()
