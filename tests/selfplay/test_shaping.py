"""Potential-based shaping: what adds up to nothing, and what it leaves as it is."""

import functools

import numpy as np
import pytest
from helpers import initialize, new_session
from made_states import SIX
from small import SMALL

import run
from gym_compete import CompeteVectorEnv
from policy import MlpPolicy
from selfplay import setup
from selfplay.seating import seat_players
from selfplay.shaping import Shaping
from utils import add_vtarg_and_adv, traj_segment_generator

ENVS, HORIZON, LIMIT, WEIGHT = 4, 20, 8, 300.0  # two games and a half of each match


def x_of_both(ob):
    """Own and other's x in the first layout of a humanoid or an ant."""
    return ob[:, 0], ob[:, 107 if ob.shape[1] < 200 else 356]


def seen_race(ob, seat):
    return (1, -1)[seat] * sum(x_of_both(ob)) / 8


def seen_walk(ob, seat):
    return (-1, 1)[seat] * (1 - x_of_both(ob)[1 - seat]) / 5


def seen_sumo(ob, seat):
    radius, left, others = ob[:, -4:-1].T
    return ((radius - others) ** 2 - (radius - left) ** 2) / radius**2


def seen_kick(ob, seat):
    way, left, right = ob[:, -3:].T
    reach = ob[:, 378:380] - seat * ob[:, 354:356]  # from the kicker to the ball
    mouth = np.hypot(way, np.maximum(0, np.maximum(-left, right)))
    return (1, -1)[seat] * (1 - mouth / 4 - np.hypot(*reach.T) / 8)


SEEN = dict(zip(SIX, (seen_race, seen_race, seen_walk, seen_sumo, seen_sumo, seen_kick)))


@pytest.mark.parametrize("name", SIX)
def test_potentials_follow_from_observations(name, rng):
    """From either seat's, before and after steps; the two seats' are each other's opposite."""
    env = CompeteVectorEnv(name, 6, seed=1, integrator="Euler")
    env.reset()
    found = []
    for _ in range(3):
        for seat in env.game.seats:
            potential = env.game.potential(seat)
            np.testing.assert_allclose(potential, SEEN[name](env.obs[seat.index], seat.index),
                                       atol=1e-5)
            found.append(potential)
        env.step([rng.uniform(-1, 1, (6, size)) for size in env.ac_dims])
    np.testing.assert_allclose(found[::2], -np.array(found[1::2]))
    assert np.ptp(found) > 0.01 and np.abs(found).max() < 2
    env.close()


class Watched(CompeteVectorEnv):
    """Keeps each step's potentials before it, and those where a match ended before the next."""

    def step(self, actions):
        self.before = getattr(self, "before", [])
        self.last = getattr(self, "last", [])
        self.ends = getattr(self, "ends", [])
        self.before.append(self.potentials())
        self.last.append(np.zeros((2, self.num_envs)))
        self.on_end = self.note
        out = super().step(actions)
        self.ends.append(out[2] | out[3])
        return out

    def note(self, i):
        self.last[-1][:, i] = self.potentials()[:, i]

    def potentials(self):
        return np.array([self.game.potential(seat) for seat in self.game.seats])


def play(name, rules, gamma, segments=1, going_on=None):
    """(segments of both learners, environment, what to go on from), whatever gamma is.

    gamma: discount of the shaping, None: no shaping; going_on: what an earlier call returned.
    """
    env = Watched(name, ENVS, seed=5, integrator="Euler", max_episode_steps=LIMIT, **rules)
    seatings = seat_players(ENVS, 1.0, 2, shared=False)[:2]
    state, rng = going_on or (None, np.random.default_rng(3))
    with new_session() as sess:
        players = [seating.player(MlpPolicy(f"p{i}", env.ob_dims[0], 8, np.random.default_rng(i),
                                            hid_size=8)) for i, seating in enumerate(seatings)]
        for i, player in enumerate(players):
            initialize(sess, player.policy, seed=i)
        shaping = None if gamma is None else Shaping(env, WEIGHT, lambda: gamma)
        rollouts = traj_segment_generator(players, env, sess, HORIZON, rng, lambda: 0.5,
                                          shaping=shaping)
        if state:
            rollouts.set_state(state)
        kept = [[{key: np.copy(value) for key, value in seg.items()} for seg in next(rollouts)]
                for _ in range(segments)]
        state = rollouts.get_state()
    env.close()
    return kept[-1], env, (state, rng)


CASES = {"cut": ("run-to-goal-ants", {"draw_penalty": False}),
         "limit": ("run-to-goal-ants", {"draw_penalty": True}), "sumo": ("sumo-ants", {})}


@functools.cache
def played(case, gamma):
    """The segments and the environment of a case; not to be changed."""
    return play(*CASES[case], gamma)[:2]


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("case", CASES)
def test_over_a_game_it_adds_up_to_where_it_began(case, gamma):
    """Discounted, the rewards of a whole match are those without shaping, minus W P(s0)."""
    (shaped, env), (plain, _) = played(case, gamma), played(case, None)
    ends, before = np.array(env.ends), np.array(env.before)
    assert ends.sum() == 2 * ENVS
    for seat in (0, 1):
        np.testing.assert_array_equal(shaped[seat]["ac"], plain[seat]["ac"])
        extra = shaped[seat]["rew"].astype(float) - plain[seat]["rew"]
        for i in range(ENVS):
            start = 0
            for stop in np.flatnonzero(ends[:, i]) + 1:
                total = np.sum(gamma ** np.arange(stop - start) * extra[start:stop, i])
                assert total == pytest.approx(-WEIGHT * before[start, seat, i], abs=1e-2)
                assert np.abs(extra[start:stop, i]).max() > 0.5
                start = stop
        np.testing.assert_array_equal(shaped[seat]["ep_rets"], plain[seat]["ep_rets"])


@pytest.mark.parametrize("case", CASES)
def test_advantages_are_what_they_were(case):
    """To a value function that has learned the shaped returns, at cuts and limits as well."""
    gamma = 0.9
    (shaped, env), (plain, _) = played(case, gamma), played(case, None)
    before, last, ends = map(np.array, (env.before, env.last, env.ends))
    for seat in (0, 1):
        seg, same = dict(shaped[seat]), dict(plain[seat])
        cut = same["cutvpred"] != 0
        assert cut.any() == (case == "cut")
        seg["vpred"] = seg["vpred"] - WEIGHT * before[:, seat]
        seg["nextvpred"] = seg["nextvpred"] - WEIGHT * np.where(ends[-1], 0, env.potentials()[seat])
        seg["cutvpred"] = seg["cutvpred"] - np.where(cut, WEIGHT * last[:, seat], 0)
        for one in (seg, same):
            add_vtarg_and_adv(one, gamma, 0.95)
        np.testing.assert_allclose(seg["adv"], same["adv"], atol=1e-2)
        assert np.abs(before[:, seat]).max() > 0.02


def test_a_resumed_rollout_is_the_same_bits():
    """In the middle of matches, whose potentials are computed once more from their states."""
    straight, *_ = play("sumo-ants", {}, 0.9, segments=2)
    _, env, going_on = play("sumo-ants", {}, 0.9)
    assert not env.ends[-1].any()
    resumed, *_ = play("sumo-ants", {}, 0.9, going_on=going_on)
    for seat in (0, 1):
        for name in ("ob", "rew", "cutvpred", "nextvpred"):
            np.testing.assert_array_equal(resumed[seat][name], straight[seat][name])


def test_training_with_it(tmp_path, monkeypatch):
    """The option's weight and each iteration's discount arrive where rewards are made."""
    made, gammas = [], []

    class Noted(Shaping):
        def __init__(self, env, weight, gamma):
            super().__init__(env, weight, gamma)
            made.append(weight)

        def reward(self, before, done):
            gammas.append(self._gamma())
            return super().reward(before, done)

    monkeypatch.setattr(setup, "Shaping", Noted)
    monkeypatch.setattr(run, "SAVE_DIR", str(tmp_path))
    run.main([*SMALL, "--hid-size", "8", "--max-iters", "2", "--dense-iters", "0",
              "--anneal-iters", "2", "--gamma-dense", "0.9", "--gamma", "1", "--anchor-every", "0",
              "--shaping", "300"])
    assert made == [300] and gammas[0] == 0.9 and gammas[-1] == pytest.approx(0.95)
    assert len(set(gammas)) == 2


def test_off_by_default_and_under_paper(capsys):
    """A weight below nothing is refused."""
    parser = run.make_parser()
    for arguments in ([], ["--paper"], ["--shaping", "0"]):
        assert run.resolve_config(parser, parser.parse_args(arguments), run.SAVE_DIR).shaping == 0
    with pytest.raises(SystemExit):
        parser.parse_args(["--shaping", "-1"])
    assert "--shaping: -1: must be at least 0" in capsys.readouterr().err
