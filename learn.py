"""The PPO self-play loop."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import tensorflow.compat.v1 as tf

import batch_plan
from checkpoint import Checkpointer, Unchanged
from curriculum import Curriculum
from distributed_data import comm
from distributed_data.device import make_session
from distributed_data.mpi_adam import FlatVariables
from frozen import FrozenCopies
from interrupts import Interrupts
from league import learner_names, seat_outsider, seat_players
from matches import build_policy
from ppo import Learner
from run_log import RunLog, mend_config, open_run
from shaping import Shaping
from snapshots import Snapshots
from utils import InputError, add_vtarg_and_adv, traj_segment_generator


def compete_learn(
        env, policy_fn, run_dir, headers, config, *, seed=0, ensemble=1, outsider=None,
        anchors=None, init=None, pool=None, pool_share=0.5, timesteps_per_batch, optim_batchsize,
        optim_epochs, optim_stepsize, optim_stepsize_final, clip_param, entcoeff, l2, target_kl,
        gamma, gamma_dense, lam, dense_iters, anneal_iters, delta, latest_share, opponents,
        logstd_floor, logstd_floor_dense, alpha_final=0.0, anneal_at=0.0, adaptive_kl=0.0,
        shaping=0.0, curriculum_start=0.0, curriculum_iters=None, keep=1, resumed=None, max_iters=0,
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
    shaping: weight of `Shaping`, at the discount of the iteration; 0: none.
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
        shaping = shaping and Shaping(env, shaping, lambda: progress.blend(gamma_dense, gamma))
        seg_gen = traj_segment_generator(
            players, env, sess, horizon, rngs.noise, lambda: progress.alpha, copies, shaping)
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
                print(f"--opponents {opponents}: {len(copies.players)} older versions are held, "
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


class Generators:
    """All of a rank's chance; nothing else draws random numbers."""

    def __init__(self, seed, learners):
        common = np.random.SeedSequence([seed, 0])
        own = np.random.SeedSequence([seed, 1, comm.RANK])
        self.init = np.random.default_rng(common)  # first weights, the same on every rank
        noise, draws, *orders = own.spawn(2 + learners)
        self.noise, self.draws = np.random.default_rng(noise), np.random.default_rng(draws)
        self.orders = [np.random.default_rng(order) for order in orders]
        self._going_on = {"noise": self.noise, "draws": self.draws,
                          **{f"order{k}": rng for k, rng in enumerate(self.orders)}}
        self._seed = seed

    def renew(self, iteration):
        """Other chance than any before, for ranks that go on with a run of fewer or more.

        Returns the SeedSequence of this rank's games.
        """
        fresh = np.random.SeedSequence([self._seed, 3, iteration, comm.SIZE, comm.RANK])
        games, *fresh = fresh.spawn(1 + len(self._going_on))
        for rng, sequence in zip(self._going_on.values(), fresh):
            rng.bit_generator.state = np.random.default_rng(sequence).bit_generator.state
        return games

    def get_state(self):
        """Where the generators stand: {name: JSON}."""
        return {name: json.dumps(rng.bit_generator.state) for name, rng in self._going_on.items()}

    def set_state(self, state):
        """Goes back to a `get_state`."""
        for name, rng in self._going_on.items():
            rng.bit_generator.state = json.loads(str(state[name]))


class Limits:
    """Ends the training by exactly one of four measures."""

    def __init__(self, max_iters, max_timesteps, max_episodes, max_seconds):
        self._limits = {"iteration": max_iters, "timesteps": max_timesteps,
                        "episodes": max_episodes, "seconds": max_seconds}
        if sum(limit > 0 for limit in self._limits.values()) != 1:
            raise InputError("exactly one of --max-iters, --max-timesteps, --max-episodes, "
                             "--max-seconds must be positive")

    def reached(self, progress, interrupts=None):
        """Whether it is time to stop: rank 0's clock counts, and a signal to any rank."""
        over = any(0 < limit <= getattr(progress, what) for what, limit in self._limits.items())
        asked = interrupts is not None and interrupts.asked
        return bool(comm.allsum(float(asked or (over and comm.RANK == 0))))


class Progress:
    """How far a run is, and what an iteration's log row says.

    iteration, timesteps (environment steps of all ranks), episodes, seconds; alpha: weight of the
    dense reward, 1 for `dense_iters` iterations, then linear to `alpha_final` over `anneal_iters`;
    anneal_at: share of games that end in one of the game's `achievements` from which on annealing
    starts, even before that (0: never before); achieved: that share, smoothed over 20 iterations;
    interrupted: whether a signal has ended the run.
    """

    _counts = ("iteration", "timesteps", "episodes", "not_finite", "dense_iters")

    def __init__(self, dense_iters, anneal_iters, alpha_final=0.0, anneal_at=0.0):
        self.dense_iters, self._anneal_iters = dense_iters, anneal_iters
        self._alpha_final, self._anneal_at, self.achieved = alpha_final, anneal_at, 0.0
        self._started = time.perf_counter()
        self.iteration = self.timesteps = self.episodes = self.not_finite = 0
        self.interrupted = False

    @property
    def seconds(self):
        """Wall time since the start, without the time between checkpoint and resumption."""
        return time.perf_counter() - self._started

    def get_state(self):
        """Counters and seconds."""
        return {name: getattr(self, name) for name in (*self._counts, "achieved", "seconds")}

    def set_state(self, state):
        """Goes back to a `get_state`."""
        for name in self._counts:  # older checkpoints lack some
            setattr(self, name, int(state.get(name, getattr(self, name))))
        self.achieved = float(state.get("achieved", 0.0))
        self._started = time.perf_counter() - float(state["seconds"])

    @property
    def alpha(self):
        """Weight of the dense reward in this iteration."""
        return self.blend(1.0, self._alpha_final)

    def blend(self, dense, final):
        """A setting between its values before and after annealing."""
        annealed = self.iteration - self.dense_iters
        if annealed < 0:
            return dense
        left = max(0.0, 1.0 - annealed / self._anneal_iters) if self._anneal_iters else 0.0
        return final + left * (dense - final)

    def advance(self, names, segs, losses, env):
        """Counts an iteration in and returns its row of the log, whole on rank 0.

        names, segs, losses: the learners'.
        """
        alpha = self.alpha
        self.iteration += 1
        self.timesteps += comm.SIZE * len(segs[0]["rew"]) * env.num_envs
        row = {}
        for learner, seg, loss in zip(names, segs, losses):
            figures = {**episode_figures(seg, env.game.endings), **loss}
            row.update({f"{learner}/{name}": value for name, value in figures.items()})
        endings = segs[0]["endings"]  # of all games: every learner's segment has the same
        games = np.bincount(endings, minlength=len(env.game.endings))
        games = comm.allsum(games.tolist())
        self.not_finite += int(games[env.game.endings.index("not finite")])
        self.episodes += int(sum(games))
        self._note_achievements(games, env.game)
        row |= {f"run/{name}": value for name, value in env.game.opened(env.version).items()}
        return row | {"run/alpha": alpha, "run/timesteps": self.timesteps,
                      "run/episodes": self.episodes, "run/not_finite_games": self.not_finite}

    def _note_achievements(self, games, game):
        """Lets annealing start as soon as enough games end as they should; games: per ending."""
        if games.sum():
            good = sum(games[game.endings.index(name)] for name in game.achievements)
            self.achieved += 0.05 * (good / games.sum() - self.achieved)
        if self._anneal_at and self.achieved >= self._anneal_at:
            self.dense_iters = min(self.dense_iters, self.iteration)

    def timing(self, segs, env, collecting, updating):
        """The row's figures that the clock decides; collecting, updating: seconds."""
        steps, samples = len(segs[0]["rew"]) * env.num_envs, segs[0]["rew"].size * len(segs)
        return {"run/seconds": self.seconds, "run/collect_s": collecting, "run/update_s": updating,
                "run/collect_steps_per_s": steps * comm.SIZE / collecting,
                "run/update_samples_per_s": samples * comm.SIZE / updating}


def episode_figures(seg, endings):
    """One learner's games of an iteration over all ranks: returns, lengths, outcomes, rewards.

    A game that it has played from both seats counts once where the game is meant ("games",
    "ep_len", "end_..."), and twice where it is a seat's return or outcome. Rank 0 alone gets them,
    the others {}.
    """
    names = ("ep_rets", "ep_lens", "ep_outcomes", "ep_frozen", "ep_endings")
    gathered = comm.to_root((
        [np.asarray(seg[name], np.float64) for name in names],
        {name: total / seg["rew"].size for name, total in seg["parts"].items()}))
    if comm.RANK:
        return {}
    lists, parts = zip(*gathered)
    rets, lens, outcomes, frozen, ends = map(np.concatenate, zip(*lists))
    pool = outcomes[frozen == 1]

    def share(mask):
        return float(mask.mean()) if len(mask) else float("nan")

    def mean(values):
        return float(values.mean()) if len(values) else float("nan")

    parts = {name: float(np.mean([part[name] for part in parts])) for name in sorted(parts[0])}
    return {"games": len(lens), "ep_ret": mean(rets), "ep_len": mean(lens),
            "win": share(outcomes > 0), "loss": share(outcomes < 0), "tie": share(outcomes == 0),
            "win_vs_pool": share(pool > 0), "loss_vs_pool": share(pool < 0),
            "tie_vs_pool": share(pool == 0),
            **{f"end_{end.replace(' ', '_')}": share(ends == i)
               for i, end in enumerate(endings) if end}, **parts}
