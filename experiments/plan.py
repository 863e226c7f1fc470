"""What an experiment trains: its scales, its arms, and the runs that follow from them."""

from dataclasses import dataclass, field

from common.run_folder import RunFolder
from selfplay.config import flag, make_parser, preset

SCHEDULE = ("dense_iters", "anneal_iters", "curriculum_iters")  # lengths that follow the run's
OLD_PER_POINT = 4  # versions kept from one point of a curve to the next


@dataclass(frozen=True)
class Scale:
    """iterations: of each run. points: snapshots of each that are judged. matches: per pair of
    learners that meet."""

    iterations: int
    points: int
    matches: int


@dataclass(frozen=True)
class Experiment:
    """One of the paper's experiments.

    name: as in `python -m experiments.NAME`; doc: the module's docstring. games: those it can
    train; usual: those it trains unless --game says otherwise. varies: options of run.py that are
    the experiment's own. arms: function (game) -> {arm: words for run.py}. scales: {name: `Scale`}.
    gap: function (iterations, points) -> iterations between two snapshots that are kept.
    meetings: function (study, game, seed) -> list of `meetings.Meeting`. conclude: function
    (study, game, outcomes) -> `results.Conclusion`. alike: whether an iteration costs the same
    in all arms. schedule: {option: length} at scale medium, instead of the preset's.
    """

    name: str
    doc: str
    games: tuple
    usual: tuple
    varies: tuple
    arms: object
    scales: dict
    gap: object
    meetings: object
    conclude: object
    alike: bool = True
    schedule: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One training; name: of its folder; words: for run.py, beside name and length."""

    name: str
    game: str
    arm: str
    seed: int
    words: list = field(compare=False)


@dataclass(frozen=True)
class Study:
    """An experiment as the command line asks for it.

    out: its folder. extra: words for run.py; policy, num_threads: what they say of these, None
    where they say nothing. ranks: workers of a run, None without mpirun.
    """

    experiment: Experiment
    scale: str
    games: tuple
    seeds: tuple
    out: str
    iterations: int
    points: int
    matches: int
    extra: tuple = ()
    policy: str = None
    num_threads: int = None
    ranks: int = None

    def manifest(self):
        """What must match for the folder to be resumed, as a dict for JSON."""
        return {"experiment": self.experiment.name, "scale": self.scale,
                "games": list(self.games), "seeds": list(self.seeds),
                "iterations": self.iterations, "points": self.points, "matches": self.matches,
                "options of run.py": list(self.extra)}

    def arms(self, game):
        """Names of the game's arms."""
        return list(self.experiment.arms(game))

    @property
    def gap(self):
        """Iterations between two snapshots that are kept."""
        return max(1, self.experiment.gap(self.iterations, self.points))

    def late(self):
        """The last `points` versions that are kept."""
        count = self.iterations // self.gap
        return [k * self.gap for k in range(max(1, count - self.points + 1), count + 1)]

    def spread(self):
        """`points` versions that are kept, evenly spread over the training."""
        step = max(1, self.iterations // self.gap // self.points) * self.gap
        return list(range(step, self.iterations + 1, step))[:self.points]

    def old(self, version):
        """Versions that are kept from before a version, the untrained one included."""
        return list(range(0, version, self.gap))

    def run(self, game, arm, seed):
        """The `Run` of an arm and a seed."""
        words = [*(["--paper"] if self.scale == "paper" else self._schedule(game)),
                 "--anchor-every", "0", "--env", game, "--seed", str(seed), *self.extra,
                 *self.experiment.arms(game)[arm]]
        run = Run(f"{game}-{arm}-seed{seed}", game, arm, seed, words)
        if self.delta(run):  # with 0 every version may be drawn, so all are kept anyway
            words += ["--keep", str(self.gap)]
        return run

    def runs(self):
        """All runs, game by game and seed by seed."""
        return [self.run(game, arm, seed) for game in self.games for seed in self.seeds
                for arm in self.experiment.arms(game)]

    def learners(self, game, arm, seed, version):
        """Paths of a run's snapshots of a version: {path: learner's name}."""
        folder = RunFolder(f"{self.out}/runs/{self.run(game, arm, seed).name}")
        return {f"{folder.path}/{name}/{version:06d}.npz": name for name in folder.learners}

    def delta(self, run):
        """A run's --delta, which decides how many old snapshots it keeps."""
        given = make_parser(run.words).parse_args(run.words).delta
        return preset(run.game, self.scale == "paper", self.policy)["delta"] if (
            given is None) else given

    def _schedule(self, game):
        """The lengths that differ from the preset's: both the experiment's and the preset's are
        for scale medium, and shorter runs shorten them in proportion."""
        ratio = min(1, self.iterations / self.experiment.scales["medium"].iterations)
        values = preset(game, policy=self.policy)
        wanted = values | self.experiment.schedule
        lengths = {name: max(1, round(ratio * wanted[name]))
                   for name in SCHEDULE if wanted.get(name)}
        return [word for name, length in lengths.items() if length != values[name]
                for word in (flag(name), str(length))]


def gap_late(iterations, points):
    """Between the snapshots of `Study.late`: they cover the second half of the training."""
    return iterations // (2 * points)


def gap_spread(iterations, points):
    """Between the snapshots of `Study.spread`, with some older ones between them."""
    return iterations // (OLD_PER_POINT * points)
