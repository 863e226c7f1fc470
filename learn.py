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
from distributed_data.mpi_adam import FlatVariables
from networks.loading import build_policy
from selfplay import batch_plan
from selfplay.checkpoint import Checkpointer, Unchanged
from selfplay.curriculum import Curriculum
from selfplay.frozen import FrozenCopies
from selfplay.ppo import Learner
from selfplay.progress import Limits, Progress
from selfplay.randomness import Generators
from selfplay.run_log import RunLog, mend_config, open_run
from selfplay.seating import learner_names, seat_outsider, seat_players
from selfplay.snapshots import Snapshots
from utils import add_vtarg_and_adv, traj_segment_generator


def compete_learn(
        env, policy_fn, run_dir, headers, config, *, seed=0, ensemble=1, outsider=None,
        anchors=None, init=None, pool=None, pool_share=0.5, timesteps_per_batch, optim_batchsize,
        optim_epochs, optim_stepsize, optim_stepsize_final, clip_param, entcoeff, l2, target_kl,
        gamma, gamma_dense, lam, dense_iters, anneal_iters, delta, latest_share, opponents,
        logstd_floor, logstd_floor_dense, alpha_final=0.0, anneal_at=0.0, adaptive_kl=0.0,
        curriculum_start=0.0, curriculum_iters=None, keep=1, resumed=None, max_iters=0,
        max_timesteps=0, max_episodes=0, max_seconds=0):
    """Trains one learner a seat, or one for both; returns `Progress`.

    env: this rank's `CompeteVectorEnv`.
    policy_fn: function (name, seat, rng) -> policy; rng None makes a frozen copy.
    run_dir: where snapshots and logs go; must not exist. headers: one dict a learner for its
        parameter files; seat "both" where one learner plays both. config: dict that is written
        to config.json.
    ensemble: learners a seat, all in one pool (paper, section 4.3).
    outsider: (seat, `matches.Entry`) that holds a seat for good, so that one learner finds its best
        response; no pool then. anchors: `Anchors` to be met now and then, or None.
    init: one vector of parameters a learner to begin with, or None. pool: `Pool` of other
        runs' files, from which a share `pool_share` of the older versions is drawn, or None.
    timesteps_per_batch, optim_batchsize: samples a learner over all ranks, an iteration's and a
        minibatch's. optim_epochs, optim_stepsize, clip_param, entcoeff, l2, target_kl, adaptive_kl:
        see `ppo`.
    optim_stepsize_final, gamma_dense, logstd_floor_dense: `optim_stepsize`, `gamma_dense` and
        `logstd_floor_dense` hold while the reward is dense (alpha 1); as it is annealed they move
        linearly to `optim_stepsize_final`, `gamma` and `logstd_floor`.
    dense_iters, anneal_iters, alpha_final, anneal_at: see `Progress`; the paper (section 4.1)
        starts annealing at once and ends at 0.
    curriculum_start, curriculum_iters: see `Curriculum`.
    delta, latest_share, opponents: older versions come from Uniform(delta * latest, latest), a
        worker holds `opponents` of them, each until its games are over, and at least two for each
        seat and learner; `latest_share` of the games seat current learners only.
    keep: of the snapshots that can be drawn no more every `keep`-th stays.
    resumed: arrays of `checkpoint.read_checkpoint`, to go on from there as if nothing had happened.
    max_*: exactly one is positive and ends the training.

    Raises InputError if batch, games and ranks do not divide, or the run exists,
    `ppo.NotFinite` if the learning breaks down.
    """
    shared = headers[0]["seat"] == "both"
    names = learner_names(shared, ensemble, outsider and outsider[0])
    players = (seat_outsider(env.num_envs, outsider[0], shared) if outsider else
               seat_players(env.num_envs, latest_share, opponents, shared, ensemble))
    limits = Limits(max_iters, max_timesteps, max_episodes, max_seconds)
    rngs = Generators(seed, len(names))
    with tf.Graph().as_default(), make_session() as sess, \
            Interrupts(speak=comm.RANK == 0) as interrupts:
        # Graph, built once
        build_policies(players, policy_fn, outsider, env, rngs.init)
        horizon = rollout_horizon(players[0], timesteps_per_batch, optim_batchsize)
        comm.from_root(lambda: open_run(run_dir, config, resumed is not None))
        pis = [p.policy for p in players[:len(names)]]
        learners = [Learner(pi, clip_param, entcoeff, l2) for pi in pis]
        flats = [FlatVariables(pi.get_variables()) for pi in pis]
        frozen = players[len(names):]
        copies = FrozenCopies([] if outsider else frozen, env.num_envs, run_dir)
        held = [FlatVariables(p.policy.get_variables()) for p in frozen if outsider]
        sess.run(tf.global_variables_initializer())
        tf.get_default_graph().finalize()

        # Start: where the checkpoint was, or filters that know the observations and version 0
        for flat, vector in zip(flats, init or ()):
            flat.set(sess, vector)
        for learner in learners:
            learner.start(sess)
            if init is not None:
                learner.start_gently()
        for flat in held:
            flat.set(sess, outsider[1].vector)
        progress = Progress(dense_iters, anneal_iters, alpha_final, anneal_at)
        curriculum = Curriculum(env.game.curriculum_end, curriculum_start, curriculum_iters,
                                timesteps_per_batch)
        log = RunLog(run_dir) if comm.RANK == 0 else None
        warn = partial(note, log, progress)
        snapshots = Snapshots(run_dir, names, headers, pool, pool_share, curriculum, warn)
        seg_gen = traj_segment_generator(
            players, env, sess, horizon, rngs.noise, lambda: progress.alpha, copies)
        common = dict(zip(names, learners), progress=progress)
        if outsider:
            common["outsider"] = Unchanged(f"--opponent {outsider[1].path}", outsider[1].vector)
        if pool:
            common["pool"] = pool
        for k, (_, entry) in enumerate(sorted(anchors.files.items()) if anchors else ()):
            common[f"anchor{k}"] = Unchanged(f"--anchor {entry.path}", entry.vector)
        checkpointer = Checkpointer(run_dir, {"config": config}, common,
                                    own={"rollouts": seg_gen, "rngs": rngs, "copies": copies},
                                    root={"log": log} if log else {})
        if resumed is not None:
            if checkpointer.restore(resumed):
                copies.load(sess, snapshots)
            else:  # another number of ranks: chance begins anew
                env.reset(rngs.renew(progress.iteration).generate_state(env.num_envs))
            snapshots.latest = progress.iteration
            for remark in comm.from_root(lambda: log.remarks + mend_config(run_dir, config)):
                warn(remark)
            snapshots.mend([flat.get(sess) for flat in flats])
        else:
            if init is None:
                prime_filters(env, players[:len(names)], sess, rngs.noise)
            env.version = curriculum.at(0)
            snapshots.save(0, [flat.get(sess) for flat in flats])
            checkpointer.save()
        if anchors:
            first = snapshots.first()
            anchors.meet(first)
            for name, vector in zip(names, first):
                if vector is None:
                    warn(f"{name}/000000.npz is gone or damaged: no more games against it")
        if log:
            sizes = [f"{snapshots.disk_use(delta, keep, n) / 1e6:,.0f} MB after {n:,}"
                     for n in (1000, 10000)]
            print(f"snapshots take {' and '.join(sizes)} iterations", flush=True)
            if len(copies.players) > opponents:
                print(f"--old-versions {opponents}: {len(copies.players)} older versions are held, "
                      "two for each seat and learner", flush=True)

        while not limits.reached(progress, interrupts):
            # Rollouts
            started = time.perf_counter()
            copies.renew(sess, snapshots, rngs.draws, delta)
            note_lost(log, progress.iteration + 1, pool)
            env.version = curriculum.at(progress.iteration)
            segs = next(seg_gen)
            collected = time.perf_counter()
            for seg in segs:
                add_vtarg_and_adv(seg, progress.blend(gamma_dense, gamma), lam)

            # Update
            try:
                losses = update_all(
                    learners, segs, rngs.orders, optim_batchsize=optim_batchsize,
                    optim_epochs=optim_epochs, target_kl=target_kl, adaptive_kl=adaptive_kl,
                    optim_stepsize=progress.blend(optim_stepsize, optim_stepsize_final),
                    logstd_floor=progress.blend(logstd_floor_dense, logstd_floor))
            finally:
                note_faults(log, progress.iteration + 1, names, learners)
            updated = time.perf_counter()

            # Snapshot
            row = progress.advance(names, segs, losses, env) | copies.figures()
            timing = progress.timing(segs, env, collected - started, updated - collected)
            vectors = snapshots.save(progress.iteration, [flat.get(sess) for flat in flats])
            comm.from_root(record, log, progress.iteration, row, timing, anchors, names, vectors)
            checkpointer.save()
            snapshots.thin_out(delta, keep)
        if log:
            log.close()
        progress.interrupted = interrupts.asked
    return progress


def record(log, iteration, row, timing, anchors, names, vectors):
    """Writes an iteration's row, with what the learners do against the anchors."""
    if anchors:
        row = row | anchors.row(iteration, names, vectors)
    log.write(iteration, row, timing)


def note(log, progress, text):
    """Logs a line about the present iteration, on rank 0."""
    if log:
        log.warn(progress.iteration, text)


def note_faults(log, iteration, names, learners):
    """Logs what was not finite in this iteration's updates."""
    for name, learner in zip(names, learners):
        for fault in learner.faults if log else ():
            log.warn(iteration, f"{name}: {fault} not finite, step not taken")


def note_lost(log, iteration, pool):
    """Logs which files of the pool can be drawn no more."""
    lost = pool.lost() if pool else []
    if lost and log:
        log.warn(iteration, "--pool: gone or not what it was, drawn no more: "
                            f"{', '.join(lost)}")


def build_policies(players, policy_fn, outsider, env, rng):
    """Makes every player's network; the learners, who come first, draw their weights from rng."""
    for k, player in enumerate(players):
        if player.learner is not None:
            player.policy = policy_fn(f"pi{k}", player.seat, rng)
        elif outsider:
            player.policy = build_policy(outsider[1], "outsider", env, player.seat)
        else:
            player.policy = policy_fn(f"opp{k}", player.seat, None)


def rollout_horizon(player, timesteps_per_batch, optim_batchsize):
    """Steps of one rollout, so that every learner gets exactly its batch; InputError otherwise.

    player: any of the learners, who all sit in equally many games. A recurrent policy trains on
    whole chunks of steps.
    """
    world = batch_plan.World(ranks=comm.SIZE, chunk=player.policy.chunk)
    try:
        return batch_plan.horizon(player.width, timesteps_per_batch, optim_batchsize, world)
    except ValueError as error:
        raise InputError(str(error)) from None


def prime_filters(env, learners, sess, rng, steps=100):
    """Fills the observation filters from a few random steps, before the first policy acts.

    learners: the `Player`s that learn; each filter sees the seats that its learner sits in.
    """
    env.reset()
    obs = ([], [])
    for _ in range(steps):
        acs = [0.5 * rng.standard_normal((env.num_envs, size), dtype=np.float32)
               for size in env.ac_dims]
        seats, *_ = env.step(acs)
        for kept, ob in zip(obs, seats):
            kept.append(ob.copy())
    for player in learners:
        seats = sorted({seat for seat, _ in player.places})
        player.policy.ob_rms.update(sess, np.concatenate([ob for s in seats for ob in obs[s]]))


def update_all(learners, segs, orders, **options):
    """Updates every learner; side by side in threads where no rank waits for another."""
    def update(learner, seg, rng):
        return learner.update(seg, rng, **options)

    if comm.SIZE > 1:  # collective calls must come in the same order on every rank
        return list(map(update, learners, segs, orders))
    with ThreadPoolExecutor(len(learners)) as pool:
        return list(pool.map(update, learners, segs, orders))
