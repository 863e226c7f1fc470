"""Runs on a disk: found by any name, and resumed whatever has happened to their files."""

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small import ALONE, SMALL, refused

import load_parameter_run
import run
from common.command_line import InputError
from common.run_folder import RunFolder, find_place, find_run, lasting, newest_runs, run_name
from evaluation import listing
from selfplay import run_lock
from selfplay.checkpoint import NAME, PREVIOUS, read_checkpoint, write_checkpoint
from selfplay.config import make_parser
from selfplay.resolve import plain_name
from selfplay.snapshots import Snapshots

ROOT = Path(__file__).resolve().parents[2]
SPELLINGS = ("made", "made/", "saveparameters/made", "saveparameters/made/",
             "./saveparameters/made", "../exp[1]/saveparameters/made/", "ABSOLUTE", "ABSOLUTE/")


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
    made = home / "saveparameters/made"
    assert load_parameter_run.choose_files() == [
        str(made / f"agent{k}/000002.npz") for k in (0, 1)]
    assert load_parameter_run.choose_files(env="run-to-goal-ants")[0].startswith(str(made))
    for other in ({"env": "sumo-ants"}, {"shipped": True}):
        paths = load_parameter_run.choose_files(**other)
        assert all(path.startswith(load_parameter_run.SHIPPED_DIR) for path in paths)
    told = listing.list_all(str(home), str(home / "saveparameters"))
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
    assert all(os.path.exists(path) for path in load_parameter_run.choose_files(run=spelling))
    assert plain_name(make_parser(), spelling, run.SAVE_DIR) == "made"
    assert os.path.samefile(find_run(save_dir, spelling, "--run").path, made)
    kept = lasting(save_dir, spelling)
    assert kept == "made" or os.path.isabs(kept)


def test_paths_are_no_names(home, tmp_path):
    """A dot is the present folder, not saveparameters/; elsewhere a run has its path for a name."""
    save_dir = str(home / "saveparameters")
    for path in (".", "..", "./made"):
        assert find_place(save_dir, path) == os.path.normpath(path)
    assert find_place(save_dir, "nowhere/") == lasting(save_dir, "nowhere/").rstrip("/")
    assert run_name(save_dir, str(tmp_path / "run/")) == str(tmp_path / "run")


def make_run(folder, *names):
    """Empty files of these names in a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_a_run_folder_answers_for_its_files(tmp_path):
    """Learners, snapshots, who played last, and an even spread; brackets in its name are letters.
    """
    folder = tmp_path / "run[1]"
    make_run(folder, "agent0a/000000.npz", "agent0b/000009.npz", "agent0a/notes.npz", "agent1.npz",
             *(f"agent0a/{version:06d}.npz" for version in (4, 5, 10)))
    found = RunFolder(str(folder))
    assert found.learners == ["agent0a", "agent0b"] and found.config is found.opponent is None
    assert sorted(found.snapshots("agent0a")) == [0, 4, 5, 10] and found.snapshots("agent1") == {}
    newest = str(folder / "agent0a/000010.npz")
    assert found.latest() == [newest, newest]
    for damaged in ("", "[]", "{"):
        (folder / "config.json").write_text(damaged)
        assert found.config is None and found.latest() == [newest, newest]
    (folder / "config.json").write_text('{"opponent": "/champ.npz"}')
    assert found.latest() == [newest, "/champ.npz"]
    assert [(path[-18:], learner) for path, learner in found.spread(3).items()] == [
        ("agent0a/000000.npz", "agent0a"), ("agent0a/000005.npz", "agent0a"),
        ("agent0a/000010.npz", "agent0a"), ("agent0b/000009.npz", "agent0b")]
    assert [path[-10:] for path in found.spread(every=4)] == ["000000.npz", "000004.npz",
                                                             "000010.npz", "000009.npz"]
    gone = RunFolder(str(tmp_path / "gone"))
    assert gone.latest() is None and gone.spread() == {} and gone.learners == []


def test_the_newest_run(tmp_path, monkeypatch):
    """By its newest file; --resume and whoever plays take the same run, here an older one that has
    been resumed. One without a checkpoint can only be played."""
    monkeypatch.setattr(load_parameter_run, "SAVE_DIR", str(tmp_path))
    for age, name in enumerate(("a/checkpoint-previous.npz", "b/checkpoint.npz", "b/config.json",
                                "c/agent0/000000.npz", "a/config.json")):
        make_run(tmp_path, name)
        os.utime(tmp_path / name, (1000 - age,) * 2)
    assert find_run(str(tmp_path), "", "--resume").path == str(tmp_path / "a")
    assert load_parameter_run.newest_runs() == [str(tmp_path / name) for name in "ab"]
    make_run(tmp_path, "c/config.json")
    assert find_run(str(tmp_path), "", "--resume").path == str(tmp_path / "a")
    assert [os.path.basename(run.path) for run in newest_runs(str(tmp_path))] == ["c", "a", "b"]
    with pytest.raises(InputError, match="--resume: no run in saveparameters/ has a checkpoint"):
        find_run(str(tmp_path / "c"), "", "--resume")


# One process at a time

HOLDER = ("import os, sys; sys.path.insert(0, {root!r}); from selfplay import run_lock; "
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
    run_lock.release_all()


# Files that are gone


@pytest.fixture(scope="module")
def anchored(checkout, tmp_path_factory):
    """A folder with a run "hunter" of one iteration.

    A frozen opponent, champ.npz, and an anchor, mark.npz, were named as they lay there; a second
    run, "pair", has no outsider and meets its first snapshots after iteration 4.
    """
    folder = tmp_path_factory.mktemp("anchored")
    made = checkout / "saveparameters/made"
    shutil.copy(made / "agent1/000001.npz", folder / "champ.npz")
    shutil.copy(made / "agent1/000002.npz", folder / "mark.npz")
    anchors = ["--anchor-every", "4", "--anchor-games", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SAVE_DIR", str(folder))
        patch.chdir(folder)
        run.main([*ALONE, "--run", "hunter", "--max-iters", "1", "--opponent", "champ.npz",
                  *anchors, "--anchor", "mark.npz"])
        run.main([*SMALL, "--run", "pair", "--max-iters", "3", *anchors, "--init",
                  os.path.relpath(made)])
    return folder


@pytest.fixture
def away(anchored, tmp_path, monkeypatch):
    """A copy of these, and another folder to work in."""
    shutil.copytree(anchored, tmp_path / "runs")
    for script in (run, load_parameter_run):
        monkeypatch.setattr(script, "SAVE_DIR", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def config_of(folder):
    """What a run's config.json says."""
    return json.loads((folder / "config.json").read_text())


def test_paths_hold_from_any_folder(away, anchored, capfd):
    """A run is resumed, watched and judged from elsewhere than where it was started."""
    config = config_of(away / "hunter")
    assert config["opponent"] == str(anchored / "champ.npz")
    assert config["anchor"] == [str(anchored / "mark.npz")]
    assert os.path.isabs(config_of(away / "pair")["init"])
    run.main(["--resume", "hunter", "--max-iters", "2"])
    assert "done: 2 iterations" in capfd.readouterr().out
    assert load_parameter_run.latest_snapshots(str(away / "hunter"))[1] == config["opponent"]


def test_moved_files_are_found_again(away, anchored, monkeypatch, capfd):
    """Where they are is said by --opponent and --anchor; files that differ are refused by name."""
    for name in ("champ", "mark"):
        (anchored / f"{name}.npz").rename(away / f"{name}.npz.kept")
    resume = ["--resume", "hunter", "--max-iters", "2"]
    try:
        before = contents(away / "hunter")
        refused(run.main, resume, f"--opponent {anchored}/champ.npz: is not there", capfd)
        for name in ("champ", "mark"):
            shutil.copy(away / f"{name}.npz.kept", f"{name}.npz")
        moved = ["--opponent", "champ.npz", "--anchor", "mark.npz"]
        refused(run.main, [*resume, *moved[:2]], f"--anchor {anchored}/mark.npz: is not", capfd)
        refused(run.main, [*resume, *moved[:2], "--anchor", "champ.npz"],
                "the run's anchors are mark", capfd)
        for name, option in (("champ", "--opponent"), ("mark", "--anchor")):
            os.rename(f"{name}.npz", "kept")
            shutil.copy(away / "pair/agent1/000001.npz", f"{name}.npz")
            refused(run.main, [*resume, *moved], f"{name}.npz: is not what it was", capfd)
            os.rename("kept", f"{name}.npz")
        assert contents(away / "hunter") == before
        run.main([*resume, *moved])
        config = config_of(away / "hunter")
        assert config["opponent"] == os.path.abspath("champ.npz")
    finally:
        for name in ("champ", "mark"):
            (away / f"{name}.npz.kept").rename(anchored / f"{name}.npz")


def test_a_run_with_relative_paths_resumes_where_it_was_started(away, anchored, capfd):
    """As checkpoints of earlier versions do."""
    identity, arrays, _ = read_checkpoint(str(away / "hunter"))
    identity["config"] |= {"opponent": "champ.npz", "anchor": ["mark.npz"]}
    write_checkpoint(str(away / "hunter"), identity, arrays)
    refused(run.main, ["--resume", "hunter"], "--opponent champ.npz: is not there", capfd)
    os.chdir(anchored)
    run.main(["--resume", "hunter", "--max-iters", "2"])
    assert "done: 2 iterations" in capfd.readouterr().out


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_no_run_is_lost_for_a_trifle(away, harm, capfd):
    """Whatever training does not need is made anew, with a line about each in warnings.txt."""
    pair = away / "pair"
    latest = (pair / "agent0/000003.npz").read_bytes()
    events, = pair.glob("events.*")
    for name in ("config.json", "progress.csv", "timing.csv", events.name, "agent0/000003.npz",
                 "agent1/000000.npz", "checkpoint-previous.npz"):
        raw = (pair / name).read_bytes()
        (pair / name).unlink()
        if harm == "damaged":
            (pair / name).write_bytes(raw[:9])
    run.main(["--resume", "pair", "--max-iters", "4"])
    out, err = capfd.readouterr()
    assert "done: 4 iterations" in out
    told = (pair / "warnings.txt").read_text().splitlines()
    assert told == err.splitlines() and all(line.startswith("iteration 3: ") for line in told)
    for name in ("config.json", "progress.csv", "timing.csv", events.name, "agent0/000003.npz",
                 "agent1/000000.npz"):
        assert sum(line.split()[2] == name for line in told) == 1, told
    assert (pair / "agent0/000003.npz").read_bytes() == latest
    assert config_of(pair)["max_iters"] == 4
    rows = (pair / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["iteration", "4"]
    row = dict(zip(rows[0].split(","), rows[1].split(",")))
    assert row["agent0/win_v_first"] == "nan" != row["agent1/win_v_first"]
    assert (pair / "progress.csv.before").exists() == (harm == "damaged")


def test_a_lost_checkpoint_is_named(away, capfd):
    """One of the two is enough; without both the line says how to begin a new run."""
    (away / "pair" / NAME).unlink()
    assert read_checkpoint(str(away / "pair"))[2] == "checkpoint.npz is missing"
    (away / "pair" / PREVIOUS).unlink()
    refused(run.main, ["--resume", "pair"], "it has no checkpoint; put one back, or begin a new "
            "run with its parameters: --init pair", capfd)


def test_lost_versions_are_stood_in_for(tmp_path):
    """By others that may be drawn, which is told once; without any the file is named."""
    told = []
    snapshots = Snapshots(str(tmp_path), ["agent0"], [{}], warn=told.append)
    for version in range(11):
        snapshots.save(version, [np.full(3, version, np.float32)])
    for version in (5, 7, 9):
        os.unlink(snapshots.path(0, version))
    (tmp_path / "agent0/000008.npz").write_text("nothing")
    rng = np.random.default_rng(0)
    drawn = [int(vector[0]) for _, vector in snapshots.draw(rng, 0.5, [[0]] * 300)]
    assert set(drawn) == {6, 10} and min(map(drawn.count, (6, 10))) > 50
    assert len(told) == 1 and "is gone or damaged; other versions replace" in told[0]
    for version in (6, 10):
        os.unlink(snapshots.path(0, version))
    with pytest.raises(InputError, match="all versions from 5 on; put one back"):
        snapshots.draw(rng, 0.5, [[0]])


def test_a_config_nested_too_deeply(tmp_path):
    """It is damaged like any other that cannot be read."""
    (tmp_path / "config.json").write_text("[" * 100_000)
    assert RunFolder(str(tmp_path)).config is None
