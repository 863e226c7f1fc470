"""An ant's observations in its own frame: the same numbers whichever way it faces.

An ant has four equal legs, so turned by 90 degrees it is the same ant with its legs renamed. A
network that sees world coordinates must learn to run for each direction it may face; one that sees
this view learns it once.

The view's frame is level and turns with the torso about the vertical. Of the four ways to name
the legs, it takes the one that puts the target in front: in sumo the other ant, in the race the
direction from the middle to its own start. "In front" is a bearing of -22.5 to 67.5 degrees, so
neither the torso's own axis nor a leg lies where the names change.

Half a turn of the world about its middle exchanges the seats of both games and does not change
the view. So the view does not depend on the seat, and one learner plays both.

The features, 97 in the race and 100 in sumo, all clipped at +-`CLIP`:

==  ===========================================================================  ==========
 n  meaning                                                                      unit
==  ===========================================================================  ==========
 2  own height; z of the torso's up axis                                         1 m, 1
 1  vertical velocity                                                            SPEED
 3  spin about the torso's own z, then x and y axes                              SPIN
16  level vectors in the view's frame:
    the up axis' lean; own velocity                                              1, SPEED
    offset of the other; its velocity; its up axis' lean; its heading            LENGTH, SPEED, 1
    offset of the ring's middle (sumo), or direction home (race)                 LENGTH or 1
    contact force on the torso (level)                                           clipped
 1  vertical contact force on the torso                                          clipped
52  leg by leg, from the one in front: hip and ankle angles, their speeds        rad, SPIN
    and the contact forces [3 bodies, 3]                                         clipped
 3  the other's height, z of its up axis, its vertical velocity                  1 m, 1, SPEED
 2  distance to the other, and 1 / (`NEAR` + distance)                           LENGTH, 1/m
16  the other's legs, from the one in front: angles, their speeds                rad, SPEED
 4  sumo: ring's radius, own and the other's distance to the edge, steps left    RING
 1  race: how far along the track it is, seen from its start                     TRACK
==  ===========================================================================  ==========
"""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

BODY = 15 + 14 + 13 * 6  # qpos, qvel, cfrc_ext (docs/games.md, observations)
RACE, SUMO = BODY + 15, BODY + 30
MEMORY = 15 + 1
POSE = range(80, 96)  # features that hold the other's legs
BENT = np.float32([[1, 1], [1, -1], [1, -1], [1, 1]])  # legs 1 to 4: signs of hip and ankle angles
MOTOR_LEGS = (3, 0, 1, 2)  # whose hip and ankle the motors are, counted from 0
FIRST = np.radians(-22.5)  # the bearing where "in front" begins
QUARTERS = np.float32([[1, 0], [0, 1], [-1, 0], [0, -1]])  # cos and sin of quarter turns

# Units of the features
LENGTH, TRACK = 2.0, 4.0  # [m]
SPEED, SPIN = 2.0, 5.0  # [m/s], [rad/s]
STEP = 10.0  # factor from a difference over one step of 0.05 s to units of SPEED
RING = [0.25, 0.5, 0.5, 0.002]  # factors of 1/m, 1/m, 1/m and 1/step
NEAR = 0.5  # [m]
CLIP = 5.0


class Posture(NamedTuple):
    """How robots stand: tensors with one row per robot.

    xy [batch, 2], height [batch, 1]: of the torso; axis [batch, 2]: the level direction in which it
    faces; lean [batch, 2], upright [batch, 1]: level part and z of its up axis; joints: the rest of
    qpos.
    """

    xy: tf.Tensor
    height: tf.Tensor
    axis: tf.Tensor
    lean: tf.Tensor
    upright: tf.Tensor
    joints: tf.Tensor


def ant_view(ob, before):
    """The features of an ant's raw observations, [batch, features], each of about size 1.

    ob: [batch, 122 or 137] of run-to-goal-ants or sumo-ants; before: the memory of the last step,
    [batch, MEMORY], or zeros at a match's first. Returns (features, quarters, memory): quarters,
    one-hot [batch, 4], is the number of quarter turns by which legs are renamed; memory is the
    other ant's qpos and the side where this one started, the sign of its x. Nothing here has
    parameters or is differentiated.
    """
    sumo = ob.shape[1] == SUMO  # whose 11 numbers before the ring say nothing new
    qpos, qvel, force, other_qpos, *more = tf.split(
        ob, [15, 14, 78, 15] + [11, 4] * sumo, axis=1)
    me, other = postures(qpos, other_qpos)
    moved, side = since(before, other_qpos, me.xy)
    offset, home = other.xy - me.xy, side * [[1.0, 0.0]]
    quarters, axis = face(tf.concat([offset if sumo else home, -offset], 0),
                          tf.concat([me.axis, other.axis], 0))
    (quarters, other_quarters), (frame, other_axis) = tf.split(quarters, 2), tf.split(axis, 2)
    velocity, *speeds = tf.split(qvel, [2, 1, 2, 1, 8], axis=1)
    other_velocity, *other_speeds = tf.split(moved, [2, 1, 4, 8], axis=1)
    level = tf.stack([me.lean, velocity / SPEED, offset / LENGTH, other_velocity, other.lean,
                      other_axis, -me.xy / LENGTH if sumo else home], axis=1)
    force, upward = tf.split(tf.reshape(force, [-1, 13, 6])[:, :, 3:], [2, 1], axis=2)
    level, legs_force = tf.split(turn(tf.concat([level, force], 1), frame), [8, 12], axis=1)
    torso_upward, legs_upward = tf.split(upward, [1, 12], axis=1)
    features = tf.concat([
        own_torso(me, speeds, quarters), tf.reshape(level, [-1, 16]), torso_upward[:, 0],
        own_legs(me, speeds[-1], tf.concat([legs_force, legs_upward], 2), quarters),
        other_ant(other, other_speeds, offset, other_quarters),
        more[1] * RING if sumo else side * me.xy[:, :1] / TRACK], axis=1)
    return tf.clip_by_value(features, -CLIP, CLIP), quarters, tf.concat([other_qpos, side], 1)


def since(before, other, xy):
    """From the memory: how the other's qpos has moved since, and on which side this ant started.

    Velocities of the other are not observed; at a match's first step they are 0. Returns
    ([batch, 15] in units of SPEED, [batch, 1]).
    """
    before, side = tf.split(before, [MEMORY - 1, 1], axis=1)
    known = tf.cast(tf.reduce_sum(tf.square(before[:, 3:7]), 1, keepdims=True) > 0.5, tf.float32)
    return (STEP * known * (other - before),
            tf.where(tf.equal(side, 0.0), tf.sign(xy[:, :1]), side))


def own_torso(me, speeds, quarters):
    """Height, upright, vertical velocity and spin, [batch, 6]; speeds: qvel from its z on."""
    climb, roll, yaw, _ = speeds
    spin = turn(roll[:, None], tf.matmul(quarters, QUARTERS))  # in the torso's own frame
    return tf.concat([me.height, me.upright, climb / SPEED, yaw / SPIN, spin[:, 0] / SPIN], axis=1)


def own_legs(me, speeds, force, quarters):
    """Angles, speeds and forces of all legs, [batch, 52]; force: [batch, 12 bodies, 3]."""
    return rename(tf.concat([bent(me.joints), bent(speeds) / SPIN, tf.reshape(force, [-1, 4, 9])],
                            axis=2), quarters)


def other_ant(other, speeds, offset, quarters):
    """The other's torso, its distance and its legs, [batch, 21]; speeds: from its z on."""
    climb, _, hinges = speeds
    distance = tf.norm(offset, axis=1, keepdims=True)
    return tf.concat([other.height, other.upright, climb, distance / LENGTH, 1 / (NEAR + distance),
                      rename(tf.concat([bent(other.joints), bent(hinges)], axis=2), quarters)],
                     axis=1)


def postures(qpos, other):
    """The `Posture`s of two robots, computed in one go, which halves the number of operations.

    qpos, other: [batch, 7 + joints]. The direction in which a robot faces is that of its rotation
    without the tilt (the twist of a swing-twist decomposition), so a tilted torso has one, too.
    """
    xy, height, quaternion, joints = tf.split(
        tf.concat([qpos, other], 0), [2, 1, 4, qpos.shape[1] - 7], axis=1)
    w, x, y, z = tf.split(quaternion, 4, axis=1)
    axis = tf.concat([w * w - z * z, 2 * w * z], 1) / (w * w + z * z + 1e-6)
    lean = 2 * tf.concat([x * z + w * y, y * z - w * x], 1)
    both = Posture(xy, height, axis, lean, 1 - 2 * (x * x + y * y), joints)
    return map(Posture, *(tf.split(tensor, 2) for tensor in both))


def bent(hinges):
    """An ant's hinges [batch, 8] as [batch, 4, 2], hip and ankle, as if all legs were alike."""
    return tf.reshape(hinges, [-1, 4, 2]) * BENT


def face(target, axis):
    """Turns the direction `axis` by as many quarter turns as put `target` in front.

    target, axis: [batch, 2]. Returns (quarters one-hot [batch, 4], the turned axis [batch, 2]).
    """
    forward, sideways = tf.unstack(turn(target[:, None], axis), axis=2)
    count = tf.floor((tf.atan2(sideways, forward)[:, 0] - FIRST) / (np.pi / 2))
    quarters = tf.one_hot(tf.floormod(tf.cast(count, tf.int32), 4), 4)
    return quarters, turn(axis[:, None], tf.matmul(quarters, QUARTERS * np.float32([1, -1])))[:, 0]


def turn(vectors, axis):
    """Level vectors [batch, n, 2] as seen from a frame whose x axis is `axis` [batch, 2]."""
    x, y = tf.unstack(vectors, axis=2)
    c, s = tf.split(axis, 2, axis=1)
    return tf.stack([c * x + s * y, c * y - s * x], axis=2)


def rename(legs, quarters):
    """[batch, 4, k] in the order of the new names, flat: leg n is the one that was n + quarters."""
    was = (np.arange(4)[:, None] + np.arange(4)) % 4  # for each number of quarters
    return tf.reshape(tf.reduce_sum(quarters[:, :, None, None] * tf.gather(legs, was, axis=1), 1),
                      [-1, 4 * legs.shape[2]])


def motor_actions(actions, quarters):
    """Actions of hip and ankle, leg by leg as the view names them, in the motors' order.

    actions: [batch, 8]; quarters: as `ant_view` returns it.
    """
    table = np.zeros((4, 8, 8), np.float32)  # a permutation with signs for each number of quarters
    for count in range(4):
        for place, leg in enumerate(MOTOR_LEGS):
            for joint in (0, 1):
                table[count, 2 * ((leg - count) % 4) + joint, 2 * place + joint] = BENT[leg, joint]
    candidates = tf.matmul(actions, table.transpose(1, 0, 2).reshape(8, 32))
    return tf.reduce_sum(quarters[:, :, None] * tf.reshape(candidates, [-1, 4, 8]), axis=1)
