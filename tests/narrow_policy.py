"""A network of a user's own whose layers have a fixed width."""

from policy import MlpPolicy


class Narrow(MlpPolicy):
    """Takes no width."""

    def __init__(self, name, ob_dim, ac_dim, rng):
        super().__init__(name, ob_dim, ac_dim, rng, hid_size=4)
