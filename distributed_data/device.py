"""Before TensorFlow is imported: which GPU, how many threads, and no start-up noise."""

import functools
import glob
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

from distributed_data import comm, cores

# MPICH and Intel MPI, Open MPI, Slurm.
LOCAL_RANK_NAMES = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")

GPU_FILES = "/dev/nvidia[0-9]*"  # one per GPU that this host or container may use
UNUSED_GPU = ("an NVIDIA GPU is here, but TensorFlow cannot use it: "
              "pip install -r requirements-gpu.txt; if that is done, check nvidia-smi")


def local_rank():
    """This process's number among the ranks of its host, 0 outside mpirun."""
    named = (os.environ[name] for name in LOCAL_RANK_NAMES if name in os.environ)
    return int(next(named, comm.HOST.Get_rank()))


def share_of_cores():
    """How many threads this rank should run: its share of the cores that this host's ranks may use.

    Cores that a launcher has bound to one rank are all that rank's.
    """
    mine = cores.usable()
    others = comm.HOST.allgather(mine)
    share = sum(1 / sum(core in theirs for theirs in others) for core in mine)
    return max(1, int(min(share, cores.quota() / len(others)) + 1e-9))


def visible_gpus():
    """Ids of the NVIDIA GPUs that this process may use, as strings."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        ids = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        return [gpu for gpu in ids if gpu not in ("", "-1")]
    return [str(i) for i in range(count_gpus())]


@functools.cache
def count_gpus():
    """How many NVIDIA GPUs nvidia-smi lists; without its list, how many have a device file."""
    listed = 0
    if shutil.which("nvidia-smi"):
        listing = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
        listed = sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
    return listed or len(glob.glob(GPU_FILES))


def prepare():
    """Binds this rank to one GPU (local rank modulo the GPUs), then imports TensorFlow quietly.

    Returns the device, for people: "GPU 1" or "CPU". If there is a GPU, not hidden by
    CUDA_VISIBLE_DEVICES, that TensorFlow cannot use, one rank per host prints a warning.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    gpus = visible_gpus()
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[local_rank() % len(gpus)]
    with _quiet_stderr(), _without_keras():
        import tensorflow.compat.v1 as tf

        seen = tf.config.experimental.list_physical_devices("GPU") if gpus else []
    tf.disable_eager_execution()
    if gpus and not seen and local_rank() == 0 and count_gpus():
        print(f"{comm.name()}: {UNUSED_GPU}", file=sys.stderr, flush=True)
    return f"GPU {os.environ['CUDA_VISIBLE_DEVICES']}" if seen else "CPU"


@contextmanager
def _quiet_stderr():
    """TensorFlow's C++ writes a few lines before any logging is set up, past Python's stderr."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _without_keras():
    """Keeps Keras out of TensorFlow's import, of which it takes over a quarter.

    Asked for the legacy Keras, which is not installed, TensorFlow goes without. Whoever uses
    `tf.keras` later still gets it.
    """
    name = "TF_USE_LEGACY_KERAS"
    if name in os.environ:
        yield
        return
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]


def make_session():
    """A session for small nets: computes in the calling thread, takes GPU memory as needed."""
    import tensorflow.compat.v1 as tf

    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
    config.gpu_options.allow_growth = True
    # Rewriting the graphs takes a second at the start and makes none faster (docs/performance.md).
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.Session(config=config)
