"""The two-robot games of *Emergent Complexity via Multi-Agent Competition* on today's MuJoCo.

`gymnasium.make("run-to-goal-ants-v0")` gives one match, `CompeteVectorEnv` many at a time.
"""

import gymnasium

from gym_compete.env import CompeteEnv
from gym_compete.games import GAMES, find_game
from gym_compete.vector_env import CompeteVectorEnv

for _name, _game in GAMES.items():
    # Gymnasium's passive checker knows no tuple of rewards; the time limit is the game's own.
    gymnasium.register(
        _game.env_id, entry_point="gym_compete.env:CompeteEnv", kwargs={"game": _name},
        disable_env_checker=True)

__all__ = ["GAMES", "CompeteEnv", "CompeteVectorEnv", "find_game"]
