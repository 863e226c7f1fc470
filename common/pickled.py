"""Reads the pickle of one NumPy array of floats as data: nothing that it names is ever called.

The opcodes are those of OpenAI's released files and of what NumPy writes, protocols 0 to 5. They
build a tree of names, calls and constants, and only a tree of the right shape is an array.
"""

import codecs
import io
import re
from dataclasses import dataclass

import numpy as np

MOST_STEPS = 100  # NumPy's longest pickle, in protocol 0, takes 62
MARK = object()
MULTIARRAY = "numpy.core.multiarray", "numpy._core.multiarray"
NUMERIC = "numpy.core.numeric", "numpy._core.numeric"
NAMES = {*((module, "_reconstruct") for module in MULTIARRAY),
         *((module, "_frombuffer") for module in NUMERIC),
         ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


@dataclass(eq=False)
class Name:
    """A function or class by its name."""

    module: str
    name: str


@dataclass(eq=False)
class Call:
    """A call that is not made: a `Name` and a tuple."""

    what: object
    args: object


@dataclass(eq=False)
class Built:
    """An object and the state that its `__setstate__` would get."""

    what: object
    state: object


class Refused(ValueError):
    """The bytes are another pickle; the message names it, as in "not an array, but ..."."""


def is_pickle(raw):
    """Whether bytes begin like a pickle of an object: any protocol from 2 on, or a name."""
    return bool(re.match(rb"\x80[\0-\5]|c[\w.]+\n[\w.]+\n[pq()]", raw))


def read_array(raw):
    """Returns the array, float32 or float64, that a pickle holds; raises Refused for any other."""
    try:
        return array_of(read_tree(raw))
    except Refused:
        raise
    except Exception:  # damaged opcodes fail in a dozen ways
        raise Refused("a pickle that is damaged or cut short") from None


# From the tree to the array


def array_of(tree):
    """The array that a tree from `read_tree` stands for."""
    match tree:
        case Built(Call(Name(module, "_reconstruct"), (Name("numpy", "ndarray"), (0,), _)),
                   (1, shape, dtype, _, data)) if module in MULTIARRAY:
            pass
        case Call(Name(module, "_frombuffer"), (data, dtype, shape, _)) if module in NUMERIC:
            pass
        case _:
            raise Refused("a pickle of something else")
    array = np.frombuffer(bytes_of(data), dtype_of(dtype)).reshape(shape)
    if array.shape != shape:  # a side of -1
        raise Refused("a pickled array of an impossible shape")
    return array


def dtype_of(tree):
    """The dtype of an array, float32 or float64 in either byte order."""
    match tree:
        case Built(Call(Name("numpy", "dtype"), (code, _, _)), (_, order, *_)):
            code, order = text_of(code), text_of(order)
            if code in ("f4", "f8") and order in "<>=":
                return np.dtype(order + code)
            raise Refused(f"a pickled array of {code[:20]!r}, not of floats")
    raise Refused("a pickle of something other than one array of floats")


def bytes_of(tree):
    """The array's bytes; before protocol 3 they are encoded as text."""
    match tree:
        case bytes():
            return tree
        case Call(Name("_codecs", "encode"), (str(text), "latin1")):
            return text.encode("latin1")
    raise Refused("a pickled array without its bytes")


def text_of(value):
    """The text of a string; Python 2 wrote bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else value


# From the bytes to the tree


def read_tree(raw):
    """The opcodes as a tree of `Name`, `Call`, `Built`, tuples and constants."""
    file, stack, memo = io.BytesIO(raw), [], {}
    for _ in range(MOST_STEPS):
        code = file.read(1)
        if code == b".":
            break
        if code in CONSTANTS:
            stack.append(CONSTANTS[code])
        elif code in VALUES:
            stack.append(VALUES[code](file))
        elif code in KEYS:
            put, read = KEYS[code]
            key = read(file)
            if put:
                memo[key] = stack[-1]
            else:
                stack.append(memo[key])
        elif code == b"\x94":
            memo[len(memo)] = stack[-1]
        elif code in SKIPPED:
            take(file, SKIPPED[code])
        else:
            combine(code, stack)
    else:
        raise Refused("a pickle of more than one array")
    tree, = stack
    if file.read(1):
        raise Refused("a pickle followed by something else")
    return tree


def combine(code, stack):
    """Applies an opcode that combines what is on top of the stack."""
    if code == b"t":
        start = len(stack) - 1 - stack[::-1].index(MARK)
        stack[start:] = [tuple(stack[start + 1:])]
    elif code in TUPLES:
        stack[-TUPLES[code]:] = [tuple(stack[-TUPLES[code]:])]
    elif code in (b"R", b"b"):
        what, last = stack[-2:]
        stack[-2:] = [(Call if code == b"R" else Built)(what, last)]
    elif code == b"\x93":
        stack[-2:] = [known_name(*map(text_of, stack[-2:]))]
    elif code:
        raise Refused("a pickle of something else")
    else:
        raise ValueError("no end")


def known_name(module, name):
    """A `Name` that pickled arrays need; Refused for all others."""
    if (module, name) not in NAMES:
        raise Refused(f"a pickle that asks for {f'{module}.{name}'[:60]!r}")
    return Name(module, name)


def take(file, count):
    """The next `count` bytes; ValueError if fewer are left."""
    data = file.read(count)
    if len(data) != count:
        raise ValueError("cut short")
    return data


def line(file):
    """Bytes up to the end of a line."""
    data = file.readline()
    if not data.endswith(b"\n"):
        raise ValueError("cut short")
    return data[:-1]


def number(width, signed=False):
    """A reader of integers of `width` bytes."""
    return lambda file: int.from_bytes(take(file, width), "little", signed=signed)


def sized(width, convert=bytes):
    """A reader of data after its length, an integer of `width` bytes."""
    return lambda file: convert(take(file, int.from_bytes(take(file, width), "little")))


def decimal(file):
    """An integer in digits; 00 and 01 are False and True."""
    digits = line(file)
    return digits == b"01" if digits in (b"00", b"01") else int(digits.rstrip(b"L"))


def quoted(file):
    """Python 2's text in quotes, as bytes."""
    text = line(file)
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[:1] != text[-1:]:
        raise ValueError("no quotes")
    return codecs.escape_decode(text[1:-1])[0]


def signed_number(data):
    """An integer of any width."""
    return int.from_bytes(data, "little", signed=True)


CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False, b")": (), b"(": MARK}
TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
SKIPPED = {b"\x80": 1, b"\x95": 8}  # protocol, frame
KEYS = {b"p": (True, decimal), b"q": (True, number(1)), b"r": (True, number(4)),
        b"g": (False, decimal), b"h": (False, number(1)), b"j": (False, number(4))}
VALUES = {
    b"I": decimal, b"L": decimal, b"K": number(1), b"M": number(2), b"J": number(4, signed=True),
    b"\x8a": sized(1, signed_number),
    b"S": quoted, b"U": sized(1), b"T": sized(4), b"C": sized(1), b"B": sized(4),
    b"\x8e": sized(8), b"\x96": sized(8),
    b"V": lambda file: line(file).decode("raw-unicode-escape"),
    b"X": sized(4, bytes.decode), b"\x8c": sized(1, bytes.decode), b"\x8d": sized(8, bytes.decode),
    b"c": lambda file: known_name(line(file).decode(), line(file).decode())}
