"""Resolves a command line into the `Config` of a new run; refuses options that do nothing."""

import os
from datetime import datetime

from common.command_line import GAME_NAMES
from common.run_folder import lasting_paths, run_name
from selfplay import presets
from selfplay.config import LIMITS, OPTIONS, RULES, Config, flag, preset

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What --adaptive-kl-final and others are for, without which they would do nothing.
NEEDS = {"adaptive_kl_final": "adaptive_kl", "pool_share": "pool", "anchor": "anchor_every",
         "anchor_games": "anchor_every", "anneal_at": "dense_iters", "keep": "delta",
         "opponent_seat": "opponent"}
APART = (  # options that exclude each other, and why
    *((name, "opponent", "nobody else is met")
      for name in ("latest_share", "opponents", "pool", "pfsp")),
    ("opponent", "ensemble", "a best response is one learner"),
    ("pool", "ensemble", "whose learners meet each other"))
OFF = {"anneal_at": 0, "pfsp": 0, "ensemble": 1}  # what turns an option off, and is always accepted
# {option: (leader, how)}: unless it is given itself, an option stays at or below (min), or at or
# above (max), a leader that is given.
FOLLOWS = {"optim_stepsize_final": ("optim_stepsize", min),
           "adaptive_kl_final": ("adaptive_kl", min), "gamma_dense": ("gamma", min),
           "logstd_floor": ("logstd_floor_dense", min),
           "logstd_floor_dense": ("logstd_floor", max)}
# {option while the reward is dense: the one that alone counts where it never is}
WHILE_DENSE = {"optim_stepsize": "optim_stepsize_final", "adaptive_kl": "adaptive_kl_final",
               "gamma_dense": "gamma", "logstd_floor_dense": "logstd_floor"}


def plain_name(parser, run, save_dir):
    """The name of a new run; its path in saveparameters/ means the same."""
    name = os.path.normpath(run)
    name = run_name(save_dir, name) if os.sep in name else name
    if os.sep in name or name in (".", ".."):
        parser.error(f"--run {run}: must be a plain name, or a path directly in saveparameters/")
    return name


def walker_fits(given, values):
    """Whether networks have the width of the preset's walker, or it has none."""
    return "init" not in values or given.get("hid_size") in (None, values["hid_size"])


def walker_remark(args):
    """A line for the user if a new run loses its preset's walker by another width, else ""."""
    values = preset(args.env or Config.env, args.paper, args.policy)
    if args.init or args.resume is not None or walker_fits(vars(args), values):
        return ""
    return (f"--hid-size {args.hid_size}: the preset's walker has {values['hid_size']}, so all "
            "learners begin from random parameters")


def starting_point(parser, given, values):
    """What --init and --init-seat mean: what is given, "none", or the preset's walker in its seat.

    The walker, a path in the repository, fits networks of the preset's own width alone.
    """
    seat = given.get("init_seat")
    if "init" in given:
        init = None if given["init"] == "none" else given["init"]
    elif "init" not in values or not walker_fits(given, values):
        init = None
    else:
        init = os.path.join(ROOT, values["init"])
        seat = values.get("init_seat") if seat is None else seat
    if init is None and seat is not None:
        parser.error("--init-seat: only together with --init")
    return {"init": init, "init_seat": seat}


def refuse_missing(parser, game, given):
    """Ends with an error for an option that the game does not have."""
    lacking = {name: (*presets.MISSING[name], *presets.IDLE.get(name, ())) for name in GAME_NAMES}
    for name in lacking[game]:
        if name in given:
            games = [other for other in GAME_NAMES if name not in lacking[other]]
            parser.error(f"{flag(name)}: not in {game}, only in {', '.join(games)}")


def refuse_useless(parser, given, merged):
    """Ends with an error for what is given and does nothing beside the other options.

    merged: {option: value} of what is given and the preset's values for the rest.
    """
    used = [name for name in given if given[name] != OFF.get(name)]
    for name, leader in NEEDS.items():
        if name in used and not merged.get(leader):
            above = " above 0" if isinstance(merged.get(leader), (int, float)) else ""
            parser.error(f"{flag(name)}: only together with {flag(leader)}{above}")
    for name, other, why in APART:
        if name in used and other in used:
            parser.error(f"{flag(name)}: not together with {flag(other)}, {why}")
    if "pool" in used and given.get("pool_share") == 0:
        parser.error("--pool-share 0: must be above 0, or --pool would do nothing")
    if "pfsp" in used and "pool" not in used and merged["delta"] == 1:
        parser.error("--pfsp: not with --delta 1, where the latest version is the only one to draw")


def drop_dense_phase(parser, given, values):
    """The preset's values; where no iteration is dense, a given step size or KL is the final one.

    Ends with an error for what is given although it only counts while the reward is dense.
    """
    if is_ever_dense(values | given):
        return values
    values = values | {f"{name}_final": given[name] for name in ("optim_stepsize", "adaptive_kl")
                       if name in given}
    merged = values | given
    useless = [name for name, final in WHILE_DENSE.items()
               if name in given and given[name] != merged[final]]
    if not merged["alpha_final"]:
        useless += [name for name in RULES if name.startswith("dense_") and given.get(name)]
    if useless:
        parser.error(f"{flag(useless[0])}: only together with --dense-iters or --anneal-iters; "
                     "without them alpha is --alpha-final from the start")
    return values


def is_ever_dense(values):
    """Whether a run begins with dense reward, and with the settings that belong to it."""
    return bool(values["dense_iters"] or values["anneal_iters"])


def follow(given, values):
    """{option: value} for options that follow given ones, see `FOLLOWS`."""
    found = {}
    for name, (leader, nearer) in FOLLOWS.items():
        if leader in given and name in values and name not in given:
            same = values[name] == values[leader]
            found[name] = given[leader] if same else nearer(values[name], given[leader])
    return found


def refuse_noise(parser, values):
    """Ends with an error for a log standard deviation that would be raised at once."""
    floor = "logstd_floor_dense" if is_ever_dense(values) else "logstd_floor"
    if values["logstd"] < values[floor]:
        parser.error(f"--logstd {values['logstd']:g}: must be at least {flag(floor)}, which is "
                     f"{values[floor]:g}")


def resolve_config(parser, args, save_dir):
    """The `Config` of a new run: the command line's values, else the preset's."""
    given = lasting_paths(save_dir, vars(args))
    given = {name: value for name, value in given.items() if value is not None}
    for name in ("resume", "dry_run"):
        given.pop(name, None)
    game = given.get("env", Config.env)
    values = preset(game, given.pop("paper"), given.get("policy"))
    if any(limit in given for limit in LIMITS):
        values = {name: value for name, value in values.items() if name not in LIMITS}
    refuse_missing(parser, game, given)
    refuse_useless(parser, given, values | given)
    values = drop_dense_phase(parser, given, values)
    values |= follow(given, values)
    if "logstd" in given:
        refuse_noise(parser, values | given)
    nothing = {row.name: None for row in OPTIONS if row.metadata["preset"]}
    if "run" in given:
        given["run"] = plain_name(parser, given["run"], save_dir)
    else:
        # Microseconds, because a loop may start many runs in a second.
        given["run"] = f"{game}-{datetime.now():%Y%m%d-%H%M%S-%f}"
    return Config(**nothing | values | given | starting_point(parser, given, values))
