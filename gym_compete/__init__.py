"""The two-robot games of *Emergent Complexity via Multi-Agent Competition* on today's MuJoCo.

`gymnasium.make("run-to-goal-ants-v0")` gives one match, `parallel_env` the same to PettingZoo,
`OneSeat` one agent's side of it as an ordinary environment, `CompeteVectorEnv` many at once;
`Renderer` draws any of them, `register` makes a new game known, `spec` gives its MuJoCo scene.
"""

import os

try:
    import mujoco  # noqa: F401
except Exception:  # of any kind, from the OpenGL that MUJOCO_GL names
    if "MUJOCO_GL" not in os.environ:
        raise
    # Only painter.py draws, in a process of its own; `Renderer` reports it if it cannot.
    _wanted = os.environ["MUJOCO_GL"]
    os.environ["MUJOCO_GL"] = "disable"
    import mujoco  # noqa: F401
    os.environ["MUJOCO_GL"] = _wanted

from gym_compete.env import CompeteEnv
from gym_compete.export import spec, to_xml
from gym_compete.games import GAMES, Game, find_game, register
from gym_compete.numpy_policy import NumpyPolicy
from gym_compete.one_seat import OneSeat
from gym_compete.rendering import CAMERAS, Camera, Renderer, RenderingError, Viewer
from gym_compete.vector_env import CompeteVectorEnv

__all__ = ["CAMERAS", "GAMES", "Camera", "CompeteEnv", "CompeteVectorEnv", "Game", "NumpyPolicy",
           "OneSeat", "Renderer", "RenderingError", "Viewer", "find_game", "parallel_env",
           "register", "spec", "to_xml"]


def parallel_env(game, render_mode=None, **options):
    """Returns one match as a PettingZoo `ParallelEnv` of "agent0" and "agent1".

    game: short name ("sumo-ants") or Gymnasium id; render_mode: as of `gymnasium.make`;
    options: keywords of the game (`max_episode_steps`, `integrator`, ...).

    Raises ImportError without PettingZoo, ValueError for an unknown game or a bad option.
    """
    try:
        from gym_compete.parallel import CompeteParallelEnv  # the games alone do not need it
    except ModuleNotFoundError as error:
        if error.name != "pettingzoo":
            raise
        raise ImportError("parallel_env needs PettingZoo: pip install pettingzoo") from None
    return CompeteParallelEnv(game, render_mode, **options)
