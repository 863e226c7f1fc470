"""Which run goes on, and with which options."""

import os

import run_lock
from checkpoint import NAME, PREVIOUS, read_checkpoint
from distributed_data import comm
from run_folder import find_place, run_name
from utils import InputError

MAY_CHANGE = ("num_threads", "anchor_every", "keep")  # beside the limits


def find_run(save_dir, name):
    """Folder of the run of that name or path; "" means the one whose checkpoint is the newest."""
    if name:
        directory = find_place(save_dir, name)
        if not os.path.isdir(directory):
            raise InputError(f"--resume {name}: there is no such run in saveparameters/")
        return directory
    runs = os.listdir(save_dir) if os.path.isdir(save_dir) else ()
    paths = [os.path.join(save_dir, run, file) for run in runs for file in (NAME, PREVIOUS)]
    paths = [path for path in paths if os.path.isfile(path)]
    if not paths:
        raise InputError("--resume: no run in saveparameters/ has a checkpoint")
    return os.path.dirname(max(paths, key=os.path.getmtime))


def settle_resumed(save_dir, given, limits):
    """Returns (config, arrays, remark) of the run that goes on, for rank 0.

    save_dir: where runs are; given: dict of the command line's options, None for those that it
    leaves out; limits: names of the options that end a run. Raises InputError for what does not
    fit, by name.
    """
    directory = find_run(save_dir, given["resume"])
    run_lock.hold(directory, f"--resume {os.path.basename(directory)}")
    identity, arrays, remark = read_checkpoint(directory)
    config, run = identity["config"], run_name(save_dir, directory)
    if given["run"] is not None or given["paper"]:
        raise InputError(f"--{'paper' if given['paper'] else 'run'}: not together with --resume")
    may_change = (*limits, *MAY_CHANGE)
    if config["ranks"] != comm.SIZE:
        may_change += ("num_envs",)
        remark += f"{'; ' if remark else ''}was trained by {config['ranks']} worker(s), goes on " \
                  f"with {comm.SIZE}: with new games and new chance, so not bit for bit as before"
    asked = {key: value for key, value in given.items()
             if value is not None and key not in ("resume", "run", "paper")}
    for key, value in asked.items():
        if key not in may_change and value != config.get(key):
            raise InputError(f"--{key.replace('_', '-')} {value}: the run has {config.get(key)}, "
                             "and what makes a run cannot change on --resume")
    if "anchor_every" in asked and not asked["anchor_every"] * config["anchor_every"]:
        raise InputError("--anchor-every: cannot be turned on or off on --resume")
    if any(key in asked for key in limits):
        config |= dict.fromkeys(limits)
    return config | asked | {"run": run}, arrays, remark
