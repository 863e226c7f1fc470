"""How far a run is, and when it ends."""

import time

import numpy as np

from common.command_line import InputError
from distributed_data import comm
from selfplay.run_log import episode_figures


class Limits:
    """Ends the training by exactly one of four measures."""

    def __init__(self, max_iters, max_timesteps, max_episodes, max_seconds):
        self._limits = {"iteration": max_iters, "timesteps": max_timesteps,
                        "episodes": max_episodes, "seconds": max_seconds}
        if sum(limit > 0 for limit in self._limits.values()) != 1:
            raise InputError("exactly one of --max-iters, --max-timesteps, --max-episodes, "
                             "--max-seconds must be positive")

    def reached(self, progress, interrupts=None):
        """Whether it is time to stop: rank 0's clock counts, and a signal to any rank."""
        over = any(0 < limit <= getattr(progress, what) for what, limit in self._limits.items())
        asked = interrupts is not None and interrupts.asked
        return bool(comm.allsum(float(asked or (over and comm.RANK == 0))))


class Progress:
    """How far a run is, and what an iteration's log row says.

    iteration, timesteps (environment steps of all ranks), episodes, seconds; alpha: weight of the
    dense reward, 1 for `dense_iters` iterations, then linear to `alpha_final` over `anneal_iters`;
    anneal_at: share of games that end in one of the game's `achievements` from which on annealing
    starts, even before that (0: never before); achieved: that share, smoothed over 20 iterations;
    interrupted: whether a signal has ended the run.
    """

    _counts = ("iteration", "timesteps", "episodes", "not_finite", "dense_iters")

    def __init__(self, dense_iters, anneal_iters, alpha_final=0.0, anneal_at=0.0):
        self.dense_iters, self._anneal_iters = dense_iters, anneal_iters
        self._alpha_final, self._anneal_at, self.achieved = alpha_final, anneal_at, 0.0
        self._started = time.perf_counter()
        self.iteration = self.timesteps = self.episodes = self.not_finite = 0
        self.interrupted = False

    @property
    def seconds(self):
        """Wall time since the start, without the time between checkpoint and resumption."""
        return time.perf_counter() - self._started

    def get_state(self):
        """Counters and seconds."""
        return {name: getattr(self, name) for name in (*self._counts, "achieved", "seconds")}

    def set_state(self, state):
        """Goes back to a `get_state`."""
        for name in self._counts:  # older checkpoints lack some
            setattr(self, name, int(state.get(name, getattr(self, name))))
        self.achieved = float(state.get("achieved", 0.0))
        self._started = time.perf_counter() - float(state["seconds"])

    @property
    def alpha(self):
        """Weight of the dense reward in this iteration."""
        return self.blend(1.0, self._alpha_final)

    def blend(self, dense, final):
        """A setting between its values before and after annealing."""
        annealed = self.iteration - self.dense_iters
        if annealed < 0:
            return dense
        left = max(0.0, 1.0 - annealed / self._anneal_iters) if self._anneal_iters else 0.0
        return final + left * (dense - final)

    def advance(self, names, segs, losses, env):
        """Counts an iteration in and returns its row of the log, whole on rank 0.

        names, segs, losses: the learners'.
        """
        alpha = self.alpha
        self.iteration += 1
        self.timesteps += comm.SIZE * len(segs[0]["rew"]) * env.num_envs
        row = {}
        for learner, seg, loss in zip(names, segs, losses):
            figures = {**episode_figures(seg, env.game.endings), **loss}
            row.update({f"{learner}/{name}": value for name, value in figures.items()})
        endings = segs[0]["endings"]  # of all games: every learner's segment has the same
        games = np.bincount(endings, minlength=len(env.game.endings))
        games = comm.allsum(games.tolist())
        self.not_finite += int(games[env.game.endings.index("not finite")])
        self.episodes += int(sum(games))
        self._note_achievements(games, env.game)
        row |= {f"run/{name}": value for name, value in env.game.opened(env.version).items()}
        return row | {"run/alpha": alpha, "run/timesteps": self.timesteps,
                      "run/episodes": self.episodes, "run/not_finite_games": self.not_finite}

    def _note_achievements(self, games, game):
        """Lets annealing start as soon as enough games end as they should; games: per ending."""
        if games.sum():
            good = sum(games[game.endings.index(name)] for name in game.achievements)
            self.achieved += 0.05 * (good / games.sum() - self.achieved)
        if self._anneal_at and self.achieved >= self._anneal_at:
            self.dense_iters = min(self.dense_iters, self.iteration)

    def timing(self, segs, env, collecting, updating):
        """The row's figures that the clock decides; collecting, updating: seconds."""
        steps, samples = len(segs[0]["rew"]) * env.num_envs, segs[0]["rew"].size * len(segs)
        return {"run/seconds": self.seconds, "run/collect_s": collecting, "run/update_s": updating,
                "run/collect_steps_per_s": steps * comm.SIZE / collecting,
                "run/update_samples_per_s": samples * comm.SIZE / updating}
