"""What a run builds on: parameters (--init), its opponents (--pool), its place in a curriculum."""

import glob
import os
from dataclasses import replace

import numpy as np

from common.command_line import InputError
from common.filenames import parameter_files, read_name
from common.parameter_file import load_parameters, peek
from common.run_folder import find_place, snapshot_paths
from distributed_data import comm
from gym_compete import GAMES
from networks.loading import (
    check_networks,
    find_policy,
    first_variables,
    load_entry,
    vector_size,
)
from selfplay.config import flag
from selfplay.curriculum import position_of
from selfplay.opponents import History, HistoryAndPool, Outsider
from selfplay.pool import Pool
from selfplay.priorities import make_priorities

OB_SUM, OB_COUNT = 3, 5  # of the observation filter, among a network's variables


def find_init(save_dir, config, trainees, resumed, args):
    """Where each learner begins, on every rank: its `ParameterFile` of --init, or None at random.

    All begin at random without --init, and the other seat's does with --init-seat. args: the
    command line; only a preset's walker may find its seat taken by --opponent.
    """
    nowhere = [None] * len(trainees)
    if config.init is None or resumed is not None:  # the checkpoint has the parameters
        return nowhere
    if config.init_seat is not None and trainees[0].header["seat"] == "both":
        raise InputError(f"--init-seat {config.init_seat}: in {config.env} the network "
                         f"{config.policy} has one learner, which plays both seats")
    given = [t for t in trainees if config.init_seat in (None, t.seat)]
    if not given:
        if args.init is None and args.init_seat is None:
            return nowhere
        raise InputError(f"--init-seat {config.init_seat}: is the seat of --opponent; the learner "
                         f"has seat {trainees[0].seat}")
    if args.logstd is not None and len(given) == len(trainees):
        raise InputError("--logstd: not if all learners begin with the noise of --init's files; "
                         "--init none begins from random parameters")
    entries = comm.from_root(load_init, save_dir, config.init, [t.name for t in given],
                             [t.header for t in given])
    found = dict(zip([t.name for t in given], entries))
    return [found.get(t.name) for t in trainees]


def find_start(config, game, built_on, resumed):
    """The curriculum position at which a run begins.

    built_on: the parameter files that it starts from or trains against; the furthest counts.
    """
    start = config.curriculum_start
    if start is not None or resumed is not None or not game.curriculum_end:
        return start or 0.0  # runs that are older than the option all began at 0
    return max((position_of(entry, game.curriculum_end) for entry in built_on), default=0.0)


def no_older_versions(config):
    """Whether all matches are between the latest versions."""
    return round(config.latest_share * config.num_envs) == config.num_envs


def find_opponents(save_dir, config, trainees, outsider, resumed, args):
    """Who sits opposite, on every rank; outsider: (seat, `ParameterFile`) or None.

    A resumed run's checkpoint says which files its pool has. args: the command line.
    """
    if outsider:
        return Outsider(*outsider)
    if resumed is None and no_older_versions(config):
        refuse_choice_of_older(config, args)
    if not config.pool:
        return History(config.latest_share, config.opponents, make_priorities(config, trainees))
    if resumed is not None and "pool/files" in resumed:
        pool = Pool(save_dir)
    else:
        names, headers = [t.name for t in trainees], [t.header for t in trainees]
        pool = comm.from_root(
            lambda: Pool(save_dir, find_pool(save_dir, config.pool, names, headers)))
    return HistoryAndPool(config.latest_share, config.opponents, pool, config.pool_share,
                          make_priorities(config, trainees, pool))


def refuse_choice_of_older(config, args):
    """Raises InputError for an option about older versions if none are met."""
    given = {"pfsp": config.pfsp, "pool": config.pool, "opponents": args.opponents}
    for option in filter(given.get, given):
        raise InputError(f"{flag(option)}: not with --latest-share {config.latest_share:g}, no "
                         "match is against an older version")


def find_pool(save_dir, places, names, headers):
    """For each learner a list of lists: its snapshots in each of some other runs.

    places: those runs, each what `load_init` takes. Raises InputError for files that do not fit the
    learner.
    """
    game = headers[0]["game"]
    runs = [find_files(save_dir, what, names, game, "--pool") for what in places]
    for learners in runs:
        for paths, header in zip(learners, headers):
            newest = load_fitting(paths[-1], header, "--pool")
            refuse_others(paths[:-1], newest, header, "--pool")
    return [list(pool) for pool in zip(*runs)]


def load_init(save_dir, what, names, headers):
    """One `ParameterFile` per learner, in their order, from a run, a folder or a single file.

    save_dir: where runs are; what: a run (its newest snapshots) by its name there or its path, a
    folder of agentK.npz files, OpenAI's archive, or, if one learner trains or the file's learner
    played both seats, one file or a folder of snapshots. names: the learners' folders; headers:
    theirs, which the files must fit, of this game or another (`transfer`). Raises InputError for
    files that do not fit.
    """
    learners = find_files(save_dir, what, names, headers[0]["game"], "--init")
    return [transfer(load_own(paths[-1], header["game"]), header, "--init")
            for paths, header in zip(learners, headers)]


def find_files(save_dir, what, names, game, option):
    """Each learner's files in a run or folder, oldest first, or the one file that is given.

    Files of a learner that played both seats are for every learner.
    """
    place = find_place(save_dir, what)
    alone = [place] if os.path.isfile(place) else snapshots_in(place)
    if not alone:
        return [find_learner(place, name, game, f"{option} {what}") for name in names]
    if len(names) > 1 and not played_both(alone):
        raise InputError(f"{option} {what}: one learner's, but {' and '.join(names)} train; name a "
                         "run or a folder")
    return len(names) * [alone]


def played_both(paths):
    """Whether the newest of these files holds a learner that played both seats."""
    return bool(paths) and load_parameters(paths[-1])[1].get("seat") == "both"


def snapshots_in(folder):
    """The snapshots in a learner's folder, oldest first."""
    versions = snapshot_paths(folder)
    return [versions[version] for version in sorted(versions)]


def find_released(folder, name, game):
    """OpenAI's files for a learner's game and seat, by their names, oldest version first."""
    seats = "both", int(name[len("agent")])
    named = [(read_name(path), path) for path in parameter_files(folder)]
    return [path for _, path in sorted((said.version, path) for said, path in named
                                       if said.version is not None and said.seat in seats
                                       and said.game in (None, game))]


def find_learner(folder, name, game, asked):
    """The files of one learner: its snapshots in a run, else NAME.npz, else OpenAI's.

    If there are none, agent0's, if it played both seats.
    """
    found = named_files(folder, name) or find_released(folder, name, game)
    first = found or named_files(folder, "agent0")
    if not found and not played_both(first):
        have = sorted(os.path.basename(p) for p in glob.glob(os.path.join(glob.escape(folder),
                                                                          "*agent*")))
        raise InputError(f"{asked}: no {name} there ({', '.join(have) or 'nothing'})")
    return first


def named_files(folder, name):
    """A learner's snapshots in a run, or NAME.npz."""
    snapshots = snapshots_in(os.path.join(folder, name))
    if snapshots:
        return snapshots
    path = os.path.join(folder, f"{name}.npz")
    return [path] if os.path.isfile(path) else []


def agree(found, wanted):
    """Whether an entry of a header fits the learner's; dicts may each have keys of their own."""
    if isinstance(found, dict):
        return all(wanted.get(name, value) == value for name, value in found.items())
    return found == wanted or "both" in (found, wanted)


def load_own(path, game):
    """The `ParameterFile` of a file; its game is the one that it names, else this one."""
    header = load_parameters(path)[1]
    return load_entry(path, header.get("game") if header.get("game") in list(GAMES) else game)


def load_fitting(path, header, option):
    """The `ParameterFile` of a file that must hold this learner's network; InputError otherwise."""
    entry = load_entry(path, header["game"])
    check_fits(entry, header, option)
    check_pose(path, entry.header, header, option)
    check_networks([entry], header["game"])
    return entry


def refuse_others(paths, newest, header, option):
    """Raises InputError for a file that does not hold this learner's network, as the newest does.

    There may be thousands, so none is loaded. One that cannot be read is never drawn.
    """
    for path, found in zip(paths, map(peek, paths)):
        if found:
            size, said = found
            said = newest.header | said  # released vectors have no header
            check_header(path, said, header, option)
            check_pose(path, said, header, option)
            check_size(path, size, newest.vector.size, option)


def check_pose(path, said, header, option):
    """Raises InputError if only one of two headers' networks sees how the other robot stands."""
    found, wanted = hides_pose(said), hides_pose(header)
    if found != wanted:  # a copy of the learner's network plays it
        raise InputError(f"{option} {path}: its hide_pose is {found}, the learner's {wanted}")


def hides_pose(header):
    """Whether a file's network does not see how the other robot stands."""
    return bool(header["policy_args"].get("hide_pose"))


def pose_remark(init, trainees):
    """A line for the user if a learner sees less or more than the file it begins as, else "".

    init: what `find_init` returned for these learners.
    """
    for entry, trainee in zip(init, trainees):
        if entry and hides_pose(entry.header) != hides_pose(trainee.header):
            if hides_pose(entry.header):
                return (f"--init {entry.path}: did not see the other's pose, this run does; "
                        "--hide-pose keeps it hidden")
            return (f"--init {entry.path}: saw the other's pose, which this run hides; "
                    "--no-hide-pose shows it")
    return ""


def curriculum_remark(args, config, game):
    """A line for the user if an option of the curriculum does nothing as all is open, else "".

    args: the command line; config: with the position that `find_start` returned.
    """
    given = {"curriculum_iters": args.curriculum_iters is not None,
             "curriculum_at": args.curriculum_at}
    idle = list(map(flag, filter(given.get, given)))
    if not idle or args.resume is not None or config.curriculum_start < game.curriculum_end:
        return ""
    does = "does" if len(idle) == 1 else "do"
    return (f"{' and '.join(idle)}: {does} nothing, the run begins at position "
            f"{config.curriculum_start:g} and all is open from {game.curriculum_end} on")


def check_fits(entry, header, option):
    """Raises InputError unless the entry's network, size and seat are those of the header."""
    check_header(entry.path, entry.header, header, option)
    size = vector_size(*(header[key] for key in ("game", "policy", "policy_args")))
    check_size(entry.path, entry.vector.size, size, option)


def check_header(path, said, header, option):
    """Raises InputError where a file's header says something else than the learner's."""
    for key in ("game", "policy", "policy_args", "seat"):
        found = said.get(key, header[key])  # released vectors do not say their seat
        if not agree(found, header[key]):
            raise InputError(f"{option} {path}: its {key.replace('_', ' ')} is {found}, the "
                             f"learner's {header[key]}")


def check_size(path, size, wanted, option):
    """Raises InputError unless a file has as many numbers as the network."""
    if size != wanted:
        raise InputError(f"{option} {path}: {size:,} numbers, the network has {wanted:,}")


def transfer(entry, header, option):
    """The entry, turned into one for the header's game; InputError if it cannot be.

    Variables of the same shape in both games' networks are taken over. Where a view begins with
    the same features in all games (`shared_features`), so are their weights; those of new features
    start at 0. An observation filter of another size starts empty.
    """
    old = entry.header
    check_fits(entry, header | {"game": old["game"]}, option)
    check_networks([entry], old["game"])
    if old["game"] == header["game"]:
        return entry
    befores, starts = first_variables(old), first_variables(header)
    parts = np.split(entry.vector, np.cumsum([before.size for before in befores])[:-1])
    shared = getattr(find_policy(header["policy"]), "shared_features", None)
    made = []
    for part, before, start in zip(parts, befores, starts):
        if before.shape == start.shape:
            start = part
        elif before.ndim == 2 and shared:
            start[:shared] = part.reshape(before.shape)[:shared]
        elif shared is None:
            raise InputError(f"{option} {entry.path}: is for {old['game']}, where the network "
                             f"{header['policy']} has other inputs than in {header['game']}")
        made.append(start.ravel())
    if befores[OB_SUM].shape != starts[OB_SUM].shape:  # without sums, its count means nothing
        made[OB_COUNT] = starts[OB_COUNT].ravel()
    return replace(entry, vector=np.concatenate(made), header=header | {
        "curriculum": 0.0, "policy_args": old["policy_args"]})
