"""The robots, one file each."""

from gym_compete.bodies.ant import ANT
from gym_compete.bodies.body import Body
from gym_compete.bodies.humanoid import HUMANOID

__all__ = ["ANT", "HUMANOID", "Body"]
