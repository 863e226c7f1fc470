"""What a configuration asks for: the network, the numbers of a batch, the matches.

What needs TensorFlow, MPI or MuJoCo is imported where it is used, so --help stays quick.
"""

from common.command_line import InputError
from selfplay import batch_plan
from selfplay.config import RULES


def find_network(config, game):
    """Returns (class of the networks, its keywords); InputError if it does not fit the game."""
    from networks.loading import admit_policy

    options = {name: getattr(config, name) for name in ("logstd", "ret_decay")
               if getattr(config, name) is not None} | network_arguments(config)
    try:
        network = admit_policy(config.policy, (game.ob_dims[0], game.ac_dims[0]), **options)
    except ValueError as error:
        raise InputError(f"--policy {config.policy}: {error}") from None
    if config.hide_pose and not getattr(network, "pose", ()):
        raise InputError(f"--hide-pose: not with --policy {config.policy}, whose inputs have no "
                         "pose; ant and humanoid have")
    return network, options


def refuse_mirror(config, game, network, outsider):
    """Raises InputError for --mirror if it would change no mean action, as only seat 1 is in it.

    network: the learners' class; outsider: (seat, `ParameterFile`) of a fixed opponent, or None.
    """
    from networks.loading import find_policy

    if not config.mirror:
        return
    seated = {config.policy: network}  # whoever sits in seat 1
    if outsider:
        seat, entry = outsider
        theirs = {entry.header["policy"]: find_policy(entry.header["policy"])}
        seated = seated | theirs if game.shared_policy else theirs if seat else seated
    if all(getattr(kind, "symmetric", False) for kind in seated.values()):
        raise InputError(f"--mirror: not with {' and '.join(seated)} in seat 1, whose mean action "
                         "is left-right symmetric; mlp, lstm and ant would do")


def policy_maker(network, options, env):
    """A function (name, seat, rng) -> policy for this game; rng None makes a frozen copy."""
    def make(name, seat, rng):
        return network(name, env.ob_dims[seat], env.ac_dims[seat], rng, **options)

    return make


def network_arguments(config):
    """Keywords of a network, both to train and to play."""
    args = {} if config.hid_size is None else {"hid_size": config.hid_size}
    return args | {"hide_pose": True} if config.hide_pose else args


def plays_both_seats(game, network, outsider):
    """Whether one learner plays both seats; network: its class, or anything with `either_seat`.

    outsider: whether a fixed opponent holds a seat.
    """
    return game.shared_policy or (game.alike_seats and not outsider
                                  and getattr(network, "either_seat", False))


def fit_batch(config, free, layout, fixed=()):
    """The plan of `batch_plan.fit` for a configuration; InputError if its values do not fit.

    free, fixed: names of the options that may adapt, and of those that the user cannot change.
    """
    try:
        return batch_plan.fit(*batch_plan.given_and_wanted(config, free), layout, fixed)
    except ValueError as error:
        raise InputError(str(error)) from None


def plan_batch(config, free, resumed, layout):
    """The configuration with values of `batch_plan.OPTIONS` that go together.

    free: those that may adapt to the others; rank 0 prints what they became. A resumed run keeps
    its own unless another number of ranks needs another number of matches.
    """
    from distributed_data import comm

    if resumed and not free:
        return config
    plan = comm.from_root(
        fit_batch, config, free, layout, batch_plan.FIXED_ON_RESUME if resumed else ())
    line = batch_plan.adaptations(plan, *batch_plan.given_and_wanted(config, free), layout)
    if line and comm.RANK == 0:
        print(line, flush=True)
    return config.replace(**plan)


def make_env(config, threads):
    """This rank's matches; threads: how many step them."""
    import numpy as np

    from distributed_data import comm
    from gym_compete import CompeteVectorEnv

    rules = {name: getattr(config, name) for name in RULES if getattr(config, name) is not None}
    seeds = np.random.SeedSequence([config.seed, 2, comm.RANK])
    try:
        return CompeteVectorEnv(config.env, config.num_envs, threads,
                                seeds.generate_state(config.num_envs), **rules)
    except ValueError as error:  # a rule that this game does not have
        raise InputError(f"--env {config.env}: {error}") from None
