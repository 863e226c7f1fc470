"""Mass and inertia of capsules as MuJoCo computed them before version 2.1.2.

The released policies observe `cinert` and were trained on those masses (docs/games.md), so every
scene carries them as explicit inertials. Only capsules differ from today's rule: the old one took a
capsule of radius r and cylinder length L for a solid cylinder of length L + r.
"""

import mujoco
import numpy as np


def capsule_inertia(radius, length, density):
    """Mass [kg] and principal inertia (3,) [kg m^2] of a capsule along z, by the old rule.

    `length` is that of the cylindrical part, without the caps.
    """
    height = length + radius
    mass = density * np.pi * radius**2 * height
    across = mass * (3 * radius**2 + height**2) / 12
    return mass, np.array([across, across, mass * radius**2 / 2])


def sphere_inertia(radius, density):
    """Mass [kg] and principal inertia (3,) [kg m^2] of a solid sphere."""
    mass = density * 4 / 3 * np.pi * radius**3
    return mass, np.full(3, 0.4 * mass * radius**2)


def _geom_inertia(model, geom, density):
    radius, half_length = model.geom_size[geom, :2]
    kind = model.geom_type[geom]
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return capsule_inertia(radius, 2 * half_length, density)
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return sphere_inertia(radius, density)
    raise ValueError(f"geom {model.geom(geom).name!r}: only capsules and spheres have an old rule")


def _rotation(quat):
    flat = np.empty(9)
    mujoco.mju_quat2Mat(flat, quat)
    return flat.reshape(3, 3)


def _combine(parts):
    """Joins (mass, diagonal inertia, position, quaternion) parts: mass, center and 3x3 tensor."""
    masses = np.array([mass for mass, _, _, _ in parts])
    center = masses @ np.array([pos for _, _, pos, _ in parts]) / masses.sum()
    tensor = np.zeros((3, 3))
    for mass, diagonal, pos, quat in parts:
        rotation, offset = _rotation(quat), pos - center
        tensor += rotation @ np.diag(diagonal) @ rotation.T
        tensor += mass * (offset @ offset * np.eye(3) - np.outer(offset, offset))
    return masses.sum(), center, tensor


def set_old_inertials(spec):
    """Writes explicit inertials by the old rule into every body of an `MjSpec` (in place)."""
    spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_AUTO
    model = spec.compile()
    # Compiled geoms stand in the order of the bodies that own them.
    geoms = [geom for body in spec.bodies for geom in body.geoms]
    for body in spec.bodies:
        ids = np.flatnonzero(model.geom_bodyid == body.id)
        if body.id == 0 or not len(ids):
            continue
        parts = [(*_geom_inertia(model, i, geoms[i].density), model.geom_pos[i], model.geom_quat[i])
                 for i in ids]
        body.explicitinertial = True
        if len(parts) == 1:
            body.mass, body.inertia, body.ipos, body.iquat = parts[0]
        else:
            body.mass, body.ipos, tensor = _combine(parts)
            body.fullinertia = tensor[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
