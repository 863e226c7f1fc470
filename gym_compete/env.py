"""One match as a Gymnasium environment with tuples for the two agents, as in 2017."""

import gymnasium
import numpy as np

from gym_compete.games import NOBODY, find_game
from gym_compete.rendering import Renderer, Window
from gym_compete.vector_env import action_space, observation_space


class CompeteEnv(gymnasium.Env):
    """A match between agent0 and agent1.

    Observations, actions, rewards and infos are tuples of two; there is one `terminated` and one
    `truncated`, since a match ends for both. `infos[i]` holds `reward_move`, its parts,
    `reward_remaining`, `agent_done` and, once the match is over, `ending` and for its winner
    `winner` = True.

    game: short name or Gymnasium id. render_mode: None, "rgb_array" (`render` returns a picture
    [height, width, 3] uint8, no display needed) or "human" (a window that follows every step in
    real time); width, height: of pictures [pixels]. options: keywords of the game
    (`max_episode_steps`, ...).

    Raises ValueError for a bad value, RuntimeError where the mode finds nothing to draw with.
    """

    metadata = {"render_modes": ["human", "rgb_array"]}

    def __init__(self, game, render_mode=None, width=640, height=480, **options):
        self.render_mode = render_mode
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode {render_mode!r}: must be one of None, "
                             + ", ".join(map(repr, self.metadata["render_modes"])))
        self.game = find_game(game)(**options)
        self.metadata = {**self.metadata, "render_fps": round(1 / self.game.dt)}
        self._view = None
        if render_mode == "rgb_array":
            self._view = Renderer(self.game, width, height)
        elif render_mode == "human":
            self._view = Window(self.game)
        self.observation_space = observation_space(self.game)
        self.action_space = action_space(self.game)

    @property
    def model(self):
        """The `mujoco.MjModel`."""
        return self.game.sim.models[0]

    @property
    def data(self):
        """The `mujoco.MjData`; what is written into it counts from the next step on."""
        return self.game.sim.datas[0]

    def _observe(self):
        obs = tuple(np.zeros((1, size), np.float32) for size in self.game.ob_dims)
        self.game.observe(obs)
        return tuple(ob[0] for ob in obs)

    def reset(self, *, seed=None, options=None):
        """Starts a match; options={"version": k} sets the curriculum position (sumo, kick)."""
        super().reset(seed=seed)
        self.game.reset(0, self.np_random, (options or {}).get("version"))
        if self.render_mode == "human":
            self.render()
        return self._observe(), ({}, {})

    def step(self, actions):
        """Plays one step; actions: one array a seat, not clipped here (the motors clamp)."""
        game = self.game
        acs = [np.asarray(ac, np.float64).reshape(1, size)
               for ac, size in zip(actions, game.ac_dims, strict=True)]
        game.step(acs)
        if self.render_mode == "human":
            self.render()
        rewards = tuple(map(float, game.reward_remaining[:, 0] + game.body_move[:, 0]))
        truncated = bool(game.truncated[0])
        terminated = bool(game.ending[0] > 0) and not truncated
        return self._observe(), rewards, terminated, truncated, self._infos()

    def _infos(self):
        game, infos = self.game, []
        for i in range(2):
            info = {name: float(part[0]) for name, part in game.parts[i].items()}
            info["reward_move"] = float(game.reward_move[i, 0])
            info["reward_remaining"] = float(game.reward_remaining[i, 0])
            info["agent_done"] = bool(game.down[i, 0])
            if game.ending[0]:
                info["ending"] = game.endings[game.ending[0]]
            if game.winner[0] != NOBODY and game.winner[0] == i:
                info["winner"] = True
            infos.append(info)
        return tuple(infos)

    def render(self):
        """The match as it stands, [height, width, 3] uint8; "human" shows it by itself, too."""
        return self._view.render() if self._view else None

    def close(self):
        """Closes window and graphics, and ends the game's threads."""
        if self._view:
            self._view.close()
            self._view = None
        self.game.sim.close()


def own_time_limit(env):
    """Hands the `max_episode_steps` that `gymnasium.make` keeps for a wrapper to the game itself.

    In most games the time limit is a rule with rewards, and sumo's agents observe the steps left.
    """
    if isinstance(env, gymnasium.wrappers.TimeLimit):
        # Not its `spec`: the wrappers below would remember theirs, as it is without the limit.
        limit, env = env._max_episode_steps, env.env
        env.unwrapped.game.max_episode_steps = limit
        env.unwrapped.spec.kwargs["max_episode_steps"] = limit
    return env
