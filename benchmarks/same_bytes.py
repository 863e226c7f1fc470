"""Two checkouts against each other: the same options must give the same bytes.

    python -m benchmarks.same_bytes OLD NEW

Trains a few iterations in each, with every network, on one rank and on two, and compares all
snapshots and progress.csv; a run begun in OLD is also resumed in NEW. Prints a line for each
comparison; exit code 1 where anything differs. Both checkouts' saveparameters/ stay as they are.
"""

import csv
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import bench
from common.command_line import InputError
from common.terminal import guarded

SMALL = ("--num-envs 8 --num-threads 1 --timesteps-per-batch 480 --optim-batchsize 120 "
         "--optim-epochs 2 --opponents 4 --latest-share 0.5 --anchor-every 0 --hid-size 8").split()
# Presets with delta 0 keep every snapshot by themselves.
CASES = {"mlp": "--env run-to-goal-ants --policy mlp --keep 1",
         "lstm": "--env sumo-ants --policy lstm",
         "ant": "--env run-to-goal-ants --policy ant --keep 1",
         "humanoid": "--env run-to-goal-humans --policy humanoid --keep 1",
         "blocker": "--env you-shall-not-pass --policy mlp",
         "paper": "--env sumo-humans --paper --keep 1"}
ITERATIONS = 4


def make_parser():
    """The command line."""
    parser = bench.make_parser("same_bytes", __doc__, json=False)
    for name in ("old", "new"):
        parser.add_argument(name, metavar=name.upper(), help="A checkout of this repository.")
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES))
    parser.add_argument("--ignore-new-columns", action="store_true",
                        help="Leave out columns of progress.csv that NEW alone has.")
    return parser


def train(checkout, folder, *options, ranks=None):
    """Runs a checkout's run.py with its runs in a folder; ends this process where it fails."""
    done = subprocess.run(bench.training(folder, *options, ranks=ranks), cwd=checkout,
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{checkout}: run.py {' '.join(map(str, options))}\n{done.stderr[-2000:]}")


def digests(run, columns=None):
    """{file: digest} of all that must be the same; columns: those of progress.csv that count."""
    found = {path.relative_to(run): path.read_bytes() for path in run.glob("agent*/*.npz")}
    table = run / "progress.csv"
    found[Path(table.name)] = table.read_bytes() if columns is None else "\n".join(
        ",".join(row[name] for name in columns) for row in rows(table)).encode()
    return {str(path): hashlib.sha256(raw).hexdigest() for path, raw in found.items()}


def rows(table):
    """A CSV file as a list of dicts."""
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


def compare(what, old, new, ignore_new_columns):
    """Prints which files of two runs differ; returns whether none does."""
    columns = None
    if ignore_new_columns:
        columns = list(rows(old / "progress.csv")[0])
        lost = set(columns) - set(rows(new / "progress.csv")[0])
        if lost:
            print(f"{what}: progress.csv has lost {', '.join(sorted(lost))}", flush=True)
            return False
    a, b = digests(old, columns), digests(new, columns)
    different = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
    print(f"{what}: {len(a)} files, {len(different)} differ {' '.join(different[:4])}".rstrip(),
          flush=True)
    return not different


def compare_case(case, args, folder):
    """Trains a case in both checkouts, on one rank and on two; yields whether they are alike."""
    options = [*CASES[case].split(), *SMALL]
    for ranks in (None, 2):
        old, new = (folder / f"{name}{ranks or 1}" for name in ("old", "new"))
        for checkout, where in ((args.old, old), (args.new, new)):
            train(checkout, where, *options, "--run", case, "--max-iters", ITERATIONS, ranks=ranks)
        yield compare(f"{case}, {ranks or 1} rank(s)", old / case, new / case,
                      args.ignore_new_columns)
    train(args.old, folder, *options, "--run", "moved", "--max-iters", ITERATIONS // 2)
    train(args.new, folder, "--resume", "moved", "--max-iters", ITERATIONS)
    # A resumed table keeps the columns that it was begun with.
    yield compare(f"{case}, begun in OLD, resumed in NEW", folder / "old1" / case,
                  folder / "moved", args.ignore_new_columns)


def compare_all(args):
    """Every case that was asked for; returns whether all are alike.

    Raises InputError for a folder that is no checkout.
    """
    for name in ("old", "new"):
        checkout = Path(getattr(args, name)).resolve()
        if not (checkout / "run.py").is_file():
            raise InputError(f"{name.upper()} {checkout}: has no run.py")
        setattr(args, name, checkout)
    alike = []
    for case in args.case:
        with tempfile.TemporaryDirectory() as folder:
            alike += compare_case(case, args, Path(folder))
    return all(alike)


@guarded
def main(argv=None):
    """Compares; exit code 1 where anything differs."""
    parser = make_parser()
    try:
        alike = compare_all(parser.parse_args(argv))
    except InputError as error:
        parser.error(str(error))
    sys.exit(not alike)


if __name__ == "__main__":
    main()
