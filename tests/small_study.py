"""Experiments at their smallest: runs of eight units, trained in this process."""

import contextlib
import io
import json
import shutil
from dataclasses import replace

import pytest

import run as script
from evaluation.tournament import Tournament
from experiments import command, plan
from selfplay.snapshots import Snapshots

OPTIONS = ("--policy", "mlp", "--hid-size", "8", "--num-threads", "1", "--optim-epochs", "1")


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


def conduct(experiment, out, *words, iterations=2, extra=()):
    """Carries an experiment out at a tiny scale; returns result.json as it is on the disk."""
    tiny = replace(experiment, scales=dict.fromkeys(
        ("small", "medium", "paper"), plan.Scale(iterations, 1, 2)))
    command.run(tiny, ["--out", str(out), *words, "--", *OPTIONS, *extra])
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


def conduct_twice(experiment, folder, monkeypatch, capfd, *words, extra=()):
    """Carries an experiment out undisturbed, and once more with its last run broken off before its
    second snapshot and its games after the first pair; returns the result, which is the same.
    """
    one, other = folder / "one", folder / "other"
    result = conduct(experiment, one, *words, extra=extra)
    shutil.copytree(one / "runs", other / "runs")
    shutil.copy(one / "experiment.json", other)
    last = max((other / "runs").iterdir(), key=lambda run: (run / "config.json").stat().st_mtime)
    shutil.rmtree(last)
    for owner, name, times, code, said in (
            (Snapshots, "save", 2, 1, f"{last.name}: it was stopped from outside"),
            (Tournament, "_play_pair", 1, 130, "the same command goes on")):
        capfd.readouterr()
        with stopped_after(monkeypatch, owner, name, times), pytest.raises(SystemExit) as end:
            conduct(experiment, other, *words, extra=extra)
        assert end.value.code == code and said in capfd.readouterr().err
        assert not (other / "result.json").exists()
    assert conduct(experiment, other, *words, extra=extra) == result
    for name in ("result.json", "table.md"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert list(one.glob("figure-*.png"))
    return result
