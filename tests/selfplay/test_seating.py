"""Who plays whom: seats, pairings, ensembles, outsiders, and the draw of older versions."""

from collections import Counter

import numpy as np
import pytest
from helpers import width
from scipy.stats import chisquare
from tiny import HEADERS, TINY, learn, tiny_run

from common.command_line import InputError
from common.parameter_file import load_parameters, save_parameters
from gym_compete import CompeteVectorEnv
from networks.loading import ParameterFile
from policy import MlpPolicy
from selfplay.pool import Pool
from selfplay.seating import learner_names, pairings, seat_outsider, seat_players
from selfplay.snapshots import Snapshots
from utils import Rollouts

# Seats


def occupants(players, num_envs):
    """Who sits where, [2, num_envs] indices into players; every place must be taken once."""
    table = np.full((2, num_envs), -1)
    for k, player in enumerate(players):
        for seat, matches in player.places:
            assert (table[seat, matches] == -1).all()
            table[seat, matches] = k
        assert width(player) == (table == k).sum()
    assert (table >= 0).all()
    return table


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("num_envs,latest_share,opponents,ensemble", [
    (8, 0.5, 2, 1), (8, 0.5, 4, 1), (8, 0.0, 8, 1), (8, 1.0, 4, 1), (12, 1 / 3, 4, 1),
    (30, 0.6, 12, 3), (36, 1.0, 2, 3), (12, 0.0, 12, 3), (16, 0.5, 8, 2)])
def test_every_seat_is_filled_once(num_envs, latest_share, opponents, ensemble, shared):
    """Learners come first and get equal shares; a frozen player always faces a learner."""
    players = seat_players(num_envs, latest_share, opponents, shared, ensemble)
    count = len(learner_names(shared, ensemble))
    assert count == (1 if shared else 2) * ensemble
    assert [p.learner for p in players] == [*range(count), *[None] * (len(players) - count)]
    assert len({width(p) for p in players[:count]}) == 1
    groups = {}
    for player in players[count:]:
        groups.setdefault(player.group, []).append(width(player))
    assert len(groups) == (2 * ensemble if latest_share < 1 else 0)
    assert len({sum(widths) for widths in groups.values()}) <= 1
    for widths in groups.values():
        assert len(widths) == max(2, opponents // (2 * ensemble))
        assert max(widths) - min(widths) <= 1
    table = occupants(players, num_envs)
    latest = round(latest_share * num_envs)
    frozen = table >= count
    assert (frozen.sum(axis=0) == (np.arange(num_envs) >= latest)).all()
    assert frozen[0].sum() == frozen[1].sum() == (num_envs - latest) // 2
    if not shared:
        assert all({seat for seat, _ in p.places} == {p.learner // ensemble}
                   for p in players[:count])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("ensemble", [1, 2, 3])
def test_every_pairing_is_seated(ensemble, shared):
    """Current learners meet all of the pool equally often, themselves too; so may frozen ones."""
    players = seat_players(96, 0.75, 12, shared, ensemble)
    pairs = pairings(shared, ensemble)
    table = occupants(players, 96)
    met = Counter(map(tuple, table[:, :72].T))
    assert met == {pair: 72 // len(pairs) for pair in pairs}
    assert all(((a, a) in met) == shared for a in range(ensemble))
    count = len(learner_names(shared, ensemble))
    possible = Counter()
    for match in range(72, 96):
        seat = int(table[1, match] >= count)
        frozen, learner = players[table[seat, match]], table[1 - seat, match]
        assert frozen.seat == seat
        for rival in frozen.rivals:
            possible[(rival, learner) if seat == 0 else (learner, rival)] += 1
    assert set(possible) == set(pairs) and len(set(possible.values())) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_pairings_that_do_not_divide(shared):
    """README's ensemble, 48 matches for nine pairings: five or six each, all learners as many."""
    players = seat_players(96, 0.5, 6, shared, 3)
    met = Counter(map(tuple, occupants(players, 96)[:, :48].T))
    assert set(met) == set(pairings(shared, 3)) and sorted(met.values()) == [5] * 6 + [6] * 3
    assert len({width(player) for player in players if player.learner is not None}) == 1


@pytest.mark.parametrize("num_envs,latest_share,opponents,ensemble,culprit", [
    (8, 0.5, 3, 1, "--old-versions 3"), (10, 0, 4, 1, "--old-versions 4"),
    (7, 0, 2, 1, "--old-versions 2"),
    (36, 0, 4, 3, "--old-versions 4: must be a multiple of 6"), (8, 1, 2, 3, "--latest-share 1")])
def test_seats_that_do_not_divide(num_envs, latest_share, opponents, ensemble, culprit):
    """Shares that cannot be equal are the user's mistake, and the option is named."""
    with pytest.raises(InputError, match=culprit):
        seat_players(num_envs, latest_share, opponents, False, ensemble)


def test_names():
    """Folders of snapshots: by seat, in ensembles by letter too."""
    assert learner_names(False) == ["agent0", "agent1"] and learner_names(True) == ["agent0"]
    assert learner_names(False, 2) == ["agent0a", "agent0b", "agent1a", "agent1b"]
    assert learner_names(True, 3) == ["agent0a", "agent0b", "agent0c"]
    assert learner_names(False, outsider_seat=0) == ["agent1"]
    assert learner_names(True, outsider_seat=0) == ["agent0"]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seat", [0, 1])
def test_an_outsider_is_in_every_game(seat, shared):
    """One learner against it everywhere; half from each seat where the learner plays both."""
    learner, outsider = seat_outsider(8, seat, shared)
    table = occupants([learner, outsider], 8)
    assert (table.sum(axis=0) == 1).all() and not outsider.rivals
    if shared:
        assert table[0].sum() == 4
    else:
        assert (table[seat] == 1).all() and outsider.seat == seat and learner.seat == 1 - seat
    with pytest.raises(InputError, match="--num-envs 7"):
        seat_outsider(7, 0, shared=True)


# Older versions


@pytest.fixture
def drawn(tmp_path):
    """Returns a function that draws many times from pools of 21 versions; what it drew, [draws].

    Learner k's version v is told as 100 k + v.
    """
    snapshots = Snapshots(str(tmp_path), ["agent0", "agent1"], HEADERS)
    for version in range(21):
        snapshots.save(version, [[version], [100 + version]])

    def draw(delta, rivals=(0,), count=2000, seed=0):
        found = snapshots.draw(np.random.default_rng(seed), delta, [rivals] * count)
        for path, (number,) in found:
            assert path == snapshots.path(int(number // 100), int(number % 100))
        return np.array([vector for _, vector in found])[:, 0]

    return draw


@pytest.mark.parametrize("delta,first", [(0.0, 0), (0.5, 10), (0.33, 7), (0.9, 18), (1.0, 20)])
def test_opponents_are_uniform(drawn, delta, first):
    """Versions ceil(delta * latest) to latest, both included, each equally often."""
    versions, counts = np.unique(drawn(delta), return_counts=True)
    assert versions.tolist() == list(range(first, 21))
    assert len(counts) == 1 or chisquare(counts).pvalue > 0.01


def test_opponents_from_other_runs(drawn, tmp_path):
    """A share of the draws are files of the learner's own in the pool, from each run as often."""
    pool = [[[], []], [[], []]]
    for learner, (many, one) in enumerate(pool):
        for k in range(4):
            places = many if k < 3 else one
            places.append(str(tmp_path / f"stranger{learner}{k}.npz"))
            save_parameters(places[-1], [1000 + 100 * learner + k], HEADERS[learner])
    snapshots = Snapshots(str(tmp_path), ["agent0", "agent1"], HEADERS,
                          Pool(str(tmp_path), pool), 0.3)
    snapshots.latest = 20
    drawn = np.ravel([vector for _, vector in
                      snapshots.draw(np.random.default_rng(1), 0.5, [(1,)] * 2000)])
    strangers, counts = np.unique(drawn[drawn >= 1000], return_counts=True)
    expected = counts.sum() * np.array([1, 1, 1, 3]) / 6
    assert strangers.tolist() == [1100, 1101, 1102, 1103]
    assert chisquare(counts, expected).pvalue > 0.01
    assert abs(counts.sum() / 2000 - 0.3) < 0.05
    assert set(drawn[drawn < 1000]) == set(range(110, 121))


def test_opponents_are_the_asked_learners(drawn):
    """Seat 1's older versions are learner 1's files; several rivals come equally often."""
    assert set(drawn(0.5, [1])) == set(range(110, 121))
    assert (drawn(0.5, [1], seed=1) != drawn(0.5, [1], seed=2)).any()
    both = drawn(0.5, [0, 1])
    assert set(both) == {*range(10, 21), *range(110, 121)}
    assert chisquare(np.unique(both >= 100, return_counts=True)[1]).pvalue > 0.01


# Whole runs


def test_ensemble_trains(tmp_path, monkeypatch):
    """Three learners a seat: each has its folder, moves on its own, and meets what was drawn."""
    seen, save = [], Snapshots.save
    monkeypatch.setattr(Snapshots, "save", lambda self, version, vectors: seen.append(
        [v.copy() for v in vectors]) or save(self, version, vectors))
    headers = [{**HEADERS[k // 3]} for k in range(6)]
    env = CompeteVectorEnv("run-to-goal-ants", 15, seed=0, integrator="Euler")
    options = {**TINY, "timesteps_per_batch": 24, "optim_batchsize": 12, "opponents": 6,
               "latest_share": 0.6, "ensemble": 3, "max_iters": 2}
    learn(env, small_policy, tmp_path / "run", headers, **options)
    env.close()
    names = [f"agent{seat}{m}" for seat in (0, 1) for m in "abc"]
    for k, name in enumerate(names):
        vectors = [load_parameters(tmp_path / f"run/{name}/{v:06d}.npz")[0] for v in range(3)]
        assert not np.array_equal(vectors[1], vectors[2])
        np.testing.assert_array_equal(vectors[2], seen[2][k])
    assert len({v.tobytes() for v in seen[2]}) == 6


def small_policy(name, seat, rng):
    """Networks of four units."""
    return MlpPolicy(name, 122, 8, rng, hid_size=4)


@pytest.mark.parametrize("seat", [0, 1])
def test_best_response(tmp_path, monkeypatch, seat):
    """The outsider's parameters never move, and one learner trains on its own steps alone."""
    tiny_run(tmp_path / "pool", max_iters=1)
    path = tmp_path / f"pool/agent{seat}/000000.npz"
    entry = ParameterFile(str(path), *load_parameters(path))
    held, collect = [], Rollouts.__next__

    def spy(self):
        pi, segs = self.players[1].policy, collect(self)
        held.append(np.concatenate([v.ravel() for v in self.sess.run(pi.get_variables())]))
        assert len(segs) == 1 and segs[0]["rew"].shape[1] == self.env.num_envs
        return segs

    monkeypatch.setattr(Rollouts, "__next__", spy)
    env = CompeteVectorEnv("run-to-goal-ants", 4, seed=0, integrator="Euler")
    learn(env, small_policy, tmp_path / "run", [HEADERS[1 - seat]], outsider=(seat, entry),
          **{**TINY, "max_iters": 2})
    env.close()
    for vector in held:
        np.testing.assert_allclose(vector, entry.vector, rtol=1e-6)
    assert [p.name for p in (tmp_path / "run").glob("agent*")] == [f"agent{1 - seat}"]
