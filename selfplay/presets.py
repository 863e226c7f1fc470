"""What differs by game and network."""

from common.command_line import GAME_NAMES

# One ordinary machine: what learned fastest there (README, "How the preset was found").
ONE_MACHINE = dict(
    num_envs=64, integrator="Euler", draw_penalty=True, timesteps_per_batch=3584,
    optim_batchsize=256, optim_epochs=6, optim_stepsize=4e-4, optim_stepsize_final=1e-4,
    target_kl=0.02, gamma=0.995, gamma_dense=0.99, lam=0.95, clip_param=0.2, entcoeff=0.0, l2=0.0,
    dense_iters=400, anneal_iters=1200, delta=0.5, latest_share=0.75, opponents=4, logstd=-0.65,
    logstd_floor=-2.2, logstd_floor_dense=-1.0, ret_decay=0.9, curriculum_iters=2400,
    anchor_every=400, max_seconds=1200)

# What no preset is about.
DEFAULTS = dict(env="run-to-goal-ants", seed=0, ensemble=1, alpha_final=0.0, mirror=False,
                dense_forward=1.0, dense_survive=1.0, dense_goal_dist=1.0, anneal_at=0.0,
                adaptive_kl=0.0, shaping=0.0, anchor_games=20, anchor=[], pool=[], pool_share=0.5,
                keep=50)

# The paper's values (section 5.1), for machines that can pay for them; what it leaves open is as
# OpenAI's released policies have it (hid_size 64, log-std from 0, no floor, no early stop).
PAPER = dict(
    num_envs=128, integrator="RK4", draw_penalty=True, timesteps_per_batch=409600,
    optim_batchsize=5120, optim_epochs=6, optim_stepsize=1e-3, optim_stepsize_final=1e-3,
    target_kl=0.0, gamma=0.995, gamma_dense=0.995, lam=0.95, clip_param=0.2, entcoeff=0.0, l2=0.0,
    dense_iters=0, anneal_iters=500, delta=0.5, latest_share=0.0, opponents=8, logstd=0.0,
    logstd_floor=-20.0, logstd_floor_dense=-20.0, ret_decay=1.0, curriculum_iters=0,
    anchor_every=10, max_iters=5000)

# Humanoids' motors reach +-0.4, ants' +-1. Tuned is run-to-goal-ants; a little, the
# blocker of you-shall-not-pass and sumo-ants.
HUMANOID = dict(logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8)

# Without a phase of purely dense reward the first ant that walks wins every race, and the other
# one learns to stand in its way; other games' ends need no walk.
NO_RACE = dict(dense_iters=0, anneal_iters=1600)

# Sumo's steps are a third as long, so that its noise must be larger to get an ant anywhere.
SUMO_ANTS = dict(logstd=0.0, logstd_floor_dense=-1.1, anneal_iters=600)

# Only the end of a match says something here: large batches, and little dense reward.
YOU_SHALL_NOT_PASS = dict(
    timesteps_per_batch=14336, optim_batchsize=1024, optim_stepsize=3e-4,
    optim_stepsize_final=1.5e-4, anneal_iters=60, logstd=-1.0, logstd_floor_dense=-1.6,
    logstd_floor=-2.2, anchor_every=200)

# Memory where the paper plays with it (section 5.1: 3 epochs); batches of whole chunks.
LSTM_BATCH = dict(timesteps_per_batch=2240, optim_batchsize=320)
LSTM_BATCH_SHARED = dict(timesteps_per_batch=4480, optim_batchsize=640)
LSTM_BATCH_SUMO_ANTS = dict(timesteps_per_batch=4480, optim_batchsize=320)

# Ants that feel their own bodies (`policy.AntPolicy`) walk after a third of the steps, so that many
# games at a time, which cost less each, are worth their larger batches.
ANT_RACE = dict(
    num_envs=256, latest_share=0.5, timesteps_per_batch=24576, optim_batchsize=1536,
    optim_epochs=4, optim_stepsize_final=2e-4, dense_iters=100, anneal_iters=400,
    logstd_floor=-2.0, anchor_every=200)
ANT_SUMO = ANT_RACE | dict(
    dense_iters=0, anneal_iters=300, logstd_floor=-2.2, curriculum_iters=1000)

NETWORKS = {"mlp": dict(hid_size=64), "lstm": dict(hid_size=128, optim_epochs=3),
            "ant": dict(hid_size=128), "humanoid": dict(hid_size=128)}

# The paper's best delta, where it gives one (table 1).
DELTAS = {"sumo-ants": 0.0, "sumo-humans": 0.5}


def preset(game, paper, policy=None):
    """The settings that hold where the command line says nothing.

    policy: what --policy says; by themselves ants get their own network on one machine, and the
    games that need memory an LSTM.
    """
    sumo, kick = game.startswith("sumo"), game == "kick-and-defend"
    ants = game.endswith("ants") and not paper
    policy = policy or ("ant" if ants else "lstm" if sumo or kick else "mlp")
    values = {**(PAPER if paper else ONE_MACHINE), "delta": DELTAS.get(game, 0.5), "policy": policy}
    values |= NETWORKS.get(policy, {})  # nothing is known of a user's network
    if not paper:
        values |= one_machine(game, policy)
    if kick:
        values["anneal_iters"] *= 2
    if not game.startswith(("run-to-goal", "sumo")):
        values.pop("draw_penalty")
    if not (sumo or kick):
        values.pop("curriculum_iters")
    return values


def one_machine(game, policy):
    """What is different from ONE_MACHINE for a game and a network."""
    race, sumo, ants = game.startswith("run-to-goal"), game.startswith("sumo"), game[-4:] == "ants"
    values = {} if race and ants else {"max_seconds": 7200}
    values |= {} if race else NO_RACE
    values |= {} if ants else HUMANOID
    values |= {"sumo-ants": SUMO_ANTS, "you-shall-not-pass": YOU_SHALL_NOT_PASS}.get(game, {})
    if policy == "lstm" and sumo:
        values |= LSTM_BATCH_SUMO_ANTS if ants else LSTM_BATCH_SHARED
    elif policy == "lstm":
        values |= LSTM_BATCH
    elif policy == "ant" and ants:
        values |= ANT_SUMO if sumo else ANT_RACE
    return values


PRESETS = {name: {game: preset(game, name == "paper") for game in GAME_NAMES}
           for name in ("one-machine", "paper")}
