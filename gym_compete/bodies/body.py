"""A robot: its model file, what is observed, and the constants of its rewards."""

import os
from dataclasses import dataclass

import gymnasium
import mujoco

from gym_compete.bodies.inertia import set_old_inertials

ASSETS = os.path.join(os.path.dirname(gymnasium.__file__), "envs", "mujoco", "assets")


@dataclass(frozen=True)
class Body:
    """A robot: where its model comes from, how it is observed and what its effort costs.

    name: for messages.
    asset: file name in Gymnasium's MuJoCo assets, whose root body is called `torso`.
    observed: arrays observed between `qvel` and `cfrc_ext`, in order.
    forward: reward per m/s of the center of mass towards the goal, with `dt` as `forward_time`.
    forward_time: progress is divided by an environment step ("step") or a simulator step
        ("substep").
    control, contact: weights of sum(ac^2) and sum(cfrc_ext^2); contact forces are clipped to
        +-`contact_clip` first (None: not at all) and their cost to at most `contact_cap`.
    survive: bonus while the root's height is at least `standing` [m], its negative below.
    goal: cost per meter still to go in a race.
    down: height below which the robot counts as down in a race [m].
    patch: function that changes the robot's `MjSpec` (None: nothing to change).
    """

    name: str
    asset: str
    observed: tuple
    forward: float
    forward_time: str
    control: float
    contact: float
    contact_clip: float | None
    contact_cap: float
    survive: float
    standing: float
    goal: float
    down: float
    patch: object = None

    def load(self):
        """Returns a fresh `MjSpec` of the robot with the games' changes and inertials."""
        spec = mujoco.MjSpec.from_file(os.path.join(ASSETS, self.asset))
        _strip(spec)
        if self.patch:
            self.patch(spec)
        set_old_inertials(spec)
        return spec


def _strip(spec):
    """Drops keyframes and user data, which belong to the file's own scene."""
    spec.nkey, spec.nuser_geom = 0, -1
    for key in list(spec.keys):
        spec.delete(key)
    for geom in spec.geoms:
        geom.userdata = []
