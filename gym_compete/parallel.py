"""One match as a PettingZoo parallel environment: dicts by agent instead of tuples."""

from collections.abc import Mapping

import gymnasium
import numpy as np
from pettingzoo import ParallelEnv

from gym_compete.checks import short
from gym_compete.env import CompeteEnv

AGENTS = ("agent0", "agent1")


class CompeteParallelEnv(ParallelEnv):
    """A `CompeteEnv` whose observations, actions, rewards and infos are dicts of two.

    The agents are "agent0" and "agent1"; a match ends for both at once, after which `agents` is
    empty until the next `reset`. They hold what the tuples of `CompeteEnv` hold.
    """

    def __init__(self, game, render_mode=None, **options):
        """Makes the match; arguments and errors are those of `gym_compete.parallel_env`."""
        if render_mode is not None:
            options["render_mode"] = render_mode
        self.env = CompeteEnv(game, **options)
        self.render_mode = render_mode
        self.metadata = {**self.env.metadata, "name": f"{self.env.game.name}_v0",
                         "is_parallelizable": True}
        self.possible_agents, self.agents = list(AGENTS), []
        self.observation_spaces = dict(zip(AGENTS, self.env.observation_space))
        self.action_spaces = dict(zip(AGENTS, self.env.action_space))
        self.state_space = gymnasium.spaces.Box(
            -np.inf, np.inf, (sum(self.env.game.ob_dims),), np.float32)
        self._obs = tuple(np.zeros(size, np.float32) for size in self.env.game.ob_dims)

    def observation_space(self, agent):
        """The agent's `Box`, the same object at each call; KeyError for an unknown agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent):
        """The agent's `Box`, the same object at each call; KeyError for an unknown agent."""
        return self.action_spaces[agent]

    def reset(self, seed=None, options=None):
        """Starts a match; returns (observations, infos), both dicts by agent.

        seed: the match is that of a `CompeteEnv` reset with this seed; None continues with the
            random generator as it is.
        options: {"version": k} sets the curriculum position (sumo, kick-and-defend); ValueError if
            it is a bad one.
        """
        self._obs, infos = self.env.reset(seed=seed, options=options)
        self.agents = list(AGENTS)
        return _by_agent(self._obs), _by_agent(infos)

    def step(self, actions):
        """Plays one step; actions: dict by agent of [ac_dim] arrays, not clipped here.

        Returns (observations, rewards, terminations, truncations, infos), all dicts by agent.
        ValueError if the match is over, or unless there is one action for each agent, of its shape.
        """
        if not self.agents:
            raise ValueError("no match is being played: call reset first")
        if not isinstance(actions, Mapping):
            raise ValueError(f"actions {short(actions)}: must be a dict by {' and '.join(AGENTS)}")
        if set(actions) != set(AGENTS):
            given = ", ".join(map(str, actions)) or "nobody"
            raise ValueError(f"actions of {given}: must be of {' and '.join(AGENTS)}")
        self._obs, rewards, terminated, truncated, infos = self.env.step(
            [actions[agent] for agent in AGENTS])
        if terminated or truncated:
            self.agents = []
        return (_by_agent(self._obs), _by_agent(rewards), dict.fromkeys(AGENTS, terminated),
                dict.fromkeys(AGENTS, truncated), _by_agent(infos))

    def state(self):
        """Both agents' last observations in a row, [2 * ob_dim] float32."""
        return np.concatenate(self._obs)

    def render(self):
        """What `CompeteEnv.render` returns."""
        return self.env.render()

    def close(self):
        """Closes the match and its window, if there is one."""
        self.env.close()


def _by_agent(pair):
    return dict(zip(AGENTS, pair))
