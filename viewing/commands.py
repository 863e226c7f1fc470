"""The part of load_parameter_run.py's command line that shows matches: --watch, --video, --replay.

What needs MuJoCo or TensorFlow is imported where it is used, so that --help stays quick.
"""

import os
from dataclasses import replace

from common.command_line import number, one_line

VIEWS = ("side", "follow", "top", "front")
FILMS = (".mp4", ".gif")


def add_options(parser):
    """The options of watching, filming and replays."""
    group = parser.add_argument_group("watching")
    group.add_argument("--watch", action="store_true", help=(
        "Show the games in MuJoCo's window, in real time (space: pause, -: slower, =: faster, "
        "enter: next game)."))
    group.add_argument("--video", metavar="FILE", help=(
        "Film the first games into FILE.mp4 or FILE.gif; needs no display."))
    group.add_argument("--video-games", metavar="K", type=number(int, 1), default=3,
                       help="Games in the film. [3]")
    group.add_argument("--first-game", metavar="G", type=number(int, 0), default=0,
                       help="Number of the first game. [0]")
    group.add_argument("--save-replay", metavar="FILE", help=(
        "Keep the first game, with its actions and all physics states, in FILE.npz."))
    group.add_argument("--replay", metavar="FILE", help=(
        "Play a kept game: with --watch or --video show it; alone, simulate it again and say "
        "whether all its states come out the same bit for bit."))
    group.add_argument("--camera", choices=VIEWS, default="side", help=(
        "side: the whole field; follow: the robots; top; front. [side]"))
    group.add_argument("--azimuth", metavar="DEGREES", type=number(float, -360, 360), help=(
        "Direction in which the camera looks; default: the --camera's."))
    group.add_argument("--elevation", metavar="DEGREES", type=number(float, -90, 90), help=(
        "How far up it looks, negative: down; default: the --camera's."))
    group.add_argument("--distance", metavar="METRES", type=number(float, 0, 100, above=True),
                       help="How far off it is; default: as near as shows everything.")


def wanted(args):
    """Whether the command line asks for anything here."""
    return bool(args.watch or args.video or args.save_replay or args.replay)


def games_needed(args):
    """How many games film and replay file take, 0 where all that is asked for is counting."""
    if args.watch:
        return 0
    return max(args.video_games if args.video else 0, bool(args.save_replay))


def check(args):
    """Raises InputError for what cannot be done, before any game is played."""
    from common.command_line import InputError
    from distributed_data import comm

    asked = [f"--{name.replace('_', '-')}" for name in ("watch", "video", "save_replay", "replay")
             if getattr(args, name)]
    if comm.SIZE > 1:
        raise InputError(f"{asked[0]}: not with {comm.SIZE} ranks, start it without mpirun")
    for option, path, endings in (("--video", args.video, FILMS),
                                  ("--save-replay", args.save_replay, (".npz",))):
        if path and os.path.splitext(path)[1].lower() not in endings:
            raise InputError(f"{option} {path}: must end in {' or '.join(endings)}")
        if path:
            check_writable(option, path)
    if args.replay:
        others = ("param_paths", "run", "save_replay", "json", "csv", "swap", "env", "verbose")
        for name in others:
            if getattr(args, name) not in (None, False):
                raise InputError(f"--{name.replace('_', '-')}: not together with --replay")
    elif args.swap:
        raise InputError(f"--swap: not together with {asked[0]}, which shows seats as they are")


def check_writable(option, path):
    """Refuses a result file that could not be written, before the games and not after them."""
    from common.command_line import InputError

    folder = os.path.dirname(os.path.abspath(path))
    special = os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))
    if special and os.access(path, os.W_OK):  # a device or a pipe
        return
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise InputError(f"{option} {path}: must be a file in a folder that exists and is writable")


def make_camera(args):
    """The `Camera` that the options describe."""
    from gym_compete import CAMERAS

    given = {name: getattr(args, name) for name in ("azimuth", "elevation", "distance")}
    return replace(CAMERAS[args.camera], **{k: v for k, v in given.items() if v is not None})


def short_name(path, game):
    """A file's name as pictures have it: without the game, with the folder of a bare number."""
    folder, name = os.path.split(one_line(os.path.splitext(os.path.abspath(path))[0]))
    name = name.removeprefix(f"{game}_")
    return f"{os.path.basename(folder)}/{name}" if name.isdecimal() else name


class Gallery:
    """Takes in the games that `matches.play` plays and shows, films or keeps them.

    game: name of the game; paths: who sits in seats 0 and 1. Windows and painters are made at once:
    where they cannot be, InputError comes before any game.
    """

    def __init__(self, args, game, paths):
        from gym_compete import find_game
        from viewing.recording import Recorder

        self._args, self._camera = args, make_camera(args)
        options = {"integrator": args.integrator}
        self._header = {"game": game, "options": options, "seed": args.seed,
                        "paths": [str(path) for path in paths],
                        "names": [short_name(path, game) for path in paths],
                        "deterministic": args.deterministic}
        self._show, self._kept = None, {}
        first = args.first_game
        self._filmed = range(first, first + (args.video_games if args.video else 0))
        kept = range(first, first + bool(args.save_replay))
        shown = range(first, first + args.max_episodes) if args.watch else ()
        self.recorder = Recorder({*self._filmed, *kept, *shown})
        if args.video:
            check_drawing(find_game(game)(**options))
        if args.watch:
            from viewing.window import Show

            self._show = Show(find_game(game)(**options), self._camera)

    def take(self, result, on_frame):
        """A game is over; returns whether to play on. on_frame: called for every picture shown."""
        recording = self.recorder.take(result, self._header)
        if recording is None:
            return True
        if result["game"] in self._filmed or result["game"] == self._args.first_game:
            self._kept[result["game"]] = recording
        if self._show:
            self._show.show(recording, on_frame)
            return self._show.is_open
        return True

    def finish(self):
        """Writes the files that were asked for and closes the window."""
        from viewing import recording as replay

        if self._args.save_replay and self._args.first_game in self._kept:
            replay.save(self._args.save_replay, self._kept[self._args.first_game])
        filmed = [self._kept[number] for number in self._filmed if number in self._kept]
        if self._args.video and filmed:
            from viewing.film import film

            film(self._args.video, filmed, self._camera)
        self.close()

    def close(self):
        """Closes the window."""
        if self._show:
            self._show.close()


def check_drawing(game):
    """InputError where this machine cannot draw a frame."""
    from common.command_line import InputError
    from gym_compete import Renderer, RenderingError

    try:
        Renderer(game, 64, 64).close()
    except RenderingError as error:
        raise InputError(f"--video: {error}") from None


def show_replay(args):
    """Does what --replay asks; returns the line to tell."""
    from viewing import recording as replay

    recording = replay.load(args.replay)
    stage = replay.RecordedMatch(recording)
    if args.video:
        from viewing.film import film

        check_drawing(stage.game)
        film(args.video, [recording], make_camera(args))
    if args.watch:
        from viewing.window import Show

        show = Show(stage.game, make_camera(args))
        show.show(recording)
        show.close()
    header, steps = recording.header, len(recording)
    what = (f"{one_line(args.replay)}: game {header['number']} of seed {header['seed']} of "
            f"{header['game']}, {header['names'][0]} v {header['names'][1]}, {steps} steps")
    if args.video or args.watch:
        return what
    differs = replay.simulate_again(recording)
    if differs is None:
        return f"{what}: simulated again, all {steps + 1} states are the same bit for bit"
    made = ", ".join(f"{name} {value}" for name, value in header["versions"].items())
    here = ", ".join(f"{name} {value}" for name, value in replay.versions().items())
    return (f"{what}: simulated again, states differ from step {differs} on (recorded with {made}; "
            f"here {here})")
