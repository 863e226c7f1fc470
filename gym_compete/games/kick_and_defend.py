"""Kick and defend: a kicker wants the ball in the goal, a keeper wants it out."""

import mujoco
import numpy as np

from gym_compete.bodies import HUMANOID
from gym_compete.games.game import GOAL_REWARD, Game, curriculum, speed_along, wide_open
from gym_compete.simulation import overlap

# The rules: docs/games.md, sections "reset", "dense reward" and "competition reward".
KICKER, KEEPER = 0, 1
GOAL, POST = 4.0, 3.0  # x of the goal's line, |y| of its posts [m]
BOX = 2.5  # how far from the line in x the keeper may go [m]
BALL_HEIGHT = 0.35  # from which the ball drops [m]
KEEPER_DOWN, KEEPER_STANDS = 0.5, 0.8  # heights [m]

# Center and range [m] of the starting positions; the curriculum opens from the center.
STARTS = {"kicker": ((-2, -3.5, -0.5), (0, -2, 2)),
          "keeper": ((2, 1.6, 3.5), (0, -2, 2)),
          "ball": ((0, -2, 1), (0, -4, 4))}
OPENING = 0.05  # how far from the center they may be when the curriculum begins [m]
FARTHEST = 4.0  # and at its end: the ball, in y [m]


class KickAndDefend(Game):
    """agent0 kicks the ball over the line x = +4, agent1 keeps the goal."""

    name, env_id = "kick-and-defend", "kick-and-defend-v0"
    bodies, starts = (HUMANOID, HUMANOID), ((-3, 0, 1.5), (3, 0, 1.5))
    endings = ("", "goal", "ball wide", "ball back", "both down", "foul", "not finite", "time-out")
    achievements = ("goal",)
    clip_control = True
    view = (65, -15)
    memory = (*Game.memory, "touched")
    curriculum_end = wide_open(OPENING, FARTHEST)
    options = {**Game.options, "dense_kick": 0.0}

    def furnish(self, field):
        """The ball, which comes first in qpos and qvel, and a goal to look at."""
        field.add_material(name="net", rgba=[1, 1, 1, 0.3], emission=0.6)
        field.worldbody.add_geom(
            name="goal", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, POST, POST],
            pos=[GOAL + 0.05, 0, 0], contype=0, conaffinity=0, material="net")
        ball = field.worldbody.add_body(name="ball", pos=[0, 0, 0.2])
        ball.add_joint(name="ball", type=mujoco.mjtJoint.mjJNT_FREE, damping=0.001)
        ball.add_geom(name="ball", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.15, 0, 0], mass=0.1,
                      rgba=[0.95, 0.95, 0.9, 1])

    def set_up(self):
        """`ball`, `ball_speed`: views of its position and linear velocity [N, 3]."""
        self.ball = self.sim.columns["qpos"][:, :3]
        self.ball_speed = self.sim.columns["qvel"][:, :3]
        self.touched = np.zeros(self.num_envs, bool)
        self.offset = np.zeros((2, self.num_envs, 2))
        self.seen_ball = np.zeros((2, self.num_envs, 6))
        model = self.sim.models[0]
        self._sides = np.zeros(model.ngeom, int)
        self._sides[model.geom("ball").id] = 1
        self._sides[self.seats[KEEPER].geoms] = 2

    def arrange(self, i, rng, version, qpos, qvel):
        """Draws the positions of kicker, keeper and ball; no ball starts by rolling back."""
        self.touched[i] = False
        spread = curriculum(OPENING, version)
        ball = qpos[:3]
        places = (qpos[self.seats[KICKER].qpos_slice], qpos[self.seats[KEEPER].qpos_slice], ball)
        for place, starts in zip(places, STARTS.values()):
            for axis, (center, low, high) in enumerate(starts):
                place[axis] = rng.uniform(max(low, center - spread), min(high, center + spread))
        ball[2] = BALL_HEIGHT
        if qvel[0] < 0:
            qvel[:3] = 0.1

    def opened(self, version):
        """The largest distance from the field's middle at which the ball may start."""
        return {"ball_range": min(FARTHEST, curriculum(OPENING, version))}

    def probe(self, i, data):
        """Notes the keeper's first touch of the ball."""
        if not self.touched[i]:
            self.touched[i] = overlap(data, self._sides)

    def blocks(self, me, other):
        """The humanoid's layout without its own xy, then the other and the ball relative to it."""
        return ([("qpos[2:]", me.qpos[:, 2:]), ("qvel", me.qvel)]
                + [(name, getattr(me, name)) for name in me.body.observed]
                + [("cfrc_ext", me.clipped_force), ("offset", self.offset[me.index]),
                   ("other_qpos[2:]", other.qpos[:, 2:]), ("ball", self.seen_ball[me.index])])

    def refresh(self):
        """Offsets of the other and of the ball; the ball's height and distances to the goal."""
        super().refresh()
        for me, other in (self.seats, self.seats[::-1]):
            np.subtract(other.qpos[:, :2], me.qpos[:, :2], out=self.offset[me.index])
            np.subtract(self.ball[:, :2], me.qpos[:, :2], out=self.seen_ball[me.index, :, :2])
        x, y, z = self.ball.T
        for column, values in enumerate((z, GOAL - x, POST - y, -POST - y), start=2):
            self.seen_ball[:, :, column] = values

    def landmarks(self, i):
        """The ball and the goal's corners."""
        corners = [[GOAL, y, z] for y in (-POST, POST) for z in (0, POST)]
        return np.array([self.sim.datas[i].qpos[:3], *corners])

    def standing(self, seat):
        """The keeper must stand at its goal."""
        stands = super().standing(seat)
        if seat.index == KEEPER:
            stands &= (seat.x <= GOAL + 0.05) & (np.abs(seat.y) <= POST)
        return stands

    def dense(self, seat, ac):
        """The kicker goes forward, to the ball and kicks it; the keeper stands in the goal."""
        move, parts = self.effort(seat, ac), self.parts[seat.index]
        if seat.index == KICKER:
            parts["reward_goal_dist"] = self.dense_goal_dist * np.hypot(
                *self.seen_ball[KICKER, :, :2].T)
            move += self.forward(seat, 1) - parts["reward_goal_dist"] + self.kick(seat)
            self.down[KICKER] = seat.z < seat.body.down
        else:
            parts["reward_forward"] = np.zeros(self.num_envs)
            self.down[KEEPER] = seat.z <= KEEPER_DOWN
        self.reward_move[seat.index] = move

    def kick(self, seat):
        """Sets and returns the reward for the speeds to ball and goal, [N]; 0 at weight 0."""
        if not self.dense_kick:
            return 0.0
        speeds = (speed_along(self.velocity(seat), self.seen_ball[KICKER, :, :2])
                  + speed_along(self.ball_speed[:, :2], self.way_to_goal()))
        self.parts[KICKER]["reward_kick"] = self.dense_kick * speeds
        return self.parts[KICKER]["reward_kick"]

    def way_to_goal(self):
        """From the ball to the nearest point of the line between the posts, in xy [N, 2]."""
        x, y, _ = self.ball.T
        return np.stack([GOAL - x, np.clip(y, -POST, POST) - y], axis=1)

    def potential(self, seat):
        """How near the ball is to the goal's mouth, and the kicker to the ball.

        The second counts half as much, so a kick pays although the ball leaves the kicker behind.
        The negative of it for the keeper.
        """
        way = np.hypot(*self.way_to_goal().T)
        reach = np.hypot(*self.seen_ball[KICKER, :, :2].T)
        return (1 if seat.index == KICKER else -1) * (1 - (way + reach / 2) / GOAL)

    def judge(self):
        """A goal, then everything that ends the kicker's chances, then the keeper's foul."""
        x, y, _ = self.ball.T
        keeper = self.seats[KEEPER]
        self.end((x > GOAL) & (np.abs(y) <= POST), "goal", (GOAL_REWARD, -GOAL_REWARD),
                 winner=KICKER)
        bonus = 0.5 * (self.touched.astype(float) + (keeper.z > KEEPER_STANDS))
        saved = (-GOAL_REWARD, GOAL_REWARD * (1 + bonus))
        back = (self.ball_speed[:, 0] < 0) & (np.linalg.norm(self.ball_speed, axis=1) > 1)
        for where, ending in ((x > GOAL, "ball wide"), (back, "ball back"),
                              (self.down.all(axis=0), "both down"),
                              (self.steps >= self.max_episode_steps, "time-out")):
            self.end(where, ending, saved, winner=KEEPER)
        self.end(np.abs(GOAL - keeper.x) > BOX, "foul", (0.0, -GOAL_REWARD))
        # Paid after the environment's own sum was taken, so only `reward_move` has it.
        way = np.where(self.ending == 0, np.abs(x - GOAL), 0.0)
        self.reward_move[KICKER] -= self.dense_goal_dist * way
        self.reward_move[KEEPER] += way
