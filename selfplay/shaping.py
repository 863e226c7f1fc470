"""Potential-based shaping: a dense reward that does not change which policies are best."""

import numpy as np


class Shaping:
    """F = weight * (gamma P(s') - P(s)) for every seat, where P is `Game.potential`.

    Over a match the discounted F add up to -weight * P of its first state, whatever is played, so
    policies keep their order (Ng, Harada and Russell, 1999; for several learners, Devlin and
    Kudenko, 2011). This requires P = 0 in every state in which a match ends, time-outs included.

    env: `CompeteVectorEnv`. weight: reward for going from P = 0 to 1. gamma: function that returns
    the discount of the advantages.

    It has no state of its own: P follows from the matches' states, so a resumed run continues with
    the same bits.
    """

    def __init__(self, env, weight, gamma):
        self._env, self._weight, self._gamma = env, weight, gamma

    def potentials(self):
        """weight * P of the matches' current states, [2, N]."""
        game = self._env.game
        return self._weight * np.array([game.potential(seat) for seat in game.seats])

    def reward(self, before, done):
        """F [2, N] of the step that was just taken.

        before: `potentials` before the step; done: matches [N] that it ended, which have been
        restarted.
        """
        return self._gamma() * np.where(done, 0.0, self.potentials()) - before

    def cut(self, infos):
        """Correction of the value estimates of matches cut short by a time limit, [2, N].

        A network that learns from shaped returns values a state lower than its true value, by
        weight * P. F has ended at P = 0 there, so the bootstrap must be the true value. infos:
        those of the step, which hold the potentials of these matches only.
        """
        return self._weight * infos["final_potential"]
