"""Table 2: pushes a trained wrestler and a walker who are alone, and counts steps before they fall.

    python -m experiments.wind --wrestler FILE --walker FILE [--forces 200 300 400 500 600]

Either humanoid stands in its own game, its opponent taken away and unseen. Every 50 steps a force
in a random level direction pushes its torso and decays by a tenth per step; half of the
pushes point inward, towards the middle of the field, half outward. The first comes at step 50. An
episode ends with a fall (the torso at most 0.5 m over the ground) or after 500 steps.
"""

import os
import time
from dataclasses import dataclass

from common.command_line import MOST_MATCHES, InputError, number, one_line
from common.files import file_digest, read_json, write_json
from experiments import command, results, shares
from experiments.estimate import duration
from experiments.runs import ROOT

FORCES = (200, 300, 400, 500, 600)  # newton
EPISODES = {"small": 20, "medium": 200, "paper": 200}
# Table 2: mean and standard deviation of steps before the fall, over 200 episodes.
PAPER = {"wrestler": {200: (372, 146), 300: (327, 150), 400: (247, 143), 500: (181, 114),
                      600: (123, 57)},
         "walker": {200: (179, 54), 300: (139, 42), 400: (116, 32), 500: (103, 25), 600: (95, 20)}}
# Who is pushed: the games whose files will do; the first that ships is the default.
PLAYERS = {"wrestler": ("sumo-humans",), "walker": ("run-to-goal-humans", "you-shall-not-pass")}
MOST_STEPS = 500  # of an episode
TRIAL = 20  # steps that the estimate is based on


@dataclass(frozen=True)
class Study:
    """What the command line asks for; files: {player: path}; num_threads: None for one per core."""

    scale: str
    files: dict
    forces: tuple
    episodes: int
    seed: int
    num_threads: int
    out: str

    def manifest(self):
        """What must match for the folder to be resumed, as a dict for JSON."""
        return {"experiment": "wind", "scale": self.scale, "forces": list(self.forces),
                "episodes": self.episodes, "seed": self.seed,
                **{name: file_digest(path) for name, path in self.files.items()}}


@dataclass(frozen=True)
class Player:
    """A file that stands in the wind: its game, its seat, and `ParameterFile`s for both seats."""

    name: str
    game: str
    seat: int
    entries: list


# The command line


def make_parser():
    """The command line."""
    parser = command.base_parser("wind", __doc__, (
        "20 episodes per force, or 200 as in the paper (medium is the same)."))
    for name, games in PLAYERS.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=(
            f"Parameters for {' or '.join(games)}; default: what parameters/ ships."))
    parser.add_argument("--forces", nargs="+", type=number(int, 0, 100_000), default=list(FORCES),
                        metavar="F", help="Of the pushes [N]. [200 300 400 500 600]")
    parser.add_argument("--episodes", type=number(int, 2, MOST_MATCHES),
                        help="Per force; default: the scale's.")
    parser.add_argument("--seed", type=number(int, 0), default=0, help="Random seed. [0]")
    parser.add_argument("--num-threads", type=number(int, 1),
                        help="Threads that step matches; default: one per core.")
    return parser


def read_study(parser, words):
    """The `Study` that a command line asks for."""
    args = parser.parse_args(words)
    files = {name: vars(args)[name] or shipped(name) for name in PLAYERS}
    for name, path in files.items():
        if not os.path.isfile(path):
            raise InputError(f"--{name} {path}: no such file")
    command.refuse_twice("--forces", args.forces)
    return Study(args.scale, files, tuple(args.forces), args.episodes or EPISODES[args.scale],
                 args.seed, args.num_threads, command.out_folder(args, "wind"))


def shipped(name):
    """What parameters/ has for a player; InputError, which says what is needed, if nothing."""
    for game in PLAYERS[name]:
        path = os.path.join(ROOT, "parameters", game, f"agent{seat_wanted(game)}.npz")
        if os.path.exists(path):
            return path
    raise InputError(f"--{name}: none ships; name a parameter file for "
                     f"{' or '.join(PLAYERS[name])}")


def seat_wanted(game):
    """The seat of the player that is pushed."""
    return 1 if game == "you-shall-not-pass" else 0


# Carrying it out


def load(name, path):
    """The `Player` of a file; InputError if it is for something else."""
    from evaluation.seats import seats_of
    from networks.loading import STILL, blank_entry, check_networks, load_entries

    game, (entry,) = load_entries([path], None)
    if game not in PLAYERS[name]:
        raise InputError(f"--{name} {path}: is for {game}, must be for "
                         f"{' or '.join(PLAYERS[name])}")
    seats = seats_of(entry, game)
    if game == "you-shall-not-pass" and 1 not in seats:
        raise InputError(f"--{name} {path}: is the blocker's, who sits in seat 0; the walker's is "
                         "for seat 1")
    check_networks([entry], game)
    seat = seat_wanted(game) if seat_wanted(game) in seats else seats[0]
    entries = [blank_entry(game, STILL), entry]
    return Player(name, game, seat, entries if seat else entries[::-1])


def conduct(study, check):
    """Plays what is missing and writes the results."""
    from distributed_data import device

    device.prepare()
    from tqdm import tqdm

    players = [load(name, path) for name, path in study.files.items()]
    threads = study.num_threads or device.share_of_cores()
    cells = [(player, force) for player in players for force in study.forces]
    print(estimate(study, cells, threads, check), flush=True)
    os.makedirs(os.path.join(study.out, "episodes"), exist_ok=True)
    with tqdm(total=len(cells) * study.episodes, unit="episode", disable=None) as bar:
        steps = {(player.name, force): episode_lengths(study, player, force, threads, bar, check)
                 for player, force in cells}
    results.write(study.out, study.manifest(), {"wind": conclude(study, steps)}, [
        f"Steps before the fall, {study.episodes} episodes each, seed {study.seed}, RK4; in "
        "brackets: Student's 95 % interval of the mean over episodes."])


def episode_lengths(study, player, force, threads, bar, check):
    """The steps of each of a player's episodes in this wind, played unless kept already."""
    from evaluation.matches import play
    from experiments.windy import windy

    path = os.path.join(study.out, "episodes", f"{player.name}-{force}.json")
    found, name = read_json(path), f"{player.name} {force} N"
    bar.set_description(name)
    if is_whole(found, study.episodes):
        bar.update(study.episodes)
        return found
    lengths = [result["length"] for result in play(
        windy(player.game, player.seat, force), player.entries, study.episodes, study.seed,
        num_threads=threads, on_step=lambda *_: check(), on_match=lambda _: bar.update())]
    write_json(path, lengths)
    return lengths


def is_whole(found, episodes):
    """Whether a file's JSON is the steps of so many episodes; anything else is played again."""
    return (isinstance(found, list) and len(found) == episodes
            and all(isinstance(steps, int) and 0 < steps <= MOST_STEPS for steps in found))


class Enough(Exception):
    """Ends a trial."""


def estimate(study, cells, threads, check):
    """What will be played and how long it will take, in words, after a few steps."""
    from evaluation.matches import SLOTS, play
    from experiments.windy import windy

    seen, (player, force) = [], cells[0]

    def on_step(env, playing):
        check()
        seen.append((time.perf_counter(), len(playing)))
        if len(seen) > TRIAL:
            raise Enough

    try:
        play(windy(player.game, player.seat, force), player.entries, SLOTS, study.seed,
             num_threads=threads, on_step=on_step)
    except Enough:
        pass
    (first, _), *others = seen
    pace = (others[-1][0] - first) / sum(count for _, count in others) if others else 0.0
    episodes = len(cells) * study.episodes
    files = ", ".join(f"{name} {one_line(path)}" for name, path in study.files.items())
    return (f"wind: {files}; {len(study.forces)} forces, {episodes:,} episodes of at most "
            f"{MOST_STEPS} steps, at most about {duration(pace * MOST_STEPS * episodes)} here, and "
            "less than 1 MB of disk")


def conclude(study, steps):
    """Mean and standard deviation of steps before the fall, beside the paper's."""
    import numpy as np

    found = {}
    for (name, force), lengths in steps.items():
        found.setdefault(name, {})[str(force)] = {
            "mean": round(float(np.mean(lengths)), 2), "std": round(float(np.std(lengths)), 2),
            "interval": [round(x, 2) for x in shares.student(lengths)],
            "stood": sum(length >= MOST_STEPS for length in lengths)}
    rows = [[name, force, "{:.0f} [{:.0f}, {:.0f}]".format(cell["mean"], *cell["interval"]),
             f"{cell['std']:.0f}", *map(str, PAPER[name].get(int(force), ("-", "-")))]
            for name, cells in found.items() for force, cell in cells.items()]
    paper = {name: {str(force): pair for force, pair in row.items()} for name, row in PAPER.items()}
    return results.Conclusion(
        {"steps": found, "paper": paper},
        [results.Table("steps before the fall", ["who", "force [N]", "mean", "std", "paper's mean",
                                                 "paper's std"], rows)], draw(found))


def draw(found):
    """Steps over force, ours with intervals, the paper's dashed."""
    from evaluation import charts

    with charts.new_figure(6, 3.6, title="Pushed by the wind", xlabel="force [N]",
                           ylabel="steps before the fall") as (figure, axes):
        for k, (name, cells) in enumerate(found.items()):
            x = sorted(cells, key=int)
            low, high = zip(*(cells[force]["interval"] for force in x))
            force = list(map(int, x))
            axes.fill_between(force, low, high, color=charts.COLORS[k], alpha=0.15, lw=0)
            axes.plot(force, [cells[f]["mean"] for f in x], "o-", ms=4, color=charts.COLORS[k],
                      label=name)
            axes.plot(list(PAPER[name]), [mean for mean, _ in PAPER[name].values()], "--", lw=1,
                      color=charts.COLORS[k], label=f"{name}, paper")
        axes.set_ylim(0, 510)
        axes.legend()
    return figure


def main(argv=None):
    """Pushes, counts, and writes the results."""
    parser = make_parser()
    command.carry_out(parser, lambda words: read_study(parser, words), conduct, argv)


if __name__ == "__main__":
    main()
