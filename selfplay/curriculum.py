"""Where a run stands in its game's curriculum: sumo's rings, kick-and-defend's places."""

from common.command_line import InputError

PAPER_BATCH = 409600  # samples of one of the paper's iterations, by which positions count


class Curriculum:
    """Opens a game's starts as a run goes on, and never closes them again.

    A position is a training iteration of the paper: what the games call `version`.

    end: the game's `curriculum_end`. start: position at which the run begins. iters: iterations
    that the way from position 0 to the end takes; 0: as in the paper, one position for every
    409,600 samples; None: one position an iteration. samples: a learner's batch.
    """

    def __init__(self, end, start=0.0, iters=None, samples=PAPER_BATCH):
        self._end, self._start = end, start
        self._rate = 1.0 if iters is None else end / iters if iters else samples / PAPER_BATCH

    def at(self, iteration):
        """The position after so many iterations of the run, at most the end."""
        return float(min(self._end, self._start + self._rate * iteration))


def position_of(entry, end):
    """The position at which a parameter file (`matches.ParameterFile`) was made.

    Files from before it was written down say their iteration, which was the position then;
    released ones, which say nothing, were made for the whole range, as `end` says.
    """
    header = entry.header
    position = header.get("curriculum", header.get("version", header.get("iteration", end)))
    if type(position) not in (int, float) or not position >= 0:
        raise InputError(f"{entry.path}: its curriculum position is {position!r}, must be a "
                         "number from 0 on")
    return float(min(position, end))
