"""Makes all that the loop of a run works with, for a new run or a resumed one."""

from dataclasses import dataclass

import numpy as np
import tensorflow.compat.v1 as tf

from common.command_line import InputError
from distributed_data import comm
from networks.inputs import uses_filter
from selfplay import batch_plan
from selfplay.checkpoint import Checkpointer, Unchanged
from selfplay.curriculum import Curriculum
from selfplay.progress import Counters, Schedule
from selfplay.randomness import Generators
from selfplay.run_log import RunLog, mend_config, open_run
from selfplay.shaping import Shaping
from selfplay.snapshots import Snapshots
from utils import new_segment, traj_segment_generator


@dataclass
class Setup:
    """The parts of a run that change with its iterations.

    log: `RunLog` on rank 0, None on the others. seg_gen: yields a list of segments, one per
    learner.
    """

    counters: Counters
    schedule: Schedule
    curriculum: Curriculum
    rngs: Generators
    log: RunLog = None
    snapshots: Snapshots = None
    seg_gen: object = None
    checkpointer: Checkpointer = None

    def warn(self, text, ahead=0):
        """Logs a line on rank 0; ahead: 1 while the current iteration is not counted yet."""
        if self.log:
            self.log.warn(self.counters.iteration + ahead, text)


def set_up(sess, env, policy_fn, learners, run, config, opponents, init, anchors, resumed):
    """Builds the graph and finalizes it, opens the run's folder and begins or resumes the run.

    Takes what `learn.compete_learn` takes, and the session; returns a `Setup`.
    """
    counters = Counters()
    setup = Setup(
        counters,
        Schedule(counters, config.dense_iters, config.anneal_iters, config.alpha_final,
                 config.anneal_at),
        Curriculum(env.game.curriculum_end, config.curriculum_start or 0.0,
                   config.curriculum_iters, config.timesteps_per_batch,
                   config.curriculum_at or 0.0),
        Generators(config.seed, len(learners)))
    players = build_players(env, policy_fn, learners, run, config, opponents, setup.rngs.init)
    horizon = rollout_horizon(players[0], config.timesteps_per_batch, config.optim_batchsize)
    check_memory(learners, horizon, config.timesteps_per_batch)
    comm.from_root(lambda: open_run(run, config.as_dict(), resumed is not None))
    for learner in learners:
        learner.build_optimizer(config.clip_param, config.entcoeff, config.l2)
    sess.run(tf.global_variables_initializer())
    tf.get_default_graph().finalize()

    start_parameters(sess, learners, opponents, init, config.adaptive_kl)
    add_rollouts(setup, sess, env, players, horizon, config, opponents)
    add_disk(setup, run, learners, config, opponents, anchors)
    if resumed is None:
        begin(setup, sess, env, learners, config)
    else:
        resume(setup, sess, env, learners, run, config, opponents, resumed)
    meet_anchors(anchors, learners, setup)
    announce(setup, config, opponents)
    return setup


def build_players(env, policy_fn, learners, run, config, opponents, rng):
    """Makes every network and seats it; returns the `Player`s, the learners' first.

    rng: generator of the learners' first weights.
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

    player: any of the learners, which all have equally many columns. A recurrent policy trains on
    whole chunks of steps.
    """
    layout = batch_plan.Layout(ranks=comm.SIZE, chunk=player.policy.chunk)
    try:
        return batch_plan.horizon(player.width, timesteps_per_batch, optim_batchsize, layout)
    except ValueError as error:
        raise InputError(str(error)) from None


def check_memory(learners, horizon, timesteps_per_batch):
    """Raises InputError if memory cannot hold the segments: before anything is written."""
    try:
        [new_segment(horizon, learner.player) for learner in learners]
    except MemoryError:
        raise InputError(f"--timesteps-per-batch {timesteps_per_batch}: takes more memory than "
                         "this machine has") from None


def start_parameters(sess, learners, opponents, init, adaptive_kl):
    """Gives all ranks the same parameters: those of `init`, or rank 0's where it has None.

    If the step size adapts, training goes on from those of `init` with small steps.
    """
    for learner, vector in zip(learners, init):
        if vector is not None:
            learner.flat.set(sess, vector)
        learner.optimizer.start(sess)
        if vector is not None and adaptive_kl:
            learner.optimizer.start_gently()
    opponents.start(sess)


def add_rollouts(setup, sess, env, players, horizon, config, opponents):
    """Makes the generator of segments."""
    shaping = Shaping(
        env, config.shaping, lambda: setup.schedule.blend(config.gamma_dense, config.gamma)
    ) if config.shaping else None
    setup.seg_gen = traj_segment_generator(
        players, env, sess, horizon, setup.rngs.noise, lambda: setup.schedule.alpha,
        opponents.copies, shaping)


def add_disk(setup, run, learners, config, opponents, anchors):
    """Makes log, snapshots and checkpoints in the folder `run`."""
    setup.log = RunLog(run) if comm.RANK == 0 else None
    setup.snapshots = Snapshots(
        run, [learner.name for learner in learners], [learner.header for learner in learners],
        opponents.pool, opponents.pool_share, setup.curriculum, setup.warn, opponents.priorities)
    setup.checkpointer = Checkpointer(
        run, {"config": config.as_dict()},
        shared_parts(learners, setup.schedule, setup.curriculum, opponents, anchors),
        own={"rollouts": setup.seg_gen, "rngs": setup.rngs, "copies": opponents},
        root={"log": setup.log} if setup.log else {})


def shared_parts(learners, schedule, curriculum, opponents, anchors):
    """What a checkpoint holds once for all ranks: {name: part}."""
    parts = {learner.name: learner.optimizer for learner in learners}
    parts |= {"progress": schedule, "curriculum": curriculum, **opponents.parts()}
    for k, (_, entry) in enumerate(sorted(anchors.files.items()) if anchors else ()):
        parts[f"anchor{k}"] = Unchanged(f"--anchor {entry.path}", entry.vector)
    return parts


def begin(setup, sess, env, learners, config):
    """Starts a new run: fills filters, raises the noise to its floor, saves version 0."""
    env.version = setup.curriculum.at(0)
    prime_filters(env, learners, sess, setup.rngs.noise)
    floor = setup.schedule.blend(config.logstd_floor_dense, config.logstd_floor)
    for learner in learners:
        learner.optimizer.raise_logstd(floor)
    setup.snapshots.save(0, [learner.flat.get(sess) for learner in learners])
    setup.checkpointer.save()


def resume(setup, sess, env, learners, run, config, opponents, resumed):
    """Restores a run, rewrites files that it has lost, and logs that."""
    counters, log, snapshots = setup.counters, setup.log, setup.snapshots
    if setup.checkpointer.restore(resumed):
        opponents.load(sess, snapshots)
    else:  # another number of ranks: all generators are reseeded
        env.reset(setup.rngs.renew(counters.iteration).generate_state(env.num_envs))
    snapshots.latest = counters.iteration
    for remark in comm.from_root(lambda: log.remarks + mend_config(run, config.as_dict())):
        setup.warn(remark)
    snapshots.mend([learner.flat.get(sess) for learner in learners])


def prime_filters(env, learners, sess, rng, steps=100):
    """Fills empty observation filters from a few random steps, before the first policy acts.

    Each learner's filter sees the seats that it plays; networks without a filter need nothing.
    """
    learners = [learner for learner in learners
                if uses_filter(learner.policy) and learner.policy.ob_rms.is_empty(sess)]
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


def meet_anchors(anchors, learners, setup):
    """Makes the learners' first snapshots anchors."""
    if not anchors:
        return
    first = setup.snapshots.first()
    anchors.set_first_snapshots(first)
    for learner, vector in zip(learners, first):
        if vector is None:
            setup.warn(f"{learner.name}/000000.npz is gone or damaged: no more matches against it")


def announce(setup, config, opponents):
    """Prints how much disk the run will take, and the opponents' remark, on rank 0."""
    if setup.log:
        sizes = [f"{setup.snapshots.disk_use(config.delta, config.keep, n) / 1e6:,.0f} MB after "
                 f"{n:,}" for n in (1000, 10000)]
        print(f"snapshots take {' and '.join(sizes)} iterations", flush=True)
        if opponents.remark():
            print(opponents.remark(), flush=True)
