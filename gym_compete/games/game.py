"""What every game shares: a scene, N matches of it, rewards and endings computed by columns."""

import numpy as np

from gym_compete.games.seat import Seat
from gym_compete.scene import add_robot, new_field
from gym_compete.simulation import Simulation

GOAL_REWARD = 1000.0
NOBODY = -1  # `winner` of a tie or of a match that goes on
INTEGRATORS = ("RK4", "Euler")


class Game:
    """N matches of one game. A game is a subclass that sets the names below and writes the rules.

    name, env_id: command-line name and Gymnasium id.
    bodies, starts, yaws: of agent0 and agent1; metres and degrees.
    timestep: seconds of a simulator step; frame_skip of them make an environment step.
    endings: what may end a match, for people; `ending` holds an index into it, 0 while it goes on.
    shared_policy: one policy plays both seats (a symmetric game).
    own_models: every match needs an `MjModel` of its own, because the game changes it.
    extra_fields: further `MjData` arrays to read, beside those the bodies observe.

    Results of the last step, float64: `reward_move` (dense) and `reward_remaining` (competition)
    [2, N], `body_move` [2, N] the part of `reward_move` that enters the environment's own reward,
    `parts` one dict a seat of named parts [N], `down` [2, N] bool, `winner` [N], `ending` [N].
    """

    name = env_id = None
    bodies = starts = ()
    yaws = (0, 180)
    timestep = 0.003
    frame_skip = 5
    endings = ("",)
    shared_policy = False
    own_models = False
    extra_fields = ()
    memory = ("steps",)  # arrays that, with the physics, make up a match's whole state

    def __init__(self, num_envs=1, num_threads=1, max_episode_steps=500, integrator="RK4"):
        if integrator not in INTEGRATORS:
            raise ValueError(f"integrator {integrator!r}: must be one of {', '.join(INTEGRATORS)}")
        if max_episode_steps < 1:
            raise ValueError(f"max_episode_steps {max_episode_steps}: must be at least 1")
        self.num_envs, self.max_episode_steps = num_envs, max_episode_steps
        model = self._make_model(integrator)
        models = [model.__copy__() if self.own_models else model for _ in range(num_envs)]
        probe = self.probe if type(self).probe is not Game.probe else None
        self.sim = Simulation(models, self._fields(), self.frame_skip, num_threads, probe)
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

    def _make_model(self, integrator):
        field = new_field(self.timestep, integrator)
        self.furnish(field)
        for i, (body, start, yaw) in enumerate(zip(self.bodies, self.starts, self.yaws)):
            add_robot(field, body, i, start, yaw)
        return field.compile()

    def _fields(self):
        fields = ["qpos", "qvel", "subtree_com", "cfrc_ext", *self.extra_fields]
        return dict.fromkeys(fields + [name for body in self.bodies for name in body.observed])

    # What a game writes

    def furnish(self, field):
        """Adds to the field's `MjSpec` what the game needs beside robots, floor and goal lines."""

    def set_up(self):
        """Allocates the game's own arrays, once the simulation stands."""

    def arrange(self, i, rng, version, qpos, qvel):
        """Changes match i's noisy initial qpos and qvel in place; `version`: curriculum or None."""

    def probe(self, i):
        """Called for match i after each step, in its thread, for what is no column (contacts)."""

    def blocks(self, me, other):
        """Returns the observation as a list of (name, [N, k] array that `refresh` keeps current)."""
        return ([("qpos", me.qpos), ("qvel", me.qvel)]
                + [(name, getattr(me, name)) for name in me.body.observed]
                + [("cfrc_ext", me.clipped_force), ("other's qpos", other.qpos)])

    def refresh(self):
        """Recomputes, by columns, what observations need beside the simulation's own arrays."""
        for seat in self.seats:
            seat.refresh()

    def dense(self, seat, ac):
        """Sets the seat's parts and `reward_move`; ac [N, ac_dim]."""
        raise NotImplementedError

    def judge(self):
        """Sets `reward_remaining`, `winner` and `ending` from the state after the step."""
        raise NotImplementedError

    # What a game uses

    def effort(self, seat, ac):
        """Sets the parts that depend on the body alone; returns their sum [N] (docs/games.md)."""
        body, parts = seat.body, self.parts[seat.index]
        force = seat.cfrc_ext if body.contact_clip is None else seat.clipped_force
        contact = body.contact * np.einsum("ij,ij->i", force, force)
        parts["reward_ctrl"] = body.control * np.einsum("ij,ij->i", ac, ac)
        parts["reward_contact"] = np.minimum(contact, body.contact_cap)
        parts["reward_survive"] = np.where(self.height(seat) >= body.standing,
                                           body.survive, -body.survive)
        return parts["reward_survive"] - parts["reward_ctrl"] - parts["reward_contact"]

    def forward(self, seat, direction):
        """Sets and returns the reward for way made towards direction +1 or -1 in x, [N]."""
        seconds = self.dt if seat.body.forward_time == "step" else self.timestep
        way = direction * (seat.com[:, 0] - seat.com_before[:, 0])
        self.parts[seat.index]["reward_forward"] = seat.body.forward * way / seconds
        return self.parts[seat.index]["reward_forward"]

    def height(self, seat):
        """The root's height [N] over what the agent stands on."""
        return seat.z

    def end(self, where, ending, rewards=(0.0, 0.0), winner=NOBODY):
        """Ends the matches in the mask [N], unless they have ended already."""
        where = where & (self.ending == 0)
        self.ending[where] = self.endings.index(ending)
        self.winner[where] = winner
        for seat, reward in enumerate(rewards):
            self.reward_remaining[seat, where] = np.broadcast_to(reward, where.shape)[where]

    # What environments call

    def reset(self, i, rng, version=None):
        """Starts match i anew; all chance comes from `rng` (docs/games.md, reset)."""
        model = self.sim.models[i]
        qpos = model.qpos0 + rng.uniform(-0.1, 0.1, model.nq)
        qvel = 0.1 * rng.standard_normal(model.nv)
        self.steps[i] = 0
        self.arrange(i, rng, version, qpos, qvel)
        self.sim.place(i, qpos, qvel)

    def step(self, acs):
        """Plays one step of every match; acs: one [N, ac_dim] array a seat. Sets the results."""
        np.concatenate(acs, axis=1, out=self._ctrl)
        self.sim.step(self._ctrl)
        self.steps += 1
        self.ending[:], self.winner[:] = 0, NOBODY
        self.reward_remaining[:] = 0
        with np.errstate(invalid="ignore", over="ignore"):
            self.end(~self.sim.finite(), "not finite")
            broken = self.ending > 0
            self.refresh()
            for seat, ac in zip(self.seats, acs):
                self.dense(seat, ac)
            np.copyto(self.body_move, self.reward_move)
            self.judge()
        if broken.any():
            self._silence(broken)

    def _silence(self, broken):
        """Nobody is paid for the last step of a match whose state is no longer finite."""
        for rewards in (self.reward_move, self.body_move, self.reward_remaining):
            rewards[:, broken] = 0
        for parts in self.parts:
            for part in parts.values():
                part[broken] = 0

    @property
    def truncated(self):
        """Matches [N] that were cut by a time limit that is no rule of the game."""
        return np.zeros(self.num_envs, bool)

    def observe(self, obs):
        """Writes the observations into obs: one [N, ob_dim] float32 array a seat."""
        self.refresh()
        for ob, blocks in zip(obs, self._blocks):
            column = 0
            for _, block in blocks:
                ob[:, column:column + block.shape[1]] = block
                column += block.shape[1]
