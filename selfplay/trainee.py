"""One learner with everything that belongs to it."""

from dataclasses import dataclass

from distributed_data.variables import FlatVariables
from selfplay.build import network_arguments
from selfplay.ppo import Learner
from selfplay.seating import learner_names
from utils import Player


@dataclass
class Trainee:
    """A learner: name, seat and header describe it; `build_*` add the rest, in the graph.

    name: that of its snapshots' folder. seat: 0 or 1, the one that its network is built for.
    header: dict for its parameter files; its "seat" is "both" if the learner plays both.
    """

    name: str
    seat: int
    header: dict
    player: Player = None
    optimizer: Learner = None
    flat: FlatVariables = None

    @property
    def policy(self):
        """Its network."""
        return self.player.policy

    def build_player(self, seating, policy_fn, rng):
        """Builds its network, with weights drawn from rng, and its player."""
        self.player = seating.player(policy_fn(f"pi{seating.learner}", seating.seat, rng))

    def build_optimizer(self, *options):
        """Builds the graph of its updates; options: of `Learner`."""
        self.optimizer = Learner(self.policy, *options)
        self.flat = FlatVariables(self.policy.get_variables())


def make_trainees(config, env, shared, outsider_seat=None):
    """One `Trainee` per learner; shared: whether it plays both seats; see `learner_names`."""
    names = learner_names(shared, config.ensemble, outsider_seat)
    trainees = []
    for name in names:
        seat = int(name[len("agent")])
        trainees.append(Trainee(name, seat, {
            "game": config.env, "seat": "both" if shared else seat, "policy": config.policy,
            "policy_args": network_arguments(config),
            "ob_dim": env.ob_dims[seat], "ac_dim": env.ac_dims[seat]}))
    return trainees
