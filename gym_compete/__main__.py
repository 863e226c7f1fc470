"""python -m gym_compete: lists the games; `export GAME FILE.xml` writes a scene as MJCF."""

import argparse
import os
import signal
import sys

from gym_compete.export import to_xml
from gym_compete.games import GAMES
from gym_compete.games.game import INTEGRATORS


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors are one line."""

    def error(self, message):
        """Prints the message, unprintable characters as escapes, and exits with code 2."""
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message))
        print(f"{self.prog}: error: {line}", file=sys.stderr)
        sys.exit(2)


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m gym_compete", description="Without a command: lists the games.")
    commands = parser.add_subparsers(dest="command", metavar="export", parser_class=Parser)
    export = commands.add_parser("export", help="write a game's scene as MJCF")
    export.add_argument("game", metavar="GAME", help=f"one of {', '.join(GAMES)}")
    export.add_argument("file", metavar="FILE.xml", type=file_name, help="the file to write")
    export.add_argument("--integrator", default="RK4", choices=INTEGRATORS, help="default: RK4")
    return parser


def file_name(text):
    """An argparse type: any text but an empty one."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


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
    """Writes a temporary file beside `path` and renames it: never half a file.

    A link stays and its target is replaced; a device or a pipe is written to.
    """
    special = os.path.exists(path) and not os.path.isfile(path)
    target = os.path.realpath(path) if os.path.islink(path) and not special else path
    temporary = target if special else f"{target}.tmp{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        if not special:
            os.replace(temporary, target)
    finally:
        if not special and os.path.exists(temporary):
            os.unlink(temporary)


def main(argv=None):
    """Runs a command line. Exits with 141 if nobody reads its output, with 1 if that fails."""
    try:
        try:
            run(argv)
        finally:
            print(end="", flush=True)  # at Python's own end it would fail with a traceback
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still unsaid
        if isinstance(error, BrokenPipeError):
            sys.exit(128 + signal.SIGPIPE)
        print(f"output: {error.strerror}", file=sys.stderr)
        sys.exit(1)


def run(argv):
    """Lists the games or exports one."""
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
