"""Bad input ends in one line before anything is trained or written."""

import importlib
import json
import subprocess
import sys

import pytest
from small import refused
from small_study import OPTIONS

from experiments import command, curriculum, delta, exploration, folder, plan, runs
from selfplay import run_lock


@pytest.fixture
def untouched(monkeypatch):
    """Nothing may be trained."""
    monkeypatch.setattr(runs, "Process", lambda *_: pytest.fail("trains"))


@pytest.mark.parametrize("words, culprit", [
    (["--game", "chess"], "--game: invalid choice: 'chess'"),
    (["--seeds", "1", "1"], "--seeds 1 1: names one of them twice"),
    (["--seeds", "-1"], "-1: must be at least 0"),
    (["--ranks", "0"], "0: must be at least 1"),
    (["--matches", "1000001"], "1000001: must be at least 2 and at most 1000000"),
    (["--", "--delta", "1"], "--delta: is what this experiment varies"),
    (["--", "--delta", "0"], "--delta: is what this experiment varies"),
    (["--seeds", "1", "2", "--", "--seed", "0"], "--seed: is the experiment's to choose"),
    (["--", "--seed", "1"], "--seed: is the experiment's to choose"),
    (["--", "--max-seconds", "9"], "--max-seconds: is the experiment's to choose"),
    (["--", "--opponent", "x.npz"], "--opponent: is the experiment's to choose"),
    (["--", "--num-envs", "many"], "--num-envs: invalid int value: 'many'"),
    (["--", "--nonsense"], "unrecognized arguments: --nonsense"),
])
def test_bad_words(words, culprit, tmp_path, untouched, capfd):
    """One line, exit code 2, no folder."""
    refused(delta.main, ["--out", tmp_path / "new", *words], culprit, capfd)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_will_not_do(tmp_path, untouched, capfd):
    """Of other files, another experiment, other seeds, one at work, and what is no folder."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    refused(delta.main, ["--out", tmp_path / "letters"], "holds something other than", capfd)
    refused(delta.main, ["--out", tmp_path / "file"], "holds something other than", capfd)
    refused(delta.main, ["--out", tmp_path / "file" / "new"], "file/new: Not a directory", capfd)
    out = tmp_path / "old"
    study = command.read_study(command.make_parser(delta.EXPERIMENT), delta.EXPERIMENT,
                               ["--out", str(out)])
    folder.open_folder(str(out), study.manifest())
    run_lock.release_all()
    (out / "runs" / "sumo-ants-1-seed0").mkdir(parents=True)
    before = (out / "experiment.json").read_bytes()
    for words in ("", "[]"):  # damaged
        (out / "experiment.json").write_text(words)
        refused(delta.main, ["--out", out], "an experiment with experiment None", capfd)
    (out / "experiment.json").write_bytes(before)
    refused(exploration.main, ["--out", out], "experiment delta, not exploration", capfd)
    refused(delta.main, ["--out", out, "--seeds", "0", "1"], "seeds 0, not 0 1", capfd)
    refused(delta.main, ["--out", out, "--", "--num-envs", "64"],
            "options of run.py none, not --num-envs 64", capfd)
    assert (out / "experiment.json").read_bytes() == before
    assert json.loads(before)["iterations"] == 40


def test_what_run_py_refuses(tmp_path, in_process, capfd):
    """Its line is the experiment's, and so is its exit code."""
    refused(curriculum.main, ["--out", tmp_path, "--", "--num-envs", "3", "--latest-share", "0.5",
                              "--policy", "mlp"],
            "sumo-ants-curriculum-seed0: --latest-share 0.5: does not fit --num-envs 3", capfd)
    folder.open_folder(str(tmp_path), {"seeds": [5]})  # nothing was begun: others may have it
    run_lock.release_all()


def test_only_the_last_call_explains(tmp_path, monkeypatch):
    """A file of output collects all calls: the error of an earlier one is not this one's."""
    class Killed:
        def __init__(self, folder, words, ranks, output):
            with open(output, "a") as file:
                file.write("iteration 1\n")

        def wait(self, seconds=None):
            return -9

    trainings = runs.Trainings(str(tmp_path), None, lambda: None)
    run = plan.Run("sumo-ants-1-seed0", "sumo-ants", "1", 0, [])
    output = tmp_path / "output" / f"{run.name}.txt"
    output.write_text("run.py: error: --num-envs 63: does not fit 2 workers\n")
    monkeypatch.setattr(runs, "Process", Killed)
    for call in (lambda: trainings.train(run, 5), lambda: trainings.rehearse(run)):
        with pytest.raises(runs.Failed, match=f"^{run.name}: exit code -9; {output} has all"):
            call()


@pytest.mark.parametrize("code, why", [
    (0, "it was stopped from outside"), (130, "it was stopped from outside"),
    (-2, "it was stopped from outside"), (-15, "it was stopped from outside"),
    (143, "it was stopped from outside"), (-9, "exit code -9"), (1, "exit code 1")])
def test_why_a_run_has_ended(code, why):
    """SIGINT and SIGTERM are told by their name, with and without mpirun between."""
    run = plan.Run("sumo-ants-1-seed0", "sumo-ants", "1", 0, [])
    assert str(runs.explain(run, code, [], "output")).startswith(f"{run.name}: {why}; ")


def test_every_kind_of_run_is_rehearsed_first(tmp_path, in_process, capfd):
    """The second game refuses an option of the first's: nothing has been trained then."""
    words = ["--out", tmp_path, "--game", "sumo-ants", "run-to-goal-ants", "--", *OPTIONS]
    refused(delta.main, [*words, "--dense-push", "3"], "--dense-push: not in run-to-goal-ants",
            capfd)
    assert not list(tmp_path.glob("runs/*"))


def test_a_damaged_checkpoint_counts_as_nothing(tmp_path):
    """Then run.py --resume decides."""
    assert runs.iterations_done(tmp_path) == 0
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 half")
    assert runs.iterations_done(tmp_path) == 0


@pytest.mark.parametrize("name", ("delta", "exploration", "curriculum", "ensemble", "wind"))
def test_command_lines(name, capsys):
    """Each names itself as it is called, and --help says what it is."""
    module = importlib.import_module(f"experiments.{name}")
    with pytest.raises(SystemExit) as end:
        module.main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0 and out.startswith(f"usage: python -m experiments.{name} ")
    first = module.__doc__.split("\n")[0]
    assert first.replace(" ", "") in out.replace(" ", "")  # which may break at hyphens
    assert f"python -m experiments.{name} " in module.__doc__


def test_command_lines_are_quick():
    """Nothing heavy is imported before there is work: not for --help, not for bad input."""
    names = "delta exploration curriculum ensemble wind train"
    code = (f"import sys\nfor name in {names!r}.split(): __import__(f'experiments.{{name}}')\n"
            "print({'numpy', 'tensorflow', 'mpi4py', 'mujoco'} & set(sys.modules))\n"
            f"import experiments.folder\nexperiments.folder.compare({__file__!r}, {{}}, '')\n"
            "print({'tensorflow', 'mpi4py', 'mujoco'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=runs.ROOT)
    assert done.stdout == "set()\nset()\n", done.stderr
