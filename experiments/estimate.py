"""How long an experiment will take and how much disk, and its progress bar."""

import shutil

MATCH_STEPS = 250  # for the estimate: half of the time limit


def kind(study, item):
    """Runs of the same kind cost the same."""
    return item.game, None if study.experiment.alike else item.arm


def count_matches(study, paces):
    """How many matches there are to play."""
    def pace(meeting, side):
        return paces[kind(study, study.run(meeting.game, side.arm, meeting.seed))]

    return study.matches * sum(
        pace(meeting, meeting.first).pairs(pace(meeting, meeting.second))
        for game in study.games for seed in study.seeds
        for meeting in study.experiment.meetings(study, game, seed))


def match_seconds(paces):
    """About how long a match takes here [s]."""
    steps = sum(pace.steps for pace in paces.values()) / len(paces)
    return MATCH_STEPS / steps


def describe_cost(study, runs, paces, matches):
    """How long it will take and how much disk, in words."""
    seconds = sum(study.iterations * paces[kind(study, item)].seconds for item in runs)
    playing = matches * match_seconds(paces)
    size = sum(disk(study, item, paces[kind(study, item)]) for item in runs)
    free = shutil.disk_usage(study.out).free
    return (f"training takes about {duration(seconds)} here in all, {matches:,} matches "
            f"about {duration(playing)}; the folder will hold about {size / 1e6:,.0f} MB, "
            f"{free / 1e6:,.0f} MB are free")


def disk(study, item, pace):
    """Bytes that a run will take."""
    from selfplay.snapshots import versions_kept  # here, so --help stays quick

    return versions_kept(study.delta(item), study.gap, study.iterations) * pace.version + pace.rest


def duration(seconds):
    """Seconds in words."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


class Bar:
    """One progress bar over all runs and matches, weighted by the seconds that they take.

    Without a terminal it prints a line for each run instead.
    """

    def __init__(self, runs, paces, study, matches):
        from tqdm import tqdm

        self._study, self._paces = study, paces
        self._done, self._match = {}, match_seconds(paces)
        total = sum(study.iterations * paces[kind(study, item)].seconds for item in runs)
        self._bar = tqdm(total=total + matches * self._match, disable=None, smoothing=0,
                         bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def name(self, text):
        """Says what is being done."""
        if self._bar.disable:
            print(text, flush=True)
        self._bar.set_description_str(text)

    def run(self, item, done):
        """A run has done this many iterations; those of the first call it had done before."""
        seconds = self._paces[kind(self._study, item)].seconds
        if item.name not in self._done:
            self._found(done * seconds)
        else:
            self._bar.update(max(0, done - self._done[item.name]) * seconds)
        self._done[item.name] = done

    def match_played(self):
        """A match has been played."""
        self._bar.update(self._match)

    def matches_found(self, count):
        """This many matches had been played before."""
        self._found(count * self._match)

    def _found(self, seconds):
        """Counts work that was done before, which says nothing about today's speed."""
        if not self._bar.disable:
            self._bar.initial += seconds
            self._bar.n += seconds
            self._bar.refresh()
