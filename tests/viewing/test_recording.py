"""Recordings: a file holds the match that was played, bit for bit, or is refused."""

import json
import os
import re

import numpy as np
import pytest
from flail import GAME, short_match
from made_states import SIX
from small import refused

from common.command_line import InputError
from gym_compete import CAMERAS, Renderer
from load_parameter_run import main
from viewing import recording as replays
from viewing.recording import RecordedMatch, load, physics, save, simulate_again


def test_a_replay_is_the_match_bit_for_bit(kept, capfd):
    """Read and simulated again, every state is the recorded one, and so is the outcome."""
    recording = load(kept)
    header = recording.header
    assert (header["number"], header["seed"], header["names"]) == (3, 5, ["flail0", "flail1"])
    assert len(recording) == header["result"]["length"] == len(recording.states) - 1
    assert simulate_again(recording) is None
    main(["--replay", str(kept)])
    assert "states are the same bit for bit" in capfd.readouterr().out


def test_a_replay_by_other_rules(tmp_path, capfd):
    """Summary and replay file name the rules, and the replay is played by them."""
    replay, summary = tmp_path / "match.npz", tmp_path / "summary.json"
    main(["--env", "sumo-ants", "--param-paths", "zero", "random", "--integrator", "Euler",
          "--rule", "ring_radius=3.25", "--rule", "touch_to_win=False", "--rule",
          "max_episode_steps=6", "--save-replay", str(replay), "--json", str(summary)])
    rules = {"ring_radius": 3.25, "touch_to_win": False, "max_episode_steps": 6}
    assert json.loads(summary.read_text())["rules"] == rules
    recording = load(replay)
    assert recording.header["options"] == {"integrator": "Euler", **rules}
    assert recording.start["radius"] == 3.25 and len(recording) == 6
    assert simulate_again(recording) is None
    refused(main, ["--replay", replay, "--rule", "touch_to_win=False"], "--rule", capfd)


@pytest.mark.parametrize("given, culprit", [
    ("touch_to_win", "touch_to_win: must be NAME=VALUE"),
    ("ring_radius=wide", "ring_radius=wide: must be NAME=VALUE"),
    ("ring_radius=nan", "ring_radius=nan: must be NAME=VALUE"),
    ("ring_radius=9", "--rule ring_radius 9: must be a number from 2.5 to 4.5"),
    ("touch_to_win=1", "--rule touch_to_win 1: must be one of True, False"),
    ("radius=2.5", "--rule sumo-ants has no option 'radius': must be one of"),
    ("integrator=1", "--rule integrator 1: must be one of RK4, Euler"),
])
def test_bad_rules_are_refused(given, culprit, capfd):
    """Before any match, in a line that says what would do."""
    refused(main, ["--env", "sumo-ants", "--param-paths", "zero", "random", "--rule", given],
            culprit, capfd)


def test_a_replay_notices_one_bit(kept, tmp_path, capfd):
    """One bit of one state, or of one action, and the step is named."""
    recording = load(kept)
    recording.states[4].view(np.uint64)[10] ^= 1
    assert simulate_again(recording) == ("states", 4)
    recording = load(kept)
    recording.actions[2].view(np.uint32)[0] ^= 1 << 20
    assert simulate_again(recording) == ("states", 3)
    recording = load(kept)
    recording.header["result"]["winner"] = {None: 0, 0: 1, 1: 0}[
        recording.header["result"]["winner"]]
    assert simulate_again(recording) == ("outcome", len(recording))
    save(tmp_path / "other.npz", recording)
    main(["--replay", str(tmp_path / "other.npz")])
    out = capfd.readouterr().out
    assert f"the outcome differs at step {len(recording)}" in out and "states" not in out
    recording = load(kept)
    recording.states[4, 3] += 1
    save(tmp_path / "other.npz", recording)
    main(["--replay", str(tmp_path / "other.npz")])
    assert "states differ from step 4 on" in capfd.readouterr().out


def test_versions_are_one_line(kept, tmp_path, monkeypatch, capfd):
    """Whatever a file says that it was recorded with."""
    recording = load(kept)
    recording.header["versions"] = {"mu\njoco": "3\x1b[2J", "numpy": 2}
    save(tmp_path / "match.npz", recording)
    monkeypatch.setattr(replays, "simulate_again", lambda recording: ("states", 4))
    main(["replay", str(tmp_path / "match.npz")])
    out = capfd.readouterr().out
    assert out.count("\n") == 1 and "with mu\\njoco 3\\x1b[2J, numpy 2; here" in out


def test_a_match_too_long_for_a_replay(tmp_path, monkeypatch, capfd):
    """Refused before it is played, as the time limit is known; no file that `load` would refuse."""
    monkeypatch.setattr("evaluation.seats.play", lambda *_, **__: pytest.fail("a match was played"))
    monkeypatch.chdir(tmp_path)
    refused(main, ["--env", "sumo-ants", "--param-paths", "zero", "random",
                   "--save-replay", "m.npz", "--rule", "max_episode_steps=100001"],
            "--save-replay m.npz: takes at most 100,000 steps of sumo-ants, fewer than "
            "--rule max_episode_steps=100001", capfd)
    match = short_match(GAME)
    row = 8 * match.states.shape[1] + 4 * match.actions.shape[1]
    monkeypatch.setattr(replays, "MAX_BYTES", replays.ROOM + 13 * row)
    save("m.npz", match)
    assert len(load("m.npz")) == 12
    os.unlink("m.npz")
    for name, value in (("MAX_BYTES", replays.ROOM + 13 * row - 1), ("MAX_STEPS", 11)):
        monkeypatch.setattr(replays, name, value)
        with pytest.raises(InputError, match="m.npz: takes at most 11 steps of run-to-goal-ants, "
                                             "the match has 12"):
            save("m.npz", match)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SIX)
def test_states_of_every_game(name, tmp_path):
    """All games' matches, sumo's rings too, come back from a file as they were."""
    recording = short_match(name)
    save(tmp_path / "match.npz", recording)
    again = load(tmp_path / "match.npz")
    np.testing.assert_array_equal(again.states, recording.states)
    # Cut short, the match does not end at the last step: that alone is found to differ.
    assert simulate_again(again) == ("outcome", 12)
    stage = RecordedMatch(again)
    stage.seek(5)
    np.testing.assert_array_equal(physics(stage.game, 0), recording.states[5])
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
            load(name)
    refused(main, ["--replay", "cut.npz"], "cut.npz: not a replay file", capfd)


def test_cameras_see_the_same_state_otherwise(opengl):
    """Four views of one state are four pictures; a replay's picture repeats to the pixel."""
    stage = RecordedMatch(short_match("sumo-ants"))
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


def test_the_same_file_in_both_seats():
    """Its two robots are told apart by their colors, and the outcome is in these words."""
    recording = short_match("sumo-ants", 1)
    recording.header |= {"names": ["agent0", "agent0"], "result": {"winner": 1, "ending": "fell"}}
    assert recording.players == ["agent0 (red)", "agent0 (blue)"]
    assert recording.outcome == "agent0 (blue) wins: agent0 (red) fell"
