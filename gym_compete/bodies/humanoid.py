"""The humanoid: 17 motors, 13 bodies."""

import numpy as np

from gym_compete.bodies.body import Body


def _widen_left_hip(spec):
    """The released games let the left hip swing to -120 degrees, Gymnasium's humanoid to -110."""
    spec.joint("left_hip_y").range = np.array([-120.0, 20.0])


HUMANOID = Body(
    name="humanoid", asset="humanoid.xml", observed=("cinert", "cvel", "qfrc_actuator"),
    patch=_widen_left_hip,
    forward=0.25, forward_time="substep",
    control=0.1, contact=5e-7, contact_clip=None, contact_cap=10.0,
    survive=5.0, standing=1.0, goal=1.0, down=0.8,
)
