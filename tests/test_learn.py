"""The training loop: batches, opponents, limits, and runs that repeat to the byte."""

import csv
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import width
from tiny import HEADERS, MPIRUN, snapshot_bytes, tiny_run

from common.command_line import InputError, NotFinite
from common.parameter_file import load_parameters
from distributed_data import comm
from gym_compete import CompeteVectorEnv
from learn import update_all
from selfplay import setup
from selfplay.frozen import FrozenCopies
from selfplay.ppo import Learner
from selfplay.progress import Counters, Limits, Schedule
from selfplay.run_log import iteration_row
from selfplay.seating import learner_names, seat_players
from selfplay.snapshots import Snapshots
from utils import Scores


@pytest.mark.parametrize("changes,culprit", [
    ({"timesteps_per_batch": 2}, "--timesteps-per-batch 2"),
    ({"timesteps_per_batch": 13}, "--timesteps-per-batch 13"),
    ({"optim_batchsize": 24}, "--optim-batchsize 24")])
def test_batches_that_do_not_divide(tmp_path, changes, culprit):
    """Batch and matches must divide, a minibatch be part of the batch; the line names the option.
    """
    with pytest.raises(InputError, match=culprit):
        tiny_run(tmp_path / "run", max_iters=1, **changes)


def test_a_batch_that_does_not_fit_in_memory(tmp_path, monkeypatch):
    """One line, before there is a folder."""
    def full(horizon, player):
        raise MemoryError("Unable to allocate 4.2 TiB")

    monkeypatch.setattr(setup, "new_segment", full)
    with pytest.raises(InputError, match="--timesteps-per-batch 12: takes more memory than this"):
        tiny_run(tmp_path / "run", max_iters=1)
    assert not list(tmp_path.iterdir())


# Limits and schedules


def test_exactly_one_limit():
    """None and two are refused; each of the four ends the run at its measure."""
    for wrong in ([0, 0, 0, 0], [1, 0, 5, 0], [1, 1, 1, 1]):
        with pytest.raises(InputError, match="exactly one"):
            Limits(*wrong)
    for i, name in enumerate(("iteration", "timesteps", "episodes", "seconds")):
        limits = Limits(*(3 if k == i else 0 for k in range(4)))
        now = dict.fromkeys(("iteration", "timesteps", "episodes", "seconds"), 2)
        assert not limits.reached(SimpleNamespace(**now))
        assert not limits.reached(SimpleNamespace(**{**dict.fromkeys(now, 99), name: 2}))
        assert limits.reached(SimpleNamespace(**{**now, name: 3}))


def schedule_at(iteration):
    """Two purely dense iterations, then two of annealing."""
    counters = Counters()
    counters.iteration = iteration
    return Schedule(counters, 2, 2)


def test_annealing():
    """alpha falls linearly from 1 to 0 over anneal_iters; blends follow it; 0 means no dense part.
    """
    counters = Counters()
    schedule = Schedule(counters, 0, 4)
    alphas, gammas = [], []
    for counters.iteration in range(6):
        alphas.append(schedule.alpha)
        gammas.append(schedule.blend(0.9, 0.99))
    assert alphas == [1, 0.75, 0.5, 0.25, 0, 0]
    np.testing.assert_allclose(gammas, np.interp(alphas, [0, 1], [0.99, 0.9]))
    counters = Counters()
    assert Schedule(counters, 0, 0).alpha == 0
    kept = Schedule(counters, 0, 2, alpha_final=0.5)
    assert (kept.alpha, kept.blend(3, 5)) == (1, 3)
    counters.iteration = 9
    assert (kept.alpha, kept.blend(3, 5)) == (0.5, 5)
    assert [p.alpha for p in map(schedule_at, range(5))] == [1, 1, 1, 0.5, 0]


def test_annealing_starts_with_what_has_been_learned():
    """Once the smoothed share of achievements reaches the mark, alpha falls, for good."""
    game = SimpleNamespace(endings=("", "touchdown", "both down"), achievements=("touchdown",))
    counters = Counters()
    schedule = Schedule(counters, dense_iters=1000, anneal_iters=10, anneal_at=0.25)
    for iteration in range(60):
        assert schedule.alpha == 1.0
        schedule.note_achievements(np.array([0, 0, 8]) if iteration < 30 else np.array([0, 4, 4]),
                                   game)
        counters.iteration += 1
        if schedule.dense_iters < 1000:
            break
    smoothed, count = 0.0, 0
    while smoothed < 0.25:
        smoothed, count = smoothed + 0.05 * (0.5 - smoothed), count + 1
    assert counters.iteration == 30 + count
    schedule.note_achievements(np.array([0, 0, 8]), game)
    counters.iteration += 5
    assert schedule.alpha == pytest.approx(0.4)
    again = Schedule(Counters(), 1000, 10, anneal_at=0.25)
    again.set_state(schedule.get_state())
    assert (again.alpha, again.achieved) == (schedule.alpha, schedule.achieved)


# What is counted


@pytest.mark.parametrize("shared", [False, True])
def test_a_game_is_counted_once(shared):
    """Whoever has trained in it: one learner from both seats, two learners, or one.

    Four matches: current learners in the first two, an older version in the others.
    """
    env = CompeteVectorEnv("sumo-ants", 4)
    players, names = seat_players(4, 0.5, 2, shared), learner_names(shared)
    scores = Scores(players, 4)
    fault = env.game.endings.index("not finite")
    env.infos["ending"][:] = fault, 0, fault, 1
    env.infos["steps"][:] = 10, 5, 40, 70
    scores.add(np.zeros((2, 4)), env.infos)
    segs = [{"rew": np.zeros((3, width(player))), "endings": scores.endings, "parts": {}, **found}
            for player, found in zip(players, scores.found)]
    counters = Counters()
    counters.advance(segs, env)
    row = iteration_row(names, segs, [{}] * len(names), 1.0, counters, env)
    env.close()
    assert (row["run/episodes"], row["run/not_finite_games"]) == (3, 2)
    if shared:
        assert row["agent0/games"] == 3 and row["agent0/ep_len"] == 40
        assert row["agent0/end_not_finite"] == pytest.approx(2 / 3)
    else:  # in the third match seat 1 is an older version's, in the fourth seat 0
        assert (row["agent0/games"], row["agent1/games"]) == (2, 2)
        assert (row["agent0/ep_len"], row["agent1/ep_len"]) == (25, 40)
        assert (row["agent0/end_not_finite"], row["agent1/end_not_finite"]) == (1, 0.5)


# Whole runs


def test_a_fault_is_told_once(monkeypatch):
    """Of two learners on several ranks, which update in turn, the first one's breakdown ends the
    second one's turn: what the log has of the iteration before is not told again.
    """
    def update(learner, fault, ends=False):
        learner.optimizer.faults = [fault]
        if ends:
            raise NotFinite
        return {}

    def told(*turns):
        for learner, turn in zip(learners, turns):
            learner.optimizer.update = lambda *_, learner=learner, turn=turn: update(learner, *turn)
        return update_all(learners, [None] * 2, [None] * 2, lambda text, ahead: said.append(text))

    monkeypatch.setattr(comm, "SIZE", 2)
    learners = [SimpleNamespace(name=name, optimizer=Learner.__new__(Learner)) for name in "ab"]
    said = []
    told(("kl",), ("entropy",))
    with pytest.raises(NotFinite):
        told(("gradient", True), ("never",))
    assert said == [f"{what} not finite, step not taken" for what in (
        "a: kl", "b: entropy", "a: gradient")]


def test_graph_does_not_grow(tmp_path, monkeypatch):
    """Fifty iterations use the operations of the first, in one graph that is finalized."""
    sizes, graphs, save = [], set(), Snapshots.save

    def count(self, version, vectors):
        graph = tf.get_default_graph()
        graphs.add(id(graph))
        sizes.append(len(graph.get_operations()))
        assert graph.finalized
        save(self, version, vectors)

    monkeypatch.setattr(Snapshots, "save", count)
    progress = tiny_run(tmp_path / "run", max_iters=50)
    assert progress.iteration == 50 and len(sizes) == 51
    assert len(set(sizes)) == len(graphs) == 1
    assert progress.timesteps == 50 * 4 * 4  # 12 samples / 3 places per learner: 4 steps of 4
    assert len(snapshot_bytes(tmp_path / "run")) == 102


def test_same_seed_same_bytes(tmp_path):
    """A seed decides every byte of every snapshot, on one thread or two; another seed differs."""
    runs = {"once": {}, "again": {}, "two_threads": {"num_threads": 2}, "other": {"seed": 1}}
    files = {}
    for name, options in runs.items():
        tiny_run(tmp_path / name, max_iters=2, **options)
        files[name] = snapshot_bytes(tmp_path / name)
    assert len(files["once"]) == 6
    assert files["once"] == files["again"] == files["two_threads"]
    for name, raw in files["once"].items():
        assert raw != files["other"][name]


def test_snapshots_differ_and_know_themselves(tmp_path):
    """Each snapshot holds new parameters, and a header that says whose and when."""
    tiny_run(tmp_path / "run", max_iters=2)
    seen = []
    for seat in (0, 1):
        for version in range(3):
            vector, header = load_parameters(tmp_path / f"run/agent{seat}/{version:06d}.npz")
            assert header == {**HEADERS[seat], "version": version, "iteration": version,
                              "curriculum": 0}
            assert all((vector != other).any() for other in seen)
            seen.append(vector)


def test_the_first_segment_is_as_noisy_as_the_floor_asks(tmp_path):
    """So its update, in which nothing has been learned yet, clips hardly any ratio."""
    tiny_run(tmp_path / "run", max_iters=1, logstd_floor_dense=0.5, optim_stepsize=1e-6)
    row, = csv.DictReader((tmp_path / "run/progress.csv").open())
    for name in ("agent0", "agent1"):
        vector, _ = load_parameters(tmp_path / f"run/{name}/000000.npz")
        np.testing.assert_allclose(vector[-8:], 0.5, atol=1e-6)
        assert float(row[f"{name}/kl"]) < 1e-6 and float(row[f"{name}/clip_frac"]) == 0


def test_the_kl_that_the_step_size_follows_falls_as_alpha_does(tmp_path, monkeypatch):
    """From --adaptive-kl to --adaptive-kl-final; unless that is given it stays."""
    followed, update = [], Learner.update
    monkeypatch.setattr(Learner, "update", lambda self, *args, **options: (
        followed.append(options["adaptive_kl"]), update(self, *args, **options))[1])
    for name, kls in (("a", dict(adaptive_kl_final=0.02)), ("b", {})):
        tiny_run(tmp_path / name, max_iters=4, adaptive_kl=0.06, dense_iters=1, anneal_iters=2,
                 **kls)
    first, second = np.split(np.reshape(followed, (-1, 2)), 2)
    np.testing.assert_allclose(first, np.repeat([[0.06], [0.06], [0.04], [0.02]], 2, axis=1))
    np.testing.assert_array_equal(second, 0.06)
    tiny_run(tmp_path / "c", max_iters=1, adaptive_kl=0.0, adaptive_kl_final=0.02)
    assert followed[-2:] == [0, 0]


def test_frozen_seats_play_the_drawn_vectors(tmp_path, monkeypatch):
    """What is drawn plays the other seat until its matches are over, and no iteration longer."""
    held, renew = [], FrozenCopies.renew

    def keep(self, rng, delta, rivals, learners):
        found = draw(self, rng, delta, rivals, learners)
        held.append({"asked": rivals, "latest": self.latest, "drawn": [v for _, v in found]})
        return found

    def spy(self, sess, *args):
        before = [p.width for p in self.players]
        renew(self, sess, *args)
        held[-1] |= {"before": before, "rivals": [s.rivals for s in self.seatings], "vectors": [
            np.concatenate([v.ravel() for v in sess.run(p.policy.get_variables())])
            for p in self.players]}

    draw = Snapshots.draw
    monkeypatch.setattr(Snapshots, "draw", keep)
    monkeypatch.setattr(FrozenCopies, "renew", spy)
    tiny_run(tmp_path / "run", max_iters=8, delta=1.0, lengths=[5, 5, 5, 9])
    assert held[0]["asked"] == held[0]["rivals"] == [[1], [1], [0], [0]]
    version = [0] * 4
    for now in held:
        due = [0, 1, 2, 3] if now is held[0] else [
            k for pair in ((0, 1), (2, 3)) for k in pair if not now["before"][k]]
        assert now["asked"] == [now["rivals"][k] for k in due]
        for k in due:
            version[k] = now["latest"]
        for k, vector in enumerate(now["vectors"]):
            expected, _ = load_parameters(
                tmp_path / f"run/agent{now['rivals'][k][0]}/{version[k]:06d}.npz")
            np.testing.assert_allclose(vector, expected, rtol=1e-6)
    assert len({tuple(now["before"]) for now in held}) > 2


def test_the_timestep_limit(tmp_path):
    """--max-timesteps ends after the iteration that reaches it."""
    progress = tiny_run(tmp_path / "run", max_timesteps=17)
    assert progress.iteration == 2 and progress.timesteps == 32


def test_a_signal_for_any_rank(tmp_path):
    """All ranks stop after the same iteration, and all know that a signal has stopped them."""
    job = Path(__file__).with_name("mpi_jobs.py")
    subprocess.run([MPIRUN, "-np", "2", sys.executable, job, "one_is_stopped", tmp_path],
                   check=True, timeout=120, capture_output=True)
    assert [(tmp_path / f"rank{rank}").read_text() for rank in (0, 1)] == 2 * ["1 True"]
