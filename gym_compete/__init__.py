"""The two-robot games of *Emergent Complexity via Multi-Agent Competition* on today's MuJoCo.

`gymnasium.make("run-to-goal-ants-v0")` gives one match, `CompeteVectorEnv` many at a time,
`register` makes a new game known.
"""

from gym_compete.env import CompeteEnv
from gym_compete.games import GAMES, Game, find_game, register
from gym_compete.vector_env import CompeteVectorEnv

__all__ = ["GAMES", "CompeteEnv", "CompeteVectorEnv", "Game", "find_game", "register"]
