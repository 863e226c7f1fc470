"""The PPO self-play loop."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import tensorflow.compat.v1 as tf

from common.command_line import InputError
from common.interrupts import Interrupts
from distributed_data import comm
from distributed_data.device import make_session
from networks.inputs import uses_filter
from selfplay import batch_plan
from selfplay.checkpoint import Checkpointer, Unchanged
from selfplay.curriculum import Curriculum
from selfplay.progress import Counters, Limits, Schedule
from selfplay.randomness import Generators
from selfplay.run_log import RunLog, iteration_row, mend_config, open_run, timing_row
from selfplay.shaping import Shaping
from selfplay.snapshots import Snapshots
from utils import add_vtarg_and_adv, traj_segment_generator


def compete_learn(env, policy_fn, learners, run, config, *, opponents, init=None, anchors=None,
                  resumed=None):
    """Trains one learner per seat, or one for both; returns `Counters`.

    env: this rank's `CompeteVectorEnv`. policy_fn: function (name, seat, rng) -> policy; rng None
    makes a frozen copy. learners: list of `Trainee`. run: folder for snapshots and logs; must not
    exist. config: `Config`. opponents: who sits opposite, see `selfplay.opponents`. init: one
    vector of parameters per learner to begin with, or None. anchors: `Anchors` to be met now and
    then, or None. resumed: arrays of `checkpoint.read_checkpoint`, to go on from there as if
    nothing had happened.

    Raises InputError if batch, games and ranks do not divide, or the run exists, `ppo.NotFinite`
    if the learning breaks down.
    """
    limits = Limits(config.max_iters, config.max_timesteps, config.max_episodes,
                    config.max_seconds)
    rngs, counters = Generators(config.seed, len(learners)), Counters()
    schedule = Schedule(counters, config.dense_iters, config.anneal_iters, config.alpha_final,
                        config.anneal_at)
    curriculum = Curriculum(env.game.curriculum_end, config.curriculum_start or 0.0,
                            config.curriculum_iters, config.timesteps_per_batch)
    with tf.Graph().as_default(), make_session() as sess, \
            Interrupts(speak=comm.RANK == 0) as interrupts:
        players = build_players(env, policy_fn, learners, run, config, opponents, rngs.init)
        horizon = rollout_horizon(players[0], config.timesteps_per_batch, config.optim_batchsize)
        comm.from_root(lambda: open_run(run, config.as_dict(), resumed is not None))
        for learner in learners:
            learner.build_optimizer(config.clip_param, config.entcoeff, config.l2)
        sess.run(tf.global_variables_initializer())
        tf.get_default_graph().finalize()

        start_parameters(sess, learners, opponents, init)
        log = RunLog(run) if comm.RANK == 0 else None
        warn = partial(note, log, counters)
        snapshots = Snapshots(
            run, [learner.name for learner in learners], [learner.header for learner in learners],
            opponents.pool, opponents.pool_share, curriculum, warn)
        shaping = Shaping(
            env, config.shaping, lambda: schedule.blend(config.gamma_dense, config.gamma)
        ) if config.shaping else None
        seg_gen = traj_segment_generator(players, env, sess, horizon, rngs.noise,
                                         lambda: schedule.alpha, opponents.copies, shaping)
        checkpointer = Checkpointer(
            run, {"config": config.as_dict()}, shared_parts(learners, schedule, opponents, anchors),
            own={"rollouts": seg_gen, "rngs": rngs, "copies": opponents},
            root={"log": log} if log else {})
        if resumed is not None:
            if checkpointer.restore(resumed):
                opponents.load(sess, snapshots)
            else:  # another number of ranks: chance begins anew
                env.reset(rngs.renew(counters.iteration).generate_state(env.num_envs))
            mend_run(sess, learners, run, config, log, counters, snapshots)
        else:
            if init is None:
                prime_filters(env, learners, sess, rngs.noise)
            env.version = curriculum.at(0)
            snapshots.save(0, [learner.flat.get(sess) for learner in learners])
            checkpointer.save()
        meet_anchors(anchors, learners, snapshots, warn)
        announce(log, snapshots, config, opponents)

        while not limits.reached(counters, interrupts):
            # Rollouts
            started = time.perf_counter()
            lost = opponents.renew(sess, snapshots, rngs.draws, config.delta)
            if lost:
                warn(f"--pool: gone or not what it was, drawn no more: {', '.join(lost)}", ahead=1)
            env.version = curriculum.at(counters.iteration)
            segs = next(seg_gen)
            collected = time.perf_counter()
            for seg in segs:
                add_vtarg_and_adv(seg, schedule.blend(config.gamma_dense, config.gamma), config.lam)

            # Update
            losses = update_all(
                learners, segs, rngs.orders, warn, optim_batchsize=config.optim_batchsize,
                optim_epochs=config.optim_epochs, target_kl=config.target_kl,
                adaptive_kl=config.adaptive_kl,
                optim_stepsize=schedule.blend(config.optim_stepsize, config.optim_stepsize_final),
                logstd_floor=schedule.blend(config.logstd_floor_dense, config.logstd_floor))
            updated = time.perf_counter()

            # Snapshot
            alpha = schedule.alpha
            schedule.note_achievements(counters.advance(segs, env), env.game)
            row = iteration_row(snapshots.names, segs, losses, alpha, counters, env)
            row |= opponents.figures()
            timing = timing_row(segs, env, counters.seconds, collected - started,
                                updated - collected)
            vectors = [learner.flat.get(sess) for learner in learners]
            snapshots.save(counters.iteration, vectors)
            comm.from_root(record, log, counters.iteration, row, timing, anchors, snapshots.names,
                           vectors)
            checkpointer.save()
            snapshots.thin_out(config.delta, config.keep)
        if log:
            log.close()
        counters.interrupted = interrupts.asked
    return counters


def build_players(env, policy_fn, learners, run, config, opponents, rng):
    """Makes every network and seats it; returns the `Player`s, the learners' first.

    rng: the learners' first weights are drawn from it.
    """
    shared = learners[0].header["seat"] == "both"
    seatings = opponents.seat(env.num_envs, shared, config.ensemble)
    for learner, seating in zip(learners, seatings):
        learner.build_player(seating, policy_fn, rng)
    count = len(learners)
    frozen = opponents.build(seatings[count:], count, policy_fn, env, run)
    return [learner.player for learner in learners] + frozen


def rollout_horizon(player, timesteps_per_batch, optim_batchsize):
    """Steps of one rollout that give every learner exactly its batch; InputError if none do.

    player: any of the learners, who all sit in equally many games. A recurrent policy trains on
    whole chunks of steps.
    """
    world = batch_plan.World(ranks=comm.SIZE, chunk=player.policy.chunk)
    try:
        return batch_plan.horizon(player.width, timesteps_per_batch, optim_batchsize, world)
    except ValueError as error:
        raise InputError(str(error)) from None


def start_parameters(sess, learners, opponents, init):
    """Gives all ranks the same parameters, of `init` where it is given."""
    for learner, vector in zip(learners, init or ()):
        learner.flat.set(sess, vector)
    for learner in learners:
        learner.optimizer.start(sess)
        if init is not None:
            learner.optimizer.start_gently()
    opponents.start(sess)


def shared_parts(learners, schedule, opponents, anchors):
    """What a checkpoint holds once for all ranks: {name: part}."""
    parts = {learner.name: learner.optimizer for learner in learners}
    parts |= {"progress": schedule, **opponents.parts()}
    for k, (_, entry) in enumerate(sorted(anchors.files.items()) if anchors else ()):
        parts[f"anchor{k}"] = Unchanged(f"--anchor {entry.path}", entry.vector)
    return parts


def mend_run(sess, learners, run, config, log, counters, snapshots):
    """Makes what a restored run has lost on the disk anew, and says so."""
    snapshots.latest = counters.iteration
    for remark in comm.from_root(lambda: log.remarks + mend_config(run, config.as_dict())):
        note(log, counters, remark)
    snapshots.mend([learner.flat.get(sess) for learner in learners])


def meet_anchors(anchors, learners, snapshots, warn):
    """Makes the learners' first snapshots anchors."""
    if not anchors:
        return
    first = snapshots.first()
    anchors.meet(first)
    for learner, vector in zip(learners, first):
        if vector is None:
            warn(f"{learner.name}/000000.npz is gone or damaged: no more games against it")


def announce(log, snapshots, config, opponents):
    """Prints what the run will take, on rank 0."""
    if log:
        sizes = [f"{snapshots.disk_use(config.delta, config.keep, n) / 1e6:,.0f} MB after {n:,}"
                 for n in (1000, 10000)]
        print(f"snapshots take {' and '.join(sizes)} iterations", flush=True)
        if opponents.remark():
            print(opponents.remark(), flush=True)


def prime_filters(env, learners, sess, rng, steps=100):
    """Fills the observation filters from a few random steps, before the first policy acts.

    Each learner's filter sees the seats that it sits in. Where no network uses its filter, nothing
    is done.
    """
    learners = [learner for learner in learners if uses_filter(learner.policy)]
    if not learners:
        return
    env.reset()
    obs = ([], [])
    for _ in range(steps):
        acs = [0.5 * rng.standard_normal((env.num_envs, size), dtype=np.float32)
               for size in env.ac_dims]
        seats, *_ = env.step(acs)
        for kept, ob in zip(obs, seats):
            kept.append(ob.copy())
    for learner in learners:
        seats = sorted({seat for seat, _ in learner.player.places})
        learner.policy.ob_rms.update(sess, np.concatenate([ob for s in seats for ob in obs[s]]))


def update_all(learners, segs, orders, warn, **options):
    """Updates every learner; side by side in threads where no rank waits for another.

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
            for fault in learner.optimizer.faults:
                warn(f"{learner.name}: {fault} not finite, step not taken", ahead=1)


def record(log, iteration, row, timing, anchors, names, vectors):
    """Writes an iteration's row, with what the learners do against the anchors."""
    if anchors:
        row = row | anchors.row(iteration, names, vectors)
    log.write(iteration, row, timing)


def note(log, counters, text, ahead=0):
    """Logs a line on rank 0; ahead: 1 while the present iteration is not yet counted in."""
    if log:
        log.warn(counters.iteration + ahead, text)
