"""Throws mutated parameter files, checkpoints and command lines at the readers.

    python -m benchmarks.fuzz [--files 9000] [--lines 1000]

Every one must be taken or refused in one line: no traceback, nothing that takes longer than ten
seconds, and no file written. Prints counts, and each culprit with how to repeat it; exit code 1 if
there is any.
"""

import contextlib
import io
import json
import os
import pickle
import random
import signal
import struct
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import bench
from common.command_line import InputError, number
from common.parameter_file import save_parameters
from common.terminal import guarded
from distributed_data import device
from selfplay.checkpoint import NAME, read_checkpoint, write_checkpoint

SECONDS = 10  # after which something counts as hanging
HEADER = {"game": "run-to-goal-ants", "seat": "both", "policy": "mlp",
          "policy_args": {"hid_size": 64}, "ob_dim": 122, "ac_dim": 8, "version": 1, "iteration": 1}
NASTY = ("", "0", "-1", "nan", "inf", "-inf", "1e400", "1e-400", "9" * 40, "0x10", "1_000", "a\nb",
         "../x", "/", ".", "\0", "é", "--", "-", "%s", "{}", "None", "true", "1,2", " 1 ")


class Hang(Exception):
    """Something took longer than SECONDS."""


def alarm(*_):
    """SIGALRM's handler."""
    raise Hang(f"more than {SECONDS} s")


def seeds():
    """Whole files to start from: {name: bytes}."""
    from networks.loading import vector_size

    size = vector_size(HEADER["game"], HEADER["policy"], HEADER["policy_args"])
    vector = np.random.default_rng(0).normal(0, 0.1, size).astype(np.float32)
    vector[:248] = [0, 1, 1, *np.zeros(122), *np.ones(123)]  # filters that have counted
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.npz"
        save_parameters(path, vector, HEADER)
        ours = path.read_bytes()
    array = io.BytesIO()
    np.save(array, vector)
    return {"ours.npz": ours, "zoo.npy": array.getvalue(),
            "zoo2.pkl": pickle.dumps(vector, protocol=2),
            "zoo5.pkl": pickle.dumps(vector, protocol=5),
            "zoo0.pkl": pickle.dumps(vector[:40].astype(np.float64), protocol=0)}


def hostile():
    """Whole files meant to harm the reader: {name: bytes}. All of them must be refused."""
    encode, text = b"c_codecs\nencode\nq\0", b"X" + struct.pack("<I", 2**20) + b"a" * 2**20
    files = {
        "deepkey.pkl": b"\x80\2})" + b"\x85" * 3_000_000 + b"K\1s.",
        "deeptuple.pkl": b"\x80\2)" + b"\x85" * 3_000_000 + b".",
        "again.pkl": (b"\x80\2" + encode + text + b"q\1X\6\0\0\0latin1q\2"
                      + b"h\0h\1h\2\x86R" * 1500 + b"."),
        "state.pkl": b"\x80\2" + encode + b"}U\5spoilK\1sb.",
        "memo.pkl": b"\x80\2Nr\xff\xff\xff\xff.",
        "array.pkl": b"\x80\5\x96" + struct.pack("<Q", 2**36) + b"."}
    for name, method in (("text.npz", zipfile.ZIP_STORED), ("bzip2.npz", zipfile.ZIP_BZIP2),
                         ("lzma.npz", zipfile.ZIP_LZMA)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("parameters.npy", bytes(2**26))
            archive.writestr("header.npy", b"{}")
        files[name] = file.getvalue()
    return files


def mutate(raw, rng):
    """A damaged copy of some bytes."""
    raw = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        place, what = rng.randrange(len(raw) or 1), rng.randrange(7)
        if what == 0 and raw:
            raw[place % len(raw)] ^= 1 << rng.randrange(8)
        elif what == 1 and raw:
            raw[place % len(raw)] = rng.choice((0, 255, 127, 128, 10, ord("."), ord("c")))
        elif what == 2:
            del raw[place:]
        elif what == 3:
            del raw[place:place + rng.randrange(1, 50)]
        elif what == 4:
            raw[place:place] = rng.randbytes(rng.randrange(1, 50))
        elif what == 5:
            raw[place:place] = raw[rng.randrange(len(raw) or 1):][:rng.randrange(1, 200)]
        else:  # numbers that lengths and shapes are made of
            raw[place:place + 8] = rng.choice((b"\xff" * 8, b"\x00" * 8, b"\xff\xff\xff\x7f" * 2))
    return bytes(raw)


def strange_header(rng):
    """A whole file whose header says something unexpected."""
    values = (None, [], {}, -1, 10**30, "x" * 1000, float("nan"), True, ["mlp"], "os.system",
              "sumo-ants", 0.5, {"hid_size": 10**9}, {"hid_size": "a"}, {"rng": 3},
              {"num_hid_layers": 3000}, {"hid_size": 0, "num_hid_layers": 10**12})
    header = {**HEADER, rng.choice(list(HEADER)): rng.choice(values)}
    if rng.random() < 0.3:
        header.pop(rng.choice(list(header)))
    stream = io.BytesIO()
    np.savez(stream, parameters=np.zeros(rng.choice((0, 1, 7, 3000)), np.float32),
             header=np.array(json.dumps(header if rng.random() < 0.9 else rng.choice(values))))
    return stream.getvalue()


def read_file(path):
    """All that happens to a parameter file before its network is built."""
    from networks.loading import load_entries

    load_entries([path], None)


def play_file(path):
    """A match of a file against itself, as the command line would have it."""
    import load_parameter_run

    load_parameter_run.main(["--param-paths", path, path, "--max-episodes", "1",
                             "--integrator", "Euler", "--num-threads", "1"])


def mutated_line(parser, rng):
    """A command line of a script's own options, with values that may mean nothing."""
    words = []
    for action in rng.sample(parser._actions[1:], rng.randrange(1, 6)):
        words.append(rng.choice(action.option_strings))
        good = [str(choice) for choice in action.choices or ("1", "0.5", "3")]
        if rng.random() < 0.9:
            words.append(rng.choice(NASTY) if rng.random() < 0.6 else rng.choice(good))
    if rng.random() < 0.2:
        words.insert(rng.randrange(len(words)), rng.choice(NASTY))
    return words


def settle_line(words):
    """What run.py makes of a command line, up to the run's first file."""
    from selfplay.config import make_parser
    from selfplay.resolve import resolve_config

    parser = make_parser()
    resolve_config(parser, parser.parse_args(words), "saveparameters")


def parse_line(words):
    """What load_parameter_run.py makes of a command line."""
    import load_parameter_run

    load_parameter_run.make_parser().parse_args(words)


class Judge:
    """Calls readers and counts what they do."""

    def __init__(self, folder):
        self.folder, self.counts, self.culprits = folder, Counter(), []

    def hear(self, kind, call, thing):
        """call(thing) must return, raise InputError, or exit with code 2 after one line."""
        before = set(os.listdir(self.folder))
        err = io.StringIO()
        signal.alarm(SECONDS)
        try:
            with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
                call(thing)
            outcome = "taken"
        except InputError as error:
            outcome = "refused" if "\n" not in str(error) else "more than one line"
        except SystemExit as error:
            lines = err.getvalue().count("\n")
            outcome = ("taken" if error.code in (0, None) else
                       "refused" if error.code == 2 and lines == 1 else
                       f"exit code {error.code} after {lines} lines")
        except Hang:
            outcome = "hang"
        except BaseException as error:
            outcome = f"traceback: {type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
        if set(os.listdir(self.folder)) != before:
            outcome = "wrote a file"
        self.counts[kind, outcome if outcome in ("taken", "refused") else "wrong"] += 1
        if outcome not in ("taken", "refused"):
            self.culprits.append((kind, outcome, thing))


def fuzz(files, lines, seed=0):
    """Returns a `Judge` that has heard them all; one file in fifty is also played."""
    rng, wholes = random.Random(seed), list(seeds().items())
    signal.signal(signal.SIGALRM, alarm)
    with tempfile.TemporaryDirectory() as folder:
        judge, home = Judge(folder), os.getcwd()
        os.chdir(folder)
        os.mkdir("run")
        write_checkpoint("run", {"config": {}}, {"rank0/x": np.arange(99.0), "y": np.zeros(3)})
        whole = Path("run", NAME).read_bytes()
        for name, raw in hostile().items():
            Path(name).write_bytes(raw)
            judge.hear("hostile file", read_file, name)
        for k in tqdm(range(files), desc="files", disable=None):
            name, raw = rng.choice(wholes)
            raw = strange_header(rng) if k % 10 == 9 else mutate(raw, rng)
            Path(name).write_bytes(raw)
            judge.hear("parameter file", read_file, name)
            if k % 100 in (5, 9):
                judge.hear("match", play_file, name)
            if k % 10 == 0:
                Path("run", NAME).write_bytes(mutate(whole, rng))
                judge.hear("checkpoint", read_checkpoint, "run")
        import load_parameter_run
        import run

        parsers = (run.make_parser(), settle_line), (load_parameter_run.make_parser(), parse_line)
        for k in tqdm(range(lines), desc="command lines", disable=None):
            parser, call = parsers[k % 2]
            judge.hear("command line", call, mutated_line(parser, rng))
        os.chdir(home)
    return judge


def make_parser():
    """The command line."""
    parser = bench.make_parser("fuzz", __doc__, json=False)
    parser.add_argument("--files", type=number(int, 0), default=9000, help="Parameter files.")
    parser.add_argument("--lines", type=number(int, 0), default=1000, help="Command lines.")
    parser.add_argument("--seed", type=number(int, 0), default=0, help="Seed of the mutations.")
    return parser


@guarded
def main(argv=None):
    """Fuzzes, prints counts and culprits."""
    args = make_parser().parse_args(argv)
    device.prepare()
    judge = fuzz(args.files, args.lines, args.seed)
    for (kind, outcome), count in sorted(judge.counts.items()):
        print(f"{kind:15s} {outcome:8s} {count:6d}")
    for kind, outcome, thing in judge.culprits[:20]:
        print(f"{kind} {thing!r}: {outcome}")
    sys.exit(bool(judge.culprits))


if __name__ == "__main__":
    main()
