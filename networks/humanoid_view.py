"""A humanoid's observations in its own frame, and their mirror image.

The frame is level and turns with the torso about the vertical, so the numbers do not depend on
where in the world the robot faces. A humanoid is its own mirror image, left for right, and so is
every game's field: `reflect` turns a view into that of the mirrored match, and `mirrored_actions`
turns actions there back into actions here.

In the race and in sumo, half a turn of the world exchanges the seats and does not change the view.

The features, all clipped at +-`CLIP`; "level" vectors are in the view's frame:

==  ===========================================================================  ==========
 n  meaning                                                                      unit
==  ===========================================================================  ==========
 3  height over the floor; z of the torso's up axis; vertical velocity           1 m, 1, SPEED
 4  level: the up axis' lean; velocity                                           1, SPEED
 3  spin about the torso's own axes                                              SPIN
34  joint angles; joint speeds                                                   rad, JOINT_SPIN
18  level, then height: positions of torso, pelvis, feet, lower arms (`SEEN`)    1 m
18  level, then vertical: contact forces on the same                             clipped
 8  level: offset of the other; its velocity; its up axis' lean; its heading     LENGTH, SPEED, 1
 2  distance to the other, and 1 / (`NEAR` + distance)                           LENGTH, 1/m
 3  the other's height, z of its up axis, vertical velocity                      1 m, 1, SPEED
17  the other's joint angles                                                     rad
 2  sumo, level: offset of the ring's middle                                     LENGTH
 4  sumo: ring's radius, own and the other's distance to the edge, steps left    RING
 4  kick-and-defend, level: offset of the ball; its velocity                     LENGTH, KICKED
 8  ditto: offsets of the goal, of it from the ball (in m), of its posts         FIELD
 5  ditto: distance, height and vertical velocity of the ball, own x, ball's x   LENGTH, 1 m, ...
 2  race, level: the direction ahead                                             1
 1  race: how far along the track it is, seen from its start                     FIELD
==  ===========================================================================  ==========
"""

import numpy as np
import tensorflow.compat.v1 as tf

from networks.ant_view import postures, turn

JOINTS, BODIES = 17, 13
# qpos, qvel, cinert, cvel, qfrc_actuator, cfrc_ext (docs/games.md, observations)
BODY = [24, 23, 10 * BODIES, 6 * BODIES, 23, 6 * BODIES]
RACE, SUMO, KICK = sum(BODY) + 24, sum(BODY) + 24 + 15, sum(BODY) - 2 + 2 + 22 + 6
MEMORY = 24 + 1 + 3
SHARED = 110  # features with which the view of every game begins
POSE = [*range(84, 88), *range(90, 110)]  # the other, but not its place and level velocity
ARENA_TOP, GOAL, POST = 0.5, 4.0, 3.0  # [m], docs/games.md, physics
DT = 0.015  # seconds of a step

# Units of the features
LENGTH, FIELD = 2.0, 4.0  # [m]
SPEED, KICKED = 2.0, 4.0  # of robots and of the ball [m/s]
SPIN, JOINT_SPIN = 5.0, 10.0  # [rad/s]
RING = [0.5, 1.0, 1.0, 0.002]  # factors of 1/m, 1/m, 1/m and 1/step
NEAR = 0.5  # [m]
CLIP = 5.0

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
    is the other robot's qpos, the side where this one started (the sign of its x), and the ball's
    position. Nothing here has parameters or is differentiated.
    """
    qpos, qvel, inertia, force, other, ball, ring = split(ob)
    last, side, last_ball = tf.split(before, [24, 1, 3], axis=1)
    side = tf.where(tf.equal(side, 0.0), tf.sign(qpos[:, :1]), side)
    known = tf.cast(tf.reduce_sum(tf.square(last[:, 3:7]), 1, keepdims=True) > 0.5, tf.float32)
    steps = known * (other[:, :3] - last[:, :3]) / DT  # the other's velocity is not observed
    floor = ARENA_TOP if ob.shape[1] == SUMO else 0.0
    me, you = postures(qpos, other)
    blocks = (own_body(me, qvel, floor) + own_bodies(inertia, force, me.axis)
              + other_robot(you, steps, me, floor))
    if ring is not None:
        blocks += [level(me.axis, -me.xy / LENGTH), (ring * RING, plain(4))]
    elif ball is not None:
        blocks += ball_and_goal(ball, known * (ball - last_ball) / DT, me)
    else:
        blocks += [level(me.axis, side * [[-1.0, 0.0]]), (side * me.xy[:, :1] / FIELD, plain(1))]
    features, reflect = join(blocks)
    seen = tf.zeros([tf.shape(ob)[0], 3]) if ball is None else ball
    return features, reflect, tf.concat([other, side, seen], 1)


# Blocks of features: lists of (values [batch, n], their image in the mirror as (places, signs))


def own_body(me, qvel, floor):
    """How the robot stands and moves, and its joints."""
    velocity, climb, spin, speeds = tf.split(qvel, [2, 1, 3, JOINTS], axis=1)
    return [
        (tf.concat([me.height - floor, me.upright, climb / SPEED], 1), plain(3)),
        level(me.axis, me.lean, velocity / SPEED),
        (spin / SPIN, ([0, 1, 2], [-1, 1, -1])),
        (me.joints, (JOINT_PLACES, JOINT_SIGNS)),
        (speeds / JOINT_SPIN, (JOINT_PLACES, JOINT_SIGNS))]


def own_bodies(inertia, force, axis):
    """Positions of the bodies `SEEN`, from `cinert`, and contact forces on them, `cfrc_ext`."""
    inertia = tf.gather(tf.reshape(inertia, [-1, BODIES, 10]), SEEN, axis=1)
    _, places, masses = tf.split(inertia, [6, 3, 1], axis=2)
    forces = tf.gather(tf.reshape(force, [-1, BODIES, 6]), SEEN, axis=1)[:, :, 3:]
    blocks = []
    for vectors in (places / masses, forces):
        flat, height = tf.split(vectors, [2, 1], axis=2)
        blocks += [(tf.reshape(turn(flat, axis), [-1, 12]), levels(6, SEEN_PLACES)),
                   (height[:, :, 0], (SEEN_PLACES, 6 * [1]))]
    return blocks


def other_robot(you, velocity, me, floor):
    """Where the other robot is, seen from this one, and how it moves and stands."""
    offset = you.xy - me.xy
    distance = tf.norm(offset, axis=1, keepdims=True)
    velocity, climb = tf.split(velocity / SPEED, [2, 1], axis=1)
    return [
        level(me.axis, offset / LENGTH, velocity, you.lean, you.axis),
        (tf.concat([distance / LENGTH, 1 / (NEAR + distance), you.height - floor, you.upright,
                    climb], 1), plain(5)),
        (you.joints, (JOINT_PLACES, JOINT_SIGNS))]


def ball_and_goal(ball, velocity, me):
    """Kick-and-defend's ball, the goal and its two posts, which are each other's image."""
    place, height = tf.split(ball, [2, 1], axis=1)
    velocity, climb = tf.split(velocity / KICKED, [2, 1], axis=1)
    way, goal = place - me.xy, ([[GOAL, 0.0]] - me.xy) / FIELD
    post = [[0.0, POST / FIELD]]
    posts, _ = level(me.axis, goal + post, goal - post)
    return [
        level(me.axis, way / LENGTH, velocity, goal, [[GOAL, 0.0]] - place),
        (posts, levels(2, (1, 0))),
        (tf.concat([tf.norm(way, axis=1, keepdims=True) / LENGTH, height, climb,
                    me.xy[:, :1] / FIELD, place[:, :1] / FIELD], 1), plain(5))]


def join(blocks):
    """(features, function that mirrors them) of consecutive blocks."""
    places, signs = [], []
    for _, (where, sign) in blocks:
        places += list(len(signs) + np.asarray(where))
        signs += list(sign)
    features = tf.concat([values for values, _ in blocks], 1)
    return (tf.clip_by_value(features, -CLIP, CLIP),
            lambda view: tf.gather(view, places, axis=1) * np.float32(signs))


def level(axis, *vectors):
    """The block of level vectors [batch, 2] in the frame whose x axis is `axis` [batch, 2]."""
    turned = turn(tf.stack(vectors, 1), axis)
    return tf.reshape(turned, [-1, 2 * len(vectors)]), levels(len(vectors))


def split(ob):
    """(qpos 24, qvel 23, cinert, cfrc_ext, the other's qpos 24, ball's xyz, ring) of observations.

    The last two are None if the game has none. In kick-and-defend a robot does not observe its own
    xy; they follow from the ball's offsets to the goal and to the robot.
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
    """Level vectors, whose sideways part changes its sign; order: the image of each."""
    order = np.arange(count) if order is None else np.asarray(order)
    return (2 * order[:, None] + [0, 1]).ravel(), count * [1, -1]


def mirrored_actions(actions):
    """The mirror image of actions [batch, 17]."""
    joint_of = np.argsort(MOTORS)  # the motor of each joint
    places = joint_of[JOINT_PLACES[MOTORS]]
    return tf.gather(actions, places, axis=1) * np.float32(JOINT_SIGNS[MOTORS])
