"""A PPO update against the same mathematics in PyTorch, on the CPU.

Both start from the same parameters and take the same minibatches of the same made-up segment in the
same order; after the first update their parameters are compared, and the script fails where they
differ. Then blocks of one update each alternate. Ours is `ppo.Learner.update` as run.py calls it;
PyTorch's is written as one would there: autograd, the fused Adam, tensors made once per update.

PyTorch is needed by this script alone; it was tried with torch 2.13.0 for the CPU. With --ours-only
it is not needed, and the ants' own network, which has no counterpart there, can be measured too.

    python -m benchmarks.update --torch-threads 1
    python -m benchmarks.update --ours-only --minibatch 256 5120
"""

import statistics
import sys
import time

import numpy as np

from benchmarks import bench
from common.command_line import InputError, number
from common.terminal import guarded
from distributed_data import device

# What is updated: policy, its options, sizes of observation and action, batch, minibatch, epochs.
CASES = {
    "mlp, run-to-goal-ants": ("mlp", {"hid_size": 64}, 122, 8, 3584, 256, 6),
    "mlp, large minibatches": ("mlp", {"hid_size": 64}, 122, 8, 14336, 1024, 6),
    "mlp, humanoid": ("mlp", {"hid_size": 64}, 380, 17, 14336, 1024, 6),
    "mlp, the paper's minibatches": ("mlp", {"hid_size": 64}, 122, 8, 40960, 5120, 6),
    "lstm, sumo-ants": ("lstm", {"hid_size": 128}, 137, 8, 4480, 640, 3),
    "lstm, sumo-humans": ("lstm", {"hid_size": 128}, 395, 17, 4480, 640, 3),
    "ant, run-to-goal-ants": ("ant", {"hid_size": 128}, 122, 8, 24576, 1536, 4),
}
ALONE = ["ant, run-to-goal-ants"]  # no counterpart in PyTorch
OTHER_SIZES = ["mlp, large minibatches", "mlp, the paper's minibatches"]  # of the first network
MINIBATCHES = 8  # per batch, where --minibatch gives their size
CLIP, STEPSIZE, CHUNK = 0.2, 3e-4, 10
CLOSE = 0.02  # of the way: rounding can reverse Adam's steps where a gradient is nearly zero


def make_parser():
    """The command line."""
    parser = bench.make_parser("update", __doc__)
    parser.add_argument("--case", choices=CASES, nargs="+",
                        help="By default all that the other options allow.")
    parser.add_argument("--minibatch", type=number(int, 20), nargs="+", metavar="SAMPLES",
                        help=f"Measure with these minibatches, cut to whole chunks, {MINIBATCHES} "
                             "per batch, instead of each case's own.")
    parser.add_argument("--ours-only", action="store_true", help="Leave PyTorch out.")
    parser.add_argument("--torch-threads", type=number(int, 1), default=1)
    parser.add_argument("--blocks", type=number(int, 1), default=7,
                        help="Updates of each, after one that warms up and is compared.")
    return parser


def make_segment(ob_dim, ac_dim, pi, batch, rng):
    """A segment such as rollouts make: [20, batch / 20] or [8, batch / 8] columns."""
    shape = (20, batch // 20) if batch % 20 == 0 else (8, batch // 8)
    ret = 100 * rng.standard_normal(shape).astype(np.float32)
    return {
        "ob": rng.standard_normal((*shape, ob_dim), dtype=np.float32),
        "ac": 0.5 * rng.standard_normal((*shape, ac_dim), dtype=np.float32),
        "adv": rng.standard_normal(shape, dtype=np.float32), "tdlamret": ret, "vpred": 0.9 * ret,
        "new": rng.random(shape) < 0.01,
        "state": 0.1 * rng.standard_normal((shape[0] // pi.chunk, shape[1], pi.state_dim),
                                           dtype=np.float32)}


class TorchLearner:
    """The policy and its optimizer in PyTorch, from a policy's variables as they stand.

    values: {name within the policy: array}; filters: mean and std of observations and of returns.
    """

    def __init__(self, values, filters, recurrent):
        import torch

        self.torch, self.recurrent = torch, recurrent
        self.p = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}
        self.adam = torch.optim.Adam(self.p.values(), lr=STEPSIZE, fused=True)
        self.steps = 0
        self.ob_mean, self.ob_std = map(torch.tensor, filters[:2])
        self.ret_mean, self.ret_std = map(float, filters[2:])

    def _dense(self, x, name):
        return x @ self.p[f"{name}/w"] + self.p[f"{name}/b"]

    def _forward(self, ob, new, state):
        torch, outputs = self.torch, []
        obz = torch.clamp((ob - self.ob_mean) / self.ob_std, -5.0, 5.0)
        for k, net in enumerate(("vf", "pol")):
            if self.recurrent:
                x = torch.relu(self._dense(obz, f"{net}fc1"))
                size = x.shape[1]
                c, h = state[:, 2 * k * size:2 * (k + 1) * size].split(size, 1)
                x = self._lstm(x, c, h, 1.0 - new.float()[:, None], f"{net}lstm")
            else:
                x = torch.tanh(self._dense(obz, f"{net}fc1"))
                x = torch.tanh(self._dense(x, f"{net}fc2"))
            outputs.append(self._dense(x, f"{net}final"))
        return outputs[0][:, 0] * self.ret_std + self.ret_mean, outputs[1]

    def _lstm(self, x, c, h, keep, name):
        torch, kernel, outputs = self.torch, self.p[f"{name}/kernel"], []
        from_x, from_h = kernel.split(x.shape[1])
        gates = (x @ from_x + self.p[f"{name}/bias"]).chunk(CHUNK)
        for t, (gate, keeps) in enumerate(zip(gates, keep.chunk(CHUNK))):
            if t:
                c, h = c * keeps, h * keeps
            i, j, f, o = (gate + h @ from_h).chunk(4, 1)
            c = c * torch.sigmoid(f + 1.0) + torch.sigmoid(i) * torch.tanh(j)
            h = torch.tanh(c) * torch.sigmoid(o)
            outputs.append(h)
        return torch.cat(outputs)

    def update(self, seg, rng, optim_batchsize, optim_epochs):
        """Epochs of minibatches, as `ppo.Learner.update` makes them."""
        torch = self.torch
        adv = (seg["adv"] - seg["adv"].mean()) / (seg["adv"].std() + 1e-8)
        chunks, chunk = self._chunks({**seg, "adv": adv})
        size, count = optim_batchsize // chunk, chunks[0].shape[1]
        for _ in range(optim_epochs):
            order = torch.from_numpy(rng.permutation(count))
            for start in range(0, count - size + 1, size):
                rows = order[start:start + size]
                self._step(*(x[:, rows].flatten(0, 1) for x in chunks))
        return seg["ob"].mean(axis=(0, 1)), np.square(seg["ob"]).mean(axis=(0, 1))  # the filter's

    def _chunks(self, seg):
        from selfplay.ppo import into_chunks

        class Cut:
            chunk, recurrent = (CHUNK, True) if self.recurrent else (1, False)
            ob = new = state_in = None  # whose names alone count

        arrays = into_chunks(seg, Cut)
        return [self.torch.from_numpy(np.ascontiguousarray(x)) for x in arrays], Cut.chunk

    def _step(self, ob, ac, atarg, ret, oldlogp, new=None, state=None):
        torch = self.torch
        vpred, mean = self._forward(ob, new, state)
        logstd = self.p["logstd"]
        z = (ac - mean) / torch.exp(logstd)
        logp = -(0.5 * z * z + logstd + 0.5 * np.log(2 * np.pi)).sum(1)
        logratio = logp - oldlogp
        ratio = torch.exp(logratio)
        clipped = torch.clamp(ratio, 1 - CLIP, 1 + CLIP)
        pol_surr = -torch.minimum(ratio * atarg, clipped * atarg).mean()
        vf_loss = torch.square((vpred - ret) / self.ret_std).mean()
        with torch.no_grad():
            losses = [pol_surr, vf_loss, (ratio - 1 - logratio).mean(),
                      ((ratio - 1).abs() > CLIP).float().mean()]
        self.adam.zero_grad()
        (pol_surr + vf_loss).backward()
        self.steps += 1  # ours adds epsilon before the second moment's bias is taken out
        self.adam.param_groups[0]["eps"] = 1e-8 / np.sqrt(1 - 0.999**self.steps)
        self.adam.step()
        return [loss.item() for loss in losses]


def build(sess, name, minibatch):
    """A case's `Learner`, the segment it learns from, and the minibatches and epochs of its update.

    minibatch: size to take instead of the case's own.
    """
    import tensorflow.compat.v1 as tf

    from networks.loading import find_policy
    from selfplay.ppo import Learner

    kind, options, ob_dim, ac_dim, batch, size, epochs = CASES[name]
    rng = np.random.default_rng(0)
    pi = find_policy(kind)("pi", ob_dim, ac_dim, rng, logstd=-0.5, **options)
    if minibatch:
        size = minibatch - minibatch % pi.chunk
        batch = MINIBATCHES * size
    learner = Learner(pi, clip_param=CLIP)
    sess.run(tf.global_variables_initializer())
    seg = make_segment(ob_dim, ac_dim, pi, batch, rng)
    pi.ob_rms.update(sess, seg["ob"])
    pi.update_ret_rms(sess, seg["tdlamret"])
    learner.start(sess)
    seg |= look(sess, pi, seg)
    seg["logp"] = judge(sess, pi, seg)
    return learner, seg, {"optim_batchsize": size, "optim_epochs": epochs}


def values_of(sess, pi):
    """A policy's trainable variables as they stand: {name within the policy: array}."""
    return {v.op.name.removeprefix("pi/"): sess.run(v) for v in pi.get_trainable_variables()}


def measure(name, args, minibatch=None):
    """One case: samples per second of both, and how far apart the first update has left them.

    minibatch: size to take instead of the case's own.
    """
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), device.make_session() as sess:
        learner, seg, how = build(sess, name, minibatch)
        pi, batch = learner.pi, seg["adv"].size
        samples = batch * how["optim_epochs"]
        row = {"case": name, "batch": batch, "minibatch": how["optim_batchsize"]}

        def ours(seed):
            learner.update(seg, np.random.default_rng(seed), optim_stepsize=STEPSIZE, **how)

        if args.ours_only:
            ours(0)
            return {**row, "ours: samples/s": samples / median_seconds(args, ours)[0]}
        start = values_of(sess, pi)
        filters = sess.run([pi.ob_rms.mean, pi.ob_rms.std, pi.ret_rms.mean, pi.ret_rms.std])
        other = TorchLearner(start, filters, pi.recurrent)

        def theirs(seed):
            other.update(seg, np.random.default_rng(seed), **how)

        ours(0), theirs(0)
        apart = distance(start, values_of(sess, pi),
                         {n: value.detach().numpy() for n, value in other.p.items()})
        mine, torchs = (samples / spent for spent in median_seconds(args, ours, theirs))
    return {**row, "ours: samples/s": mine, "PyTorch: samples/s": torchs, "ratio": mine / torchs,
            "apart": apart}


def median_seconds(args, *updates):
    """Median seconds of each update, called in turn, forwards and backwards."""
    seconds = [[] for _ in updates]
    for block in range(1, 1 + args.blocks):
        order = list(zip(updates, seconds))
        for update, spent in order if block % 2 else reversed(order):
            started = time.perf_counter()
            update(block)
            spent.append(time.perf_counter() - started)
    return [statistics.median(spent) for spent in seconds]


def distance(start, one, other):
    """How far apart two have moved, as a share of how far the first one has from the start."""
    def norm(a, b):
        return np.sqrt(sum(np.square(a[name] - b[name]).sum() for name in start))

    return float(norm(one, other) / norm(one, start))


def look(sess, pi, seg):
    """What the policy's view keeps of a segment's observations, as rollouts note it."""
    from networks.inputs import kept_tensors

    shape = seg["adv"].shape
    feed = {pi.ob: seg["ob"].reshape(-1, pi.ob_dim),
            pi.state_in: np.zeros((seg["adv"].size, pi.state_dim), np.float32)}
    return {name: x.reshape(*shape, -1)
            for name, x in sess.run(kept_tensors(pi), feed).items()}


def judge(sess, pi, seg):
    """Log-probabilities of a segment's actions as the policy stands, a little off."""
    from networks.inputs import update_inputs
    from selfplay.ppo import into_chunks

    net = pi.unrolled()
    chunks = into_chunks({**seg, "logp": seg["adv"]}, pi)
    seen, *others = update_inputs(net).values()
    feeds = [seen, net.ac_taken, *others]
    logp = sess.run(net.logp, dict(zip(feeds, (x.reshape(-1, *x.shape[2:]) for x in
                                               chunks[:2] + chunks[5:]))))
    steps, columns = seg["adv"].shape
    logp = logp.reshape(pi.chunk, steps // pi.chunk, columns).swapaxes(0, 1)
    logp = logp.reshape(steps, columns)
    return logp + 0.02 * seg["adv"]


def set_up_torch(cases, threads):
    """Raises InputError where PyTorch is absent or has no counterpart of a case."""
    for name in cases:
        if name in ALONE:
            raise InputError(f"--case {name}: has no counterpart in PyTorch: --ours-only")
    try:
        import torch
    except ImportError:
        raise InputError("needs PyTorch: pip install torch, or --ours-only") from None
    torch.set_num_threads(threads)


def measure_all(args):
    """Every case and size that was asked for; returns the result dict."""
    left_out = ALONE * (not args.ours_only) + OTHER_SIZES * bool(args.minibatch)
    cases = args.case or [name for name in CASES if name not in left_out]
    if not args.ours_only:
        set_up_torch(cases, args.torch_threads)
    hardware = device.prepare()
    rows = [measure(name, args, size) for name in cases for size in args.minibatch or [None]]
    threads = {} if args.ours_only else {"PyTorch threads": args.torch_threads}
    return {"networks on": hardware, **threads, "rows": rows}


def print_result(result):
    """Prints a result dict as a table."""
    from tabulate import tabulate

    print(tabulate(result["rows"], headers="keys", intfmt=",",
                   floatfmt=("", "", "", ",.0f", ",.0f", ".2f", ".0e")))
    print(", ".join(f"{name}: {value}" for name, value in result.items()
                    if name not in ("machine", "rows")))


@guarded
def main(argv=None):
    """Measures, prints a table and writes --json; exit code 1 where the two differ."""
    result = bench.run(make_parser(), measure_all, print_result, argv, ("torch",))
    if any(row.get("apart", 0) > CLOSE for row in result["rows"]):
        sys.exit("the two do not compute the same")


if __name__ == "__main__":
    main()
