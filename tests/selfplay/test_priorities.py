"""--pfsp: odds against independent sums, counts against the log's matches, going on, and chance."""

import shutil
from decimal import Decimal

import numpy as np
import pytest
from tiny import snapshot_bytes, tiny_run

from common.command_line import InputError
from common.parameter_file import save_parameters
from gym_compete import CompeteVectorEnv
from selfplay import priorities
from selfplay.checkpoint import read_checkpoint
from selfplay.config import Config, make_parser
from selfplay.opponents import History
from selfplay.pool import Pool
from selfplay.priorities import Priorities, Tally
from selfplay.snapshots import Snapshots
from selfplay.warm_start import find_opponents
from utils import Rollouts

LENGTHS = [4, 6, 5, 11, 7, 17, 9, 13]  # of eight matches, the last six against older versions
WEIGHED = dict(num_envs=8, latest_share=0.25, opponents=2, lengths=LENGTHS, timesteps_per_batch=50,
               optim_batchsize=50, pfsp=2.0)


def results(rng, count):
    """Points and matches against so many opponents, as sums decay to."""
    matches = rng.gamma(0.3, 10, count)
    return np.stack([matches * rng.random(count), matches])


def expected_rates(counts, first, stop):
    """Win rates by hand: a tenth of the drawable versions around each, a win and a loss before."""
    reach, rates = int((stop - first) * 0.05), []
    for v in range(first, stop):
        near = [u for u in range(first, counts.shape[1]) if abs(u - v) <= reach]
        rates.append((1 + sum(counts[0, u] for u in near)) / (2 + sum(counts[1, u] for u in near)))
    return np.array(rates)


@pytest.mark.parametrize("first, stop", [(0, 1), (3, 13), (50, 101), (0, 101)])
def test_win_rates(rng, first, stop):
    """Neighbors share evidence where versions are many; few are taken one by one."""
    counts = results(rng, stop)
    found = Tally(counts).win_rates(first, stop)
    np.testing.assert_allclose(found, expected_rates(counts, first, stop))
    assert found.min() > 0 and found.max() < 1


@pytest.mark.parametrize("power", [0.5, 2.0, 900.0])
def test_odds(rng, power):
    """In proportion to chance times (1 - w)^power, however small that is."""
    wins, chances = rng.uniform(0.1, 0.99, 40), rng.random(40)
    exact = [Decimal(c) * (1 - Decimal(w)) ** Decimal(power) for w, c in zip(wins, chances)]
    np.testing.assert_allclose(priorities.odds(wins, chances, power),
                               [float(x / sum(exact)) for x in exact], rtol=1e-9, atol=1e-300)


def weighed(directory, pool=None, power=2.0, share=0.5):
    """(snapshots, priorities) of two learners after 40 iterations; version v's vector is [v]."""
    found = Priorities(power, ["agent0", "agent1"], [(0, 1)], pool, share)
    snapshots = Snapshots(str(directory), ["agent0", "agent1"], [{}, {}], pool,
                          share if pool else 0.0, priorities=found)
    for version in range(41):
        snapshots.save(version, [[version], [version]])
    return snapshots, found


def test_what_the_learner_loses_to_is_drawn(tmp_path):
    """By its own results, in its own seat, of the versions that delta allows; the log says so."""
    snapshots, found = weighed(tmp_path)
    rng = np.random.default_rng(0)
    snapshots.draw(rng, 0.5, [[1]], [0])
    for version in range(10, 41):
        for _ in range(40):
            found.note(0, [1], snapshots.path(1, version), float(version not in (12, 30)))
            found.note(1, [0], snapshots.path(0, version), 0.5)
    found.count()
    drawn = [int(vector[0]) for _, vector in snapshots.draw(rng, 0.5, [[1]] * 400, [0] * 400)]
    near = np.isin(drawn, [29, 30, 31])
    assert min(drawn) >= 20 and near.mean() > 0.8
    counts = np.zeros((2, 41))
    counts[:, 10:] = 40
    counts[0, [12, 30]] = 0
    rates = expected_rates(counts, 20, 41)
    chances = (1 - rates) ** 2 / ((1 - rates) ** 2).sum()
    assert near.mean() == pytest.approx(chances[9:12].sum(), abs=0.06)
    row = found.figures()
    assert row["agent0/pfsp_worst_win"] == pytest.approx(rates.min())
    assert row["agent0/pfsp_opponents"] == pytest.approx(1 / np.square(chances).sum())
    assert row["agent1/pfsp_worst_win"] == pytest.approx(0.5)
    assert row["agent1/pfsp_opponents"] == pytest.approx(21)
    found.count()
    np.testing.assert_allclose(found.get_state()["0-1-0"], 0.98 * counts)


def test_the_pool_is_weighed(tmp_path):
    """Each run as likely as the next until there are results; what is gone is drawn no more."""
    paths = [str(tmp_path / f"{k}.npz") for k in range(6)]
    for k, path in enumerate(paths):
        save_parameters(path, [100 + k], {})
    pool = Pool(str(tmp_path), [[], [paths[:4], paths[4:]]])
    snapshots, found = weighed(tmp_path / "run", pool, share=1.0)
    rng = np.random.default_rng(0)

    def share_of(*wanted):
        drawn = [vector[0] for _, vector in snapshots.draw(rng, 0.5, [[1]] * 600, [0] * 600)]
        return np.isin(drawn, np.array(wanted) + 100).mean()

    assert share_of(0, 1, 2, 3) == pytest.approx(0.5, abs=0.07)
    assert share_of(4) == pytest.approx(0.25, abs=0.06)
    assert found.figures()["agent0/pfsp_opponents"] == pytest.approx(16 / 3)
    for path in paths[:5]:
        for _ in range(98):
            found.note(0, [1], path, 1.0)
    found.count()  # 99 of 100 won but against the last
    assert share_of(5) > 0.98
    (tmp_path / "5.npz").unlink()
    assert share_of(5) == 0 and pool.lost() == [paths[5]]
    assert share_of(4) == pytest.approx(0.5, abs=0.07)
    again = Priorities(2.0, ["agent0", "agent1"], [(0, 1)], pool, 1.0)
    again.set_state(found.get_state())
    again.weigh(20, 40)
    np.testing.assert_array_equal(again._files[0, 1][2], found._files[0, 1][2])
    for path in paths:
        (tmp_path / path).unlink(missing_ok=True)
    assert share_of(*range(6)) == 0  # nobody is left: the own versions


def test_without_it_chance_is_as_ever(tmp_path):
    """The same draws from the same generator, one by one, as before the option existed."""
    paths = [[str(tmp_path / f"{learner}{k}.npz") for k in range(3)] for learner in (0, 1)]
    for path in sum(paths, []):
        save_parameters(path, [1], {})
    snapshots = Snapshots(str(tmp_path / "run"), ["agent0", "agent1"], [{}, {}],
                          Pool(str(tmp_path), [[files[:1], files[1:]] for files in paths]), 0.4)
    snapshots.save(0, [[0], [0]])
    for version in range(1, 10):
        snapshots.save(version, [[version], [version]])
    rivals, wanted = [[1], [0, 1], [0]] * 20, []
    found = snapshots.draw(rng := np.random.default_rng(3), 0.5, rivals, [0] * 60)
    replayed = np.random.default_rng(3)
    for learners in rivals:
        learner = int(replayed.choice(learners))
        if replayed.random() < 0.4:
            files = [paths[learner][:1], paths[learner][1:]][replayed.integers(2)]
            wanted.append(files[replayed.integers(len(files))])
        else:
            wanted.append(snapshots.path(learner, int(replayed.integers(5, 10))))
    assert [path for path, _ in found] == wanted and len(set(wanted)) > 8
    assert rng.bit_generator.state == replayed.bit_generator.state
    assert History(0.5, 4).parts() == {}


# Whole runs


@pytest.fixture
def outcomes(monkeypatch):
    """Lets matches be won by seat 0, seat 1 or nobody, whatever happens in them.

    A list that holds, for each iteration and learner, what the log counts: (outcomes, whether
    against an older version).
    """
    step, collect, found = CompeteVectorEnv.step, Rollouts.__next__, []

    def decided(env, acs):
        out = step(env, acs)
        for match in np.flatnonzero(out[2] | out[3]):
            out[4]["winner"][match] = int(1e6 * abs(out[4]["reward_move"][0, match])) % 3 - 1
        return out

    def keep(rollouts):
        segs = collect(rollouts)
        found.append([(seg["ep_outcomes"], seg["ep_frozen"]) for seg in segs])
        return segs

    monkeypatch.setattr(CompeteVectorEnv, "step", decided)
    monkeypatch.setattr(Rollouts, "__next__", keep)
    return found


def points(found, learner):
    """A learner's [points, matches] against older versions, from what the log counts."""
    scores = [0.5 + 0.5 * outcome for segs in found for outcome, frozen in zip(*segs[learner])
              if frozen]
    return [sum(scores), len(scores)]


def test_every_game_is_counted(tmp_path, monkeypatch, outcomes):
    """The counts add up to the matches that the log knows, learner by learner."""
    monkeypatch.setattr(priorities, "DECAY", 1.0)
    tiny_run(tmp_path / "run", max_iters=6, **WEIGHED)
    arrays = read_checkpoint(str(tmp_path / "run"))[1]
    for learner in (0, 1):
        counts = arrays[f"priorities/{learner}-{1 - learner}-0"]
        assert counts.sum(axis=1).tolist() == points(outcomes, learner)
        assert counts.shape == (2, 6) and 0 < counts[0].sum() < counts[1].sum()
        assert (counts[1] > 0).sum() > 2
    header, *_, last = (tmp_path / "run/progress.csv").read_text().splitlines()
    assert {"agent0/pfsp_worst_win", "agent1/pfsp_opponents"} <= set(header.split(","))


def test_going_on(tmp_path, outcomes):
    """The same bytes as without the stop; a checkpoint without counts begins to count."""
    tiny_run(tmp_path / "straight", max_iters=7, **WEIGHED)
    tiny_run(tmp_path / "run", max_iters=4, **WEIGHED)
    shutil.copytree(tmp_path / "run", tmp_path / "older")
    arrays = read_checkpoint(str(tmp_path / "run"))[1]
    old = {key: array for key, array in arrays.items() if not key.startswith("priorities")}
    tiny_run(tmp_path / "run", max_iters=7, resumed=arrays, **WEIGHED)
    assert snapshot_bytes(tmp_path / "run") == snapshot_bytes(tmp_path / "straight")
    assert ((tmp_path / "run/progress.csv").read_bytes()
            == (tmp_path / "straight/progress.csv").read_bytes())
    tiny_run(tmp_path / "older", max_iters=5, resumed=old, **WEIGHED)
    counts = read_checkpoint(str(tmp_path / "older"))[1]["priorities/0-1-0"]
    assert counts.shape == (2, 5) and counts.sum(axis=1).tolist() == points(outcomes[-1:], 0)


def test_where_nobody_is_drawn():
    """Current learners play every match: one line says why."""
    with pytest.raises(InputError, match="--pfsp: not with --latest-share 1, no "):
        find_opponents("", Config(pfsp=1.0, latest_share=1.0), [], None, None,
                       make_parser().parse_args([]))
