"""One seat of a match as an ordinary Gymnasium environment; a given opponent plays the other."""

import inspect
import os

import gymnasium
from gymnasium.envs.registration import WrapperSpec

from gym_compete.checks import checked_version, is_amount, version_in
from gym_compete.env import CompeteEnv
from gym_compete.games import NOBODY
from gym_compete.numpy_policy import NumpyPolicy
from gym_compete.vector_env import NO_MATCH


class OneSeat(gymnasium.Env):
    """One agent; its opponent is part of the environment: a Box in, a Box out, one reward.

    env: short name or Gymnasium id of a game, or a `CompeteEnv`, wrapped or not.
    seat: 0 or 1, the agent's own.
    opponent: who plays the other seat: a parameter file (see `NumpyPolicy`), or a callable that
        turns that seat's observation into an action. A callable with an argument `rng` also gets a
        NumPy generator; its method `reset`, if it has one, is called at the start of each match.
    alpha: None: the reward is the game's own; from 0 to 1: it is alpha * dense + (1 - alpha) *
        competition. It may be set at any time.
    version: curriculum position of the resets, None for the full game; `options` of a reset set it.
    deterministic: whether a file plays its mean actions.
    options: `render_mode` and further keywords of `CompeteEnv` and the game, where env is a name.

    Infos are those of `CompeteEnv` for the seat, but the last one of a match also has `outcome`: 1
    if the agent has won, 0 in a tie and -1 if it has lost. Matches start like those of a
    `CompeteEnv` with the same seed, whoever the opponent is.

    Raises ValueError for a bad argument.
    """

    metadata = CompeteEnv.metadata

    def __init__(self, env, seat, opponent, *, alpha=None, version=None, deterministic=False,
                 **options):
        if seat not in (0, 1):
            raise ValueError(f"seat {seat!r}: must be 0 or 1")
        self.env, self.seat, self.alpha = _match(env, options), seat, alpha
        self.metadata, self.render_mode = self.env.metadata, self.env.render_mode
        self.observation_space = self.env.observation_space[seat]
        self.action_space = self.env.action_space[seat]
        self.version = checked_version(version)
        if isinstance(opponent, (str, os.PathLike)):
            opponent = NumpyPolicy(opponent, self.game, 1 - seat, deterministic)
        if not callable(opponent):
            raise ValueError(f"opponent {opponent!r}: must be a callable or a parameter file")
        self.opponent, self._takes_rng = opponent, _takes_rng(opponent)
        self._opponent_rng = self._seen = None

    @property
    def alpha(self):
        """The weight of the dense reward, None for the game's own reward."""
        return self._alpha

    @alpha.setter
    def alpha(self, alpha):
        if alpha is not None and not (is_amount(alpha) and alpha <= 1):
            raise ValueError(f"alpha {alpha!r}: must be None or from 0 to 1")
        self._alpha = alpha

    @property
    def game(self):
        """The `Game`, of one match."""
        return self.env.unwrapped.game

    def reset(self, *, seed=None, options=None):
        """Starts a match; options={"version": k} sets the curriculum position from here on.

        Raises ValueError for a bad version; other keys go to the environment.
        """
        version = version_in(options, self.version)
        super().reset(seed=seed)
        if seed is not None or self._opponent_rng is None:
            self._opponent_rng, = self.np_random.spawn(1)
        self.version = version
        self.env.unwrapped.np_random = self.np_random
        obs, infos = self.env.reset(options={**(options or {}), "version": self.version})
        if hasattr(self.opponent, "reset"):
            self.opponent.reset()
        self._seen = obs[1 - self.seat]
        return obs[self.seat], dict(infos[self.seat])

    def step(self, action):
        """Plays one step; action: [ac_dim], not clipped here (the motors clamp).

        Raises ResetNeeded before the first `reset`.
        """
        if self._seen is None:
            raise gymnasium.error.ResetNeeded(NO_MATCH)
        noise = {"rng": self._opponent_rng} if self._takes_rng else {}
        pair = [action, self.opponent(self._seen.copy(), **noise)]
        obs, rewards, terminated, truncated, infos = self.env.step(pair[::1 - 2 * self.seat])
        self._seen = obs[1 - self.seat]
        info = infos[self.seat]
        if terminated or truncated:
            winner = self.game.winner[0]
            info["outcome"] = 0 if winner == NOBODY else 1 if winner == self.seat else -1
        return obs[self.seat], self._reward(rewards, info), terminated, truncated, info

    def _reward(self, rewards, info):
        if self.alpha is None:
            return rewards[self.seat]
        return self.alpha * info["reward_move"] + (1 - self.alpha) * info["reward_remaining"]

    def render(self):
        """What `CompeteEnv.render` returns."""
        return self.env.render()

    def close(self):
        """Closes the match and its window, if there is one."""
        self.env.close()


def _match(env, options):
    """The environment of both seats."""
    if isinstance(env, str):
        return CompeteEnv(env, **options)
    if not isinstance(getattr(env, "unwrapped", None), CompeteEnv):
        raise ValueError(f"env {env!r}: must be a game's name, its id or a CompeteEnv")
    if options:
        raise ValueError(f"{', '.join(options)}: only if env is a name, not an environment")
    return env


def _takes_rng(opponent):
    try:
        return "rng" in inspect.signature(opponent).parameters
    except ValueError:  # some builtins have no signature
        return False


gymnasium.register(
    "one-seat-v0", entry_point="gym_compete.one_seat:OneSeat",
    additional_wrappers=(WrapperSpec("own_time_limit", "gym_compete.env:own_time_limit", {}),))
