"""Experiments at their smallest: runs of eight units, trained in this process."""

import contextlib
import io
import json
import shutil

import pytest

import run as script
from evaluation.tournament import Tournament
from experiments import command
from selfplay.snapshots import Snapshots

OPTIONS = ("--policy", "mlp", "--hid-size", "8", "--num-threads", "1", "--optim-epochs", "1",
           "--optim-stepsize", "0.1", "--optim-batchsize", "24", "--max-iters", "2")
TINY = ("--points", "1", "--matches", "2")


class InProcess:
    """Stands in for `runs.Process`: trains at once, without a process of its own."""

    def __init__(self, folder, words, ranks, output):
        kept, script.SAVE_DIR, said = script.SAVE_DIR, folder, io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                script.main(words)
            self._code = 0
        except SystemExit as end:
            self._code = end.code
        finally:
            script.SAVE_DIR = kept
            with open(output, "a") as file:
                file.write(said.getvalue())

    def wait(self, seconds=None):
        """Its exit code."""
        return self._code


def conduct(experiment, out, *words, extra=()):
    """Carries an experiment out; returns result.json as it is on the disk."""
    command.run(experiment, [*TINY, "--out", str(out), *words, "--", *OPTIONS, *extra])
    return json.loads((out / "result.json").read_text())


@contextlib.contextmanager
def stopped_after(monkeypatch, owner, name, times):
    """Every call of owner's method beyond so many meets Ctrl-C instead."""
    method, left = getattr(owner, name), [times]

    def call(*args, **kwargs):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return method(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, call)
        yield


# Where an experiment is interrupted: (owner of a method, its name, calls that pass, exit code).
IN_TRAINING = (Snapshots, "save", 2, 1)  # before the snapshot of the second iteration
IN_MATCHES = (Tournament, "_play_pair", 1, 130)  # after the first pair


def conduct_twice(experiment, where, folder, monkeypatch, capfd, *words, extra=()):
    """Carries an experiment out undisturbed, then once more with its last run or its matches
    interrupted (`where`) and resumed; returns the result, which must be the same.
    """
    one, other = folder / "one", folder / "other"
    result = conduct(experiment, one, *words, extra=extra)
    pairs = sorted(path.relative_to(one) for path in one.glob("matches/*/pairs/*"))
    played = sum(part["games"] for path in pairs for part in json.loads((one / path).read_text()))
    assert f", {played} matches about " in capfd.readouterr().out
    shutil.copytree(one / "runs", other / "runs")
    shutil.copy(one / "experiment.json", other)
    if where is IN_TRAINING:
        shutil.rmtree(max((other / "runs").iterdir(),
                          key=lambda run: (run / "config.json").stat().st_mtime))
    owner, name, times, code = where
    with stopped_after(monkeypatch, owner, name, times), pytest.raises(SystemExit) as end:
        conduct(experiment, other, *words, extra=extra)
    assert end.value.code == code and "run the same command to resume" in capfd.readouterr().err
    assert not (other / "result.json").exists()
    for path in pairs[:-1]:  # all but the last, to save time
        if not (other / path).exists():
            (other / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(one / path, other / path)
            shutil.copy(one / path.parent.parent / "tournament.json", (other / path).parent.parent)
    assert conduct(experiment, other, *words, extra=extra) == result
    for name in ("result.json", "table.md"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert list(one.glob("figure-*.png"))
    return result
