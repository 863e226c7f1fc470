"""Sumo: whoever falls or leaves the ring loses."""

from dataclasses import replace

import mujoco
import numpy as np

from gym_compete.bodies import ANT, HUMANOID
from gym_compete.checks import is_number
from gym_compete.games.game import (
    GOAL_REWARD,
    NOBODY,
    Game,
    curriculum,
    speed_along,
    wide_open,
)
from gym_compete.simulation import overlap

# The rules: docs/games.md, sections "reset", "dense reward" and "competition reward".
TOP = 0.5  # height of the ring's top [m]
NEAREST = 0.3  # distance in x from the middle at the start, at least [m]
OPENING = 0.1  # from the smallest to the largest radius when the curriculum begins [m]

# In the released game, ants wrestle with the humanoid's reward constants.
WRESTLING_ANT = replace(
    ANT, **{name: getattr(HUMANOID, name)
            for name in ("control", "contact", "contact_clip", "contact_cap", "survive")})


class Sumo(Game):
    """Both agents fall into a ring whose radius is drawn for each match.

    touch_to_win: whether a win needs a contact between the two at some step of the match; without
        one the survivor of a match gets nothing and it is a tie.
    draw_penalty: -1000 for both in every tie, as in the paper: also for the survivor of a match
        without a contact.
    ring_radius: of every match [m]; None: drawn for each match.
    radii: smallest and largest radius of the ring [m]; fallen, down_height: greatest heights over
        its top at which an agent has lost and counts as down [m].
    """

    endings = ("", "fell", "both fell", "out", "both out", "not finite", "time-out")
    achievements = ("out", "both out", "time-out")
    options = {**Game.options, "dense_gap": 0.0, "dense_push": 0.0, "touch_to_win": True,
               "draw_penalty": False, "ring_radius": None}
    shared_policy = True
    own_models = True
    view = (90, -25)
    extra_fields = ("xmat",)
    memory = (*Game.memory, "radius", "touched")
    radii = ()
    fallen = down_height = None

    def _set_options(self, given):
        super()._set_options(given)
        radius, (low, high) = self.ring_radius, self.radii
        if radius is not None and not (is_number(radius) and low <= radius <= high):
            raise ValueError(f"ring_radius {radius!r}: must be a number from {low} to {high}")

    def furnish(self, field):
        """The ring; the goal lines stay but are invisible."""
        # Compiled at full size, so MuJoCo's bounding volumes hold for every radius.
        field.worldbody.add_geom(
            name="arena", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[self.radii[1], TOP / 2, 0],
            pos=[0, 0, TOP / 2], friction=[1, 0.1, 0.1], condim=3, conaffinity=-1,
            rgba=[0.86, 0.72, 0.50, 1])
        for line in ("rightgoal", "leftgoal"):
            field.geom(line).rgba = [0, 0, 0, 0]

    def set_up(self):
        """`ring`: what each seat observes of the ring [N, 4]; `away`: distances from its center."""
        self.radius = np.zeros(self.num_envs)
        self.touched = np.zeros(self.num_envs, bool)
        self.away = np.zeros((2, self.num_envs))
        self.ring = np.zeros((2, self.num_envs, 4))
        self.offset = np.zeros((2, self.num_envs, 2))
        self._arena = self.sim.models[0].geom("arena").id
        self._sides = np.zeros(self.sim.models[0].ngeom, int)
        for seat in self.seats:
            self._sides[seat.geoms] = seat.index + 1

    def arrange(self, i, rng, version, qpos, qvel):
        """Draws the radius, then agent0 on the left half of the ring and agent1 on the right."""
        low = self.radii[0]
        high = self.opened(version)["ring_radius_max"]
        self._set_radius(i, rng.uniform(self.ring_radius or low, high))
        self.touched[i] = False
        gap = 0.3 + low / 2
        reach = self.radius[i] - gap
        for seat, sides in zip(self.seats, ((-reach, -NEAREST), (NEAREST, reach))):
            x = rng.uniform(*sides)
            wide = np.sqrt(self.radius[i] ** 2 - x**2) - gap
            qpos[seat.qpos_slice][:2] = x, rng.uniform(-wide, wide)

    @property
    def curriculum_end(self):
        """The version from which the largest ring may be drawn."""
        return wide_open(OPENING, self.radii[1] - self.radii[0])

    def opened(self, version):
        """The largest radius that a reset may draw."""
        low, high = self.radii
        drawn = min(high, low + curriculum(OPENING, version))
        return {"ring_radius_max": self.ring_radius or drawn}

    def _set_radius(self, i, radius):
        self.radius[i] = self.sim.models[i].geom_size[self._arena, 0] = radius

    def set_state(self, state):
        """As `Game.set_state`; also restores the rings' sizes."""
        super().set_state(state)
        for i, radius in enumerate(self.radius):
            self._set_radius(i, radius)

    def probe(self, i, data):
        """Notes the first contact."""
        if not self.touched[i]:
            self.touched[i] = overlap(data, self._sides)

    def blocks(self, me, other):
        """The body's layout, then the other's offset, its own axes and the ring."""
        return super().blocks(me, other) + [
            ("offset", self.offset[me.index]), ("axes", me.xmat), ("ring", self.ring[me.index])]

    def refresh(self):
        """Distances from the center and what follows from them."""
        super().refresh()
        for me, other in (self.seats, self.seats[::-1]):
            np.subtract(other.qpos[:, :2], me.qpos[:, :2], out=self.offset[me.index])
            np.hypot(me.x, me.y, out=self.away[me.index])
        left = self.radius - self.away
        self.ring[:, :, 0] = self.radius
        self.ring[:, :, 1] = left
        self.ring[:, :, 2] = left[::-1]
        self.ring[:, :, 3] = self.max_episode_steps - self.steps

    def landmarks(self, i):
        """The ring's foot."""
        turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        return np.stack([self.radius[i] * np.cos(turns), self.radius[i] * np.sin(turns),
                         np.zeros(16)], axis=1)

    def standing(self, seat):
        """Heights count from the ring's top."""
        return seat.z - TOP >= seat.body.standing

    def dense(self, seat, ac):
        """Pays for standing centrally without effort; with weights, for going at the other."""
        center = self.parts[seat.index]["reward_center"] = -self.away[seat.index]
        self.reward_move[seat.index] = (
            center + self.effort(seat, ac) + self.gap(seat) + self.push(seat))
        self.down[seat.index] = seat.z - TOP <= self.down_height

    def push(self, seat):
        """Sets and returns the reward [N] for speed towards the other and for its speed outwards.

        It is 0 at weight 0.
        """
        if not self.dense_push:
            return 0.0
        other = self.seats[1 - seat.index]
        speeds = (speed_along(self.velocity(seat), self.offset[seat.index])
                  + speed_along(self.velocity(other), other.qpos[:, :2]))
        self.parts[seat.index]["reward_push"] = self.dense_push * speeds
        return self.parts[seat.index]["reward_push"]

    def potential(self, seat):
        """How much farther out the other is; in squares, so the edge counts most."""
        away = [np.square(s.x) + np.square(s.y) for s in (seat, self.seats[1 - seat.index])]
        return (away[1] - away[0]) / np.square(self.radius)

    def judge(self):
        """A fall, then leaving the ring, then the time limit, which is a rule of the game."""
        fallen = np.array([seat.z <= TOP + self.fallen for seat in self.seats])
        won = self.touched if self.touch_to_win else np.ones(self.num_envs, bool)
        prize = np.where(won, GOAL_REWARD, -GOAL_REWARD if self.draw_penalty else 0.0)
        for what, lost in (("fell", fallen), ("out", self.away > self.radius)):
            self.end(lost.all(axis=0), f"both {what}", (-GOAL_REWARD, -GOAL_REWARD))
            self.end(lost[0], what, (-GOAL_REWARD, prize), np.where(won, 1, NOBODY))
            self.end(lost[1], what, (prize, -GOAL_REWARD), np.where(won, 0, NOBODY))
        self.end(self.steps >= self.max_episode_steps, "time-out", (-GOAL_REWARD, -GOAL_REWARD))


class SumoAnts(Sumo):
    """Sumo for ants."""

    name, env_id = "sumo-ants", "sumo-ants-v0"
    bodies, starts = (WRESTLING_ANT, WRESTLING_ANT), ((-1, 0, 2.5), (1, 0, 2.5))
    yaws = (180, 180)
    radii = (2.5, 4.5)
    fallen, down_height = 0.3, 0.28


class SumoHumans(Sumo):
    """Sumo for humanoids."""

    name, env_id = "sumo-humans", "sumo-humans-v0"
    bodies, starts = (HUMANOID, HUMANOID), ((-1, 0, 2.5), (1, 0, 2.5))
    radii = (1.5, 3.5)
    fallen, down_height = 0.5, 0.5
    clip_control = True
