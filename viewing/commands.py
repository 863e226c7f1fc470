"""The parts of load_parameter_run.py's command line for watching, filming and replaying matches.

What needs MuJoCo or TensorFlow is imported where it is used, so --help stays quick.
"""

import os
from dataclasses import replace

from common.command_line import (
    MOST_MATCHES,
    InputError,
    check_apart,
    check_writable,
    dashed,
    number,
    one_line,
)
from viewing.gallery import Gallery, check_drawing

VIEWS = ("side", "follow", "top", "front")
FILMS = (".mp4", ".gif")
# Matches in a film; matches played for their results or to watch.
FILM_MATCHES, USUAL_MATCHES = 3, 100
CAMERA = ("camera", "azimuth", "elevation", "distance")


def add_options(parser):
    """The options of watching, filming and recording while matches are played."""
    group = parser.add_argument_group("watching")
    group.add_argument("--watch", action="store_true", help=(
        "Show the matches in MuJoCo's window, in real time (space: pause, -: slower, =: faster, "
        "enter: next match)."))
    group.add_argument("--video", metavar="FILE", help=(
        "Film the first matches into FILE.mp4 or FILE.gif; needs no display."))
    group.add_argument("--video-games", metavar="K", type=number(int, 1, MOST_MATCHES),
                       help=f"Matches in the film. [{FILM_MATCHES}]")
    group.add_argument("--save-replay", metavar="FILE", help=(
        "Record the first match, with its actions and all physics states, in FILE.npz."))
    _add_camera_options(group)


def add_replay_options(parser):
    """The options of `replay`."""
    parser.add_argument("file", metavar="FILE", help="A file written by --save-replay.")
    parser.add_argument("--watch", action="store_true", help=(
        "Show the match in MuJoCo's window, in real time (space: pause, -: slower, =: faster)."))
    parser.add_argument("--video", metavar="FILE", help=(
        "Film the match into FILE.mp4 or FILE.gif; needs no display."))
    _add_camera_options(parser)


def _add_camera_options(parser):
    parser.add_argument("--camera", choices=VIEWS, help=(
        "side: the whole field; follow: the robots; top; front. [side]"))
    parser.add_argument("--azimuth", metavar="DEGREES", type=number(float, -360, 360), help=(
        "Direction in which the camera looks; default: that of --camera."))
    parser.add_argument("--elevation", metavar="DEGREES", type=number(float, -90, 90), help=(
        "How far up the camera looks (negative: down); default: that of --camera."))
    parser.add_argument("--distance", metavar="METERS", type=number(float, 0, 100, above=True),
                        help="How far away the camera is; default: just far enough to show all.")


def is_requested(args):
    """Whether matches are to be watched, filmed or recorded."""
    return bool(args.watch or args.video or args.save_replay)


def matches_to_play(args):
    """How many matches are played unless --max-episodes says: at least those to keep."""
    kept = max(matches_in_film(args) if args.video else 0, bool(args.save_replay))
    return max(kept, USUAL_MATCHES) if args.watch else kept or USUAL_MATCHES


def matches_in_film(args):
    """How many matches a film shows."""
    return args.video_games or FILM_MATCHES


def refuse_idle(args):
    """Raises InputError for an option of pictures where none are made."""
    pictures = "--watch or --video"
    needs = {"video_games": (args.video, "--video"),
             **dict.fromkeys(CAMERA, (args.watch or args.video, pictures))}
    for name, (there, what) in needs.items():
        if getattr(args, name, None) is not None and not there:
            raise InputError(f"{dashed(name)}: only together with {what}")


def check(args):
    """Raises InputError for impossible options, before any match is played."""
    asked = next(dashed(name) for name in ("watch", "video", "save_replay")
                 if getattr(args, name))
    _check_one_rank(asked)
    _check_file("--video", args.video, FILMS)
    _check_file("--save-replay", args.save_replay, (".npz",))
    if args.video_games and args.max_episodes and args.video_games > args.max_episodes:
        raise InputError(f"--video-games {args.video_games}: must be at most --max-episodes "
                         f"{args.max_episodes}, the matches that are played")
    if args.swap:
        raise InputError(f"--swap: not together with {asked}, which shows seats as they are")


def _check_one_rank(what):
    from distributed_data import comm

    if comm.SIZE > 1:
        raise InputError(f"{what}: not with {comm.SIZE} ranks, start it without mpirun")


def _check_file(option, path, endings):
    if path and os.path.splitext(path)[1].lower() not in endings:
        raise InputError(f"{option} {path}: must end in {' or '.join(endings)}")
    if path:
        check_writable(option, path)


def make_camera(args):
    """The `Camera` that the command line describes."""
    from gym_compete import CAMERAS

    given = {name: getattr(args, name) for name in CAMERA[1:] if getattr(args, name) is not None}
    return replace(CAMERAS[args.camera or VIEWS[0]], **given)


def make_gallery(args, game, paths, numbers):
    """The `Gallery` for the command line; numbers: range of the matches' numbers."""
    first = numbers[0]
    return Gallery(game, paths, make_camera(args), seed=args.seed,
                   options={"integrator": args.integrator, **dict(args.rule)},
                   deterministic=args.deterministic, watched=numbers if args.watch else (),
                   filmed=range(first, first + matches_in_film(args)), film_path=args.video,
                   recorded=first, replay_path=args.save_replay)


def replay(args):
    """Shows a recorded match or re-simulates it, and prints one line about it."""
    _check_one_rank("replay")
    refuse_idle(args)
    _check_file("--video", args.video, FILMS)
    check_apart({"--video": args.video}, [args.file])
    print(show_replay(args.file, make_camera(args), args.watch, args.video))


def show_replay(path, camera, watch=False, film_path=None):
    """Shows or films the recording at this path, else re-simulates it; returns a line about it."""
    from viewing import recording as replays

    recording = replays.load(path)
    if film_path:
        check_drawing(replays.RecordedMatch(recording).game, film_path)
    if watch:  # opened before the film is made, since there may be no display
        from viewing.window import Show

        window = Show(replays.RecordedMatch(recording).game, camera)
    if film_path:
        from viewing.film import film

        film(film_path, [recording], camera)
    if watch:
        window.show(recording)
        window.close()
    header, steps = recording.header, len(recording)
    what = (f"{one_line(path)}: match {header['number']} of seed {header['seed']} of "
            f"{header['game']}, {header['names'][0]} v {header['names'][1]}, {steps} steps")
    if film_path or watch:
        return what
    differs = replays.simulate_again(recording)
    if differs is None:
        return f"{what}: simulated again, all {steps + 1} states are the same bit for bit"
    made, here = (", ".join(one_line(f"{name} {value}") for name, value in versions.items())
                  for versions in (header["versions"], replays.versions()))
    part, step = differs
    found = (f"states differ from step {step} on" if part == "states"
             else f"the outcome differs at step {step}")
    return f"{what}: simulated again, {found} (recorded with {made}; here {here})"
