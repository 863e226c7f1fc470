"""Networks that see an observation their own way: `egocentric.py` in plain NumPy.

A view is a function (ob [batch, ob_dim], memory) -> (features [batch, k], back, memory). memory:
None at a match's first step, then what the last call returned; back: turns the network's actions
[batch, ac_dim] into those of the motors.
"""

import numpy as np

BODY = 15 + 14 + 13 * 6  # qpos, qvel, cfrc_ext (docs/games.md, observations)
RACE, SUMO = BODY + 15, BODY + 30
BENT = np.array([[1, 1], [1, -1], [1, -1], [1, 1]])  # legs 1 to 4: signs of hip and ankle angles
MOTOR_LEGS = np.array([3, 0, 1, 2])  # whose hip and ankle the motors are, counted from 0
FIRST = np.radians(-22.5)  # the bearing where "in front" begins
QUARTERS = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])  # cos and sin of quarter turns


def ant_view(ob, memory):
    """An ant's view of run-to-goal-ants or sumo-ants, whichever way it is turned.

    Its memory is the other ant's qpos and the side where this one began, the sign of its x.
    """
    sumo = ob.shape[1] == SUMO
    qpos, qvel, force, other = np.split(ob[:, :RACE], [15, 29, 107], axis=1)
    if memory is None:
        memory = np.hstack([other, np.sign(qpos[:, :1])])  # what has not been seen does not move
    before, side = memory[:, :-1], memory[:, -1:]
    xy, axis, up, legs = pose(qpos)
    other_xy, other_axis, other_up, other_legs = pose(other)
    offset = other_xy - xy
    home = side * [1.0, 0.0]
    quarters, frame = face(offset if sumo else home, axis)
    other_quarters, other_axis = face(-offset, other_axis)

    force = force.reshape(-1, 13, 6)[:, :, 3:]
    steps = 10 * (other - before)  # the other's velocities are not observed
    level = np.stack([up[:, :2], 0.5 * qvel[:, :2], offset / 2, steps[:, :2], other_up[:, :2],
                      other_axis, -xy / 2 if sumo else home], axis=1)
    level = turn(np.concatenate([level, force[:, :, :2]], axis=1), frame)
    spin = turn(qvel[:, None, 3:5], QUARTERS[quarters])  # in the torso's own frame
    feet = np.concatenate([level[:, 7:], force[:, :, 2:]], axis=2)[:, 1:].reshape(-1, 4, 9)
    mine = np.concatenate([legs, hinges(qvel[:, 6:]) / 5, feet], axis=2)
    theirs = np.concatenate([other_legs, hinges(steps[:, 7:])], axis=2)
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    ring = ob[:, -4:] * [0.25, 0.5, 0.5, 0.002] if sumo else side * xy[:, :1] / 4
    features = np.hstack([
        qpos[:, 2:3], up[:, 2:], qvel[:, 2:3] / 2, qvel[:, 5:6] / 5, spin[:, 0] / 5,
        level[:, :8].reshape(-1, 16), force[:, 0, 2:], rename(mine, quarters), other[:, 2:3],
        other_up[:, 2:], steps[:, 2:3], distance / 2, 1 / (0.5 + distance),
        rename(theirs, other_quarters), ring])
    return (np.clip(features, -5, 5), lambda acs: motor_actions(acs, quarters),
            np.hstack([other, side]))


def pose(qpos):
    """An ant's xy, the level direction it is turned to and its up axis' xyz, hinges [batch, 4, 2].

    The second is what is left of its rotation when the tilt is taken away.
    """
    w, x, y, z = qpos[:, 3:7].T
    axis = np.stack([w * w - z * z, 2 * w * z], axis=1) / (w * w + z * z + 1e-6)[:, None]
    up = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    return qpos[:, :2], axis, up, hinges(qpos[:, 7:])


def hinges(values):
    """Hip and ankle of legs 1 to 4 [batch, 4, 2], so that equal numbers mean equal movements."""
    return values.reshape(-1, 4, 2) * BENT


def face(target, axis):
    """Turns the direction `axis` by the quarters after which `target` is in front.

    target, axis: [batch, 2]. Returns (quarters [batch] from 0 to 3, the turned axis [batch, 2]).
    """
    ahead = turn(target[:, None], axis)[:, 0]
    bearing = np.arctan2(ahead[:, 1], ahead[:, 0])
    quarters = np.floor((bearing - FIRST) / (np.pi / 2)).astype(int) % 4
    (c, s), (x, y) = QUARTERS[quarters].T, axis.T
    return quarters, np.stack([c * x - s * y, s * x + c * y], axis=1)


def turn(vectors, axis):
    """Level vectors [batch, n, 2] as seen from a frame whose x axis is `axis` [batch, 2]."""
    x, y = vectors[:, :, 0], vectors[:, :, 1]
    c, s = axis[:, :1], axis[:, 1:]
    return np.stack([c * x + s * y, c * y - s * x], axis=2)


def rename(legs, quarters):
    """[batch, 4, k] in the order of the new names, flat: leg n is the one that was n + quarters."""
    order = (np.arange(4) + quarters[:, None]) % 4
    return np.take_along_axis(legs, order[:, :, None], axis=1).reshape(len(legs), -1)


def motor_actions(acs, quarters):
    """Actions of hip and ankle [batch, 8], leg after leg as the view names them, for the motors."""
    order = (MOTOR_LEGS - quarters[:, None]) % 4
    legs = np.take_along_axis(acs.reshape(-1, 4, 2), order[:, :, None], axis=1)
    return (legs * BENT[MOTOR_LEGS]).reshape(len(acs), -1)
