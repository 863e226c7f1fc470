"""Networks of a user's own whose layers have a fixed width."""

from policy import MlpPolicy


class Narrow(MlpPolicy):
    """Takes no width."""

    def __init__(self, name, ob_dim, ac_dim, rng=None, logstd=0.0, ret_decay=1.0):
        super().__init__(name, ob_dim, ac_dim, rng, logstd=logstd, ret_decay=ret_decay, hid_size=4)


class Sharing(Narrow):
    """Starts from other games' networks, although it filters what it sees."""

    shared_features = 15
