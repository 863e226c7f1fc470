"""Checks the actions given to environments."""

import numpy as np


def checked(acs, sizes, batch=()):
    """Returns both seats' actions as arrays of floats, [*batch, size] each.

    acs: one array per seat; sizes: their numbers of motors; batch: (N,) for N matches. Numbers
    that are not finite pass: they end the match (docs/games.md, physics).

    Raises ValueError, naming the agent, for anything but real numbers in that shape.
    """
    if _length(acs) != len(sizes):
        raise ValueError(f"actions {short(acs)}: must be one array for each of the two agents")
    return [_one(f"agent{seat}", ac, (*batch, size))
            for seat, (ac, size) in enumerate(zip(acs, sizes))]


def _length(thing):
    try:
        return len(thing)
    except TypeError:  # it has none, or is a scalar array, which has the method alone
        return None


def _one(agent, ac, shape):
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
