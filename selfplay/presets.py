"""Tables of the values that differ from `config.Config` by game and network."""

# The network that plays a game unless --policy names one: (on one machine, in the paper).
POLICIES = {
    "run-to-goal-ants": ("ant", "mlp"), "run-to-goal-humans": ("humanoid", "mlp"),
    "you-shall-not-pass": ("humanoid", "mlp"), "sumo-ants": ("ant", "lstm"),
    "sumo-humans": ("humanoid", "lstm"), "kick-and-defend": ("humanoid", "lstm")}

# The walkers from which the other humanoids start. The race's preset trained both: the first while
# its step size stayed constant, the steadier one since it shrinks with alpha.
WALKER = "parameters/run-to-goal-humans/earlier/08.4M"
SURER_WALKER = "parameters/run-to-goal-humans/earlier/08.2M"

HID_SIZES = {"mlp": 64, "lstm": 128, "ant": 128, "humanoid": 128}

# Options that a game does not have.
NOT_IN_A_RACE = ("curriculum_iters", "curriculum_at", "dense_gap", "dense_push", "dense_kick")
MISSING = {
    "run-to-goal-ants": NOT_IN_A_RACE, "run-to-goal-humans": NOT_IN_A_RACE,
    "you-shall-not-pass": (
        "curriculum_iters", "curriculum_at", "draw_penalty", "dense_push", "dense_kick"),
    "sumo-ants": ("dense_kick",), "sumo-humans": ("dense_kick",),
    "kick-and-defend": ("draw_penalty", "dense_gap", "dense_push")}

# Options that change nothing in a game, although its config.json has them.
IDLE = {
    "run-to-goal-ants": ("curriculum_start", "dense_goal_dist"),
    "run-to-goal-humans": ("curriculum_start",), "you-shall-not-pass": ("curriculum_start",),
    "sumo-ants": ("dense_forward", "dense_goal_dist"),
    "sumo-humans": ("dense_forward", "dense_goal_dist")}

# One ordinary machine: the values that learned fastest there (docs/training.md). Only
# run-to-goal-ants is tuned, sumo-ants and the blocker of you-shall-not-pass a little. None stands
# for any other network.
#
# - LSTMs train for 3 epochs, as in the paper, on batches of whole chunks.
# - Ants with their own view ("ant") walk after a third of the steps, so many matches at once, which
#   cost less each, are worth their larger batches.
# - Humanoids' motors reach +-0.4, ants' +-1: their noise is smaller. Sumo's steps are a third as
#   long, so its noise must be larger to get an ant anywhere.
# - Sumo's ants are first paid for speed, their own towards the other and the other's outwards, and
#   for a little of it to the end; paid for standing near the center, they learn half as fast.
# - Humanoids that feel their own bodies ("humanoid") learn from small batches at a large step size
#   that follows the KL. A walker is paid for progress, not charged for the distance, which would
#   make standing worth nothing. Annealing starts once half of the races end by touchdown, and the
#   steps become smaller with it: a small batch says little about who wins. In the other games
#   they start as such a walker; wrestlers are first paid for closing in, and their steps become
#   smaller, too. None sees how the other stands, or they would come to rely on it.
# - Without a phase of purely dense reward, the first ant that walks wins every race, and the other
#   one learns to stand in its way; other games can end without walking.
# - In you-shall-not-pass only the end of a match is informative: large batches, and little dense
#   reward. Humanoids get none: their walker can walk already, and a blocker that is paid for
#   standing does not learn to block, so it starts at random.
ONE_MACHINE = {
    ("run-to-goal-ants", "mlp"): dict(),
    ("run-to-goal-ants", "lstm"): dict(
        timesteps_per_batch=2240, optim_batchsize=320, optim_epochs=3),
    ("run-to-goal-ants", "ant"): dict(
        num_envs=256, latest_share=0.5, timesteps_per_batch=24576, optim_batchsize=1536,
        optim_epochs=4, optim_stepsize_final=2e-4, dense_iters=100, anneal_iters=400,
        logstd_floor=-2.0, anchor_every=200),
    ("run-to-goal-ants", None): dict(),

    ("run-to-goal-humans", "mlp"): dict(
        logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8, max_seconds=7200),
    ("run-to-goal-humans", "lstm"): dict(
        timesteps_per_batch=2240, optim_batchsize=320, optim_epochs=3,
        logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8, max_seconds=7200),
    ("run-to-goal-humans", "humanoid"): dict(
        num_envs=128, timesteps_per_batch=7168, optim_batchsize=1024, optim_epochs=3,
        optim_stepsize=2e-3, optim_stepsize_final=5e-4, target_kl=0.0, adaptive_kl=0.04,
        adaptive_kl_final=0.01, gamma_dense=0.98, dense_iters=100000, anneal_iters=1000,
        anneal_at=0.5, dense_forward=3.0, dense_goal_dist=0.0, hide_pose=True, logstd=-1.0,
        logstd_floor_dense=-2.0, logstd_floor=-2.5, max_seconds=3600),
    ("run-to-goal-humans", None): dict(
        logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8, max_seconds=7200),

    ("you-shall-not-pass", "mlp"): dict(
        timesteps_per_batch=14336, optim_batchsize=1024, optim_stepsize=3e-4,
        optim_stepsize_final=1.5e-4, dense_iters=0, anneal_iters=60, logstd=-1.0,
        logstd_floor_dense=-1.6, anchor_every=200, max_seconds=7200),
    ("you-shall-not-pass", "lstm"): dict(
        timesteps_per_batch=2240, optim_batchsize=320, optim_epochs=3, optim_stepsize=3e-4,
        optim_stepsize_final=1.5e-4, dense_iters=0, anneal_iters=60, logstd=-1.0,
        logstd_floor_dense=-1.6, anchor_every=200, max_seconds=7200),
    ("you-shall-not-pass", "humanoid"): dict(
        init=WALKER, init_seat=1, hide_pose=True, num_envs=128, latest_share=0.5,
        timesteps_per_batch=14400, optim_batchsize=960, optim_epochs=4, optim_stepsize=5e-4,
        optim_stepsize_final=5e-4, target_kl=0.0, adaptive_kl=0.03, gamma_dense=0.995,
        dense_iters=0, anneal_iters=0, delta=0.0, logstd=-1.0, logstd_floor_dense=-2.0,
        logstd_floor=-2.0, anchor_every=200, max_seconds=5400),
    ("you-shall-not-pass", None): dict(
        timesteps_per_batch=14336, optim_batchsize=1024, optim_stepsize=3e-4,
        optim_stepsize_final=1.5e-4, dense_iters=0, anneal_iters=60, logstd=-1.0,
        logstd_floor_dense=-1.6, anchor_every=200, max_seconds=7200),

    ("sumo-ants", "mlp"): dict(
        dense_iters=0, anneal_iters=600, delta=0.0, logstd=0.0, logstd_floor_dense=-1.1,
        max_seconds=7200),
    ("sumo-ants", "lstm"): dict(
        timesteps_per_batch=4480, optim_batchsize=320, optim_epochs=3, dense_iters=0,
        anneal_iters=600, delta=0.0, logstd=0.0, logstd_floor_dense=-1.1, max_seconds=7200),
    ("sumo-ants", "ant"): dict(
        num_envs=256, latest_share=0.5, timesteps_per_batch=24576, optim_batchsize=1536,
        optim_epochs=4, optim_stepsize_final=2e-4, dense_iters=150, anneal_iters=500,
        alpha_final=0.1, dense_push=3.0, dense_survive=0.3, curriculum_iters=1000, delta=0.0,
        logstd=0.0, logstd_floor_dense=-1.1, anchor_every=200, max_seconds=7200),
    ("sumo-ants", None): dict(
        dense_iters=0, anneal_iters=600, delta=0.0, logstd=0.0, logstd_floor_dense=-1.1,
        max_seconds=7200),

    ("sumo-humans", "mlp"): dict(
        dense_iters=0, anneal_iters=1600, logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8,
        max_seconds=7200),
    ("sumo-humans", "lstm"): dict(
        timesteps_per_batch=4480, optim_batchsize=640, optim_epochs=3, dense_iters=0,
        anneal_iters=1600, logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8,
        max_seconds=7200),
    ("sumo-humans", "humanoid"): dict(
        init=SURER_WALKER, hide_pose=True, num_envs=128, timesteps_per_batch=7168,
        optim_batchsize=1024, optim_epochs=3, optim_stepsize=2e-3, optim_stepsize_final=5e-4,
        target_kl=0.0, adaptive_kl=0.04, adaptive_kl_final=0.01, gamma_dense=0.98,
        dense_iters=100000, anneal_iters=600, anneal_at=0.5, dense_gap=1.0,
        curriculum_iters=1500, logstd=-1.0, logstd_floor_dense=-2.0, logstd_floor=-2.5,
        max_seconds=3600),
    ("sumo-humans", None): dict(
        dense_iters=0, anneal_iters=1600, logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8,
        max_seconds=7200),

    ("kick-and-defend", "mlp"): dict(
        dense_iters=0, anneal_iters=3200, logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8,
        max_seconds=7200),
    ("kick-and-defend", "lstm"): dict(
        timesteps_per_batch=2240, optim_batchsize=320, optim_epochs=3, dense_iters=0,
        anneal_iters=3200, logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8,
        max_seconds=7200),
    ("kick-and-defend", "humanoid"): dict(
        init=WALKER, hide_pose=True, num_envs=128, timesteps_per_batch=7168, optim_batchsize=1024,
        optim_epochs=3, optim_stepsize=1e-3, optim_stepsize_final=5e-4, target_kl=0.0,
        adaptive_kl=0.04, gamma_dense=0.98, dense_iters=100000, anneal_iters=500, anneal_at=0.4,
        dense_survive=0.5, curriculum_iters=1500, logstd=-1.0, logstd_floor_dense=-2.0,
        logstd_floor=-2.5, max_seconds=7200),
    ("kick-and-defend", None): dict(
        dense_iters=0, anneal_iters=3200, logstd=-1.4, logstd_floor_dense=-2.0, logstd_floor=-2.8,
        max_seconds=7200),
}

# The paper: 3 epochs with an LSTM, the best delta of table 1, twice the annealing in one game.
PAPER = {
    ("run-to-goal-ants", "lstm"): dict(optim_epochs=3),
    ("run-to-goal-humans", "lstm"): dict(optim_epochs=3),
    ("you-shall-not-pass", "lstm"): dict(optim_epochs=3),
    ("sumo-ants", "lstm"): dict(optim_epochs=3, delta=0.0),
    ("sumo-ants", None): dict(delta=0.0),
    ("sumo-humans", "lstm"): dict(optim_epochs=3),
    ("kick-and-defend", "lstm"): dict(optim_epochs=3, anneal_iters=1000),
    ("kick-and-defend", None): dict(anneal_iters=1000),
}


def row(game, paper, policy):
    """The row of a game and a network."""
    table = PAPER if paper else ONE_MACHINE
    return table.get((game, policy), table.get((game, None), {}))
