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


def ant_view(ob, before):
    """The features of an ant's raw observations, [batch, features], each of about size 1.

    ob: [batch, 122 or 137] of run-to-goal-ants or sumo-ants; before: the memory of the last step,
    [batch, MEMORY], or zeros at a match's first. Returns (features, quarters, memory): quarters,
    one-hot [batch, 4], is the number of quarter turns by which legs are renamed; memory is the
    other ant's qpos and the side where this one started, the sign of its x. Nothing here has
    parameters or is differentiated.
    """
    sumo = ob.shape[1] == SUMO
    qpos, qvel, force, other = tf.split(ob[:, :RACE], [15, 14, 78, 15], axis=1)
    (xy, axis, up), (other_xy, other_axis, other_up) = heading(qpos), heading(other)
    moved, side = since(before, other, xy)
    offset, home = other_xy - xy, side * [[1.0, 0.0]]
    quarters, frame = face(offset if sumo else home, axis)
    other_quarters, other_axis = face(-offset, other_axis)
    level = tf.stack([up[:, :2], qvel[:, :2] / SPEED, offset / LENGTH, moved[:, :2],
                      other_up[:, :2], other_axis, -xy / LENGTH if sumo else home], axis=1)
    force = tf.reshape(force, [-1, 13, 6])[:, :, 3:]
    level = turn(tf.concat([level, force[:, :, :2]], 1), frame)  # the torso's force is number 7
    force = tf.concat([level[:, 7:], force[:, :, 2:]], 2)
    place = ob[:, -4:] * RING if sumo else side * xy[:, :1] / TRACK
    features = tf.concat([
        own_torso(qpos, qvel, up, quarters), tf.reshape(level[:, :8], [-1, 16]), force[:, 0, 2:],
        own_legs(qpos, qvel, force, quarters),
        other_ant(other, other_up, moved, offset, other_quarters), place], axis=1)
    return tf.clip_by_value(features, -CLIP, CLIP), quarters, tf.concat([other, side], 1)


def since(before, other, xy):
    """From the memory: how the other's qpos has moved since, and on which side this ant started.

    Velocities of the other are not observed; at a match's first step they are 0. Returns
    ([batch, 15] in units of SPEED, [batch, 1]).
    """
    before, side = tf.split(before, [MEMORY - 1, 1], axis=1)
    known = tf.cast(tf.reduce_sum(tf.square(before[:, 3:7]), 1, keepdims=True) > 0.5, tf.float32)
    return (STEP * known * (other - before),
            tf.where(tf.equal(side, 0.0), tf.sign(xy[:, :1]), side))


def own_torso(qpos, qvel, up, quarters):
    """Height, upright, vertical velocity and spin, [batch, 6]."""
    spin = turn(qvel[:, None, 3:5], tf.matmul(quarters, QUARTERS))  # in the torso's own frame
    return tf.concat([qpos[:, 2:3], up[:, 2:], qvel[:, 2:3] / SPEED, qvel[:, 5:6] / SPIN,
                      spin[:, 0] / SPIN], axis=1)


def own_legs(qpos, qvel, force, quarters):
    """Angles, speeds and forces of all legs, [batch, 52]; force: [batch, 13 bodies, 3]."""
    speeds = tf.reshape(qvel[:, 6:], [-1, 4, 2]) * BENT / SPIN
    return rename(tf.concat([legs_of(qpos), speeds, tf.reshape(force[:, 1:], [-1, 4, 9])], axis=2),
                  quarters)


def other_ant(qpos, up, moved, offset, quarters):
    """The other's torso, its distance and its legs, [batch, 21]; moved: see `since`."""
    distance = tf.norm(offset, axis=1, keepdims=True)
    speeds = tf.reshape(moved[:, 7:], [-1, 4, 2]) * BENT
    return tf.concat([qpos[:, 2:3], up[:, 2:], moved[:, 2:3], distance / LENGTH,
                      1 / (NEAR + distance),
                      rename(tf.concat([legs_of(qpos), speeds], axis=2), quarters)], axis=1)


def heading(qpos):
    """A robot's xy, the level direction [batch, 2] in which it faces, and its up axis' xyz.

    The direction is that of its rotation without the tilt (the twist of a swing-twist
    decomposition), which a tilted torso has too.
    """
    w, x, y, z = tf.split(qpos[:, 3:7], 4, axis=1)
    axis = tf.concat([w * w - z * z, 2 * w * z], 1) / (w * w + z * z + 1e-6)
    up = tf.concat([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    return qpos[:, :2], axis, up


def legs_of(qpos):
    """An ant's hinges [batch, 4, 2], hip and ankle of each leg, as if all legs were alike."""
    return tf.reshape(qpos[:, 7:], [-1, 4, 2]) * BENT


def face(target, axis):
    """Turns the direction `axis` by as many quarter turns as put `target` in front.

    target, axis: [batch, 2]. Returns (quarters one-hot [batch, 4], the turned axis [batch, 2]).
    """
    ahead = turn(target[:, None], axis)[:, 0]
    bearing = tf.atan2(ahead[:, 1], ahead[:, 0])
    count = tf.floor((bearing - FIRST) / (np.pi / 2))
    quarters = tf.one_hot(tf.floormod(tf.cast(count, tf.int32), 4), 4)
    c, s = tf.split(tf.matmul(quarters, QUARTERS), 2, axis=1)
    x, y = tf.split(axis, 2, axis=1)
    return quarters, tf.concat([c * x - s * y, s * x + c * y], axis=1)


def turn(vectors, axis):
    """Level vectors [batch, n, 2] as seen from a frame whose x axis is `axis` [batch, 2]."""
    x, y = vectors[:, :, 0], vectors[:, :, 1]
    c, s = axis[:, :1], axis[:, 1:]
    return tf.stack([c * x + s * y, c * y - s * x], axis=2)


def rename(legs, quarters):
    """[batch, 4, k] in the order of the new names, flat: leg n is the one that was n + quarters."""
    size = legs.shape[2]
    doubled = tf.reshape(tf.concat([legs, legs[:, :3]], 1), [-1, 7 * size])
    return tf.add_n([quarters[:, n:n + 1] * doubled[:, n * size:(n + 4) * size] for n in range(4)])


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
