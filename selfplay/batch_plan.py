"""The arithmetic of a batch: numbers of matches, opponents, samples and minibatches that divide.

Options that the user leaves out adapt to those given; given ones that do not fit are refused with
the nearest values that do.
"""

import math
from functools import cache
from typing import NamedTuple

from selfplay.config import flag

SAMPLES = ("timesteps_per_batch", "optim_batchsize")
FIXED_ON_RESUME = ("latest_share", "opponents", *SAMPLES)  # the user cannot change them then
OPTIONS = ("num_envs", *FIXED_ON_RESUME)
TRIES = 2**16  # values tried on either side of one that does not fit,
FEW = 30  # if each of them takes a search over all numbers of matches


class Layout(NamedTuple):
    """What the batch is divided among.

    ranks: workers. chunk: consecutive steps that the network trains on. shared: whether one learner
    plays both seats. ensemble: learners per seat. outsider: whether a fixed opponent holds a seat,
    so nobody meets older versions.
    """

    ranks: int = 1
    chunk: int = 1
    shared: bool = False
    ensemble: int = 1
    outsider: bool = False

    @property
    def grain(self):
        """Samples that cannot be split: one chunk per rank."""
        return self.ranks * self.chunk

    @property
    def learners(self):
        """Number of learners, in all seats."""
        return self.ensemble * (1 if self.shared or self.outsider else 2)

    @property
    def group(self):
        """Frozen opponents come in multiples of this: one per seat and learner."""
        return 2 * self.ensemble


def given_and_wanted(config, free):
    """({option: value} of those that must hold, {option: value} of all), as `fit` takes them.

    free: names of the options that may adapt.
    """
    wanted = {name: getattr(config, name) for name in OPTIONS}
    return {name: value for name, value in wanted.items() if name not in free}, wanted


def fit(given, wanted, layout, fixed=()):
    """Returns {option: value} of all `OPTIONS`: given ones as they are, others near what is wanted.

    given: {option: value} of those that must hold; wanted: of all, what they should be if free;
    fixed: names of given ones that the user cannot change. Raises ValueError, one line, if the
    given values do not fit.
    """
    plan = search(given, wanted, layout)
    if plan is None:
        raise ValueError(_refusal(given, wanted, layout, fixed))
    return plan


def adaptations(plan, given, wanted, layout):
    """A line with the changed options and their causes; "" if nothing has changed."""
    changed = [f"{_text(name, plan[name])} instead of {_number(wanted[name])}"
               for name in OPTIONS if name not in given and plan[name] != wanted[name]]
    causes = [_text(name, given[name]) for name in OPTIONS if name in given] + _causes(layout)
    return f"adapted to {', '.join(causes)}: {', '.join(changed)}" if changed else ""


def horizon(width, timesteps_per_batch, optim_batchsize, layout):
    """Steps of one rollout that fill a learner's batch from its `width` columns on each rank.

    Raises ValueError if batch or minibatch cannot be divided.
    """
    unit = width * layout.grain
    batch, minibatch = zip(SAMPLES, (timesteps_per_batch, optim_batchsize))
    if timesteps_per_batch % unit:
        raise ValueError(_line(_text(*batch), [f"{width} matches per learner", *_causes(layout)],
                               _either_side(timesteps_per_batch, unit, bool)))
    if optim_batchsize % layout.grain or optim_batchsize > timesteps_per_batch:
        near = _either_side(min(optim_batchsize, timesteps_per_batch + 1), layout.grain,
                            lambda x: x <= timesteps_per_batch)
        raise ValueError(_line(_text(*minibatch), [_text(*batch), *_causes(layout)], near))
    return timesteps_per_batch // (width * layout.ranks)


# Search: of all plans with the given values, the one that changes least


def _change(value, wanted):
    """The cost of a value other than the wanted one."""
    return 0.0 if value == wanted else 0.1 + abs(math.log(value / wanted))


def search(given, wanted, layout):
    """Returns what `fit` does, or None if the given values do not fit."""
    batch, minibatch = (given.get(name, 0) for name in SAMPLES)
    if batch % layout.grain or minibatch % layout.grain or 0 < batch < minibatch:
        return None
    best, least = None, math.inf
    for cost, num_envs in _numbers(given, wanted, layout):
        if cost >= least:
            break
        for more, share, latest in _shares(num_envs, given, wanted, layout):
            if cost + more >= least:
                break
            rest, plan = _plan(num_envs, share, latest, given, wanted, layout)
            if cost + more + rest < least:
                best, least = plan, cost + more + rest
    return best


def _numbers(given, wanted, layout):
    """(cost, num_envs), nearest first; a small batch has room for few matches only."""
    if "num_envs" in given:
        return [(0.0, given["num_envs"])]
    usual, most = wanted["num_envs"], 2 * wanted["num_envs"]
    room = given.get("timesteps_per_batch", most * layout.grain) // layout.grain
    low = max(1, min(usual, room) // 2, 0 if layout.outsider else given.get("opponents", 0))
    numbers = range(low, min(most, room * layout.learners) + 1)
    return sorted((_change(n, usual), n) for n in numbers)


def _plan(num_envs, share, latest, given, wanted, layout):
    """(cost, plan) with num_envs matches, `latest` of them with current learners on both sides."""
    frozen = num_envs - latest
    width = num_envs if layout.outsider else (2 * latest + frozen) // layout.learners
    batch = _batch(width, given, wanted, layout)
    opponents = batch and _opponents(
        frozen, given.get("opponents"), wanted["opponents"], layout.group)
    if not opponents:
        return math.inf, None
    return batch[0] + opponents[0], dict(
        zip(OPTIONS, (num_envs, share, opponents[1], *batch[1:])))


def _shares(num_envs, given, wanted, layout):
    """(cost, latest_share, matches with current learners on both sides), nearest first."""
    share = given.get("latest_share", wanted["latest_share"])
    if layout.outsider:  # half of the matches from each seat
        return [] if layout.shared and num_envs % 2 else [(0.0, share, num_envs)]
    target = round(share * num_envs)
    found = [(0.0, share, target)] if target % layout.ensemble == 0 else []
    if "latest_share" in given:
        return found
    for latest in _candidates(num_envs, given, layout):
        if latest != target:
            other = latest / num_envs
            lonely = float(latest == num_envs)  # nobody would meet older versions
            found.append((0.1 + abs(other - share) + lonely, other, latest))
    return sorted(found)


def _candidates(num_envs, given, layout):
    """Numbers of matches with current learners on both sides that the given values may leave.

    They are multiples of the learners per seat, who all play equally many.
    """
    possible = range(0, num_envs - ("opponents" in given) + 1, layout.ensemble)
    if given.get("opponents", 0) % layout.group:
        return []
    if "timesteps_per_batch" in given:  # the learners' columns are a divisor of it
        widths = _divisors(given["timesteps_per_batch"] // layout.grain)
        numbers = [width * layout.learners - num_envs for width in widths]
    elif "opponents" in given:
        numbers = range(num_envs % given["opponents"], num_envs, given["opponents"])
    else:
        numbers = possible
    return [number for number in numbers if number in possible]


def _ceil(a, b):
    """a / b, rounded up to a whole number."""
    return -(-a // b)


def _divisors(number):
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})


@cache
def _opponents(frozen, given, wanted, group):
    """(cost, opponents) for `frozen` matches against older versions; None if no number fits."""
    if not frozen:
        return 0.0, wanted if given is None else given
    if given is not None:
        return None if frozen % given or given % group else (0.0, given)
    fitting = [n for n in _divisors(frozen) if n % group == 0]
    wanted = min(_ceil(wanted, group) * group, frozen)
    return min(((_change(n, wanted), n) for n in fitting), default=None)


def _batch(width, given, wanted, layout):
    """(cost, timesteps_per_batch, optim_batchsize) for `width` columns per learner and rank.

    None if none fit. If the minibatch is free, all minibatches of the batch become nearly equal.
    """
    unit, grain, least = width * layout.grain, layout.grain, given.get("optim_batchsize", 1)
    if unit == 0:
        return None
    batch = given.get("timesteps_per_batch")
    if batch is None:
        low = max(wanted["timesteps_per_batch"] // unit, _ceil(least, unit)) * unit
        cost, batch = min((_change(x, wanted["timesteps_per_batch"]), x)
                          for x in (low, low + unit) if x)
    elif batch % unit:
        return None
    else:
        cost = 0.0
    if "optim_batchsize" in given:
        return cost, batch, least
    count = max(1, round(batch / wanted["optim_batchsize"]))
    return cost, batch, _ceil(batch, count * grain) * grain


# Refusals: which option to blame, and which values would fit


def _refusal(given, wanted, layout, fixed):
    """The line about the first option that does not fit those before it."""
    if not given:  # then there are too few matches
        given = {"num_envs": wanted["num_envs"]}
    names = [name for name in OPTIONS if name in given]

    def part(count):
        return {name: given[name] for name in names[:count]}

    last = next(k for k in range(1, len(names) + 1) if search(part(k), wanted, layout) is None)
    causes = [_text(key, x) for key, x in part(last).items()]
    for name in names[last - 1::-1]:
        for count in range(len(names), last - 1, -1) if name not in fixed else ():
            near = _nearest(name, part(count), wanted, layout)
            if near:
                culprit = _text(name, given[name])
                causes.remove(culprit)
                return _line(culprit, causes + _causes(layout), near)
    ranks = _either_side(layout.ranks, 1, lambda ranks: search(
        given, wanted, layout._replace(ranks=ranks)), FEW)
    return _line(f"{layout.ranks} worker(s)", causes + _causes(layout._replace(ranks=1)), ranks)


def _nearest(name, given, wanted, layout):
    """The nearest values of an option, below and above, that fit the others."""
    def fits(value):
        return search(given | {name: value}, wanted, layout)

    value, tries = given[name], TRIES if "num_envs" in given else FEW
    if name == "latest_share":
        matches = given.get("num_envs", wanted["num_envs"])
        counts = _either_side(
            value * matches, 1, lambda n: n <= matches and fits(n / matches), tries, least=0)
        return [n / matches for n in counts]
    if name == "optim_batchsize":  # never more than the batch
        value = min(value, given.get("timesteps_per_batch", value) + 1)
    if name == "opponents":  # never more than there are matches
        value = min(value, given.get("num_envs", 2 * wanted["num_envs"]) + 1)
    return _either_side(value, layout.grain if name in SAMPLES else 1, fits, tries)


def _either_side(value, step, fits, tries=TRIES, least=1):
    """The nearest multiples of `step` below and above the value that fit, at least `least`."""
    low, high = math.ceil(value / step) - 1, math.floor(value / step) + 1
    sides = (range(low, max(_ceil(least, step), low - tries) - 1, -1), range(high, high + tries))
    found = [next((n * step for n in side if fits(n * step)), None) for side in sides]
    return [x for x in found if x is not None]


def _causes(layout):
    """What the workers, the network and the opponents demand, in words."""
    return ([f"{layout.ranks} workers"] if layout.ranks > 1 else []) + (
        [f"the network's chunks of {layout.chunk} steps"] if layout.chunk > 1 else []) + (
        [f"--ensemble {layout.ensemble}"] if layout.ensemble > 1 else []) + (
        ["--opponent"] if layout.outsider else [])


def _number(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(name, value):
    return f"{flag(name)} {_number(value)}"


def _line(culprit, others, near):
    would = f"; {' or '.join(map(_number, near))} would" if near else ""
    return f"{culprit}: does not fit {', '.join(others) or 'the matches'}{would}"
