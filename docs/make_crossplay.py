"""Writes docs/crossplay.md: OpenAI's released policies and ours, everyone against everyone.

    python -m docs.make_crossplay ZOO                        # all games
    python -m docs.make_crossplay ZOO --game sumo-humans     # one section; the others stay

ZOO is a folder of OpenAI's released policies; ours are those in parameters/, without `earlier`.
Every pair is a tournament of two in a folder of its own, named after what it holds: an interrupted
command resumes, and after a file has changed only its own pairs are played.
"""

import os
from dataclasses import replace

from common.command_line import (
    GAME_NAMES,
    MOST_MATCHES,
    InputError,
    Parser,
    check_writable,
    number,
)
from common.filenames import parameter_files, read_name
from common.files import write_whole
from common.terminal import script_of
from distributed_data import device
from docs.outputs import make_folder
from load_parameter_run import SHIPPED_DIR

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TITLE = "# Cross-play"
INTRO = f"""\
{TITLE}

Every policy of OpenAI's in ZOO and every one that ships here, except those of `earlier/`, against
every other that can take the opposite seat. "OpenAI v2" is the second version of a released
policy, "ours" is `parameters/GAME/agentK.npz`, "ours, mlp" what lies in `mlp/` below; an entrant
with a seat was made for that seat, and two that can take both play half of their matches from
either. Seat 0 is the blocker's in you-shall-not-pass and the kicker's in kick-and-defend. `random`
draws its actions from N(0, 1), `zero` never moves.

A cell is the share of matches that the row wins against the column and, in brackets, the share of
ties, both in %; of 300 matches, the Wilson 95 % interval of 50 % is 44 to 56, of 0 % it is 0 to 1.
In sumo a match in which one falls before the two have touched is a tie. Ratings are Bradley-Terry's
in Elo points with mean 0, a tie counting as half a win for each, with 95 % intervals of the
difference to the mean. They compare entrants of one game only, and where one seat is the easier
one, that is part of the rating of those who were made for it. Actions are drawn, not means. Match g
of a seed is the same match on the same kind of processor, whatever is played beside it; another
processor, or another version of this code, may change the last bits of an action and so its course.

Each section names its command; ZOO is a folder of
[policies that OpenAI released in 2017](judging.md#openais-files). Run again, it plays only the
pairs of files that have changed.
"""


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m docs.make_crossplay", description=__doc__.split("\n")[0])
    parser.add_argument("zoo", metavar="ZOO", help="A folder of OpenAI's released policies.")
    parser.add_argument("--game", choices=GAME_NAMES, action="append",
                        help="Make this game's section only; may be repeated.")
    parser.add_argument("--out", metavar="DIR", default=os.path.join("tournaments", "crossplay"),
                        help="Folder of the games' results. [tournaments/crossplay]")
    parser.add_argument("--page", default=os.path.join(ROOT, "docs", "crossplay.md"),
                        help="The page to write. [docs/crossplay.md]")
    parser.add_argument("--max-episodes", type=number(int, 1, MOST_MATCHES), default=300,
                        help="Matches per pair. [300]")
    parser.add_argument("--seed", type=number(int, 0), default=200)
    parser.add_argument("--integrator", choices=("RK4", "Euler"), default="RK4")
    parser.add_argument("--num-threads", type=number(int, 1), default=1)
    return parser


# Who plays


def find_entrants(zoo, game):
    """OpenAI's and ours of a game and the two baselines, as `Entrant`s with this page's labels."""
    from evaluation.entrants import collect

    folder = os.path.join(SHIPPED_DIR, game)
    ours = [path for path in parameter_files(folder)
            if "earlier" not in os.path.relpath(path, folder).split(os.sep)]
    released = [path for path in parameter_files(zoo) if read_name(path).game == game]
    if not released:
        raise InputError(f"{zoo}: no released policies of {game} there")
    entrants = collect([*released, *ours, "random", "zero"], {}, game)[1]
    return [replace(entrant, label=label_of(entrant, folder)) for entrant in entrants]


def label_of(entrant, folder):
    """An entrant's name on the page, such as "OpenAI v1, seat 0"; folder: the game's, of ours."""
    path = entrant.entry.path
    if not os.path.exists(path):
        return entrant.label
    seat = [f"seat {entrant.seats[0]}"] if len(entrant.seats) == 1 else []
    below = os.path.dirname(os.path.relpath(path, folder))
    if below.startswith(os.pardir):
        return ", ".join([f"OpenAI v{read_name(path).version}", *seat])
    return ", ".join(["ours", *filter(None, [below]), *seat])


def open_pairs(directory, game, entrants, matches, **options):
    """{(i, j): the `Tournament` of two entrants who can meet}.

    matches: per pair; options: seed, integrator, deterministic. Raises InputError where a pair's
    folder holds something else.
    """
    from evaluation.tournament import Tournament, find_pairs

    opened = {}
    for i, j in find_pairs([entrant.seats for entrant in entrants]):
        pair = [entrants[i], entrants[j]]
        title = f"{game}: {pair[0].label} v {pair[1].label}"
        folder = os.path.join(directory, "-".join(e.digest()[:12] for e in pair))
        opened[i, j] = Tournament(folder, game, pair, matches, title, **options)
    return opened


def play_pairs(pairs, num_threads):
    """Plays what has not been played of `open_pairs`; returns results as `Tournament.results`."""
    results = {}
    for (i, j), tournament in pairs.items():
        print(tournament.manifest["title"], flush=True)
        played = tournament.play(num_threads)
        results[i, j] = [seating | {"seats": [(i, j)[k] for k in seating["seats"]]}
                         for seating in played[0, 1]]
    return results


# The page


def describe(game, args):
    """A section's first lines: how many matches, and the command."""
    return (f"{args.max_episodes} matches per pair, on {args.integrator}:\n\n```bash\n"
            f"python -m docs.make_crossplay ZOO --game {game} --max-episodes {args.max_episodes} "
            f"--seed {args.seed} --integrator {args.integrator}\n```")


def section(entrants, results, how):
    """A game's section of the page, without its heading; how: its first lines."""
    import numpy as np

    from evaluation.ratings import bradley_terry
    from evaluation.tournament import count

    wins, ties, _ = count(results, len(entrants))
    ratings, half = bradley_terry(wins, ties)
    order = np.argsort(-ratings, kind="stable")
    labels = [entrant.label for entrant in entrants]
    matrix = [[labels[i], *(cell(wins[i, j], ties[i, j], wins[j, i]) for j in order)]
              for i in order]
    rated = [[labels[k], f"{ratings[k]:.0f}",
              f"{ratings[k] - half[k]:.0f} to {ratings[k] + half[k]:.0f}",
              *(f"{counts.sum():,}" for counts in (wins[k], ties[k], wins[:, k]))] for k in order]
    return "\n\n".join([
        how, table(["wins (ties) [%]", *(labels[j] for j in order)], matrix),
        table(["", "rating", "95 % interval", "won", "tied", "lost"], rated)])


def cell(wins, ties, losses):
    """Shares of wins and ties in percent; empty for two who never met."""
    met = wins + ties + losses
    return f"{100 * wins / met:.0f} ({100 * ties / met:.0f})" if met else ""


def table(head, rows):
    """A table in Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read_sections(path):
    """{game: its section} of the page, {} if it is new; InputError if it is another file."""
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        head, *parts = file.read().split("\n## ")
    if head.split("\n")[0] != TITLE:
        raise InputError(f"--page {path}: holds something else; must be new or begin with {TITLE}")
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


def write_section(path, game, text):
    """Writes a game's section into the page, whose other sections stay as they are."""
    sections = read_sections(path)
    sections[game] = f"\n{text}\n"
    parts = [INTRO, *(f"## {name}\n{sections[name].rstrip()}\n" for name in GAME_NAMES
                      if name in sections)]
    page = "\n".join(parts).encode(errors="surrogateescape")
    write_whole(path, lambda file: file.write(page))


def run(args):
    """Checks everything, then plays what is missing and writes a section per game."""
    check_writable("--page", args.page)
    read_sections(args.page)
    make_folder("--out", args.out)
    device.prepare()
    entrants = {game: find_entrants(args.zoo, game) for game in args.game or GAME_NAMES}
    pairs = {game: open_pairs(os.path.join(args.out, game), game, playing, args.max_episodes,
                              seed=args.seed, integrator=args.integrator, deterministic=False)
             for game, playing in entrants.items()}
    for game, playing in entrants.items():
        results = play_pairs(pairs[game], args.num_threads)
        write_section(args.page, game, section(playing, results, describe(game, args)))


main = script_of(make_parser, run)


if __name__ == "__main__":
    main()
