"""Checks what environments and games are given: actions and numbers."""

import math
import numbers

import numpy as np

MOST_STEPS = 10**9  # of a match


def checked_actions(acs, sizes, batch=()):
    """Returns both seats' actions as arrays of floats, [*batch, size] each.

    acs: one array per seat; sizes: their numbers of motors; batch: (N,) for N matches. Numbers
    that are not finite pass: they end the match (docs/games.md, physics).

    Raises ValueError, naming the agent, for anything but real numbers in that shape.
    """
    if _length(acs) != len(sizes):
        raise ValueError(f"actions {short(acs)}: must be one array for each of the two agents")
    return [_checked_action(f"agent{seat}", ac, (*batch, size))
            for seat, (ac, size) in enumerate(zip(acs, sizes))]


def _length(thing):
    try:
        return len(thing)
    except TypeError:  # it has none, or is a scalar array, which has the method alone
        return None


def _checked_action(agent, ac, shape):
    try:
        array = np.asarray(ac)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{agent}'s action {short(ac)}: must be real numbers in shape {shape}")
    if array.shape != shape:
        raise ValueError(f"{agent}'s action of shape {array.shape}: must be of shape {shape}")
    # Squares of small integers and half floats would overflow.
    return array if array.dtype.char in "fd" else array.astype(np.float64)


def short(thing):
    """Anything at all, cut to a part of one line."""
    text = " ".join(repr(thing).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def checked_limit(limit):
    """Returns a time limit in steps; ValueError unless it is a whole number in range."""
    if not is_number(limit, numbers.Integral) or not 1 <= limit <= MOST_STEPS:
        raise ValueError(f"max_episode_steps {limit!r}: must be a whole number of at least 1 and "
                         f"at most {MOST_STEPS}")
    return limit


def checked_version(version):
    """Returns a curriculum position; ValueError unless it is None or a finite number from 0 on."""
    if version is not None and not is_amount(version):
        raise ValueError(f"version {version!r}: must be None or a finite number of at least 0")
    return version


def version_in(options, usual=None):
    """The curriculum position in the options of a reset, or the usual one; ValueError for others.

    options: a dict, or None.
    """
    if not isinstance(options, dict | None):
        raise ValueError(f"options {short(options)}: must be None or a dict")
    return checked_version((options or {}).get("version", usual))


def is_number(value, kind=numbers.Real):
    """Whether a value is a number of this kind, Python's or NumPy's; True and False are not."""
    return isinstance(value, kind) and not isinstance(value, bool)


def is_amount(value):
    """Whether a value is a number of at least 0 that a float can hold."""
    try:
        return is_number(value) and value >= 0 and math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False
