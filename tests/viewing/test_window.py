"""The window: every state in real time, its keys and its end."""

import json
import re
from pathlib import Path

import pytest
from flail import EULER, GAME, short_match

import load_parameter_run
from common.command_line import InputError
from gym_compete import CAMERAS, RenderingError
from viewing.recording import RecordedMatch
from viewing.window import FASTER, FREEZE, NEXT, PAUSE, SLOWER, Show


class FakeViewer:
    """Stands for the window: keeps what it shows and presses keys at given calls."""

    def __init__(self, *_):
        self.is_open, self.shown, self.keys, self.closes_at = True, [], {}, None

    def paint(self, seconds, text):
        """Notes the call."""
        self.shown.append((seconds, text))
        self.is_open = len(self.shown) != self.closes_at
        return self.keys.get(len(self.shown), 0)

    def close(self):
        """From now on it is closed."""
        self.is_open = False


def break_down(*_):
    """Stands in for `paint` once the process behind the window has died."""
    raise RenderingError("the process that draws has ended unexpectedly")


@pytest.fixture
def show(monkeypatch):
    """A show of ants, its recording and the fake window behind it."""
    monkeypatch.setattr("viewing.window.Viewer", FakeViewer)
    recording = short_match(GAME, 10)
    recording.header["result"]["winner"] = 0
    made = Show(RecordedMatch(recording).game, CAMERAS["side"])
    return made, recording, made._viewer


def test_the_window_shows_every_state_in_real_time(show):
    """T + 1 states of dt each, then the outcome for a while; the score goes on."""
    made, recording, window = show
    made.show(recording)
    plain = [seconds for seconds, text in window.shown if "wins" not in text]
    assert plain == [0.05] * 10
    ended = [seconds for seconds, text in window.shown if "one wins: time-out" in text]
    assert sum(ended) == pytest.approx(FREEZE, abs=0.1)
    assert "red   one: 1" in window.shown[-1][1] and "red   one: 0" in window.shown[0][1]
    made.show(recording)
    assert "red   one: 2" in window.shown[-1][1]


def test_keys(show):
    """Space holds the clock, minus and equals change its pace, enter goes to the next match."""
    made, recording, window = show
    window.keys = {2: PAUSE, 5: PAUSE, 6: SLOWER, 8: FASTER,
                   9: NEXT}
    made.show(recording)
    clocks = [re.search(r"([\d.]+) s", text)[1] for _, text in window.shown]
    assert clocks == ["0.00", "0.05", "0.05", "0.05", "0.05", "0.10", "0.15", "0.20", "0.25"]
    assert [seconds for seconds, _ in window.shown][5:] == [0.05, 0.1, 0.1, 0.05]
    assert "paused" in window.shown[3][1] and "speed 0.5" in window.shown[6][1]


def test_a_closed_window_ends_the_matches(players, monkeypatch, capfd):
    """The matches until then are counted."""
    monkeypatch.setattr("viewing.window.Viewer", FakeViewer)
    monkeypatch.setattr(FakeViewer, "paint",
                        lambda self, *_: setattr(self, "is_open", False) or 0)
    load_parameter_run.main(["--param-paths", *players, *EULER, "--watch"])
    assert "1 match of run-to-goal-ants" in capfd.readouterr().out


def test_a_window_that_breaks_loses_no_results(players, tmp_path, monkeypatch, capfd):
    """It counts as closed, which one line tells: matches until then are counted and written."""
    monkeypatch.setattr("viewing.window.Viewer", FakeViewer)
    monkeypatch.setattr(FakeViewer, "paint", break_down)
    monkeypatch.chdir(tmp_path)
    load_parameter_run.main(["--param-paths", *players, *EULER, "--watch", "--json", "r.json",
                             "--csv", "r.csv"])
    out, err = capfd.readouterr()
    assert "1 match of run-to-goal-ants" in out
    assert err == "--watch: the process that draws has ended unexpectedly\n"
    assert json.loads(Path("r.json").read_text())["games"] == 1
    assert len(Path("r.csv").read_text().splitlines()) == 2


def test_a_window_that_breaks_during_a_replay(kept, monkeypatch, capfd):
    """One line there too."""
    monkeypatch.setattr("viewing.window.Viewer", FakeViewer)
    monkeypatch.setattr(FakeViewer, "paint", break_down)
    load_parameter_run.main(["replay", str(kept), "--watch"])
    out, err = capfd.readouterr()
    assert "of seed 5 of run-to-goal-ants" in out
    assert err == "--watch: the process that draws has ended unexpectedly\n"


def test_a_mac_without_mjpython(monkeypatch):
    """The line says what is missing, not that a display is."""
    def refuse(*_):
        raise RenderingError("needs mjpython")

    monkeypatch.setattr("viewing.window.Viewer", refuse)
    with pytest.raises(InputError, match="--watch: needs mjpython"):
        Show(None, CAMERAS["side"])
