"""python -m gym_compete: lists the games; `export GAME FILE.xml` writes a scene as MJCF."""

import argparse
import os
import sys

from gym_compete.export import to_xml
from gym_compete.games import GAMES
from gym_compete.games.game import INTEGRATORS


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors are one line."""

    def error(self, message):
        """Prints the message and exits with code 2."""
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        sys.exit(2)


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m gym_compete", description="Without a command: lists the games.")
    commands = parser.add_subparsers(dest="command", metavar="export", parser_class=Parser)
    export = commands.add_parser("export", help="write a game's scene as MJCF")
    export.add_argument("game", metavar="GAME", help=f"one of {', '.join(GAMES)}")
    export.add_argument("file", metavar="FILE.xml", help="the file to write")
    export.add_argument("--integrator", default="RK4", choices=INTEGRATORS, help="default: RK4")
    return parser


def listing():
    """One line per game: name, id, bodies, and the sizes of both observations and actions."""
    rows = [("game", "id", "bodies", "observations", "actions")]
    for made in GAMES.values():
        game = made()
        bodies = (body.name for body in game.bodies)
        rows.append((game.name, game.env_id, *map(_pair, (bodies, game.ob_dims, game.ac_dims))))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _pair(values):
    return ", ".join(map(str, values))


def write_whole(path, text):
    """Writes a temporary file beside `path` and renames it: never half a file."""
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def main(argv=None):
    """Runs a command line."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        print(listing())
        return
    try:
        write_whole(args.file, to_xml(args.game, integrator=args.integrator))
    except ValueError as error:
        parser.error(error)
    except OSError as error:
        parser.error(f"{args.file}: {error.strerror}")


if __name__ == "__main__":
    main()
