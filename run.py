"""Trains two robots by self-play: python run.py --env run-to-goal-ants"""

import os
import shlex
import sys
from functools import partial

from common.command_line import InputError, NotFinite, file_error, one_line
from common.run_folder import RunFolder
from common.terminal import guarded, ignore_closed_output
from selfplay import batch_plan, run_lock, workers
from selfplay.build import (
    find_network,
    make_env,
    plan_batch,
    plays_both_seats,
    policy_maker,
    refuse_mirror,
)
from selfplay.config import LIMITS, flag, from_dict, make_parser
from selfplay.resolve import resolve_config, walker_remark

SAVE_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saveparameters")


def train(config, args, free, resumed=None):
    """Builds what the configuration asks for, and trains; returns `Counters`, None for a dry run.

    args: the command line; options that are not given are None. free: those of `batch_plan.OPTIONS`
    that adapt to the others. resumed: arrays of the checkpoint to resume from.
    """
    from distributed_data import comm, device

    hardware = device.prepare()
    from gym_compete import find_game
    from learn import compete_learn
    from selfplay import warm_start
    from selfplay.trainee import make_trainees

    threads = config.num_threads or device.share_of_cores()
    config = config.replace(ranks=comm.SIZE)
    game = find_game(config.env)()
    network, options = find_network(config, game)
    outsider = find_outsider(config)
    if resumed is None:
        refuse_mirror(config, game, network, outsider)
    shared = plays_both_seats(game, network, outsider)
    config = plan_batch(config, free, resumed is not None, batch_plan.Layout(
        comm.SIZE, getattr(network, "chunk", 1), shared, config.ensemble, bool(outsider)))
    env = make_env(config, threads)
    trainees = make_trainees(config, env, shared, outsider and outsider[0])
    anchors = make_anchors(config, trainees, threads)
    init = warm_start.find_init(SAVE_DIR, config, trainees, resumed, args)
    config = config.replace(curriculum_start=warm_start.find_start(
        config, env.game, [*filter(None, init), *(outsider or ())[1:]], resumed))
    opponents = warm_start.find_opponents(SAVE_DIR, config, trainees, outsider, resumed, args)
    announce(config, threads, hardware, walker_remark(args), warm_start.pose_remark(init, trainees),
             warm_start.curriculum_remark(args, config, env.game))
    if args.dry_run:
        return None
    return compete_learn(
        env, policy_maker(network, options, env), trainees, os.path.join(SAVE_DIR, config.run),
        config, opponents=opponents, init=[entry and entry.vector for entry in init],
        anchors=anchors, resumed=resumed)


def make_anchors(config, trainees, threads):
    """The `Anchors` that the learners play against now and then, or None; all ranks call it."""
    from distributed_data import comm
    from evaluation.anchors import Anchors

    return comm.from_root(partial(
        Anchors, config.env, [trainee.header for trainee in trainees], config.anchor_every,
        config.anchor_games, config.anchor, num_threads=threads
    )) if config.anchor_every else None


def announce(config, threads, hardware, *remarks):
    """Prints where the run goes, what each rank uses and remarks, if any; all ranks call it."""
    from distributed_data import comm

    lines = comm.to_root(f"{comm.name()}: {config.num_envs} matches on {threads} thread(s), "
                         f"networks on {hardware}")
    if comm.RANK == 0:
        place = one_line(os.path.join("saveparameters", config.run))
        lines = [f"{config.env} into {place}", *lines, *map(one_line, remarks)]
        print("\n".join(filter(None, lines)), flush=True)


def find_outsider(config):
    """(seat, `ParameterFile`) of --opponent, or None."""
    from distributed_data import comm
    from evaluation.seats import seats_of
    from gym_compete import find_game
    from networks.loading import check_networks, load_entry

    path, seat = config.opponent, config.opponent_seat
    if path is None:
        return None
    if seat is not None and find_game(config.env).shared_policy:
        raise InputError(f"--opponent-seat: in {config.env} the learner plays half of its matches "
                         "in either seat")
    entry = comm.from_root(load_entry, path, config.env)
    seats = seats_of(entry, config.env)
    if seat not in (None, *seats):
        raise InputError(f"--opponent-seat {seat}: {path} is for seat {seats[0]}")
    comm.from_root(check_networks, [entry], config.env)
    return (seats[-1] if seat is None else seat), entry


def resolve_run(parser, args):
    """Resolves what the command line means, for a new run or an old one.

    Returns (`Config`, free options, arrays of the checkpoint to resume from or None), as `train`
    takes them.
    """
    from distributed_data import comm

    comm.abort_together()
    workers.check(args.ranks, comm.SIZE)
    free = [name for name in batch_plan.OPTIONS if vars(args)[name] is None]
    if args.resume is None:
        config = comm.broadcast(resolve_config(parser, args, SAVE_DIR))  # the clock names the run
        comm.from_root(workers.refuse_names, config, SAVE_DIR)
        return workers.share_matches(config, args.ranks, free), free, None
    from selfplay.resume import resolve_resumed

    found, arrays, remark = comm.from_root(resolve_resumed, SAVE_DIR, vars(args), LIMITS)
    config = from_dict(found)
    if comm.RANK == 0:
        print(f"{remark + '; ' if remark else ''}resuming {one_line(config.run)} after iteration "
              f"{arrays['progress/iteration']}", flush=True)
    new_matches = config.ranks != comm.SIZE  # which may be as many as fit
    free = [name for name in free if new_matches and name in ("num_envs", "opponents")]
    return workers.share_matches(config, args.ranks, free, config.ranks), free, arrays


@guarded
def script(argv=None):
    """Does what `python run.py` does: starts as many workers as suit this machine, or trains.

    Exit codes are those of `main`.
    """
    parser, args = _parse(argv)
    workers.start(parser, args, SAVE_DIR)
    _carry_out(parser, args)


@guarded
def main(argv=None):
    """Trains as one worker. If the output is closed, it trains on silently.

    Exit codes: 0 if the run is complete, or a signal has stopped it; 1 if it has failed, because
    the disk was full or losses were not finite; 2 for bad input; 130 if SIGINT, 143 if SIGTERM came
    before the training began. Failures and bad input are reported in one line.
    """
    _carry_out(*_parse(argv))


def _parse(argv):
    """(parser, what it has read); from here on a closed output ends nothing."""
    parser = make_parser(sys.argv[1:] if argv is None else argv)
    args = parser.parse_args(argv)
    ignore_closed_output()
    return parser, args


def _carry_out(parser, args):
    """Trains, and prints what came of it."""
    from distributed_data import comm

    config = None
    try:
        config, free, resumed = resolve_run(parser, args)
        counters = train(config, args, free, resumed)
    except InputError as error:
        comm.end_all(parser.line(error), 2)
    except (NotFinite, OSError) as error:
        comm.end_all(parser.line(failure(error, config, comm.SIZE)), 1)
    except KeyboardInterrupt:  # while other ranks may be waiting for this one
        comm.abort(130)
    finally:
        run_lock.release_all()

    if comm.RANK == 0:
        print(last_line(config, counters, comm.SIZE) if counters else
              "dry run: all of this fits together; nothing was trained or written")


def failure(error, config, ranks):
    """What has ended a run, and how to go on if it has a checkpoint.

    config: the run's, None if even that could not be resolved.
    """
    what = file_error(error) if isinstance(error, OSError) else str(error)
    if not config or not RunFolder(os.path.join(SAVE_DIR, config.run)).has_checkpoint:
        return what
    if isinstance(error, OSError):
        return f"{what}. Resume from the last good checkpoint: {resuming(config, ranks)}"
    smaller = [f"a smaller {flag(name)} than {getattr(config, name):g}"
               for name in ("adaptive_kl", "optim_stepsize") if getattr(config, name)]
    return (f"{what}. Resumed, it would fail again; begin a new run with --init "
            f"{one_line(shlex.quote(config.run))} and {' or '.join(smaller)}")


def resuming(config, ranks):
    """The command that resumes a run; without mpirun, all of its workers start on one host."""
    from distributed_data import comm

    alike = workers.begins_again(ranks) and comm.HOST.Get_size() == ranks
    many = "" if alike else f"mpirun -np {ranks} "
    return f"{many}python run.py --resume {one_line(shlex.quote(config.run))}"


def last_line(config, counters, ranks):
    """What a run has done and learned, and the command that resumes or shows it."""
    what = "stopped after" if counters.interrupted else "done:"
    then = f"Resume: {resuming(config, ranks)}" if counters.interrupted else (
        f"Watch: python load_parameter_run.py --run {one_line(shlex.quote(config.run))}")
    return (f"{what} {counters.iteration} iterations, {counters.timesteps:,} steps, "
            f"{counters.episodes:,} matches in {counters.seconds:,.0f} s. {learned(config)}{then}")


def learned(config):
    """The last evaluation against the first snapshots, as a sentence; "" if there was none."""
    found = RunFolder(os.path.join(SAVE_DIR, config.run)).against_first
    if found is None:
        return ""
    (iteration, shares), count = found, config.anchor_games
    if len(shares) == 1:  # it plays both seats
        share, = shares.values()
        who, whom = f"Wins {100 * share:.0f} %", "its first snapshot"
    else:
        who = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        seats = {name[:len("agent0")] for name in shares}
        other = "the other seat" if len(seats) > 1 else min(shares)  # of an ensemble for both seats
        who, whom = f"Wins: {who}", f"{other}'s first snapshot"
    return f"{who} of {count} matches against {whom} (iteration {iteration:,}). "


if __name__ == "__main__":
    script()
