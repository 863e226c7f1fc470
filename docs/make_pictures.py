"""Draws docs/images/GAME.png: a moment of each game.

    python docs/make_pictures.py [--zoo FOLDER]

With a folder of OpenAI's released vectors, as GAME_agentK_vN.npy or GAME_vN.npy, those play where
there are some for a game; the others show the robots soon after the start.
"""

import argparse
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

# The step of the match that is drawn, with released policies and without.
MOMENTS = {"run-to-goal-ants": (45, 8), "run-to-goal-humans": (0, 12),
           "you-shall-not-pass": (70, 12), "sumo-ants": (110, 90), "sumo-humans": (0, 52),
           "kick-and-defend": (0, 20)}


def main():
    """Parses the command line and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", help="Folder of released vectors.")
    args = parser.parse_args()
    from distributed_data import device

    device.prepare()
    from PIL import Image

    images = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")
    os.makedirs(images, exist_ok=True)
    for game, (played, early) in MOMENTS.items():
        paths = [sorted(glob.glob(os.path.join(args.zoo or "", f"{game}{agent}_v*.npy")))[-1:]
                 for agent in ("_agent0", "_agent1", "")]
        paths = paths[0] + paths[1] or 2 * paths[2]
        picture = released(game, paths, played) if args.zoo and paths else alone(game, early)
        path = os.path.join(images, f"{game}.png")
        Image.fromarray(picture).quantize(128).save(path, optimize=True)
        print(path, os.path.getsize(path))


def alone(game, steps):
    """A match after some steps of small random actions."""
    from gym_compete import CompeteEnv

    env = CompeteEnv(game, render_mode="rgb_array", width=960, height=480)
    env.reset(seed=4)
    env.action_space.seed(4)
    for _ in range(steps):
        env.step([0.1 * ac for ac in env.action_space.sample()])
    picture = env.render()
    env.close()
    return picture


def released(game, paths, steps):
    """A match between released policies after some steps."""
    from gym_compete.rendering import Renderer
    from matches import load_entries, play

    frames = []

    def keep(env, games):
        if env.infos["steps"][0] == steps and not frames:
            renderer = Renderer(env.game, 960, 480)
            frames.append(renderer.render(0))
            renderer.close()

    play(*load_entries(paths, game), 2, seed=1, on_step=keep)
    return frames[0]


if __name__ == "__main__":
    main()
