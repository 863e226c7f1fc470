"""What a humanoid observes, seen from its own body, and the same in a mirror.

The frame is level and turns with the torso about the vertical, so that the numbers do not depend
on where in the world the robot looks. A humanoid is its own mirror image, left for right, and so is
every game's field: `reflect` turns a view into what the robot would see in the mirrored match, and
`mirrored_actions` turns what it would do there back into what it does here.

In the race and in sumo half a turn of the world exchanges the seats and does not change the view.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from egocentric import heading, turn

JOINTS, BODIES = 17, 13
# qpos, qvel, cinert, cvel, qfrc_actuator, cfrc_ext (docs/games.md, observations)
BODY = [24, 23, 10 * BODIES, 6 * BODIES, 23, 6 * BODIES]
RACE, SUMO, KICK = sum(BODY) + 24, sum(BODY) + 24 + 15, sum(BODY) - 2 + 2 + 22 + 6
MEMORY = 24 + 1 + 3
ARENA_TOP, GOAL, POST = 0.5, 4.0, 3.0  # [m], docs/games.md, physics
DT = 0.015  # seconds of a step

# Joints in the order of qpos: three of the abdomen, right leg, left leg, right arm, left arm.
JOINT_PLACES = np.array([0, 1, 2, 7, 8, 9, 10, 3, 4, 5, 6, 14, 15, 16, 11, 12, 13])
JOINT_SIGNS = np.array([-1, 1, -1] + 8 * [1] + 2 * [-1, -1, 1])
MOTORS = np.array([1, 0, *range(2, JOINTS)])  # the joint that each motor moves
SEEN = (0, 2, 5, 8, 10, 12)  # torso, pelvis, right and left foot, right and left lower arm
SEEN_PLACES = (0, 1, 3, 2, 5, 4)


def humanoid_view(ob, before):
    """The features of a humanoid's raw observations.

    ob: [batch, 380, 395 or 384] of the race and you-shall-not-pass, of sumo, of kick-and-defend;
    before: the memory of the last step [batch, MEMORY], or zeros at a match's first. Returns
    (features [batch, n], reflect, memory): reflect is a function that mirrors the features; memory
    is the other robot's qpos, the side where this one began (the sign of its x), and the ball's
    place. Nothing here has parameters or is differentiated.
    """
    qpos, qvel, inertia, force, other, ball, ring = split(ob)
    last, side, last_ball = tf.split(before, [24, 1, 3], axis=1)
    side = tf.where(tf.equal(side, 0.0), tf.sign(qpos[:, :1]), side)
    known = tf.cast(tf.reduce_sum(tf.square(last[:, 3:7]), 1, keepdims=True) > 0.5, tf.float32)
    xy, axis, up = heading(qpos)
    other_xy, other_axis, other_up = heading(other)
    offset = other_xy - xy
    distance = tf.norm(offset, axis=1, keepdims=True)
    ahead = tf.concat([-side, tf.zeros_like(side)], 1)
    steps = known * (other[:, :3] - last[:, :3]) / DT  # the other's velocity is not observed
    floor = ARENA_TOP if ob.shape[1] == SUMO else 0.0

    def level(*vectors):  # [batch, 2] each, in the robot's frame
        return tf.reshape(turn(tf.stack(vectors, 1), axis), [-1, 2 * len(vectors)])

    inertia = tf.reshape(inertia, [-1, BODIES, 10])
    bodies = tf.gather(inertia[:, :, 6:9] / inertia[:, :, 9:], SEEN, axis=1)
    forces = tf.gather(tf.reshape(force, [-1, BODIES, 6])[:, :, 3:], SEEN, axis=1)
    blocks = [
        (tf.concat([qpos[:, 2:3] - floor, up[:, 2:], qvel[:, 2:3] / 2], 1), plain(3)),
        (level(up[:, :2], qvel[:, :2] / 2), levels(2)),
        (qvel[:, 3:6] / 5, ([0, 1, 2], [-1, 1, -1])),
        (qpos[:, 7:], (JOINT_PLACES, JOINT_SIGNS)),
        (qvel[:, 6:] / 10, (JOINT_PLACES, JOINT_SIGNS)),
        (tf.reshape(turn(bodies[:, :, :2], axis), [-1, 12]), levels(6, SEEN_PLACES)),
        (bodies[:, :, 2], (SEEN_PLACES, 6 * [1])),
        (tf.reshape(turn(forces[:, :, :2], axis), [-1, 12]), levels(6, SEEN_PLACES)),
        (forces[:, :, 2], (SEEN_PLACES, 6 * [1])),
        (level(offset / 2, steps[:, :2] / 2, other_up[:, :2], other_axis), levels(4)),
        (tf.concat([distance / 2, 1 / (0.5 + distance), other[:, 2:3] - floor, other_up[:, 2:],
                    steps[:, 2:] / 2], 1), plain(5)),
        (other[:, 7:], (JOINT_PLACES, JOINT_SIGNS))]
    if ring is not None:
        blocks += [(level(-xy / 2), levels(1)), (ring * [0.5, 1.0, 1.0, 0.002], plain(4))]
    elif ball is not None:
        way, goal = ball[:, :2] - xy, [[GOAL, 0.0]] - xy
        rolled = known * (ball - last_ball) / DT
        blocks += [
            (level(way / 2, rolled[:, :2] / 4, goal / 4, [[GOAL, 0.0]] - ball[:, :2]), levels(4)),
            (level(goal / 4 + [[0.0, POST / 4]], goal / 4 - [[0.0, POST / 4]]),
             levels(2, (1, 0))),
            (tf.concat([tf.norm(way, axis=1, keepdims=True) / 2, ball[:, 2:], rolled[:, 2:] / 4,
                        xy[:, :1] / 4, ball[:, :1] / 4], 1), plain(5))]
    else:
        blocks += [(level(ahead), levels(1)), (side * xy[:, :1] / 4, plain(1))]
    features, places, signs = [], [], []
    for values, (where, sign) in blocks:
        places += list(len(signs) + np.asarray(where))
        signs += list(sign)
        features.append(values)
    features = tf.clip_by_value(tf.concat(features, 1), -5.0, 5.0)
    seen = tf.zeros([tf.shape(ob)[0], 3]) if ball is None else ball
    return (features, lambda view: tf.gather(view, places, axis=1) * np.float32(signs),
            tf.concat([other, side, seen], 1))


def split(ob):
    """(qpos 24, qvel 23, cinert, cfrc_ext, the other's qpos 24, ball's xyz, ring) of observations.

    The last two are None where the game has them not. In kick-and-defend, where a robot does not
    observe its own xy, it follows from the ball's ways to the goal and to the robot.
    """
    if ob.shape[1] != KICK:
        qpos, qvel, inertia, _, _, force, other = tf.split(ob[:, :RACE], [*BODY, 24], axis=1)
        return qpos, qvel, inertia, force, other, None, ob[:, -4:] if ob.shape[1] == SUMO else None
    sizes = [22, *BODY[1:], 2, 22, 2, 1, 3]
    rest, qvel, inertia, _, _, force, offset, other, way, height, lines = tf.split(ob, sizes, 1)
    ball = tf.concat([GOAL - lines[:, :1], POST - lines[:, 1:2], height], 1)
    xy = ball[:, :2] - way
    return (tf.concat([xy, rest], 1), qvel, inertia, force, tf.concat([xy + offset, other], 1),
            ball, None)


def plain(count):
    """Numbers that are the same in a mirror: (places, signs)."""
    return range(count), count * [1]


def levels(count, order=None):
    """Level vectors, whose sideways part changes its sign; order: which is whose image."""
    order = np.arange(count) if order is None else np.asarray(order)
    return (2 * order[:, None] + [0, 1]).ravel(), count * [1, -1]


def mirrored_actions(actions):
    """Actions [batch, 17] as they look in a mirror."""
    joint_of = np.argsort(MOTORS)  # the motor of each joint
    places = joint_of[JOINT_PLACES[MOTORS]]
    return tf.gather(actions, places, axis=1) * np.float32(JOINT_SIGNS[MOTORS])
