"""Draws docs/images/<game>.png, a moment of each game.

    python -m docs.make_pictures [--zoo DIR] [GAME ...]

DIR holds OpenAI's released policies as `GAME_agentK_vN.npy`, or `GAME_vN.npy` where one policy
plays both seats; games that it has are played by them, all others by small random actions.
"""

import glob
import os

import numpy as np
from PIL import Image

from common.command_line import GAME_NAMES, Parser, number
from distributed_data import device
from gym_compete import CompeteVectorEnv, Renderer

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
    """The newest files for both seats, or None."""
    zoo = glob.escape(zoo)
    files = [sorted(glob.glob(os.path.join(zoo, f"{game}{seat}_v*.npy")))[-1:]
             or sorted(glob.glob(os.path.join(zoo, f"{game}_v*.npy")))[-1:]
             for seat in ("_agent0", "_agent1")]
    return [file[0] for file in files] if all(files) else None


def shoot(env):
    """The picture of an environment's first match."""
    renderer = Renderer(env.game, 2 * SIZE[0], 2 * SIZE[1])
    picture = Image.fromarray(renderer.render(0)).resize(SIZE, Image.Resampling.LANCZOS)
    renderer.close()
    return picture


def played(game, files, step, seed):
    """A moment of a match between parameter files."""
    from evaluation.matches import play
    from networks.loading import load_entries

    pictures = []

    def watch(env, games):
        if games.get(0) == 0 and env.game.steps[0] == step:
            pictures.append(shoot(env))

    play(*load_entries(files, game), games=1, seed=seed, on_step=watch)
    return pictures[0]


def rehearsed(game, step, seed):
    """A moment after a few small random actions."""
    env, rng = CompeteVectorEnv(game, 1, seed=seed), np.random.default_rng(seed)
    env.reset()
    for _ in range(step):
        env.step([rng.uniform(-0.1, 0.1, (1, size)) for size in env.ac_dims])
    return shoot(env)


def main(argv=None):
    """Draws and writes the pictures."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.zoo and not os.path.isdir(args.zoo):
        parser.error(f"--zoo {args.zoo}: there is no such folder")
    device.prepare()
    os.makedirs(args.out, exist_ok=True)
    for game in args.games or GAME_NAMES:
        if game not in GAME_NAMES:
            parser.error(f"GAME {game}: must be one of {', '.join(GAME_NAMES)}")
        files = zoo_files(args.zoo, game) if args.zoo else None
        with_zoo, without = STEPS[game]
        picture = (played(game, files, with_zoo, args.seed) if files
                   else rehearsed(game, without, args.seed))
        path = os.path.join(args.out, f"{game}.png")
        picture.quantize(method=Image.Quantize.FASTOCTREE).save(path, optimize=True)
        print(f"{path}: {os.path.getsize(path) // 1000} kB")


if __name__ == "__main__":
    main()
