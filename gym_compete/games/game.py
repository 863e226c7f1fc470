"""What all games share: a scene, N matches of it, rewards and endings computed by columns."""

import copy

import mujoco
import numpy as np

from gym_compete.checks import checked_actions, checked_limit, is_amount
from gym_compete.games.seat import Seat
from gym_compete.scene import add_robot, new_field
from gym_compete.simulation import MAX_VALUE, Simulation

GOAL_REWARD = 1000.0
MOST_EXPONENT = 700.0  # of e: wide open by far, and still a float
NOBODY = -1  # `winner` of a tie or of a match still being played
INTEGRATORS = ("RK4", "Euler")
RESULTS = ("reward_move", "body_move", "reward_remaining", "down", "winner", "ending")
WEIGHTS = ("dense_forward", "dense_survive", "dense_goal_dist", "dense_gap", "dense_push",
           "dense_kick")


def curriculum(start, version):
    """How far a curriculum has opened at training iteration `version`; None: all the way."""
    if version is None:
        return np.inf
    return start * np.exp(min(0.001 * float(version), MOST_EXPONENT))


def speed_along(velocity, way):
    """The part [N] of `velocity` [N, 2] in the direction of `way` [N, 2]."""
    return np.einsum("ij,ij->i", velocity, way) / np.maximum(np.hypot(*way.T), 1e-9)


def wide_open(start, full):
    """The first integer `version` at which that curriculum has opened as far as `full`."""
    return int(np.ceil(1000 * np.log(full / start)))


class Game:
    """N matches of one game. A game is a subclass that sets the names below and writes the rules.

    name, env_id: command-line name and Gymnasium id.
    bodies, starts, yaws: of agent0 and agent1; meters and degrees.
    timestep: seconds of a simulator step; frame_skip of them make an environment step.
    endings: reasons for a match's end, for people; `ending` holds an index into them, 0 until then.
    achievements: those that show that the robots can play the game.
    shared_policy: one policy plays both seats (a symmetric game). alike_seats: half a turn of the
        world exchanges the seats, so a network that does not see the world's axes can play both.
    own_models: every match needs an `MjModel` of its own, because the game changes it.
    extra_fields: further `MjData` arrays to read, besides those the bodies observe.
    memory: names of the [N] arrays that, with the physics, make up a match's whole state.
    clip_control: whether effort is counted on actions clipped to what the motors can do.
    curriculum_end: the version from which resets draw from the full range; 0: no curriculum.
    view: azimuth and elevation of the camera's direction in pictures [degrees].
    options: keywords of the constructor, each an attribute of the game, with their defaults:
        max_episode_steps: time limit in environment steps; integrator: "RK4" or "Euler";
        dense_forward, dense_survive, dense_goal_dist: weights of the dense reward's parts:
        progress, standing, the cost of the distance to a goal or ball (1: as released; what
        keeper and blocker earn for that distance has no weight); where one robot is to get
        at the other, dense_gap: of the distance between the two (0: as released); where it is to
        push the other out, dense_push: of its speed to the other and the other's outwards; where
        there is a ball, dense_kick: of the speeds to it and to the goal (0: as released).

    Results of the last step, float64: `reward_move` (dense) and `reward_remaining` (competition)
    [2, N], `body_move` [2, N] the part of `reward_move` that enters the environment's own reward,
    `parts` one dict per seat of named parts [N], `down` [2, N] bool, `winner` [N], `ending` [N].

    A game can be copied and pickled: the copy has its options, state and results, shares nothing
    with it, and continues with the same bits.
    """

    name = env_id = None
    bodies = starts = ()
    yaws = (0, 180)
    timestep = 0.003
    frame_skip = 5
    endings, achievements = ("",), ()
    shared_policy = alike_seats = False
    own_models = False
    extra_fields = ()
    memory = ("steps",)
    clip_control = False
    curriculum_end = 0
    view = (90, -15)
    options = {"max_episode_steps": 500, "integrator": "RK4", **dict.fromkeys(WEIGHTS[:3], 1.0)}

    def __init__(self, num_envs=1, num_threads=1, /, **options):
        # Positional only: given by name they are options, and no game has those.
        self._set_options(options)
        self._build(self.make_spec().compile(), num_envs, num_threads)

    def _build(self, model, num_envs, num_threads, data=None):
        self.num_envs = num_envs
        models = [model.__copy__() if self.own_models and not data else model
                  for _ in range(num_envs)]
        probe = self.probe if type(self).probe is not Game.probe else None
        self.sim = Simulation(models, self._fields(), self.frame_skip, num_threads, probe, data)
        self.seats = tuple(Seat(i, body, model, self.sim) for i, body in enumerate(self.bodies))
        self.dt = self.timestep * self.frame_skip
        self._ctrl = np.zeros((num_envs, model.nu))
        self.steps = np.zeros(num_envs, np.int64)
        self.reward_move, self.body_move, self.reward_remaining = np.zeros((3, 2, num_envs))
        self.down = np.zeros((2, num_envs), bool)
        self.winner = np.full(num_envs, NOBODY, np.int8)
        self.ending = np.zeros(num_envs, np.int8)
        self.parts = ({}, {})
        self.set_up()
        self._blocks = tuple(self.blocks(*pair) for pair in (self.seats, self.seats[::-1]))
        self.ob_dims = tuple(sum(a.shape[1] for _, a in blocks) for blocks in self._blocks)
        self.ac_dims = tuple(len(seat.ac_high) for seat in self.seats)

    def _set_options(self, given):
        for name, value in given.items():
            if name not in self.options:
                raise ValueError(f"{self.name} has no option {name!r}: must be one of "
                                 + ", ".join(self.options))
            if isinstance(self.options[name], bool) and not isinstance(value, bool):
                raise ValueError(f"{name} {value!r}: must be one of True, False")
        vars(self).update(self.options | given)
        if self.integrator not in INTEGRATORS:
            raise ValueError(
                f"integrator {self.integrator!r}: must be one of {', '.join(INTEGRATORS)}")
        for name in WEIGHTS:
            weight = getattr(self, name, 0)
            if not is_amount(weight):
                raise ValueError(f"{name} {weight!r}: must be a number of at least 0")
        checked_limit(self.max_episode_steps)

    def make_spec(self):
        """Returns the scene of one match as a fresh `mujoco.MjSpec`."""
        field = new_field(self.timestep, self.integrator)
        self.furnish(field)
        for i, (body, start, yaw) in enumerate(zip(self.bodies, self.starts, self.yaws)):
            add_robot(field, body, i, start, yaw)
        return field

    def _fields(self):
        fields = ["qpos", "qvel", "subtree_com", "cfrc_ext", *self.extra_fields]
        return dict.fromkeys(fields + [name for body in self.bodies for name in body.observed])

    # What a game overrides

    def furnish(self, field):
        """Adds to the field's `MjSpec` what the game needs besides robots, floor and goal lines."""

    def set_up(self):
        """Allocates the game's own arrays, once the simulation exists."""

    def arrange(self, i, rng, version, qpos, qvel):
        """Changes match i's noisy initial qpos and qvel in place; `version`: curriculum or None."""

    def opened(self, version):
        """How far the curriculum has opened, for the log: {name: meters}; empty without one."""
        return {}

    def probe(self, i, data):
        """Called for match i after each step, in its thread, for what no column has (contacts)."""

    def blocks(self, me, other):
        """Returns the observation: a list of (key, [N, k] array that `refresh` keeps current)."""
        return ([("qpos", me.qpos), ("qvel", me.qvel)]
                + [(name, getattr(me, name)) for name in me.body.observed]
                + [("cfrc_ext", me.clipped_force), ("other_qpos", other.qpos)])

    def refresh(self):
        """Recomputes, by columns, what observations need besides the simulation's own arrays."""
        for seat in self.seats:
            seat.refresh()

    def dense(self, seat, ac):
        """Sets the seat's parts and `reward_move`; ac [N, ac_dim]."""
        raise NotImplementedError

    def judge(self):
        """Sets `reward_remaining`, `winner` and `ending` from the state after the step."""
        raise NotImplementedError

    def potential(self, seat):
        """How well the seat is doing, [N], about -1 to 1; from the matches' state alone."""
        return np.zeros(self.num_envs)

    def landmarks(self, i):
        """Points [K, 3], at least one, that a picture of match i shows: here the goal lines."""
        return np.array([[-4.0, 0, 0], [4.0, 0, 0]])

    # What a game calls

    def effort(self, seat, ac):
        """Sets the parts that depend on the body alone; returns their sum [N] (docs/games.md)."""
        body, parts = seat.body, self.parts[seat.index]
        if self.clip_control:
            ac = np.clip(ac, -seat.ac_high, seat.ac_high)
        force = seat.cfrc_ext if body.contact_clip is None else seat.clipped_force
        contact = body.contact * np.einsum("ij,ij->i", force, force)
        parts["reward_ctrl"] = body.control * np.einsum("ij,ij->i", ac, ac)
        parts["reward_contact"] = np.minimum(contact, body.contact_cap)
        bonus = self.dense_survive * body.survive
        parts["reward_survive"] = np.where(self.standing(seat), bonus, -bonus)
        return parts["reward_survive"] - parts["reward_ctrl"] - parts["reward_contact"]

    def forward(self, seat, direction):
        """Sets and returns the reward for progress in direction +1 or -1 of x, [N]."""
        seconds = self.dt if seat.body.forward_time == "step" else self.timestep
        way = direction * (seat.com[:, 0] - seat.com_before[:, 0])
        weight = self.dense_forward * seat.body.forward
        self.parts[seat.index]["reward_forward"] = weight * way / seconds
        return self.parts[seat.index]["reward_forward"]

    def velocity(self, seat):
        """Of the center of mass over the last step, in xy [N, 2], m/s."""
        return (seat.com - seat.com_before)[:, :2] / self.dt

    def gap(self, seat):
        """Sets and returns the cost of the distance to the other robot, [N]; 0 at weight 0."""
        if not self.dense_gap:
            return 0.0
        me, other = seat, self.seats[1 - seat.index]
        self.parts[seat.index]["reward_gap"] = -self.dense_gap * np.hypot(
            me.x - other.x, me.y - other.y)
        return self.parts[seat.index]["reward_gap"]

    def race(self, seat, ac, goal):
        """Sets a runner's parts and returns their sum [N]; goal: x of the line it runs to [m]."""
        move = self.forward(seat, np.sign(goal)) + self.effort(seat, ac)
        if seat.body.goal:
            # Negative, as the released games report it.
            cost = self.dense_goal_dist * seat.body.goal
            self.parts[seat.index]["reward_goal_dist"] = -cost * np.abs(seat.x - goal)
            move += self.parts[seat.index]["reward_goal_dist"]
        return move

    def standing(self, seat):
        """Where the agent earns the bonus for standing, [N] bool."""
        return seat.z >= seat.body.standing

    def end(self, where, ending, rewards=(0.0, 0.0), winner=NOBODY):
        """Ends the matches in the mask [N], unless they have ended already.

        ending: one of `endings`; rewards: each agent's, `winner`: 0, 1 or NOBODY; scalars or [N].
        """
        where = where & (self.ending == 0)
        if not where.any():  # nearly always
            return
        self.ending[where] = self.endings.index(ending)
        self.winner[where] = np.broadcast_to(winner, where.shape)[where]
        for seat, reward in enumerate(rewards):
            self.reward_remaining[seat, where] = np.broadcast_to(reward, where.shape)[where]

    # What environments call

    def reset(self, i, rng, version=None):
        """Restarts match i; all randomness comes from `rng` (docs/games.md, reset)."""
        model = self.sim.models[i]
        qpos = model.qpos0 + rng.uniform(-0.1, 0.1, model.nq)
        qvel = 0.1 * rng.standard_normal(model.nv)
        self.steps[i] = 0
        self.arrange(i, rng, version, qpos, qvel)
        self.sim.place(i, qpos, qvel)

    def get_state(self):
        """Returns the matches' whole state: a flat dict of arrays, [N, ...] each."""
        columns = {f"column/{name}": column for name, column in self.sim.columns.items()}
        memory = {name: getattr(self, name) for name in self.memory}
        arrays = {"physics": self.sim.get_state()} | columns | memory
        return {name: array.copy() for name, array in arrays.items()}

    def set_state(self, state):
        """Restores what `get_state` returned for as many matches; what follows is the same bits."""
        if len(state["physics"]) != self.num_envs:
            raise ValueError(f"a state of {len(state['physics'])} matches for {self.num_envs}")
        self.sim.set_state(state["physics"])
        for name, column in self.sim.columns.items():
            column[:] = state[f"column/{name}"]
        self.sim.write_back()
        for name in self.memory:
            getattr(self, name)[:] = state[name]

    def __copy__(self):  # a shallow copy would be two games in one world
        return copy.deepcopy(self)

    def __reduce__(self):
        sim = self.sim
        options = {name: getattr(self, name) for name in self.options}
        # A single world is copied whole: users may look at its `data`.
        world = sim.datas[0] if self.num_envs == 1 else sim.models[0]
        results = [sim.com_before, *(getattr(self, name) for name in RESULTS)]
        return copied, (type(self), options, world, sim.num_threads, self.get_state(), results,
                        self.parts)

    def step(self, acs):
        """Plays one step of every match; acs: one [N, ac_dim] array per seat. Sets the results.

        Raises ValueError for actions of another shape or type, before anything has moved.
        """
        acs = checked_actions(acs, self.ac_dims, (self.num_envs,))
        np.concatenate(acs, axis=1, out=self._ctrl)
        with np.errstate(invalid="ignore"):
            wild = ~(np.abs(self._ctrl) < MAX_VALUE).all(axis=1)
        self._ctrl[wild] = 0
        self.sim.step(self._ctrl)
        self.steps += 1
        self.score(acs, wild)

    def score(self, acs, wild=False):
        """Applies the rules to the current columns, which acs led to; sets the results.

        wild: matches [N] whose actions are not finite.
        """
        self.ending[:], self.winner[:] = 0, NOBODY
        self.reward_remaining[:] = 0
        with np.errstate(invalid="ignore", over="ignore"):
            self.end(wild | ~self.sim.finite(), "not finite")
            broken = self.ending > 0
            self.refresh()
            for seat, ac in zip(self.seats, acs):
                self.dense(seat, ac)
            np.copyto(self.body_move, self.reward_move)
            self.judge()
        if broken.any():
            self._silence(broken)

    def _silence(self, broken):
        """No rewards for the last step of a match whose state is no longer finite."""
        for rewards in (self.reward_move, self.body_move, self.reward_remaining):
            rewards[:, broken] = 0
        for parts in self.parts:
            for part in parts.values():
                part[broken] = 0

    @property
    def truncated(self):
        """Matches [N] that were cut short by a time limit that is not a rule of the game."""
        return np.zeros(self.num_envs, bool)

    def observe(self, obs):
        """Writes the observations into obs: one [N, ob_dim] float32 array per seat."""
        self.refresh()
        for ob, blocks in zip(obs, self._blocks):
            column = 0
            for _, block in blocks:
                ob[:, column:column + block.shape[1]] = block
                column += block.shape[1]


def copied(kind, options, world, num_threads, state, results, parts):
    """Rebuilds a game of the class `kind` from what `Game.__reduce__` returned."""
    game = kind.__new__(kind)
    game._set_options(options)
    single = isinstance(world, mujoco.MjData)
    game._build(world.model if single else world, len(state["physics"]), num_threads,
                world if single else None)
    game.set_state(state)
    for mine, theirs in zip((game.sim.com_before, *(getattr(game, name) for name in RESULTS)),
                            results):
        mine[:] = theirs
    game.parts = parts
    with np.errstate(invalid="ignore", over="ignore"):  # the state may not be finite
        game.refresh()
    return game
