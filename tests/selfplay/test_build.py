"""What a configuration asks for, where it fits the networks and where it does not."""

from types import SimpleNamespace

import pytest

from common.command_line import InputError
from gym_compete import find_game
from networks.loading import find_policy
from selfplay.build import refuse_mirror
from selfplay.config import Config


@pytest.mark.parametrize("game, policy, outsider, names", [
    ("run-to-goal-humans", "humanoid", None, "humanoid"),
    ("run-to-goal-humans", "humanoid", (0, "mlp"), "humanoid"),
    ("run-to-goal-humans", "humanoid", (1, "mlp"), None),
    ("run-to-goal-humans", "mlp", (1, "humanoid"), "humanoid"),
    ("run-to-goal-humans", "mlp", (0, "humanoid"), None),
    ("sumo-humans", "humanoid", (1, "humanoid"), "humanoid"),
    ("sumo-humans", "humanoid", (1, "lstm"), None), ("sumo-humans", "lstm", (0, "humanoid"), None),
    ("run-to-goal-ants", "ant", None, None)])
def test_a_mirror_is_for_who_acts_otherwise_in_it(game, policy, outsider, names):
    """It counts who ever sits in seat 1: in sumo an outsider and the learner in turn."""
    if outsider:
        outsider = outsider[0], SimpleNamespace(header={"policy": outsider[1]})
    given = [find_game(game)(), find_policy(policy), outsider]
    refuse_mirror(Config(policy=policy), *given)
    if names is None:
        refuse_mirror(Config(policy=policy, mirror=True), *given)
        return
    with pytest.raises(InputError, match=f"--mirror: not with {names} in seat 1, "):
        refuse_mirror(Config(policy=policy, mirror=True), *given)
