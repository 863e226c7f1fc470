"""How far a run is, how its settings change with that, and when it ends."""

import time

import numpy as np

from common.command_line import InputError
from distributed_data import comm


class Limits:
    """Ends the training by exactly one of four measures."""

    def __init__(self, max_iters, max_timesteps, max_episodes, max_seconds):
        self._limits = {"iteration": max_iters, "timesteps": max_timesteps,
                        "episodes": max_episodes, "seconds": max_seconds}
        if sum((limit or 0) > 0 for limit in self._limits.values()) != 1:
            raise InputError("exactly one of --max-iters, --max-timesteps, --max-episodes, "
                             "--max-seconds must be positive")

    def reached(self, counters, interrupts=None):
        """Whether it is time to stop: by rank 0's clock, or a signal to any rank."""
        over = any(0 < (limit or 0) <= getattr(counters, what)
                   for what, limit in self._limits.items())
        asked = interrupts is not None and interrupts.asked
        return bool(comm.allsum(float(asked or (over and comm.RANK == 0))))


class Counters:
    """How far a run is.

    iteration, timesteps (environment steps, summed over ranks), episodes, not_finite (matches that
    ended because the physics broke down), seconds; interrupted: whether a signal ended the run.
    """

    _names = ("iteration", "timesteps", "episodes", "not_finite")

    def __init__(self):
        self._started = time.perf_counter()
        self.iteration = self.timesteps = self.episodes = self.not_finite = 0
        self.interrupted = False

    @property
    def seconds(self):
        """Wall time since the start, without that between checkpoint and resumption."""
        return time.perf_counter() - self._started

    def advance(self, segs, env):
        """Counts an iteration; returns how many matches ended in each of the game's `endings`.

        segs: the learners' segments; each of them has the endings of all matches.
        """
        endings = env.game.endings
        counts = np.bincount(segs[0]["endings"], minlength=len(endings))
        counts = comm.allsum(counts.tolist())
        self.iteration += 1
        self.timesteps += comm.SIZE * len(segs[0]["rew"]) * env.num_envs
        self.not_finite += int(counts[endings.index("not finite")])
        self.episodes += int(sum(counts))
        return counts

    def get_state(self):
        """Counters and seconds."""
        return {name: getattr(self, name) for name in (*self._names, "seconds")}

    def set_state(self, state):
        """Restores what `get_state` returned; older checkpoints lack some counters."""
        for name in self._names:
            setattr(self, name, int(state.get(name, getattr(self, name))))
        self._started = time.perf_counter() - float(state["seconds"])


class Schedule:
    """The weight of the dense reward, and the settings that change with it.

    counters: the run's `Counters`. alpha is 1 for `dense_iters` iterations, then falls linearly to
    `alpha_final` over `anneal_iters`. anneal_at: share of matches ending in one of the game's
    `achievements` at which annealing starts earlier (0: never); achieved: that share, smoothed over
    20 iterations.
    """

    def __init__(self, counters, dense_iters, anneal_iters, alpha_final=0.0, anneal_at=0.0):
        self._counters, self.dense_iters, self._anneal_iters = counters, dense_iters, anneal_iters
        self._alpha_final, self._anneal_at, self.achieved = alpha_final, anneal_at, 0.0

    @property
    def alpha(self):
        """Weight of the dense reward in this iteration."""
        return self.blend(1.0, self._alpha_final)

    def blend(self, dense, final):
        """A setting between its values before and after annealing."""
        annealed = self._counters.iteration - self.dense_iters
        if annealed < 0:
            return dense
        left = max(0.0, 1.0 - annealed / self._anneal_iters) if self._anneal_iters else 0.0
        return final + left * (dense - final)

    def note_achievements(self, counts, game):
        """Starts annealing once enough matches end as they should.

        counts: how many of the last iteration ended in each of `game.endings`.
        """
        if counts.sum():
            good = sum(counts[game.endings.index(name)] for name in game.achievements)
            self.achieved += 0.05 * (good / counts.sum() - self.achieved)
        if self._anneal_at and self.achieved >= self._anneal_at:
            self.dense_iters = min(self.dense_iters, self._counters.iteration)

    def get_state(self):
        """The counters, and what has been achieved: the checkpoint's part "progress"."""
        return {**self._counters.get_state(), "dense_iters": self.dense_iters,
                "achieved": self.achieved}

    def set_state(self, state):
        """Restores what `get_state` returned; older checkpoints lack some of it."""
        self._counters.set_state(state)
        self.dense_iters = int(state.get("dense_iters", self.dense_iters))
        self.achieved = float(state.get("achieved", 0.0))
