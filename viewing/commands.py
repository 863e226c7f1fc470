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
from common.names import short_names

VIEWS = ("side", "follow", "top", "front")
FILMS = (".mp4", ".gif")
FILMED, USUAL = 3, 100  # matches in a film, matches played for their results or to watch
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
                       help=f"Matches in the film. [{FILMED}]")
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
    kept = max(films(args) if args.video else 0, bool(args.save_replay))
    return max(kept, USUAL) if args.watch else kept or USUAL


def films(args):
    """How many matches a film shows."""
    return args.video_games or FILMED


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
                   filmed=range(first, first + films(args)), film_path=args.video,
                   recorded=first, replay_path=args.save_replay)


class Gallery:
    """Shows, films or records the matches that `matches.play` plays.

    game: name of the game; paths: the players of seats 0 and 1; camera: a `Camera`; seed, options
    (keywords of the game), deterministic: how the matches are played. watched: numbers of the
    matches to show in a window; filmed: of those in the film at film_path; recorded: of the one to
    write to replay_path; a path may be None. Raises InputError, before any match, if nothing can be
    drawn, and if the match to write may be too long for a replay file.
    """

    def __init__(self, game, paths, camera, *, seed, options, deterministic, watched=(),
                 filmed=(), film_path=None, recorded=0, replay_path=None):
        from gym_compete import find_game
        from viewing.recording import Recorder

        self._header = {"game": game, "options": options, "seed": seed,
                        "paths": [str(path) for path in paths],
                        "names": short_names(paths),
                        "deterministic": deterministic}
        self._camera, self._window, self._kept = camera, None, {}
        self._film_path, self._filmed = film_path, filmed if film_path else ()
        self._replay_path, self._recorded = replay_path, recorded
        self.recorder = Recorder({*self._filmed, *watched, *([recorded] if replay_path else [])})
        made = find_game(game)(**options)
        if replay_path:
            check_length(made, replay_path)
        if film_path:
            check_drawing(made, film_path)
        if watched:
            from viewing.window import Show

            self._window = Show(made, camera)

    @property
    def is_open(self):
        """False once the viewer has closed the window."""
        return self._window is None or self._window.is_open

    def take(self, result, on_frame):
        """Takes a finished match and shows it; on_frame: called for every picture shown."""
        recording = self.recorder.take(result, self._header)
        if recording is None:
            return
        if result["game"] in self._filmed or result["game"] == self._recorded:
            self._kept[result["game"]] = recording
        if self._window:
            self._window.show(recording, on_frame)

    def finish(self):
        """Writes the film and the replay file and closes the window."""
        from viewing import recording

        if self._replay_path and self._recorded in self._kept:
            recording.save(self._replay_path, self._kept[self._recorded])
        filmed = [self._kept[number] for number in self._filmed if number in self._kept]
        if filmed:
            from viewing.film import film

            film(self._film_path, filmed, self._camera)
        if self._window:
            self._window.close()


def check_length(game, replay_path):
    """Raises InputError if the game's longest match does not fit into a replay file."""
    from viewing.recording import steps_that_fit

    most, limit = steps_that_fit(game), game.max_episode_steps
    if limit > most:
        raise InputError(f"--save-replay {replay_path}: takes at most {most:,} steps of "
                         f"{game.name}, fewer than --rule max_episode_steps={limit}")


def check_drawing(game, film_path):
    """Raises InputError if this machine cannot draw a frame or encode a film."""
    from gym_compete import Renderer, RenderingError
    from viewing.film import check_encoder

    try:
        Renderer(game, 64, 64).close()
    except RenderingError as error:
        raise InputError(f"--video: {error}") from None
    check_encoder(film_path)


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
