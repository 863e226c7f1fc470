"""`traj_segment_generator` on the real game: what a segment holds, and whose it is."""

import re

import numpy as np
import pytest
from helpers import NumpyPolicy, gaussian_logp, initialize, new_session

import utils
from gym_compete import CompeteVectorEnv
from policy import LSTMPolicy, MlpPolicy
from selfplay.seating import seat_players
from utils import Actors, Player, add_vtarg_and_adv, traj_segment_generator

ENVS, HORIZON, OB, AC = 6, 24, 122, 8
LIMIT = 9  # steps of a match: it goes on over the first two cuts and ends at the third
ALPHA = 0.3


class Recorder(CompeteVectorEnv):
    """The environment, keeping what it was told and what it said."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.tape = []

    def step(self, actions):
        seen = [ob.copy() for ob in self.obs]
        out = super().step(actions)
        _, _, terminated, truncated, infos = out
        self.tape.append({"ob": seen, "ac": [ac.copy() for ac in actions],
                          "done": terminated | truncated,
                          **{name: infos[name].copy() for name in
                             ("reward_move", "reward_remaining", "winner", "steps", "ending")}})
        return out


def record(name):
    """What the tape says of `name`, [T, ...]."""
    return lambda tape: np.array([step[name] for step in tape])


@pytest.fixture(scope="module")
def played():
    """Three segments of six matches of nine steps: two of learners only, four against frozen."""
    env = Recorder("run-to-goal-ants", ENVS, seed=5, integrator="Euler", max_episode_steps=LIMIT)
    with new_session() as sess:
        players = [seating.player(
            MlpPolicy(f"p{i}", OB, AC, np.random.default_rng(i), hid_size=8))
            for i, seating in enumerate(seat_players(ENVS, 1 / 3, 2, shared=False))]
        flats = [initialize(sess, p.policy, seed=i) for i, p in enumerate(players)]
        twins = [NumpyPolicy(flat.get(sess), OB, AC, "mlp", 8) for flat in flats]
        generator = traj_segment_generator(players, env, sess, HORIZON, np.random.default_rng(3),
                                           lambda: ALPHA)
        segments = []
        for _ in range(3):
            segs = next(generator)
            segments.append([{key: value.copy() if isinstance(value, np.ndarray) else value
                              for key, value in seg.items()} for seg in segs])
    env.close()
    return players, twins, segments, env


def columns(player, steps):
    """Picks a player's columns from [T, 2, N, ...]."""
    return np.concatenate([steps[:, seat, matches] for seat, matches in player.places], axis=1)


def learners_of(played):
    """Yields each learner with its NumPy twin and, segment by segment, its data and the tape."""
    players, twins, segments, env = played
    for k in range(2):
        for s, segs in enumerate(segments):
            yield players[k], twins[k], segs[k], env.tape[s * HORIZON:(s + 1) * HORIZON]


def test_keys_shapes_types(played):
    """The table at the head of utils.py names every key, and arrays are as it says."""
    rows = re.findall(r"^``(\w+)`` +(?:\[(.*?)\])?", utils.__doc__, re.MULTILINE)
    rows = [row for row in rows if row[0] != "seenK"]  # these players keep no view
    sizes = {"T": HORIZON, "N": 4, "ob_dim": OB, "ac_dim": AC, "T / chunk": HORIZON, "state_dim": 0}
    shapes = {key: tuple(sizes[size] for size in shape.split(", ")) for key, shape in rows if shape}
    for _, _, seg, _ in learners_of(played):
        whole = dict(seg)
        add_vtarg_and_adv(whole, 0.99, 0.95)
        assert whole.keys() == dict(rows).keys()
        assert {key: whole[key].shape for key in shapes} == shapes
        assert whole["new"].dtype == bool
        assert {whole[key].dtype for key in shapes if key != "new"} == {np.dtype(np.float32)}
        assert isinstance(seg["parts"], dict)
        assert all(isinstance(seg[key], list) for key in seg.keys() - shapes.keys() - {"parts"})


def test_samples_are_the_learners_own(played):
    """Observation, action and reward of each column are what happened at the learner's places."""
    for player, _, seg, tape in learners_of(played):
        for name in ("ob", "ac"):
            np.testing.assert_array_equal(seg[name], columns(player, record(name)(tape)))
        move, remaining = (columns(player, record(f"reward_{name}")(tape))
                           for name in ("move", "remaining"))
        np.testing.assert_allclose(seg["rew"], ALPHA * move + (1 - ALPHA) * remaining, rtol=1e-5)
        assert np.abs(move).min() > 0


def test_probabilities_and_values_are_the_learners(played):
    """logp and vpred, recomputed in NumPy from the learner's parameters alone."""
    players, twins, segments, _ = played
    for k, (_, twin, seg, _) in enumerate(learners_of(played)):
        ob, ac = seg["ob"].reshape(-1, OB), seg["ac"].reshape(-1, AC)
        mean, value, _ = twin(ob)
        logp = gaussian_logp(ac, mean, twin.logstd)
        np.testing.assert_allclose(seg["logp"].ravel(), logp, atol=2e-3)
        np.testing.assert_allclose(seg["vpred"].ravel(), value, atol=1e-3)
        stranger = twins[2 + k // 3]
        assert np.abs(gaussian_logp(ac, stranger(ob)[0], stranger.logstd) - logp).mean() > 0.5


def test_frozen_players_act_by_their_own_parameters(played):
    """At a frozen place, noise recovered under the frozen twin is standard normal."""
    players, twins, _, env = played
    for player, twin in zip(players[2:], twins[2:]):
        ob, ac = (columns(player, record(name)(env.tape)).reshape(-1, size)
                  for name, size in (("ob", OB), ("ac", AC)))
        noise = (ac - twin(ob)[0]) / np.exp(twin.logstd)
        assert abs(noise.mean()) < 0.15 and abs(noise.std() - 1) < 0.1


def test_game_starts(played):
    """`new` follows every ending, and over the cut as well: matches go on in the next segment."""
    players, _, segments, env = played
    done = record("done")(env.tape)
    starts = np.vstack([np.ones((1, ENVS), bool), done[:-1]])
    both = np.repeat(starts[:, None], 2, axis=1)
    for k, player in enumerate(players[:2]):
        new = np.concatenate([segs[k]["new"] for segs in segments])
        np.testing.assert_array_equal(new, columns(player, both))
    assert starts[::LIMIT].all() and not starts[1:LIMIT].any()
    steps = record("steps")(env.tape)
    assert (steps[HORIZON] == steps[HORIZON - 1] % LIMIT + 1).all()


def test_value_at_the_cut(played):
    """nextvpred is the value of the next segment's first observation, 0 where a match has ended."""
    _, _, segments, env = played
    for k in range(2):
        for now, following in zip(segments, segments[1:]):
            np.testing.assert_allclose(now[k]["nextvpred"], following[k]["vpred"][0], atol=1e-4)
            assert now[k]["nextvpred"].all()
        assert env.tape[-1]["done"].all() and not segments[-1][k]["nextvpred"].any()


def test_finished_games(played):
    """Lengths and outcomes agree with the environment; returns are sums of mixed rewards."""
    for player, _, seg, tape in learners_of(played):
        done, steps, winner = (record(name)(tape) for name in ("done", "steps", "winner"))
        lens, outcomes, rets = [], [], []
        rew = (ALPHA * record("reward_move")(tape) + (1 - ALPHA) * record("reward_remaining")(tape))
        for t in range(HORIZON):
            for seat, matches in player.places:
                for i in np.flatnonzero(done[t, matches]) + matches.start:
                    lens.append(steps[t, i])
                    outcomes.append(0 if winner[t, i] < 0 else 1 if winner[t, i] == seat else -1)
                    whole = t + 1 >= lens[-1]  # the match began in this segment
                    rets.append(rew[t + 1 - lens[-1]:t + 1, seat, i].sum() if whole else None)
        assert seg["ep_lens"] == lens and seg["ep_outcomes"] == outcomes and len(lens) >= 8
        for ours, expected in zip(seg["ep_rets"], rets):
            assert expected is None or ours == pytest.approx(expected, rel=1e-4)


def test_outcomes_of_decided_games(shared):
    """Released runner against a fallen one: +1 for the winner's seat, -1 for the other."""
    vector = np.load(shared / "zoo/run-to-goal-ants_agent1_v1.npy")
    env = CompeteVectorEnv("run-to-goal-ants", 4, seed=0, integrator="Euler")
    players = [Player(None, [(seat, slice(0, 4))], learner=seat) for seat in (0, 1)]
    with new_session() as sess:
        for seat, player in enumerate(players):
            player.policy = MlpPolicy(f"p{seat}", OB, AC)
            flat = initialize(sess, player.policy)
            if seat == 1:
                flat.set(sess, vector)
        segs = next(traj_segment_generator(players, env, sess, 200, np.random.default_rng(0),
                                           lambda: 0.0))
    env.close()
    assert segs[1]["ep_outcomes"].count(1) >= 3
    assert segs[0]["ep_outcomes"] == [-outcome for outcome in segs[1]["ep_outcomes"]]
    wins = [ret == 1000 for ret in segs[1]["ep_rets"]]
    assert wins == [outcome == 1 for outcome in segs[1]["ep_outcomes"]]


@pytest.mark.parametrize("learner", [None, 1])
def test_memory_restarts_with_the_game(learner):
    """An LSTM carries its state through a match, begins the next from zero, and keeps chunk heads.

    Every action of it is recomputed in NumPy, match by match.
    """
    env = Recorder("run-to-goal-ants", 3, seed=1, integrator="Euler", max_episode_steps=7)
    noises = []

    class Noise:
        def standard_normal(self, shape, dtype):
            noises.append(np.random.default_rng(len(noises)).normal(0, 1, shape).astype(dtype))
            return noises[-1]

    players = [Player(None, [(0, slice(0, 3))], learner=0),
               Player(None, [(1, slice(0, 3))], learner=learner)]
    with new_session() as sess:
        for player, kind in zip(players, (MlpPolicy, LSTMPolicy)):
            player.policy = kind(kind.__name__, OB, AC, np.random.default_rng(0), hid_size=4)
        flats = [initialize(sess, player.policy, seed=i) for i, player in enumerate(players)]
        twin = NumpyPolicy(flats[1].get(sess), OB, AC, "lstm", 4)
        segs = next(traj_segment_generator(players, env, sess, 18, Noise(), lambda: 1.0))
    env.close()
    state, heads = np.zeros((3, 16)), []
    for t, step in enumerate(env.tape):
        if t % LSTMPolicy.chunk == 0:
            heads.append(state)
        mean, value, state = twin(step["ob"][1], state)
        expected = mean + np.exp(twin.logstd) * noises[2 * t + 1]
        np.testing.assert_allclose(step["ac"][1], expected, atol=1e-4)
        state = state * ~step["done"][:, None]
    if learner is not None:
        np.testing.assert_allclose(segs[1]["state"], heads, atol=1e-4)
    assert np.abs(heads[1]).max() > 0.05 and env.tape[6]["done"].all()


def test_looking_at_values_takes_no_step():
    """`values` leaves the recurrent state alone and agrees with the next `act`."""
    player = Player(None, [(0, slice(0, 3))], learner=0)
    with new_session() as sess:
        player.policy = LSTMPolicy("pi", OB, AC, np.random.default_rng(0), hid_size=4)
        initialize(sess, player.policy, seed=1)
        actors = Actors(sess, [player])
        actors.start()
        player.ob[:] = np.random.default_rng(2).normal(0, 1, player.ob.shape)
        actors.act(np.random.default_rng(0))
        before = player.state.copy()
        values = actors.values()[0]
        np.testing.assert_array_equal(player.state, before)
        output, = actors.act(np.random.default_rng(0))
        np.testing.assert_allclose(values, output["vpred"], rtol=1e-5)
    assert before.any() and (player.state != before).any()


def test_a_broken_match_leaves_the_cut_ones_alone():
    """Where one match's state breaks in the step in which a time limit cuts the others."""
    class Breaking(CompeteVectorEnv):
        def step(self, actions):
            if self.game.steps[0] == LIMIT - 1:
                self.game.sim.datas[0].qpos[2] = np.nan
            return super().step(actions)

    env = Breaking("run-to-goal-ants", 2, seed=1, integrator="Euler", max_episode_steps=LIMIT)
    players = [Player(None, [(seat, slice(0, 2))], learner=seat) for seat in (0, 1)]
    with new_session() as sess:
        for seat, player in enumerate(players):
            player.policy = MlpPolicy(f"p{seat}", OB, AC, np.random.default_rng(0), hid_size=4)
            initialize(sess, player.policy, seed=seat)
        segs = next(traj_segment_generator(players, env, sess, LIMIT, np.random.default_rng(0),
                                           lambda: 0.5))
    env.close()
    for seg in segs:
        assert [env.game.endings[i] for i in seg["endings"]] == ["not finite", "time-out"]
        cut = seg["cutvpred"]
        assert np.isfinite(cut).all() and cut[-1, 1] and not cut[:, 0].any() and not cut[:-1].any()


def slow_advantages(rew, vpred, ends, nextvpred, gamma, lam):
    """One match after another, each advantage as a sum over its own future (GAE, equation 16)."""
    values, adv = np.append(vpred, nextvpred), np.zeros(len(rew))
    for t in range(len(rew)):
        weight = 1.0
        for k in range(t, len(rew)):
            following = 0.0 if ends[k] else values[k + 1]
            adv[t] += weight * (rew[k] + gamma * following - values[k])
            weight *= gamma * lam
            if ends[k]:
                break
    return adv


@pytest.mark.parametrize("gamma,lam", [(0.995, 0.95), (0.9, 0.0), (1.0, 1.0)])
def test_advantages(gamma, lam):
    """Columns with no end, ends in the middle, and an end exactly at the cut."""
    rng, steps, matches = np.random.default_rng(1), 23, 6
    rew, vpred = rng.normal(0, 1, (2, steps, matches)).astype(np.float32)
    ends = rng.random((steps, matches)) < 0.15
    ends[:, 0], ends[-1] = False, [False, True, False, True, False, False]
    ends[5:7, 5] = True  # a match of one step
    new = np.vstack([[True] * matches, ends[:-1]])
    nextvpred = np.where(ends[-1], 0, rng.normal(0, 1, matches)).astype(np.float32)
    cutvpred = np.where(ends & (rng.random(ends.shape) < 0.5), rng.normal(0, 1, ends.shape), 0)
    seg = {"rew": rew, "vpred": vpred, "new": new, "nextvpred": nextvpred,
           "cutvpred": cutvpred.astype(np.float32)}
    add_vtarg_and_adv(seg, gamma, lam)
    for i in range(matches):  # what a cut match was still worth is as if paid at its last step
        paid = rew[:, i] + gamma * cutvpred[:, i]
        expected = slow_advantages(paid, vpred[:, i], ends[:, i], nextvpred[i], gamma, lam)
        np.testing.assert_allclose(seg["adv"][:, i], expected, atol=2e-5)
    np.testing.assert_allclose(seg["tdlamret"], seg["adv"] + vpred)
    assert seg["adv"].dtype == seg["tdlamret"].dtype == np.float32
