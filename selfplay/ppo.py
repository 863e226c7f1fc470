"""PPO for one learner: the clipped objective as a graph, and one iteration's update."""


import numpy as np
import tensorflow.compat.v1 as tf

from common.command_line import InputError, NotFinite
from distributed_data import MpiAdam, comm
from distributed_data.callables import make_callable
from distributed_data.variables import ExactVariables
from networks.inputs import seen_tensors, update_inputs, uses_filter

MAX_STRIKES = 3  # steps in a row that are not finite before a run ends
LOSS_NAMES = ("pol_surr", "vf_loss", "entropy", "kl", "clip_frac")


class Learner:
    """A policy and its optimizer (one per agent; paper, section 4).

    pi: the policy; clip_param: epsilon of the clipped objective; entcoeff: weight of an entropy
    bonus; l2: weight of the sum of squares of all trainable variables.
    """

    def __init__(self, pi, clip_param=0.2, entcoeff=0.0, l2=0.0):
        self.pi, self._unrolled = pi, pi.unrolled()
        self._sees, self._filtered = list(seen_tensors(pi)), uses_filter(pi)
        net = self._unrolled
        variables = pi.get_trainable_variables()
        with tf.name_scope(f"{pi.name}_loss"):
            self._atarg = tf.placeholder(tf.float32, [None], "atarg")
            self._ret = tf.placeholder(tf.float32, [None], "ret")
            self._oldlogp = tf.placeholder(tf.float32, [None], "oldlogp")
            logratio = net.logp - self._oldlogp
            ratio = tf.exp(logratio)
            clipped = tf.clip_by_value(ratio, 1.0 - clip_param, 1.0 + clip_param)
            # Schulman et al., 2017, equation 7: the more pessimistic of the two.
            pol_surr = -tf.reduce_mean(tf.minimum(ratio * self._atarg, clipped * self._atarg))
            # In standardized units, so annealing the reward does not change its weight.
            vf_loss = tf.reduce_mean(tf.square((net.vpred - self._ret) / pi.ret_rms.std))
            entropy = tf.reduce_mean(net.entropy)
            kl = tf.reduce_mean(ratio - 1.0 - logratio)  # an estimate that is never negative
            clip_frac = tf.reduce_mean(tf.cast(tf.abs(ratio - 1.0) > clip_param, tf.float32))
            self.losses = [pol_surr, vf_loss, entropy, kl, clip_frac]
            total = pol_surr + vf_loss - entcoeff * entropy
            total += l2 * tf.add_n([tf.reduce_sum(tf.square(v)) for v in variables])
            gradients = tf.gradients(total, variables)
            self.gradient = tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)
        self.adam = MpiAdam(variables)
        with tf.name_scope(f"{pi.name}_step"):
            self._floor = tf.placeholder(tf.float32, [], "logstd_floor")
            self._raise_now = self._raise_logstd()
            self._finite = tf.reduce_all(tf.is_finite(tf.concat([self.gradient, self.losses], 0)))
            with tf.control_dependencies([tf.cond(
                    self._finite, lambda: self.adam.step(gradients), tf.no_op)]):
                self._step_and_raise = self._raise_logstd()
            with tf.control_dependencies([self.adam.taken]):
                self._raise_after = self._raise_logstd()
        self._variables = ExactVariables(pi.get_variables())
        self._strikes, self.faults = 0, []
        self.step_scale = 1.0  # factor of the step size, at most 1: see `update`, adaptive_kl
        self.alone = comm.SIZE == 1  # no gradients to average: the step is part of the graph

    def start(self, sess):
        """Binds the session and copies rank 0's parameters to every rank."""
        self.sess = sess
        net = self._unrolled
        seen, *others = update_inputs(net).values()
        minibatch = [seen, net.ac_taken, self._atarg, self._ret, self._oldlogp, *others]
        self._lossandgrad = make_callable(sess, [*self.losses, self.gradient], minibatch)
        self._lossandstep = make_callable(
            sess, [*self.losses, self._finite, self._step_and_raise],
            [*minibatch, self.adam.rate, self._floor])
        self.adam.start(sess, self._raise_after, [self._floor])

    def update(self, seg, rng, *, optim_batchsize, optim_epochs, optim_stepsize, target_kl=0.0,
               logstd_floor=-np.inf, adaptive_kl=0.0):
        """Runs epochs of minibatches on one segment; returns a dict of figures for the log.

        rng: generator of the minibatch order. optim_batchsize: samples per minibatch over all
        ranks, fewer in an epoch's last one; target_kl: an epoch whose mean KL exceeds 1.5 times
        this is the last one (0: never); logstd_floor: lower bound on the action log-std;
        adaptive_kl: the step size shrinks by a factor of 1.5 after an update whose KL is over twice
        this, and grows back, at most to optim_stepsize, after one whose KL is under half of it (0:
        never).

        Values that are not finite change nothing: a segment is skipped, a minibatch's step is not
        taken; `faults` lists them, "skipped" in the result counts them. Raises NotFinite when it
        happens three times in a row.
        """
        pi, sess, self.faults = self.pi, self.sess, []
        names = [*self._sees, "ac", "adv", "tdlamret", "logp"]
        bad = comm.allsum([float(not np.isfinite(seg[name]).all()) for name in names])
        bad = [name for name, count in zip(names, bad) if count]
        if bad:
            self._strike(f"segment ({', '.join(bad)})")
            return self._report(None, 0, float("nan"))
        explained = explained_variance(seg["vpred"], seg["tdlamret"])
        pi.update_ret_rms(sess, seg["tdlamret"])
        self.adam.sync(sess)
        mean, std = comm.moments(seg["adv"])
        seg = {**seg, "adv": (seg["adv"] - np.float32(mean)) / np.float32(std + 1e-8)}
        chunks, size = into_chunks(seg, pi), optim_batchsize // comm.SIZE // pi.chunk
        rate = optim_stepsize * self.step_scale if adaptive_kl else optim_stepsize
        for epoch in range(optim_epochs):
            means = self._epoch(chunks, rng.permutation(chunks[0].shape[1]), size, rate,
                                logstd_floor)
            if means is not None and 0 < 1.5 * target_kl < means[LOSS_NAMES.index("kl")]:
                break
        if adaptive_kl and means is not None:
            self._adapt(means[LOSS_NAMES.index("kl")], adaptive_kl)
        if self._filtered:  # after the epochs, which need the rollout's filter
            pi.ob_rms.update(sess, seg["ob"])
        return self._report(means, epoch + 1, explained)

    def raise_logstd(self, floor):
        """Raises the action log-std to the floor.

        Call it before the first segment: one played with less noise than its update ends with
        would teach nothing, as every ratio of its probabilities is clipped.
        """
        self.sess.run(self._raise_now, {self._floor: floor})

    def start_gently(self):
        """Starts with a small step size, since Adam's first steps would all be of full size.

        For trained parameters if the step size adapts (`update`, adaptive_kl), so it can grow back.
        """
        self.step_scale = 0.02

    def _adapt(self, kl, wanted):
        if kl > 2 * wanted:
            self.step_scale = max(self.step_scale / 1.5, 0.01)
        elif kl < wanted / 2:
            self.step_scale = min(self.step_scale * 1.5, 1.0)

    def _epoch(self, chunks, order, size, rate, logstd_floor):
        """Takes a step per `size` chunks in this order; returns mean losses, None without steps."""
        losses, sizes = [], []
        for start in range(0, len(order), size):
            rows = order[start:start + size]
            minibatch = [x[:, rows].reshape(-1, *x.shape[2:]) for x in chunks]
            loss = self._step(minibatch, rate, logstd_floor)
            losses, sizes = losses + loss, sizes + [len(rows) / size] * len(loss)
        return comm.allmean(mean_losses(losses, sizes)) if losses else None

    def _step(self, minibatch, stepsize, logstd_floor):
        """Takes one step of Adam; returns [losses], or [] if it was not taken."""
        if self.alone:
            *loss, taken, _ = self._lossandstep(
                *minibatch, self.adam.next_rate(stepsize), logstd_floor)
            self.adam.t += bool(taken)
        else:
            *loss, g = self._lossandgrad(*minibatch)
            if not np.isfinite(loss).all():
                g = np.full_like(g, np.nan)  # then no rank takes the step
            taken = self.adam.update(g, stepsize, logstd_floor)
        if not taken:
            counts = comm.allsum((~np.isfinite(loss)).astype(float))  # on any rank
            bad = [name for name, count in zip(LOSS_NAMES, counts) if count]
            self._strike(", ".join(bad) or "gradient")
            return []
        self._strikes = 0
        return [loss]

    def _strike(self, what):
        self._strikes += 1
        self.faults.append(what)
        if self._strikes == MAX_STRIKES:
            raise NotFinite(f"{self.pi.name}: {what} not finite, {MAX_STRIKES} times in a row")

    def take_faults(self):
        """Returns `faults` and forgets them: if another learner ends the run, no update does."""
        taken, self.faults = self.faults, []
        return taken

    def _report(self, means, epochs, explained):
        means = [float("nan")] * len(LOSS_NAMES) if means is None else means
        return {**dict(zip(LOSS_NAMES, map(float, means))), "epochs": epochs, "ev_tdlam": explained,
                "action_std": self.action_std(), "skipped": len(self.faults),
                "step_scale": self.step_scale}

    def get_state(self):
        """Parameters, filters and Adam's moments, to the last bit: {name: array}."""
        values = self._variables.get(self.sess)
        return {**{f"variable{k:03d}": value for k, value in enumerate(values)},
                **self.adam.get_state(self.sess), "strikes": self._strikes,
                "step_scale": self.step_scale}

    def set_state(self, state):
        """Restores what `get_state` returned; InputError if it belongs to another network."""
        values = [state[name] for name in sorted(state) if name.startswith("variable")]
        if [value.shape for value in values] != [v.shape for v in self.pi.get_variables()]:
            raise InputError(f"--resume: the checkpoint's {self.pi.name} is not a "
                             f"{type(self.pi).__name__} as policy.py has it now")
        self._variables.set(self.sess, values)
        self.adam.set_state(self.sess, state)
        self._strikes = int(state["strikes"])
        self.step_scale = float(state.get("step_scale", 1.0))  # older checkpoints lack it
        self.adam.sync(self.sess)

    def _raise_logstd(self):
        logstd = self.pi.logstd
        return tf.assign(logstd, tf.maximum(logstd.read_value(), self._floor)).op

    def action_std(self):
        """Mean standard deviation of the actions."""
        return float(np.exp(self.sess.run(self.pi.logstd)).mean())


def into_chunks(seg, pi):
    """A segment's arrays as [steps, chunks, ...], in feeding order, for minibatches.

    A chunk is `pi.chunk` consecutive steps of one column, with the state at its start. What the
    policy sees comes first, whatever else it needs last.
    """
    def cut(x, steps):
        x = x.reshape(-1, steps, *x.shape[1:]).swapaxes(0, 1)  # [steps, T / steps, N, ...]
        return x.reshape(steps, -1, *x.shape[3:])

    seen, *others = update_inputs(pi)
    return [cut(seg[name], 1 if name == "state" else pi.chunk)
            for name in (seen, "ac", "adv", "tdlamret", "logp", *others)]


def mean_losses(losses, sizes):
    """The mean [k] of minibatches' losses [n, k], weighted by their sizes [n]."""
    return np.average(losses, axis=0, weights=np.asarray(sizes, np.float32))


def explained_variance(prediction, target):
    """1 - Var(target - prediction) / Var(target) over all ranks; 1 is perfect, 0 useless."""
    spread = comm.moments(target)[1]
    return float("nan") if spread == 0 else 1 - (comm.moments(target - prediction)[1] / spread) ** 2
