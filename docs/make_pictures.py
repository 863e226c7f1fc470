"""Draws docs/images/<game>.png, a moment of each game.

    python -m docs.make_pictures [--zoo DIR] [GAME ...]

DIR holds OpenAI's released policies of these games, which then play; without it small random
actions are shown.
"""

import os

import numpy as np
from PIL import Image

from common.command_line import GAME_NAMES, InputError, Parser, check_writable, number
from common.filenames import parameter_files, read_name
from common.files import write_whole
from common.terminal import script_of
from distributed_data import device
from docs.outputs import make_folder
from gym_compete import CompeteVectorEnv, Renderer, RenderingError, find_game

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")
SIZE = (960, 540)  # of a picture; it is drawn at twice that, which smooths its edges [pixels]

# The step shown: with released policies, and with random actions.
STEPS = {"run-to-goal-ants": (45, 15), "run-to-goal-humans": (45, 18),
         "you-shall-not-pass": (75, 30), "sumo-ants": (75, 50), "sumo-humans": (75, 58),
         "kick-and-defend": (60, 22)}


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_pictures", description=__doc__.split("\n")[0])
    parser.add_argument("games", nargs="*", metavar="GAME",
                        help=f"Of {', '.join(GAME_NAMES)}; default: all.")
    parser.add_argument("--zoo", metavar="DIR", help="Released policies.")
    parser.add_argument("--out", default=IMAGES)
    parser.add_argument("--seed", type=number(int, 0), default=1)
    return parser


def zoo_files(zoo, game):
    """The newest files for seats 0 and 1; InputError where a seat has none."""
    files = []
    named = [(read_name(path), path) for path in parameter_files(zoo)]
    for seat in (0, 1):
        fitting = [(name.version or 0, path) for name, path in named
                   if name.game == game and name.seat in (seat, "both")]
        if not fitting:
            raise InputError(f"--zoo {zoo}: holds no file of {game} for seat {seat}; name the "
                             "games that it has")
        files.append(max(fitting)[1])
    return files


def load_matches(zoo, games):
    """{game: entries of both seats}; InputError for games without files and for bad files."""
    from evaluation.seats import check_seats
    from networks.loading import check_networks, load_entries

    loaded = {game: load_entries(zoo_files(zoo, game), game)[1] for game in games}
    for game, entries in loaded.items():
        check_seats(entries, game)
        check_networks(entries, game)
    return loaded


def check_drawing(game):
    """Raises InputError if this machine cannot draw."""
    try:
        Renderer(find_game(game)(), 64, 64).close()
    except RenderingError as error:
        raise InputError(str(error)) from None


def shoot(env):
    """The picture of an environment's first match."""
    renderer = Renderer(env.game, 2 * SIZE[0], 2 * SIZE[1])
    picture = Image.fromarray(renderer.render(0)).resize(SIZE, Image.Resampling.LANCZOS)
    renderer.close()
    return picture


def played(game, entries, step, seed):
    """A moment of a match between parameter files."""
    from evaluation.matches import play

    pictures = []

    def watch(env, playing):
        if playing.get(0) == 0 and env.game.steps[0] == step:
            pictures.append(shoot(env))

    play(game, entries, games=1, seed=seed, on_step=watch)
    if not pictures:
        raise InputError(f"--seed {seed}: its match of {game} ends before step {step}, which is "
                         "shown; choose another seed")
    return pictures[0]


def rehearsed(game, step, seed):
    """A moment after a few small random actions."""
    env, rng = CompeteVectorEnv(game, 1, seed=seed), np.random.default_rng(seed)
    env.reset()
    for _ in range(step):
        env.step([rng.uniform(-0.1, 0.1, (1, size)) for size in env.ac_dims])
    return shoot(env)


def run(args):
    """Checks everything, then draws and writes the pictures."""
    for game in args.games:
        if game not in GAME_NAMES:
            raise InputError(f"GAME {game}: must be one of {', '.join(GAME_NAMES)}")
    if args.zoo and not os.path.isdir(args.zoo):
        raise InputError(f"--zoo {args.zoo}: there is no such folder")
    make_folder("--out", args.out)
    paths = {game: os.path.join(args.out, f"{game}.png") for game in args.games or GAME_NAMES}
    for path in paths.values():
        check_writable("--out", path)
    device.prepare()
    matches = load_matches(args.zoo, paths) if args.zoo else {}
    check_drawing(next(iter(paths)))
    for game, path in paths.items():
        with_zoo, without = STEPS[game]
        picture = (played(game, matches[game], with_zoo, args.seed) if game in matches
                   else rehearsed(game, without, args.seed))
        picture = picture.quantize(method=Image.Quantize.FASTOCTREE)
        write_whole(path, lambda file, picture=picture: picture.save(file, "PNG", optimize=True))
        print(f"{path}: {os.path.getsize(path) // 1000} kB")


main = script_of(make_parser, run)


if __name__ == "__main__":
    main()
