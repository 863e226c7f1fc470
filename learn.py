"""The PPO self-play loop."""

import time
from concurrent.futures import ThreadPoolExecutor

import tensorflow.compat.v1 as tf

from common.interrupts import Interrupts
from distributed_data import comm
from distributed_data.device import make_session
from selfplay.progress import Limits
from selfplay.run_log import iteration_row, timing_row
from selfplay.setup import set_up
from utils import add_vtarg_and_adv


def compete_learn(env, policy_fn, learners, run, config, *, opponents, init=None, anchors=None,
                  resumed=None):
    """Trains one learner per seat, or one for both; returns `Counters`.

    env: this rank's `CompeteVectorEnv`. policy_fn: function (name, seat, rng) -> policy; rng None
    makes a frozen copy. learners: list of `Trainee`. run: folder for snapshots and logs; must not
    exist unless resumed. config: `Config`. opponents: one of `selfplay.opponents`. init: per
    learner, the vector of parameters that it begins with, or None; None: all begin at random.
    anchors: `Anchors` to play against now and then, or None. resumed: arrays of
    `checkpoint.read_checkpoint`, to resume from as if nothing had happened.

    Raises InputError if batch, matches and ranks do not divide, or the run exists; `NotFinite` if
    the learning breaks down.
    """
    limits = Limits(config.max_iters, config.max_timesteps, config.max_episodes,
                    config.max_seconds)
    with tf.Graph().as_default(), make_session() as sess, \
            Interrupts(prints=comm.RANK == 0) as interrupts:
        setup = set_up(sess, env, policy_fn, learners, run, config, opponents,
                       init or [None] * len(learners), anchors, resumed)
        while not limits.reached(setup.counters, interrupts):
            iterate(setup, sess, env, learners, config, opponents, anchors)
        if setup.log:
            setup.log.close()
        setup.counters.interrupted = bool(comm.allsum(float(interrupts.asked)))
    return setup.counters


def iterate(setup, sess, env, learners, config, opponents, anchors):
    """One iteration of the run."""
    counters, schedule, snapshots = setup.counters, setup.schedule, setup.snapshots
    gamma = schedule.blend(config.gamma_dense, config.gamma)

    # Rollouts
    started = time.perf_counter()
    lost = opponents.renew(sess, snapshots, setup.rngs.draws, config.delta)
    if lost:
        setup.warn(f"--pool: gone or changed, no longer drawn: {', '.join(lost)}", ahead=1)
    env.version = setup.curriculum.at(counters.iteration)
    segs = next(setup.seg_gen)
    collected = time.perf_counter()
    for seg in segs:
        add_vtarg_and_adv(seg, gamma, config.lam)

    # Update
    losses = update_all(
        learners, segs, setup.rngs.orders, setup.warn, optim_batchsize=config.optim_batchsize,
        optim_epochs=config.optim_epochs, target_kl=config.target_kl,
        adaptive_kl=schedule.blend(config.adaptive_kl, config.final_kl),
        optim_stepsize=schedule.blend(config.optim_stepsize, config.optim_stepsize_final),
        logstd_floor=schedule.blend(config.logstd_floor_dense, config.logstd_floor))
    updated = time.perf_counter()

    # Snapshot
    alpha = schedule.alpha
    schedule.note_achievements(counters.advance(segs, env), env.game)
    setup.curriculum.note(schedule.achieved)
    row = iteration_row(snapshots.names, segs, losses, alpha, counters, env) | opponents.figures()
    timing = timing_row(segs, env, counters.seconds, collected - started, updated - collected)
    vectors = [learner.flat.get(sess) for learner in learners]
    snapshots.save(counters.iteration, vectors)
    comm.from_root(record, setup.log, counters.iteration, row, timing, anchors, snapshots.names,
                   vectors)
    setup.checkpointer.save()
    snapshots.thin_out(config.delta, config.keep)


def update_all(learners, segs, orders, warn, **options):
    """Updates every learner, in parallel threads if there is one rank.

    Returns each learner's losses; logs what was not finite.
    """
    def update(learner, seg, rng):
        return learner.optimizer.update(seg, rng, **options)

    try:
        if comm.SIZE > 1:  # collective calls must come in the same order on every rank
            return list(map(update, learners, segs, orders))
        with ThreadPoolExecutor(len(learners)) as pool:
            return list(pool.map(update, learners, segs, orders))
    finally:
        for learner in learners:
            for fault in learner.optimizer.take_faults():
                warn(f"{learner.name}: {fault} not finite, step not taken", ahead=1)


def record(log, iteration, row, timing, anchors, names, vectors):
    """Writes an iteration's row, with the results against the anchors."""
    if anchors:
        row = row | anchors.row(iteration, names, vectors)
    log.write(iteration, row, timing)
