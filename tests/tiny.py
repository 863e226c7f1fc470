"""Runs of four-unit networks that train in seconds."""

import sys
from pathlib import Path

import numpy as np

from gym_compete import CompeteVectorEnv
from learn import compete_learn
from policy import MlpPolicy
from selfplay.config import Config
from selfplay.opponents import History, Outsider
from selfplay.priorities import make_priorities
from selfplay.seating import learner_names
from selfplay.trainee import Trainee
from utils import Actors, Rollouts

TINY = dict(
    timesteps_per_batch=12, optim_batchsize=6, optim_epochs=2, optim_stepsize=1e-3,
    optim_stepsize_final=1e-3, clip_param=0.2, entcoeff=0.0, l2=0.0, target_kl=0.0, gamma=0.99,
    gamma_dense=0.99, lam=0.95, dense_iters=0, anneal_iters=10, delta=0.5, latest_share=0.5,
    opponents=2, logstd_floor=-2.0, logstd_floor_dense=-1.0, keep=1, curriculum_iters=None,
    max_seconds=None)
HEADERS = [{"game": "run-to-goal-ants", "seat": seat, "policy": "mlp",
            "policy_args": {"hid_size": 4}, "ob_dim": 122, "ac_dim": 8} for seat in (0, 1)]


def tiny_run(run_dir, num_threads=1, kind=MlpPolicy, lengths=None, num_envs=4, **changes):
    """Trains networks of four units in four matches of four steps per iteration.

    lengths: time limits of the matches, one each.
    """
    env = CompeteVectorEnv("run-to-goal-ants", num_envs, num_threads, seed=0, integrator="Euler")
    if lengths is not None:
        env.game.max_episode_steps = np.asarray(lengths)

    def policy_fn(name, seat, rng):
        return kind(name, 122, 8, rng, hid_size=4)

    counters = learn(env, policy_fn, run_dir, HEADERS, **{**TINY, **changes})
    env.close()
    return counters


def learn(env, policy_fn, run_dir, headers, *, outsider=None, init=None, anchors=None, resumed=None,
          **options):
    """`compete_learn` with the options as keywords; outsider: (seat, entry), or None."""
    config = Config(**options)
    names = learner_names(headers[0]["seat"] == "both", config.ensemble, outsider and outsider[0])
    trainees = [Trainee(name, int(name[5]), header) for name, header in zip(names, headers)]
    opponents = (Outsider(*outsider) if outsider else History(
        config.latest_share, config.opponents, make_priorities(config, trainees)))
    return compete_learn(env, policy_fn, trainees, str(run_dir), config, opponents=opponents,
                         init=init, anchors=anchors, resumed=resumed)


def snapshot_bytes(run_dir):
    """The snapshots of a run by their names."""
    return {str(path.relative_to(run_dir)): path.read_bytes()
            for path in sorted(run_dir.glob("agent*/*.npz"))}


class Watch:
    """Notes by which parameters, and with which memory, the frozen side of each match plays.

    finished: of each match that has ended, how many different vectors it has met; vectors: all of
    them; faults: steps that were taken with a memory of another match or another network.
    """

    def __init__(self, patch):
        self.finished, self.vectors, self.faults = [], set(), []
        self._matches, self._now, self._held = {}, None, {}
        collect, act, step = Rollouts.__next__, Actors.act, CompeteVectorEnv.step
        patch(Rollouts, "__next__", lambda rollouts: self._collect(rollouts, collect))
        patch(Actors, "act", lambda actors, rng: self._act(actors, rng, act))
        patch(CompeteVectorEnv, "step", lambda env, acs: self._step(env, acs, step))

    def _collect(self, rollouts, collect):
        self._now = rollouts
        for player in rollouts.players:
            values = rollouts.sess.run(player.policy.get_variables())
            self._held[player] = np.concatenate([v.ravel() for v in values]).tobytes()
        return collect(rollouts)

    def _act(self, actors, rng, act):
        frozen = [p for p in actors.players if p.learner is None]
        before = [p.state.copy() for p in frozen]
        outputs = act(actors, rng)
        for player, states in zip(frozen, before):
            self.vectors.add(self._held[player])
            matches = np.arange(self._now.env.num_envs)[player.places[0][1]]
            for match, state, following in zip(matches, states, player.state):
                met, last = self._matches.setdefault(match, ([], np.zeros_like(state)))
                if met and met[-1] != self._held[player]:
                    last = np.zeros_like(state)
                if not np.array_equal(state, last):
                    self.faults.append(match)
                self._matches[match] = [*met, self._held[player]], following.copy()
        return outputs

    def _step(self, env, acs, step):
        out = step(env, acs)
        if self._now is not None:
            for match in np.flatnonzero(out[2] | out[3]):
                met, _ = self._matches.pop(match, ([], None))
                self.finished += [len(set(met))] * bool(met)
        return out


MPIRUN = Path(sys.executable).parent / "mpirun"
