"""One match as a Gymnasium environment with tuples for the two agents, as in 2017."""

import gymnasium
import numpy as np

from gym_compete.checks import checked_actions, checked_limit, version_in
from gym_compete.games import NOBODY, find_game
from gym_compete.rendering import HEIGHT, WIDTH, Renderer, Viewer
from gym_compete.vector_env import NO_MATCH, action_space, observation_space


class CompeteEnv(gymnasium.Env):
    """A match between agent0 and agent1.

    Observations, actions, rewards and infos are tuples of two; there is one `terminated` and one
    `truncated`, since a match ends for both. `infos[i]` holds `reward_move`, its parts,
    `reward_remaining`, `agent_done` and, once the match is over, `ending` and for its winner
    `winner` = True.

    game: short name or Gymnasium id; options: keywords of the game (`max_episode_steps`, ...).
    render_mode: "rgb_array": `render` returns frames; "human": a window shows every step in real
        time; None: no pictures. width, height: of a frame [pixels].

    Raises ValueError for an unknown game or render mode, a bad size or a bad option, and
    RenderingError if the machine cannot draw.
    """

    metadata = {"render_modes": ["human", "rgb_array"]}

    def __init__(self, game, render_mode=None, width=WIDTH, height=HEIGHT, **options):
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode {render_mode!r}: must be one of "
                             f"{', '.join(self.metadata['render_modes'])}, None")
        self.game = find_game(game)(**options)
        self.render_mode = render_mode
        self.metadata = self.metadata | {"render_fps": round(1 / self.game.dt)}
        self._renderer = self._viewer = None
        self._started = False
        if render_mode == "rgb_array":
            self._renderer = Renderer(self.game, width, height)
        self.observation_space = observation_space(self.game)
        self.action_space = action_space(self.game)

    @property
    def model(self):
        """The `mujoco.MjModel`."""
        return self.game.sim.models[0]

    @property
    def data(self):
        """The `mujoco.MjData`; changes to it take effect at the next step."""
        return self.game.sim.datas[0]

    def __getstate__(self):
        # A copy opens a window of its own when it has something to show.
        return {**vars(self), "_viewer": None}

    def _observe(self):
        obs = tuple(np.zeros((1, size), np.float32) for size in self.game.ob_dims)
        self.game.observe(obs)
        return tuple(ob[0] for ob in obs)

    def reset(self, *, seed=None, options=None):
        """Starts a match; options={"version": k} sets the curriculum position (sumo, kick).

        Raises ValueError for a bad version; other keys mean nothing here.
        """
        version = version_in(options)
        super().reset(seed=seed)
        self.game.reset(0, self.np_random, version)
        self._started = True
        if self.render_mode == "human":
            self.render()
        return self._observe(), ({}, {})

    def step(self, actions):
        """Plays one step; actions: one array per seat, not clipped here (the motors clamp).

        Raises ValueError for actions of another shape or type; one that is not finite ends the
        match in a tie. Raises ResetNeeded before the first `reset`.
        """
        if not self._started:
            raise gymnasium.error.ResetNeeded(NO_MATCH)
        game = self.game
        game.step([ac.astype(np.float64)[None] for ac in checked_actions(actions, game.ac_dims)])
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
        """Returns a picture of the match, [height, width, 3] uint8, or shows it ("human")."""
        if self.render_mode is None:
            gymnasium.logger.warn("render_mode None draws nothing: make the environment with "
                                  '"human" or "rgb_array"')
            return None
        if self.render_mode == "rgb_array":
            return self._renderer.render()
        self._viewer = self._viewer or Viewer(self.game)
        return self._viewer.show()

    def close(self):
        """Stops the game's threads and closes the window."""
        self.game.sim.close()
        for face in (self._renderer, self._viewer):
            if face:
                face.close()


def own_time_limit(env):
    """Moves `max_episode_steps` from the wrapper that `gymnasium.make` adds to the game itself.

    In most games the time limit is a rule with rewards, and sumo's agents observe the steps left.
    Raises ValueError for a bad limit.
    """
    if isinstance(env, gymnasium.wrappers.TimeLimit):
        # Not its `spec`: the wrappers below would remember theirs, as it is without the limit.
        limit, env = checked_limit(env._max_episode_steps), env.env
        env.unwrapped.game.max_episode_steps = limit
        env.unwrapped.spec.kwargs["max_episode_steps"] = limit
    return env
