"""`OneSeat` is an ordinary Gymnasium environment: checker, wrappers, vectors, copies, matches."""

import copy
import pickle
import sys
import types
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from checks import NO_FAULT
from fake_painter import FakePainter
from gymnasium import wrappers
from gymnasium.utils import env_checker
from made_states import SIX

from gym_compete import GAMES, CompeteEnv, OneSeat, rendering

PARAMETERS = Path(__file__).resolve().parents[2] / "parameters"
ANT = PARAMETERS / "sumo-ants" / "agent0.npz"


class Flail:
    """An opponent with a memory and with chance."""

    def __init__(self, size, scale=0.5):
        self.size, self.scale, self.count, self.starts = size, scale, 0, 0

    def reset(self):
        self.count, self.starts = 0, self.starts + 1

    def __call__(self, ob, rng):
        self.count += 1
        return rng.normal(0, self.scale * self.count, self.size)


def made(name="sumo-ants", seat=0, **options):
    """A short match against someone who flails."""
    size = 8 if "ants" in name else 17
    return OneSeat(name, seat, Flail(size), **{"max_episode_steps": 12} | options)


def play(one, steps=20, seed=0, scale=0.5):
    """What random steps return; a match that is over starts again."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(steps):
        found.append(one.step(rng.normal(0, scale, one.action_space.shape)))
        if found[-1][2] or found[-1][3]:
            found.append(one.reset())
    return found


@pytest.mark.parametrize("name, seat, opponent", [
    *((name, k % 2, Flail(8 if "ants" in name else 17)) for k, name in enumerate(SIX)),
    ("sumo-ants", 1, str(ANT))])
def test_gymnasiums_checker(name, seat, opponent, monkeypatch):
    """The whole of it, every render mode and closing included, without a word about a fault."""
    monkeypatch.setattr(rendering, "Painter", FakePainter)
    one = gymnasium.make("one-seat-v0", env=name, seat=seat, opponent=opponent)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        env_checker.check_env(one.unwrapped)
    texts = [str(warning.message) for warning in found]
    assert [text for text in texts if not any(known in text for known in NO_FAULT)] == []
    assert len(texts) == len(NO_FAULT)


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("seat", [0, 1])
@pytest.mark.parametrize("name", SIX)
def test_the_match_is_the_two_seats_match(name, seat, alpha):
    """Observations, rewards, endings and infos of the seat; the opponent has the other's."""
    both = CompeteEnv(name, max_episode_steps=7)
    seen, rng = [], np.random.default_rng(1)

    def opponent(ob):
        seen.append(ob)
        return 0.1 * ob[:both.game.ac_dims[0]]

    one = OneSeat(GAMES[name].env_id, seat, opponent, alpha=alpha, version=500, max_episode_steps=7)
    for seed in (3, None):
        obs, _ = both.reset(seed=seed, options={"version": 500})
        ob, info = one.reset(seed=seed)
        over = False
        while not over:
            np.testing.assert_array_equal(ob, obs[seat])
            ac = rng.normal(0, 1, one.action_space.shape)
            acs = [ac, 0.1 * obs[1 - seat][:len(ac)]][::1 - 2 * seat]
            ob, reward, terminated, truncated, info = one.step(ac)
            np.testing.assert_array_equal(seen[-1], obs[1 - seat])
            obs, rewards, *ends, infos = both.step(acs)
            theirs = infos[seat]
            assert reward == (rewards[seat] if alpha is None else
                              0.25 * theirs["reward_move"] + 0.75 * theirs["reward_remaining"])
            assert ends == [terminated, truncated] and type(reward) is float
            over = terminated or truncated
            outcome = info.pop("outcome", None)
            assert info == theirs and (outcome is not None) == over
        winner = both.game.winner[0]
        assert outcome == (0 if winner < 0 else 1 if winner == seat else -1)


def test_outcomes():
    """Won, lost and tied, told from the seat's own side."""
    for seat in (0, 1):
        one = OneSeat("run-to-goal-ants", seat, lambda ob: np.zeros(8), max_episode_steps=3)
        for x, expected in (((4.5, 1), 1 - 2 * seat), ((0, -4.5), 2 * seat - 1), ((0, 1), 0)):
            one.reset(seed=0)
            for robot, place in zip(one.game.seats, x):
                one.env.data.qpos[robot.qpos_slice][0] = place
            over = False
            while not over:
                *_, terminated, truncated, info = one.step(np.zeros(8))
                over = terminated or truncated
            assert info["outcome"] == expected and info.get("winner", False) == (expected == 1)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("opponent", [Flail(8), ANT])
def test_copies(opponent, way):
    """With the opponent's memory and chance, in wrappers."""
    one = wrappers.NormalizeObservation(OneSeat("sumo-ants", 1, opponent, max_episode_steps=12))
    one.reset(seed=0)
    play(one, 5)
    twin = way(one)
    found, again = play(twin), play(one)
    assert str(found) == str(again) and twin.unwrapped.opponent is not one.unwrapped.opponent


def test_the_opponent_starts_anew_with_each_match():
    """Its memory, and with a seed its chance; the match's start does not depend on its draws."""
    one, calm = made(), made()
    calm.opponent.scale = 0
    starts = [[env.reset(seed=4)[0], play(env)[12][0], env.reset()[0]] for env in (one, calm)]
    for ours, theirs in zip(*starts):
        np.testing.assert_array_equal(ours, theirs)
    assert one.opponent.starts == 3 and one.opponent.count == 0
    one.reset(seed=4)
    first = str(play(one))
    one.reset(seed=4)
    assert str(play(one)) == first
    policy = OneSeat("sumo-ants", 0, str(ANT)).opponent
    obs = np.random.default_rng(0).normal(size=(2, 137)).astype(np.float32)
    acs = [policy(obs[k]) for k in (0, 1)]
    policy.reset()
    assert (policy(obs[1]) != acs[1]).any()


def recorded(one, folder, monkeypatch):
    """In RecordVideo, with a stand-in for the package that writes its files."""
    def clip(frames, fps):
        return types.SimpleNamespace(write_videofile=lambda path, **_: Path(path).write_text(
            f"{len(frames)} frames, {fps} a second"))
    editor = types.ModuleType("moviepy.video.io.ImageSequenceClip")
    editor.ImageSequenceClip = clip
    for part in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    monkeypatch.setitem(sys.modules, editor.__name__, editor)
    return wrappers.RecordVideo(one, str(folder), episode_trigger=lambda k: True)


def test_usual_wrappers(tmp_path, monkeypatch):
    """Statistics, films, limits, normalized and stacked observations, one around the other."""
    monkeypatch.setattr(rendering, "Painter", FakePainter)
    one = made(render_mode="rgb_array", width=64, height=48, alpha=1.0)
    one = wrappers.RecordEpisodeStatistics(wrappers.TimeLimit(one, 5))
    one = recorded(one, tmp_path / "films", monkeypatch)
    one = wrappers.FrameStackObservation(wrappers.NormalizeObservation(one), 3)
    ob, _ = one.reset(seed=0)
    assert ob.shape == (3, 137) and ob in one.observation_space
    rewards = []
    for step in range(5):
        _, reward, terminated, truncated, info = one.step(one.action_space.sample())
        rewards.append(reward)
        assert (terminated, truncated) == (False, step == 4)
    assert info["episode"]["l"] == 5 and info["episode"]["r"] == pytest.approx(sum(rewards))
    one.close()
    film, = (tmp_path / "films").glob("*.mp4")
    assert film.read_text() == "6 frames, 67 a second"


@pytest.mark.parametrize("vector", ["SyncVectorEnv", "AsyncVectorEnv"])
def test_vectors(vector):
    """Rows of a vector are the environments alone; curriculum and alpha go through it."""
    games = getattr(gymnasium.vector, vector)([made] * 2)
    alone = [made(version=100, alpha=0.5) for _ in range(2)]
    games.set_attr("alpha", 0.5)
    obs, _ = games.reset(seed=7, options={"version": 100})
    expected = [one.reset(seed=7 + k)[0] for k, one in enumerate(alone)]
    np.testing.assert_array_equal(obs, expected)
    rng, ended = np.random.default_rng(0), np.zeros(2, bool)
    for _ in range(15):  # 12 steps, then another match
        acs = rng.normal(0, 0.3, (2, 8))
        obs, rewards, terminated, truncated, infos = games.step(acs)
        for k, one in enumerate(alone):
            if ended[k]:
                ob, reward, over, cut = one.reset()[0], 0, False, False
            else:
                ob, reward, over, cut, info = one.step(acs[k])
            np.testing.assert_array_equal(obs[k], ob)
            assert (rewards[k], terminated[k], truncated[k]) == (reward, over, cut)
            if over or cut:
                assert infos["outcome"][k] == info["outcome"]
            ended[k] = over or cut
    assert games.get_attr("version") == (100, 100)
    games.close()


def test_an_environment_that_is_there_already():
    """A wrapped one is played through its wrappers; `make` hands its limit to the game."""
    both = gymnasium.make("sumo-ants-v0", max_episode_steps=9)
    one = OneSeat(both, 1, lambda ob: np.zeros(8))
    assert one.env is both and one.game.max_episode_steps == 9
    assert one.reset(seed=0)[0][-1] == 9
    made_by_id = gymnasium.make("one-seat-v0", env="sumo-ants", seat=0, opponent=np.sin,
                                max_episode_steps=9)
    assert made_by_id.reset(seed=0)[0][-1] == 9
    assert not isinstance(made_by_id, wrappers.TimeLimit)


def test_not_finite():
    """Of either: a tie."""
    for mine, theirs in ((np.nan, 0), (0, np.inf)):
        one = OneSeat("run-to-goal-ants", 0, lambda ob, value=theirs: np.full(8, value))
        one.reset(seed=0)
        _, reward, terminated, _, info = one.step(np.full(8, mine))
        assert terminated and reward == 0 and info["outcome"] == 0
        assert info["ending"] == "not finite"


@pytest.mark.parametrize("arguments, options, message", [
    (("sumo", 0, np.sin), {}, "unknown game 'sumo': must be one of run-to-goal-ants"),
    (("sumo-ants", 2, np.sin), {}, "seat 2: must be 0 or 1"),
    (("sumo-ants", 0, None), {}, "opponent None: must be a callable or a parameter file"),
    (("sumo-ants", 0, "nowhere.npz"), {}, "nowhere.npz: No such file or directory"),
    (("run-to-goal-ants", 0, ANT), {}, "agent0.npz: is for 'sumo-ants', not for 'run-to-goal-"),
    (("sumo-ants", 0, np.sin), {"alpha": 1.5}, "alpha 1.5: must be None or from 0 to 1"),
    (("sumo-ants", 0, np.sin), {"alpha": "0.5"}, "alpha '0.5': must be None or from 0 to 1"),
    (("sumo-ants", 0, np.sin), {"alpha": True}, "alpha True: must be None or from 0 to 1"),
    (("sumo-ants", 0, np.sin), {"gravity": 0}, "sumo-ants has no option 'gravity'"),
    ((3, 0, np.sin), {}, "env 3: must be a game's name, its id or a CompeteEnv"),
    ((CompeteEnv("sumo-ants"), 0, np.sin), {"integrator": "Euler"}, "integrator: only if env")])
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message) as error:
        OneSeat(*arguments, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("opponent", [
    lambda ob, *, rng: rng.normal(0, 1, 8), lambda ob, det=False, rng=None: rng.normal(det, 1, 8)])
def test_noise_is_passed_by_its_name(opponent):
    """Wherever the argument stands."""
    one = OneSeat("run-to-goal-ants", 0, opponent)
    one.reset(seed=0)
    one.step(np.zeros(8))


def test_an_opponent_that_acts_in_another_shape():
    """It is named by its seat."""
    one = OneSeat("run-to-goal-ants", 0, lambda ob: ob)
    one.reset(seed=0)
    with pytest.raises(ValueError, match="agent1's action of shape .122,.: must be of shape .8,."):
        one.step(np.zeros(8))
