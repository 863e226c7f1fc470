"""A run's position in its game's curriculum: sumo's rings, kick-and-defend's starts."""

from common.command_line import InputError

PAPER_BATCH = 409600  # samples per iteration of the paper, the unit of positions


class Curriculum:
    """Opens a game's starts as a run proceeds, and never closes them again.

    A position is a training iteration of the paper, which the games call `version`.

    end: the game's `curriculum_end`. start: position at which the run begins. iters: iterations
    from position 0 to the end; 0: as in the paper, one position per 409,600 samples; None: one
    position per iteration. samples: per iteration of a learner. required: the share of achievements
    (`progress.Schedule`) without which an iteration does not open it; 0: all of them do.
    """

    def __init__(self, end, start=0.0, iters=None, samples=PAPER_BATCH, required=0.0):
        self._end, self._start, self._required, self._held = end, start, required, 0
        self._rate = 1.0 if iters is None else end / iters if iters else samples / PAPER_BATCH

    def at(self, iteration):
        """The position after `iteration` iterations of the run, at most the end."""
        return float(min(self._end, self._start + self._rate * (iteration - self._held)))

    def note(self, achieved):
        """Counts an iteration that ended with this share of achievements."""
        self._held += achieved < self._required

    def get_state(self):
        """The number of iterations in which it did not open."""
        return {"held": self._held}

    def set_state(self, state):
        """Restores what `get_state` returned; older checkpoints lack it."""
        self._held = int(state.get("held", 0))


def position_of(entry, end):
    """The position at which a parameter file (`loading.ParameterFile`) was written.

    Older files hold only their iteration, which was the position then. Released ones hold neither;
    they were trained on the whole range, up to `end`.
    """
    header = entry.header
    position = header.get("curriculum", header.get("version", header.get("iteration", end)))
    if type(position) not in (int, float) or not position >= 0:
        raise InputError(f"{entry.path}: its curriculum position is {position!r}, must be a "
                         "number from 0 on")
    return float(min(position, end))
