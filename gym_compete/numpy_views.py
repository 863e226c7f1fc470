"""Inputs that some networks compute from observations: the views of `networks/` in NumPy.

A view is a function (ob [batch, ob_dim], memory) -> (features [rows, k], back, memory). memory:
None at a match's first step, then what the last call returned; back: turns the network's actions
[rows, ac_dim] into those of the motors [batch, ac_dim].
"""

import numpy as np

BODY = 15 + 14 + 13 * 6  # qpos, qvel, cfrc_ext (docs/games.md, observations)
RACE, SUMO = BODY + 15, BODY + 30
BENT = np.array([[1, 1], [1, -1], [1, -1], [1, 1]])  # legs 1 to 4: signs of hip and ankle angles
MOTOR_LEGS = np.array([3, 0, 1, 2])  # whose hip and ankle the motors are, counted from 0
FIRST = np.radians(-22.5)  # the bearing where "in front" begins
QUARTERS = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])  # cos and sin of quarter turns

ANT_POSE = tuple(range(80, 96))  # features that hold the other's legs

BODIES = 13
# qpos, qvel, cinert, cvel, qfrc_actuator, cfrc_ext of a humanoid
HUMAN = (24, 23, 10 * BODIES, 6 * BODIES, 23, 6 * BODIES)
HUMAN_RACE = sum(HUMAN) + 24
HUMAN_SUMO, HUMAN_KICK = HUMAN_RACE + 15, sum(HUMAN) - 2 + 2 + 22 + 6
HUMAN_OBS = (HUMAN_RACE, HUMAN_SUMO, HUMAN_KICK)
HUMAN_POSE = (*range(84, 88), *range(90, 110))  # how the other stands and holds its limbs
ARENA_TOP, GOAL, POST = 0.5, 4.0, 3.0  # [m]
DT = 0.015  # seconds of a humanoid's step
# Mirror images and their signs: of joints as in qpos, of motors, of the bodies seen.
JOINTS = (np.array([0, 1, 2, 7, 8, 9, 10, 3, 4, 5, 6, 14, 15, 16, 11, 12, 13]),
          np.array([-1, 1, -1] + 8 * [1] + 2 * [-1, -1, 1]))
MOTORS = JOINTS[0], JOINTS[1][[1, 0, *range(2, 17)]]  # the abdomen's y comes first
SEEN = (0, 2, 5, 8, 10, 12)  # torso, pelvis, right and left foot, right and left lower arm
SEEN_IMAGES = (0, 1, 3, 2, 5, 4)


def ant_view(ob, memory):
    """An ant's view of run-to-goal-ants or sumo-ants, whichever way it is turned.

    The memory is the other ant's qpos and the side where this one started, the sign of its x.
    """
    sumo = ob.shape[1] == SUMO
    qpos, qvel, force, other = np.split(ob[:, :RACE], [15, 29, 107], axis=1)
    if memory is None:
        memory = np.hstack([other, np.sign(qpos[:, :1])])  # what has not been seen does not move
    before, side = memory[:, :-1], memory[:, -1:]
    (xy, axis, up), legs = heading(qpos), hinges(qpos[:, 7:])
    (other_xy, other_axis, other_up), other_legs = heading(other), hinges(other[:, 7:])
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


def heading(qpos):
    """A robot's xy, the level direction it is turned to, its up axis' xyz.

    The direction is that of its rotation without the tilt.
    """
    w, x, y, z = qpos[:, 3:7].T
    axis = np.stack([w * w - z * z, 2 * w * z], axis=1) / (w * w + z * z + 1e-6)[:, None]
    up = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    return qpos[:, :2], axis, up


def hinges(values):
    """Hip and ankle of legs 1 to 4 [batch, 4, 2], with signs that make legs alike."""
    return values.reshape(-1, 4, 2) * BENT


def face(target, axis):
    """Turns the direction `axis` by as many quarter turns as put `target` in front.

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


def humanoid_view(ob, memory):
    """A humanoid's view of its four games in the first half of the rows, its image in the second.

    What the network would do in the mirrored match counts as much. The memory is the other robot's
    qpos, the side where this one started (the sign of its x) and the ball's position.
    """
    qpos, qvel, inertia, force, other, ball, ring = split_humanoid(ob)
    if memory is None:
        memory = np.hstack([other, np.sign(qpos[:, :1]), ball])  # unseen things do not move
    last, side, last_ball = np.split(memory, [24, 25], axis=1)
    floor = ARENA_TOP if ob.shape[1] == HUMAN_SUMO else 0.0
    frame = heading(qpos)[1]
    blocks = body_blocks(qpos, qvel, inertia, force, floor)
    blocks += other_blocks(qpos, other, (other[:, :3] - last[:, :3]) / DT, floor)
    if ob.shape[1] == HUMAN_SUMO:
        blocks += [level(frame, -qpos[:, :2] / 2), plain(ring * [0.5, 1.0, 1.0, 0.002])]
    elif ob.shape[1] == HUMAN_KICK:
        blocks += ball_blocks(qpos, ball, (ball - last_ball) / DT)
    else:
        blocks += [level(frame, -side * [1.0, 0.0]), plain(side * qpos[:, :1] / 4)]
    values, images = zip(*blocks)
    features = np.clip(np.vstack([np.hstack(values), np.hstack(images)]), -5, 5)
    return features, both_actions, np.hstack([other, side, ball])


def both_actions(acs):
    """The mean of actions [batch, 17] and, in the second half, of those of the mirror image."""
    straight, image = np.split(acs, 2)
    return (straight + image[:, MOTORS[0]] * MOTORS[1]) / 2


def split_humanoid(ob):
    """(qpos, qvel, cinert, cfrc_ext, the other's qpos, ball's xyz or zeros, last block) of a game.

    In kick-and-defend, xy follow from the ball's offsets to the goal and to the robot.
    """
    if ob.shape[1] != HUMAN_KICK:
        qpos, qvel, inertia, _, _, force, other = cut(ob[:, :HUMAN_RACE], *HUMAN, 24)
        return qpos, qvel, inertia, force, other, np.zeros((len(ob), 3)), ob[:, -4:]
    rest, qvel, inertia, _, _, force, offset, other, way, height, lines = cut(
        ob, 22, *HUMAN[1:], 2, 22, 2, 1, 3)
    ball = np.hstack([GOAL - lines[:, :1], POST - lines[:, 1:2], height])
    xy = ball[:, :2] - way
    return (np.hstack([xy, rest]), qvel, inertia, force, np.hstack([xy + offset, other]), ball,
            lines)


def cut(ob, *sizes):
    """Blocks [batch, size] of an observation."""
    return np.split(ob, np.cumsum(sizes)[:-1], axis=1)


def body_blocks(qpos, qvel, inertia, force, floor):
    """Its own body: a list of (values, their mirror image)."""
    (_, axis, up), batch = heading(qpos), len(qpos)
    inertia = inertia.reshape(batch, BODIES, 10)
    bodies = (inertia[:, :, 6:9] / inertia[:, :, 9:])[:, SEEN]
    forces = force.reshape(batch, BODIES, 6)[:, SEEN, 3:]
    spin = qvel[:, 3:6] / 5
    return [plain(np.hstack([qpos[:, 2:3] - floor, up[:, 2:], qvel[:, 2:3] / 2])),
            level(axis, up[:, :2], qvel[:, :2] / 2), (spin, spin * [-1, 1, -1]),
            joints(qpos[:, 7:]), joints(qvel[:, 6:] / 10),
            *seen(axis, bodies), *seen(axis, forces)]


def other_blocks(qpos, other, speed, floor):
    """The other robot, whose torso moves with velocity `speed` [batch, 3]."""
    (xy, axis, _), (other_xy, other_axis, other_up) = heading(qpos), heading(other)
    offset = other_xy - xy
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    return [level(axis, offset / 2, speed[:, :2] / 2, other_up[:, :2], other_axis),
            plain(np.hstack([distance / 2, 1 / (0.5 + distance), other[:, 2:3] - floor,
                             other_up[:, 2:], speed[:, 2:] / 2])), joints(other[:, 7:])]


def ball_blocks(qpos, ball, speed):
    """The ball, which moves with velocity `speed` [batch, 3], and the goal."""
    xy, axis, _ = heading(qpos)
    way, goal, post = ball[:, :2] - xy, ([GOAL, 0.0] - xy) / 4, np.array([0.0, POST / 4])
    left, right = level(axis, goal + post, goal - post), level(axis, goal - post, goal + post)
    distance = np.linalg.norm(way, axis=1, keepdims=True)
    return [level(axis, way / 2, speed[:, :2] / 4, goal, [GOAL, 0.0] - ball[:, :2]),
            (left[0], right[1]),
            plain(np.hstack([distance / 2, ball[:, 2:], speed[:, 2:] / 4, xy[:, :1] / 4,
                             ball[:, :1] / 4]))]


def plain(values):
    """Numbers that a mirror leaves alone."""
    return values, values


def joints(values):
    """Angles or velocities of the 17 joints."""
    return values, values[:, JOINTS[0]] * JOINTS[1]


def level(axis, *vectors):
    """Level vectors [batch, 2] in the frame `axis`; a mirror reverses their sideways part."""
    values = turn(np.stack(vectors, axis=1), axis)
    return tuple((values * signs).reshape(len(axis), -1) for signs in ([1, 1], [1, -1]))


def seen(axis, vectors):
    """Two blocks of the vectors [batch, 6, 3] of bodies `SEEN`: their level parts, their z."""
    values, image = level(axis, *vectors[:, :, :2].swapaxes(0, 1))
    image = image.reshape(-1, len(SEEN), 2)[:, SEEN_IMAGES].reshape(values.shape)
    return [(values, image), (vectors[:, :, 2], vectors[:, SEEN_IMAGES, 2])]
