"""Which run resumes, and with which options."""

import os

from common.command_line import InputError
from common.files import stem
from common.run_folder import find_run, lasting_paths, run_name
from distributed_data import comm
from selfplay import run_lock
from selfplay.checkpoint import read_checkpoint
from selfplay.config import flag

MAY_CHANGE = ("num_threads", "anchor_every", "keep")  # besides the limits


def resolve_resumed(save_dir, given, limits):
    """Returns (config, arrays, remark) of the run to resume, for rank 0.

    save_dir: where runs are; given: dict of the command line's options, None for those not given;
    limits: names of the options that end a run. Raises InputError, by name, for options that do not
    fit.
    """
    folder = find_run(save_dir, given["resume"], "--resume")
    name = given["resume"] or os.path.basename(folder.path)
    if folder.has_checkpoint or run_lock.holder(folder.path):  # others need not be runs
        run_lock.hold(folder.path, f"--resume {name}")
    identity, arrays, remark = read_checkpoint(folder.path, name)
    config, run = lasting_paths(save_dir, identity["config"]), run_name(save_dir, folder.path)
    if given["run"] is not None or given["paper"]:
        raise InputError(f"--{'paper' if given['paper'] else 'run'}: not together with --resume")
    may_change = (*limits, *MAY_CHANGE)
    if config["ranks"] != comm.SIZE:
        may_change += ("num_envs",)
        remark += f"{'; ' if remark else ''}was trained by {config['ranks']} worker(s), resumes " \
                  f"with {comm.SIZE}: with new matches and new random numbers, so not bit for bit"
    asked = {key: value for key, value in lasting_paths(save_dir, given).items()
             if value is not None and key not in ("resume", "run", "paper", "ranks", "dry_run")}
    if asked.get("init") == "none":
        asked["init"] = None
    asked, moved = accept_moved_files(config, asked)
    may_change += moved
    for key, value in asked.items():
        if key not in may_change and not means_the_same(value, config.get(key)):
            raise InputError(f"{as_given(key, value)}: the run has {config.get(key)}, "
                             "and what makes a run cannot change on --resume")
    if bool(asked.get("anchor_every", config["anchor_every"])) != bool(config["anchor_every"]):
        raise InputError("--anchor-every: cannot be turned on or off on --resume")
    if any(key in asked for key in limits):
        config |= dict.fromkeys(limits)
    config |= {key: value for key, value in asked.items() if key in may_change} | {"run": run}
    check_files(config)
    return config, arrays, remark


def means_the_same(value, other):
    """Whether an option's value is the run's; an option that is off need not have been given."""
    return value == other or (value is False and other is None)


def as_given(name, value):
    """An option and its value as the command line has them."""
    if isinstance(value, bool):
        return flag(name) if value else flag(name).replace("--", "--no-", 1)
    values = value if isinstance(value, list) else ["none" if value is None else value]
    return " ".join(f"{flag(name)} {each}" for each in values)


def accept_moved_files(config, asked):
    """Returns (asked, names of the options that give new paths for files of the run).

    That they are the same files is checked when the checkpoint is restored. An anchor keeps its
    name.
    """
    moved = ("opponent",) if config.get("opponent") else ()
    if not asked.get("anchor") or not config.get("anchor"):
        return asked, moved
    places = {stem(path): path for path in config["anchor"]}
    for path in asked["anchor"]:
        if stem(path) not in places:
            raise InputError(f"--anchor {path}: the run's anchors are {', '.join(places)}, and what"
                             " makes a run cannot change on --resume")
        places[stem(path)] = path
    return {**asked, "anchor": list(places.values())}, (*moved, "anchor")


def check_files(config):
    """Raises InputError if a file that the run plays against is gone."""
    anchors = config.get("anchor") if config.get("anchor_every") else None
    for key, paths in (("opponent", [config.get("opponent")]), ("anchor", anchors or ())):
        for path in paths:
            if path and not os.path.exists(path):
                raise InputError(f"--{key} {path}: is not there; put it back, or give its new "
                                 f"place: --resume {config['run']} --{key} PATH")
