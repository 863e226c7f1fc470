"""Watching, films and replays: what is kept is what was played, and can be seen."""

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from flail import EULER, GAME, refused, short_match
from made_states import SIX

import load_parameter_run
from common.command_line import InputError
from gym_compete import CAMERAS, Renderer, RenderingError
from viewing import film as video
from viewing import recording as replay
from viewing import window as watch


@pytest.fixture(scope="module")
def kept(players, tmp_path_factory):
    """A replay file that the command line has written: game 3 of seed 5."""
    path = tmp_path_factory.mktemp("kept") / "match.npz"
    load_parameter_run.main(["--param-paths", *players, *EULER, "--seed", "5", "--first-game", "3",
                             "--save-replay", str(path)])
    return path


@pytest.fixture(scope="module")
def opengl(kept):
    """Skips where nothing can be drawn."""
    try:
        Renderer(replay.RecordedMatch(replay.load(kept)).game, 64, 64).close()
    except RenderingError as error:
        pytest.skip(str(error))


# Replays


def test_a_replay_is_the_match_bit_for_bit(kept, capfd):
    """Read and simulated again, every state is the recorded one, and so is the outcome."""
    recording = replay.load(kept)
    header = recording.header
    assert (header["number"], header["seed"], header["names"]) == (3, 5, ["flail0", "flail1"])
    assert len(recording) == header["result"]["length"] == len(recording.states) - 1
    assert replay.simulate_again(recording) is None
    load_parameter_run.main(["--replay", str(kept)])
    assert "states are the same bit for bit" in capfd.readouterr().out


def test_a_replay_notices_one_bit(kept, tmp_path, capfd):
    """One bit of one state, or of one action, and the step is named."""
    recording = replay.load(kept)
    recording.states[4].view(np.uint64)[10] ^= 1
    assert replay.simulate_again(recording) == 4
    recording = replay.load(kept)
    recording.actions[2].view(np.uint32)[0] ^= 1 << 20
    assert replay.simulate_again(recording) == 3
    recording = replay.load(kept)
    recording.header["result"]["winner"] = {None: 0, 0: 1, 1: 0}[
        recording.header["result"]["winner"]]
    assert replay.simulate_again(recording) == len(recording)
    recording = replay.load(kept)
    recording.states[4, 3] += 1
    replay.save(tmp_path / "other.npz", recording)
    load_parameter_run.main(["--replay", str(tmp_path / "other.npz")])
    assert "states differ from step 4 on" in capfd.readouterr().out


@pytest.mark.parametrize("name", SIX)
def test_states_of_every_game(name, tmp_path):
    """All games' matches, sumo's rings too, come back from a file as they were."""
    recording = short_match(name)
    replay.save(tmp_path / "match.npz", recording)
    again = replay.load(tmp_path / "match.npz")
    np.testing.assert_array_equal(again.states, recording.states)
    # Cut short, the match does not end at the last step: that alone is found to differ.
    assert replay.simulate_again(again) == 12
    stage = replay.RecordedMatch(again)
    stage.seek(5)
    np.testing.assert_array_equal(replay.physics(stage.game, 0), recording.states[5])
    if name.startswith("sumo"):
        radius, = recording.start["radius"]
        assert stage.game.sim.models[0].geom("arena").size[0] == radius


def damaged(kept, folder):
    """Replay files that are none, by name."""
    raw = kept.read_bytes()
    (folder / "cut.npz").write_bytes(raw[:-200])
    (folder / "text.npz").write_text("nothing")
    (folder / "empty.npz").write_bytes(b"")
    with np.load(kept) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))

    def variant(name, header=header, **changes):
        np.savez(folder / f"{name}.npz", **(arrays | changes | {
            "header": np.array(json.dumps(header))}))

    variant("game", header | {"game": "chess"})
    variant("options", header | {"options": {"gravity": 3}})
    variant("format", header | {"format": "another"})
    variant("winner", header | {"result": header["result"] | {"winner": 2}})
    variant("names", header | {"names": [1, 2]})
    variant("list", [1, 2])
    variant("actions", actions=arrays["actions"][:, :3])
    variant("states", states=arrays["states"][:-1])
    variant("nan", **{"start/physics": np.full_like(arrays["start/physics"], np.nan)})
    variant("other", header | {"game": "sumo-ants"})
    variant("pickled", actions=np.array([{"a": 1}], dtype=object))
    return sorted(path.name for path in folder.glob("*.npz"))


def test_damaged_replays_are_refused(kept, players, tmp_path, monkeypatch, capfd):
    """One line names the file; a parameter file is no replay either."""
    monkeypatch.chdir(tmp_path)
    names = damaged(kept, tmp_path)
    assert len(names) == 14
    for name in (*names, players[0], "missing.npz", "."):
        with pytest.raises(InputError, match=re.escape(name)):
            replay.load(name)
    refused(["--replay", "cut.npz"], "cut.npz: not a replay file", capfd)


# Films


def read_film(path):
    """(metadata, frames [T, height, width, 3]) of a film."""
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    width, height = meta["size"]
    return meta, np.array([np.frombuffer(f, np.uint8).reshape(height, width, 3) for f in reader])


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_a_film_shows_names_clock_and_outcome(opengl, ending, tmp_path, monkeypatch):
    """As long as the matches and their freezes; the last second stands still."""
    fps, monkeyed = video.FORMATS[ending][0], (320, 176)
    monkeypatch.setitem(video.FORMATS, ending, (fps, monkeyed))
    recordings = [short_match(GAME, 10, seed) for seed in (1, 2)]
    path = tmp_path / f"film{ending}"
    video.film(str(path), recordings, CAMERAS["side"])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    meta, shown = read_film(path)
    assert tuple(meta["size"]) == monkeyed
    assert meta["fps"] == pytest.approx(fps, rel=0.01)
    wanted = 2 * video.count_frames(10 * 0.05, fps)
    assert abs(len(shown) - wanted) <= 1
    tail = shown[-round(fps):].astype(float)
    assert np.abs(tail[-1] - tail[2]).mean() < 3
    assert np.abs(tail[-1] - shown[0]).mean() > 1
    bar = shown[0][3:10].astype(float)
    assert bar[:, :100, 0].mean() > 2 * bar[:, :100, 2].mean()  # agent0's name is on red
    assert bar[:, -100:, 2].mean() > 2 * bar[:, -100:, 0].mean()  # agent1's on blue


def test_the_caption_is_text(monkeypatch):
    """Names, score, game, clock and outcome are written, all of them inside the picture."""
    written = []
    draw_text = video.ImageDraw.ImageDraw.text

    def text(self, place, words, *rest, **options):
        written.append((words, self.textbbox(place, words, rest[1], options.get("anchor")
                                             or rest[2])))
        return draw_text(self, place, words, *rest, **options)

    monkeypatch.setattr(video.ImageDraw.ImageDraw, "text", text)
    recording = short_match(GAME, 2)
    recording.header["names"][1] = "a name that is longer than any film is wide " * 3
    frame = video.caption(np.zeros((272, 480, 3), np.uint8), recording, [2, 1], 3.456,
                          video.outcome(recording))
    words = [words for words, _ in written]
    assert words[0] == "agent0 one" and words[1].startswith("agent1 a name")
    assert words[1].endswith("...")
    assert {"2 : 1", "game 7    3.46 s", "tie: time-out"} <= set(words)
    boxes = [box for _, box in written]
    assert all(0 <= left < right <= 480 and 0 <= top < bottom <= 272
               for left, top, right, bottom in boxes)
    assert boxes[0][2] < boxes[2][0] < boxes[2][2] < boxes[1][0]  # name, score, name: apart
    assert (frame > 250).sum() > 500


def test_a_film_that_fails_leaves_nothing(opengl, tmp_path, monkeypatch):
    """The old file stays as it was, and no half of a new one lies beside it."""
    path = tmp_path / "film.mp4"
    path.write_text("old")
    monkeypatch.setattr(video, "caption", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        video.film(str(path), [short_match(GAME, 2)], CAMERAS["side"])
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]
    assert path.read_text() == "old"


def test_cameras_see_the_same_state_otherwise(opengl):
    """Four views of one state are four pictures; a replay's picture repeats to the pixel."""
    stage = replay.RecordedMatch(short_match("sumo-ants"))
    stage.seek(9)
    frames = []
    for camera in (*CAMERAS.values(), CAMERAS["side"]):
        renderer = Renderer(stage.game, 160, 96, camera)
        frames.append(renderer.render())
        renderer.close()
    for i, frame in enumerate(frames[:-1]):
        r, g, b = np.moveaxis(frame.astype(float), 2, 0)
        assert ((r > 60) & (r > 1.6 * g) & (r > 1.6 * b)).any()
        assert ((b > 60) & (b > 1.5 * r) & (b > 1.5 * g)).any()
        assert all((frame != other).any() for other in frames[:i])
    np.testing.assert_array_equal(frames[0], frames[-1])


# The window


class FakeViewer:
    """Stands for the window: keeps what it shows and presses keys at given calls."""

    lock = nullcontext

    def __init__(self, *_):
        self.is_open, self.shown, self.keys, self.closes_at = True, [], {}, None

    def paint(self, seconds, text):
        """Notes the call."""
        self.shown.append((seconds, text))
        self.is_open = len(self.shown) != self.closes_at
        return self.keys.get(len(self.shown), 0)

    def close(self):
        """Nothing to close."""


@pytest.fixture
def show(monkeypatch):
    """A show of ants, its recording and the fake window behind it."""
    monkeypatch.setattr(watch, "Viewer", FakeViewer)
    recording = short_match(GAME, 10)
    recording.header["result"]["winner"] = 0
    made = watch.Show(replay.RecordedMatch(recording).game, CAMERAS["side"])
    return made, recording, made._viewer


def test_the_window_shows_every_state_in_real_time(show):
    """T + 1 states of dt each, then the outcome for a while; the score goes on."""
    made, recording, window = show
    made.show(recording)
    plain = [seconds for seconds, text in window.shown if "wins" not in text]
    assert plain == [0.05] * 10
    ended = [seconds for seconds, text in window.shown if "agent0 wins: time-out" in text]
    assert sum(ended) == pytest.approx(watch.FREEZE, abs=0.1)
    assert "agent0 one: 1" in window.shown[-1][1] and "agent0 one: 0" in window.shown[0][1]
    made.show(recording)
    assert "agent0 one: 2" in window.shown[-1][1]


def test_keys(show):
    """Space holds the clock, minus and equals change its pace, enter goes to the next game."""
    made, recording, window = show
    window.keys = {2: watch.PAUSE, 5: watch.PAUSE, 6: watch.SLOWER, 8: watch.FASTER,
                   9: watch.NEXT}
    made.show(recording)
    clocks = [re.search(r"([\d.]+) s", text)[1] for _, text in window.shown]
    assert clocks == ["0.00", "0.05", "0.05", "0.05", "0.05", "0.10", "0.15", "0.20", "0.25"]
    assert [seconds for seconds, _ in window.shown][5:] == [0.05, 0.1, 0.1, 0.05]
    assert "paused" in window.shown[3][1] and "speed 0.5" in window.shown[6][1]


def test_a_closed_window_ends_the_games(players, monkeypatch, capfd):
    """The games until then are counted."""
    monkeypatch.setattr(watch, "Viewer", FakeViewer)
    monkeypatch.setattr(FakeViewer, "paint",
                        lambda self, *_: setattr(self, "is_open", False) or 0)
    load_parameter_run.main(["--param-paths", *players, *EULER, "--watch"])
    assert "1 games of run-to-goal-ants" in capfd.readouterr().out


def test_no_display(players, kept, monkeypatch, capfd):
    """One line that names the way out."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for what in (["--param-paths", *players], ["--replay", str(kept)]):
        refused([*what, "--watch"], "--video FILE.mp4", capfd)


# The command line


@pytest.mark.parametrize("arguments, culprit", [
    (["--video", "film.avi"], "--video film.avi: must end in .mp4 or .gif"),
    (["--video", "no/such/folder/film.mp4"], "--video no/such/folder/film.mp4: must be a file"),
    (["--save-replay", "match.txt"], "--save-replay match.txt: must end in .npz"),
    (["--save-replay", "no/such/match.npz"], "--save-replay no/such/match.npz: must be"),
    (["--csv", "no/such/table.csv"], "--csv no/such/table.csv: must be"),
    (["--video", "film.mp4", "--swap"], "--swap: not together with --video"),
    (["--replay", "match.npz"], "unrecognized arguments: --param-paths"),
    (["--video-games", "0"], "--video-games"),
    (["--camera", "drone"], "drone"),
    (["--distance", "0"], "--distance"),
])
def test_refused_before_any_game(arguments, culprit, players, tmp_path, monkeypatch, capfd):
    """What cannot be written, or not together, is told at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evaluation.matches.play", lambda *_, **__: pytest.fail("a game was played"))
    refused(["--param-paths", *players, *arguments], culprit, capfd)
    assert not list(tmp_path.iterdir())


def test_more_than_one_rank(players, monkeypatch, capfd):
    """Watching is for one process."""
    from distributed_data import comm
    monkeypatch.setattr(comm, "SIZE", 2)
    monkeypatch.setattr(comm, "_all_here", lambda patience: True)
    refused(["--param-paths", *players, "--watch"], "--watch: not with 2 ranks", capfd)


def test_list_and_help_are_quick():
    """Neither imports TensorFlow."""
    folder = Path(load_parameter_run.__file__).parent
    for option in ("--help", "--list"):
        done = subprocess.run([sys.executable, "-X", "importtime", "load_parameter_run.py", option],
                              cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0 and "tensorflow" not in done.stderr
