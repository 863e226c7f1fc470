"""Mirrored matches: left and right are swapped, robots and fields stay the same."""

import mujoco
import numpy as np

# What the reflection y -> -y does to vectors, and to rotations (pseudovectors).
VECTOR, TURN = np.array([1.0, -1.0, 1.0]), np.array([-1.0, 1.0, -1.0])
# Symmetric 3x3 matrix (xx, yy, zz, xy, xz, yz), mass times center, mass: docs/games.md, `cinert`.
INERTIA = np.array([1, 1, 1, -1, 1, -1, 1, -1, 1, 1])


class Mirror:
    """Turns both seats' observations and actions into those of the mirrored match.

    Raises ValueError for a game whose observation has a block without a rule here, or whose robots
    are not symmetric.
    """

    def __init__(self, game):
        self._game, model = game, game.sim.models[0]
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        robots = [Reflection(model, data, seat) for seat in game.seats]
        self._acs = [robot.ac for robot in robots]
        self._obs = []
        for me, other in (game.seats, game.seats[::-1]):
            tables = self._tables(robots[me.index], robots[other.index])
            names = [name for name, _ in game.blocks(me, other)]
            for name in names:
                if name not in tables:
                    raise ValueError(f"{game.name} has no mirror image: unknown block {name!r}")
            self._obs.append(_join([tables[name] for name in names]))

    @staticmethod
    def _tables(me, other):
        """How each block of an observation is reflected: {key: (places, signs)}."""
        qpos, theirs = me.qpos, other.qpos
        return {
            "qpos": qpos, "qvel": me.qvel, "qfrc_actuator": me.qvel,
            "cinert": me.by_body(INERTIA), "cvel": me.by_body(np.append(TURN, VECTOR)),
            "cfrc_ext": me.by_body(np.append(TURN, VECTOR)), "other_qpos": theirs,
            "qpos[2:]": (qpos[0][2:] - 2, qpos[1][2:]),
            "other_qpos[2:]": (theirs[0][2:] - 2, theirs[1][2:]),
            "offset": (np.arange(2), VECTOR[:2]),
            "axes": (np.arange(9), np.outer(VECTOR, VECTOR).ravel()),
            # Its radius, both distances to its edge, steps left.
            "ring": (np.arange(4), np.ones(4)),
            # Offset to it, its height, distances to the line and to either post.
            "ball": (np.array([0, 1, 2, 3, 5, 4]), np.array([1, -1, 1, 1, -1, -1])),
        }

    def obs(self, seat, ob):
        """ob [N, ob_dim] of a seat, mirrored."""
        places, signs = self._obs[seat]
        return ob[:, places] * signs

    def acs(self, seat, ac):
        """ac [N, ac_dim] of a seat, mirrored."""
        places, signs = self._acs[seat]
        return ac[:, places] * signs


class Reflection:
    """Which of a robot's bodies, joints and motors mirror each other, found by their positions.

    qpos, qvel, ac: (places, signs), so x[places] * signs is the image of x.
    """

    def __init__(self, model, data, seat):
        bodies = np.flatnonzero(model.body_rootid == seat.root)
        centers = data.xipos[bodies]
        ways = np.linalg.norm(centers[:, None] - centers * VECTOR, axis=2)
        self.bodies = ways.argmin(axis=1)
        joints = np.flatnonzero(np.isin(model.jnt_bodyid, bodies))
        root, hinges = joints[0], joints[1:]
        images, signs = zip(*(self._image(model, data, j, bodies, hinges) for j in hinges))
        if ways.min(axis=1).max() > 0.01 or sorted(images) != sorted(hinges):
            raise ValueError(f"{seat.body.name}: its left and its right are not alike")
        order, signs = np.array(images) - hinges[0], np.array(signs)
        # Of the two quaternions of a rotation, the one near the starting pose's.
        start = model.qpos0[model.jnt_qposadr[root] + 3:][:4]
        turn = np.append(1, TURN)
        turn = turn * np.sign(start @ (turn * start))
        self.qpos = _join([(np.arange(3), VECTOR), (np.arange(4), turn), (order, signs)])
        self.qvel = _join([(np.arange(3), VECTOR), (np.arange(3), TURN), (order, signs)])
        motors = model.actuator_trnid[np.isin(model.actuator_trnid[:, 0], hinges), 0]
        images = dict(zip(hinges, zip(images, signs)))
        self.ac = (np.array([list(motors).index(images[j][0]) for j in motors]),
                   np.array([images[j][1] for j in motors], np.float32))

    def _image(self, model, data, joint, bodies, hinges):
        """The image of a hinge and the sign of its angle there."""
        body = bodies[self.bodies[list(bodies).index(model.jnt_bodyid[joint])]]
        theirs = [j for j in hinges if model.jnt_bodyid[j] == body]
        alike = [data.xaxis[j] @ (data.xaxis[joint] * TURN) for j in theirs]
        best = int(np.argmax(np.abs(alike)))
        return theirs[best], np.sign(alike[best])

    def by_body(self, signs):
        """(places, signs) of a block that holds len(signs) numbers per body."""
        size = len(signs)
        places = (self.bodies[:, None] * size + np.arange(size)).ravel()
        return places, np.tile(signs, len(self.bodies))


def _join(tables):
    """One (places, signs) for consecutive blocks."""
    starts = np.cumsum([0] + [len(places) for places, _ in tables])
    places = [places + start for (places, _), start in zip(tables, starts)]
    return np.concatenate(places), np.concatenate([s for _, s in tables]).astype(np.float32)
