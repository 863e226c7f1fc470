"""Potential-based shaping: a dense reward that does not change which policies are best."""

import numpy as np


class Shaping:
    """F = weight * (gamma P(s') - P(s)) for every seat, where P is `Game.potential`.

    Over a game the discounted F add up to -weight * P of its first state, whatever is played, so
    policies keep their order (Ng, Harada and Russell, 1999; where several agents learn, Devlin and
    Kudenko, 2011). For that P is 0 in every state that a game ends in, time-outs too.

    env: `CompeteVectorEnv`. weight: reward for the way from P = 0 to 1. gamma: function that
    returns the discount that advantages are computed with.

    It remembers nothing: P follows from the state of the matches, so that a resumed run goes on
    with the same bits.
    """

    def __init__(self, env, weight, gamma):
        self._env, self._weight, self._gamma = env, weight, gamma

    def potentials(self):
        """weight * P of where the matches stand now, [2, N]."""
        game = self._env.game
        return self._weight * np.array([game.potential(seat) for seat in game.seats])

    def reward(self, before, done):
        """F [2, N] of the step that was just taken.

        before: `potentials` in front of the step; done: matches [N] that it has ended, in whose
        place new ones stand.
        """
        return self._gamma() * np.where(done, 0.0, self.potentials()) - before

    def cut(self, infos):
        """What a value of a game that a time limit has cut lacks, [2, N].

        A network that learns from shaped returns values a state by weight * P lower than it is
        worth. F has ended at P = 0 there, so the bootstrap must be the whole worth. infos: those of
        the step, which hold the potentials of cut games alone.
        """
        return self._weight * infos["final_potential"]
