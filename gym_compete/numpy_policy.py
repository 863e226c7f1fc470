"""Plays a parameter file in plain NumPy: no TensorFlow, and nothing in a file is ever executed."""

import io
import json
import os
import re
import zipfile
from dataclasses import dataclass

import numpy as np

from gym_compete.games import GAMES
from gym_compete.numpy_views import (
    ANT_POSE,
    HUMAN_OBS,
    HUMAN_POSE,
    RACE,
    SUMO,
    ant_view,
    humanoid_view,
)

MAX_FILE_BYTES = 256 * 2**20
RET_FILTER = 3  # a vector begins with the return filter: sum, sum of squares, count


class MlpNet:
    """Layers of tanh, then a linear one."""

    def __init__(self, numbers, ob_dim, ac_dim, hid_size, num_hid_layers=2):
        self.layers, size = [], ob_dim
        for _ in range(num_hid_layers):
            self.layers.append(numbers.layer(size, hid_size))
            size = hid_size
        self.layers.append(numbers.layer(size, ac_dim))

    def __call__(self, x, memory):
        """Returns (output, memory), here without a memory."""
        for w, b in self.layers[:-1]:
            x = np.tanh(x @ w + b)
        w, b = self.layers[-1]
        return x @ w + b, None


class LstmNet:
    """A layer of ReLU, an LSTM, then a linear one; the memory is its c and h [batch, hid_size]."""

    def __init__(self, numbers, ob_dim, ac_dim, hid_size):
        self.first = numbers.layer(ob_dim, hid_size)
        self.lstm = numbers.layer(2 * hid_size, 4 * hid_size)
        self.last = numbers.layer(hid_size, ac_dim)

    def __call__(self, x, memory):
        """Returns (output, memory); memory: None at a match's first step."""
        (w1, b1), (w2, b2), (w3, b3) = self.first, self.lstm, self.last
        x = np.maximum(x @ w1 + b1, 0)
        c, h = np.zeros((2, len(x), len(w3))) if memory is None else memory
        i, j, f, o = np.split(np.hstack([x, h]) @ w2 + b2, 4, axis=1)
        c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
        h = np.tanh(c) * sigmoid(o)
        return h @ w3 + b3, (c, h)


def sigmoid(x):
    """The logistic function, of any size without an overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


@dataclass(frozen=True)
class Kind:
    """A policy that headers name.

    net: the network's class; hid_size: its width unless the header gives one; view: the function
    that makes its inputs, None for filtered observations; ob_dims: sizes of the observations that
    it takes, None for all; pose: the view's features that headers may hide.
    """

    net: type
    hid_size: int
    view: object = None
    ob_dims: tuple = None
    pose: tuple = ()


KINDS = {"mlp": Kind(MlpNet, 64), "lstm": Kind(LstmNet, 128),
         "ant": Kind(MlpNet, 128, ant_view, (RACE, SUMO), ANT_POSE),
         "humanoid": Kind(MlpNet, 128, humanoid_view, HUMAN_OBS, HUMAN_POSE)}
RELEASED = ("mlp", "lstm")  # what vectors without a header may be
NAME = re.compile(r"([\w-]+?)(?:_agent([01]))?_v\d+\.")  # of such a vector: GAME[_agentK]_vN.npy


class NumpyPolicy:
    """Plays a parameter file, one match at a time.

    path: a file that `run.py` has written (.npz), or one of the released vectors (.npy).
    game: the `Game` to play; seat: its seat there. deterministic: whether it plays mean actions.

    Call it with one observation after the other, and `reset` when a match begins. Raises
    ValueError, one line with the file's name, for any other file or one that does not fit the game
    or the seat. A released vector names them by its own name, GAME_agentK_vN.npy or GAME_vN.npy; of
    any other name only the size is checked.
    """

    def __init__(self, path, game, seat=0, deterministic=False):
        self.path, self.deterministic = os.fspath(path), deterministic
        self.ob_dim, self.ac_dim = game.ob_dims[seat], game.ac_dims[seat]
        vector, header = read_parameters(self.path)
        made_for, own = ((header.get("game"), header.get("seat")) if header
                         else read_name(self.path) or (game.name, None))
        if made_for != game.name:
            self._refuse(f"is for {made_for!r}, not for {game.name!r}")
        if own in (0, 1) and own != seat and not game.shared_policy:
            self._refuse(f"is for seat {own}, not for seat {seat}")
        names = [header.get("policy")] if header else RELEASED
        if names[0] not in list(KINDS):
            self._refuse(f"policy {names[0]!r}: must be one of {', '.join(KINDS)}")
        fitting = [name for name in names if self._build(KINDS[name], vector, header)]
        if not fitting:
            self._refuse(f"{vector.size:,} numbers: its network for {game.name} takes another size")
        self.reset()

    def _refuse(self, why):
        raise ValueError(f"{self.path}: {why}") from None

    def _build(self, kind, vector, header):
        """Reads the vector as one of this kind; False if its size does not fit."""
        if kind.ob_dims and self.ob_dim not in kind.ob_dims:
            self._refuse(f"plays games of {' or '.join(map(str, kind.ob_dims))} observations, "
                         f"this one has {self.ob_dim}")
        numbers, self._view = Numbers(vector), kind.view
        args = {"hid_size": kind.hid_size} | header.get("policy_args", {})
        inputs, self._hidden = self.ob_dim, []
        if kind.view:
            inputs = kind.view(np.ones((1, self.ob_dim)), None)[0].shape[1]
            self._hidden = list(kind.pose) if args.pop("hide_pose", False) else []
        try:
            numbers.take(RET_FILTER)
            self._filter = numbers.filter(self.ob_dim)
            kind.net(numbers, inputs, 1, **args)  # of the value
            self._net = kind.net(numbers, inputs, self.ac_dim, **args)
            self._std = np.exp(numbers.take(self.ac_dim))
        except TooShort:
            return False
        except Exception as error:  # whatever arguments a file may name
            self._refuse(f"its header does not make a network ({first_line(error)})")
        if self._filter is None:
            self._refuse("its filter has counted nothing to divide by")
        return not numbers.rest.size

    def reset(self):
        """Forgets the last match."""
        self._seen = self._state = None

    def __call__(self, ob, rng=None):
        """Returns the action [ac_dim] for an observation [ob_dim].

        rng: a NumPy generator that draws its noise; without one it plays the mean action.
        """
        ob = np.asarray(ob, np.float64)[None]
        if self._view:
            inputs, back, self._seen = self._view(ob, self._seen)
            inputs[:, self._hidden] = 0
        else:
            mean, std = self._filter
            inputs, back = np.clip((ob - mean) / std, -5, 5), lambda ac: ac
        mean, self._state = self._net(inputs, self._state)
        ac = back(mean)[0]
        if rng is not None and not self.deterministic:
            ac = ac + self._std * rng.standard_normal(self.ac_dim)
        return ac.astype(np.float32)


class TooShort(ValueError):
    """A vector ends before its network does."""


class Numbers:
    """Reads a flat vector from front to back; `rest` is what has not been read."""

    def __init__(self, vector):
        self.rest = vector.astype(np.float64)

    def take(self, *shape):
        """The next numbers, in that shape."""
        size = int(np.prod(shape, dtype=object))
        if not 0 <= size <= self.rest.size:
            raise TooShort
        part, self.rest = self.rest[:size], self.rest[size:]
        return part.reshape(shape)

    def layer(self, inputs, outputs):
        """A layer's w [inputs, outputs] and b [outputs]."""
        if outputs < 1:
            raise ValueError(f"a layer of {outputs}")
        return self.take(inputs, outputs), self.take(outputs)

    def filter(self, size):
        """(mean, std) [size] from sums, sums of squares and a count; None if the count is 0."""
        total, squares, count = self.take(size), self.take(size), self.take()
        if not count > 0:
            return None
        mean = total / count
        return mean, np.sqrt(np.maximum(squares / count - mean**2, 0.01))


def read_name(path):
    """(game, seat or None) in a released vector's name, None for other names."""
    found = NAME.match(os.path.basename(path))
    if not found or found[1] not in GAMES:
        return None
    return found[1], found[2] and int(found[2])


def read_parameters(path):
    """Returns (vector float32 [P], header dict, empty for released vectors) of a parameter file.

    Raises ValueError for any other file.
    """
    try:
        size = os.path.getsize(path)
        if not 0 < size <= MAX_FILE_BYTES:
            raise ValueError(f"{size} bytes")
        with open(path, "rb") as file:
            vector, header = _parse(file.read())
        if vector.dtype.kind != "f" or vector.ndim != 1 or not np.isfinite(vector).all():
            raise ValueError("not a flat vector of finite numbers")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except Exception as error:  # damaged bytes make the readers fail in a dozen ways
        raise ValueError(f"{path}: not a parameter file, .npz or .npy "
                         f"({first_line(error)})") from None
    return vector, header


def _parse(raw):
    if raw.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(raw), allow_pickle=False), {}
    if not raw.startswith(b"PK"):  # NumPy would take it for a pickle, and advise to trust it
        raise ValueError("it begins like neither")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
    if sum(entry.file_size for entry in members) > MAX_FILE_BYTES:
        raise ValueError("unpacks to too much")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
           for entry in members):  # others could unpack any amount at once
        raise ValueError("compressed by a method that NumPy never uses")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        header = json.loads(str(arrays["header"]))
        if not isinstance(header, dict) or not isinstance(header.get("policy_args"), dict):
            raise ValueError("its header is incomplete")
        return arrays["parameters"], header


def first_line(error):
    """An exception's message, cut to a part of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
