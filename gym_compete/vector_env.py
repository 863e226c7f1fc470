"""Many matches of one game at a time."""

import json
import numbers

import gymnasium
import numpy as np
from gymnasium.utils import seeding

from gym_compete.checks import checked_actions, is_number, version_in
from gym_compete.games import NOBODY, find_game
from gym_compete.mirror import Mirror

NO_MATCH = "no match is being played: call reset first"


class CompeteVectorEnv:
    """N matches of a game stepped by threads; a finished match restarts at once.

    game: short name ("run-to-goal-ants") or Gymnasium id.
    num_envs: matches; num_threads: threads that step them.
    seed: match i draws its resets from seed + i, exactly as a single environment reset with that
        seed does, whatever the number of threads; or a sequence of N seeds; None: random ones.
    mirror: whether in every other match seat 1 observes and acts in the mirrored one, from the
        first on where i is odd and from the second on where it is even: then neither can learn on
        which side the other will pass.
    options: further keywords go to the game (`max_episode_steps`, `integrator`, ...).

    Arrays that `reset` and `step` return are overwritten by the next step: copy what you keep.
    `version` is the curriculum position that resets use, None for the full game. Two hooks may be
    set: `on_end(i)` is called when match i is over and has not yet restarted; `on_start(i)` is
    called before match i starts and returns the generator that its reset draws from.

    Raises ValueError for an unknown game, fewer than one match or thread, a bad seed or a
    bad option.
    """

    def __init__(self, game, num_envs, num_threads=1, seed=None, mirror=False, **options):
        for what, value in (("num_envs", num_envs), ("num_threads", num_threads)):
            if value < 1:
                raise ValueError(f"{what} {value}: must be at least 1")
        self.game = find_game(game)(num_envs, num_threads, **options)
        self._mirror = Mirror(self.game) if mirror else None
        self._odd = np.arange(num_envs) % 2 > 0
        self._mirrored = self._odd.copy()  # matches under way whose seat 1 is in the mirror
        self.num_envs, self.num_threads = num_envs, num_threads
        self.ob_dims, self.ac_dims = self.game.ob_dims, self.game.ac_dims
        self.single_observation_space = observation_space(self.game)
        self.single_action_space = action_space(self.game)
        self.version = self.on_start = self.on_end = None
        self._started = False
        self.obs, final_obs = (
            tuple(np.zeros((num_envs, size), np.float32) for size in self.ob_dims)
            for _ in range(2))
        self.rewards, move, remaining = np.zeros((3, 2, num_envs), np.float32)
        self.infos = {
            "reward_move": move, "reward_remaining": remaining, "parts": ({}, {}),
            "winner": np.zeros(num_envs, np.int8), "ending": np.zeros(num_envs, np.int8),
            "steps": np.zeros(num_envs, np.int64), "final_obs": final_obs,
            "final_potential": np.zeros((2, num_envs)),
        }
        self._clear_infos()
        self._seed(seed)

    def _clear_infos(self):
        """Forgets the last step: none has been taken in the matches that are to be played."""
        infos = self.infos
        for values in (infos["reward_move"], infos["reward_remaining"], infos["ending"],
                       infos["steps"], *infos["final_obs"], infos["final_potential"]):
            values[:] = 0
        infos["winner"][:] = NOBODY
        infos["parts"] = ({}, {})

    def _seed(self, seed):
        if seed is None:
            seed = np.random.SeedSequence().entropy % 2**31
        one = np.ndim(seed) == 0
        for s in [seed] if one else seed:
            if not is_number(s, numbers.Integral) or s < 0:
                raise ValueError(f"seed {s!r}: must be a whole number of at least 0")
        seeds = [int(seed) + i for i in range(self.num_envs)] if one else list(map(int, seed))
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} matches")
        self.np_randoms = [seeding.np_random(s)[0] for s in seeds]

    def reset(self, seed=None, options=None):
        """Starts every match; returns (obs, infos), obs one [N, ob_dim] float32 array per seat.

        infos are those of `step`, and empty: zeros, nobody has won, no parts.
        seed: as for the constructor; None continues with the generators as they are.
        options: {"version": k} sets the curriculum position; other keys mean nothing here.

        Raises ValueError for a bad seed or version.
        """
        version = version_in(options, self.version)
        if seed is not None:
            self._seed(seed)
        self.version = version
        self._mirrored[:] = self._odd
        for i in range(self.num_envs):
            self._start(i)
        self._started = True
        self._clear_infos()
        self._observe(self.obs)
        return self.obs, self.infos

    def step(self, actions):
        """Plays one step of every match; actions: one [N, ac_dim] array per seat.

        Returns (obs, rewards, terminated, truncated, infos). obs: one [N, ob_dim] float32 array per
        seat, of the new match if one has ended; rewards [2, N] float32, the released
        environment's own sum; terminated, truncated [N] bool; infos holds `reward_move` (dense) and
        `reward_remaining` (competition) [2, N] float32, `parts` (one dict of named parts [N]
        per seat), `winner` [N] (0, 1, or -1), `ending` [N] (index into `game.endings`, 0 while the
        match goes on), `steps` [N] played in the match that the step belongs to, `final_obs`
        (like obs) and `final_potential` [2, N]: where `truncated` is set, the last observations and
        potentials of the match that was cut short.

        Raises ValueError for actions of another shape or type; one that is not finite ends its
        match in a tie. Raises ResetNeeded before the first `reset` or `set_state`.
        """
        if not self._started:
            raise gymnasium.error.ResetNeeded(NO_MATCH)
        game, infos = self.game, self.infos
        game.step(self._turned(actions))
        infos["reward_move"][:] = game.reward_move
        infos["reward_remaining"][:] = game.reward_remaining
        np.add(game.body_move, game.reward_remaining, out=self.rewards, casting="same_kind")
        for name in ("winner", "ending", "steps"):
            infos[name][:] = getattr(game, name)
        infos["parts"] = game.parts
        truncated = game.truncated
        done = game.ending > 0
        if truncated.any():
            self._observe(infos["final_obs"])
            infos["final_potential"][:] = [game.potential(seat) for seat in game.seats]
        for i in np.flatnonzero(done):
            if self.on_end:
                self.on_end(i)
            self._mirrored[i] ^= True
            self._start(i)
        self._observe(self.obs)
        return self.obs, self.rewards, done & ~truncated, truncated, infos

    def _start(self, i):
        if self.on_start:
            self.np_randoms[i] = self.on_start(i)
        self.game.reset(i, self.np_randoms[i], self.version)

    def _observe(self, obs):
        self.game.observe(obs)
        if self._mirror:
            turned = self._mirrored
            obs[1][turned] = self._mirror.obs(1, obs[1][turned])

    def _turned(self, actions):
        """The actions as the motors take them."""
        if not self._mirror:
            return actions
        acs, theirs = checked_actions(actions, self.ac_dims, (self.num_envs,))
        theirs, turned = theirs.copy(), self._mirrored
        theirs[turned] = self._mirror.acs(1, theirs[turned])
        return acs, theirs

    def get_state(self):
        """Returns the matches' whole state, random generators included: a dict of arrays.

        None of them holds Python objects, so `numpy.savez` writes them without pickle.
        """
        randoms = [json.dumps(rng.bit_generator.state) for rng in self.np_randoms]
        version = np.nan if self.version is None else self.version
        mirrored = {"mirrored": self._mirrored.copy()} if self._mirror else {}
        return self.game.get_state() | mirrored | {"np_randoms": np.array(randoms),
                                                   "version": np.array(version)}

    def set_state(self, state):
        """Restores what `get_state` returned for as many matches; updates `obs`, clears `infos`.

        In older states with a mirror the odd matches are in it.
        """
        self.game.set_state(state)
        self._mirrored[:] = state.get("mirrored", self._odd)
        for rng, text in zip(self.np_randoms, state["np_randoms"]):
            rng.bit_generator.state = json.loads(str(text))
        self.version = None if np.isnan(state["version"]) else state["version"].item()
        self._started = True
        self._clear_infos()
        self._observe(self.obs)

    def close(self):
        """Stops the threads."""
        self.game.sim.close()


def observation_space(game):
    """The Tuple space of both agents' observations in one match."""
    return gymnasium.spaces.Tuple(
        gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32) for size in game.ob_dims)


def action_space(game):
    """The Tuple space of both agents' actions in one match."""
    return gymnasium.spaces.Tuple(
        gymnasium.spaces.Box(-high, high, dtype=np.float32)
        for high in (seat.ac_high.astype(np.float32) for seat in game.seats))
