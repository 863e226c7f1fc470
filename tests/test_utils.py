"""Advantages against a plain loop; parameter files, sound, damaged and hostile."""

import collections
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from utils import InputError, add_vtarg_and_adv, load_parameters, save_parameters, write_whole

HEADER = {"game": "run-to-goal-ants", "seat": 0, "policy": "mlp", "policy_args": {"hid_size": 64},
          "ob_dim": 122, "ac_dim": 8, "version": 3, "iteration": 3}
VECTOR = np.random.default_rng(0).normal(0, 1, 300).astype(np.float32)

# Advantages


def slow_advantages(rew, vpred, ends, nextvpred, gamma, lam):
    """One game after another, each advantage as a sum over its own future (GAE, equation 16)."""
    values, adv = np.append(vpred, nextvpred), np.zeros(len(rew))
    for t in range(len(rew)):
        weight = 1.0
        for k in range(t, len(rew)):
            following = 0.0 if ends[k] else values[k + 1]
            adv[t] += weight * (rew[k] + gamma * following - values[k])
            weight *= gamma * lam
            if ends[k]:
                break
    return adv


@pytest.mark.parametrize("gamma,lam", [(0.995, 0.95), (0.9, 0.0), (1.0, 1.0)])
def test_advantages(gamma, lam):
    """Columns with no end, ends in the middle, and an end exactly at the cut."""
    rng, steps, games = np.random.default_rng(1), 23, 6
    rew, vpred = rng.normal(0, 1, (2, steps, games)).astype(np.float32)
    ends = rng.random((steps, games)) < 0.15
    ends[:, 0], ends[-1] = False, [False, True, False, True, False, False]
    ends[5:7, 5] = True  # a game of one step
    new = np.vstack([[True] * games, ends[:-1]])
    nextvpred = np.where(ends[-1], 0, rng.normal(0, 1, games)).astype(np.float32)
    cutvpred = np.where(ends & (rng.random(ends.shape) < 0.5), rng.normal(0, 1, ends.shape), 0)
    seg = {"rew": rew, "vpred": vpred, "new": new, "nextvpred": nextvpred,
           "cutvpred": cutvpred.astype(np.float32)}
    add_vtarg_and_adv(seg, gamma, lam)
    for i in range(games):  # what a cut game was still worth is as if paid at its last step
        paid = rew[:, i] + gamma * cutvpred[:, i]
        expected = slow_advantages(paid, vpred[:, i], ends[:, i], nextvpred[i], gamma, lam)
        np.testing.assert_allclose(seg["adv"][:, i], expected, atol=2e-5)
    np.testing.assert_allclose(seg["tdlamret"], seg["adv"] + vpred)
    assert seg["adv"].dtype == seg["tdlamret"].dtype == np.float32


# Sound files


def test_round_trip(tmp_path):
    """What was saved comes back, and the same content makes the same bytes."""
    paths = [tmp_path / f"{name}.npz" for name in "ab"]
    save_parameters(paths[0], VECTOR, HEADER)
    save_parameters(paths[1], VECTOR.astype(np.float64), dict(reversed(HEADER.items())))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    vector, header = load_parameters(paths[0])
    np.testing.assert_array_equal(vector, VECTOR)
    assert vector.dtype == np.float32 and header == HEADER
    assert set(os.listdir(tmp_path)) == {"a.npz", "b.npz"}


def test_failed_writing_leaves_the_old_file(tmp_path):
    """Whole or nothing: a write that breaks off changes nothing and leaves nothing behind."""
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")

    def broken(file):
        file.write(b"half of the n")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        write_whole(path, broken)
    with pytest.raises(TypeError):
        save_parameters(path, VECTOR, {"game": object()})
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.npz"]


def test_released_pickle_is_its_array(shared):
    """OpenAI's own pickle of 2017 reads as the array that it is known to hold."""
    vector, header = load_parameters(shared / "zoo/agent1_parameters-v1.pkl")
    expected, _ = load_parameters(shared / "zoo/run-to-goal-ants_agent0_v1.npy")
    np.testing.assert_array_equal(vector, expected)
    assert header == {} and vector.size == 24905 and vector.dtype == np.float32


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
def test_pickled_arrays(tmp_path, protocol, kind):
    """Any protocol of old, both precisions, both byte orders."""
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(VECTOR.astype(kind), protocol))
    np.testing.assert_array_equal(load_parameters(path)[0], VECTOR)


def test_plain_array(tmp_path):
    """A .npy of doubles is taken as float32."""
    np.save(tmp_path / "a.npy", VECTOR.astype(np.float64))
    vector, header = load_parameters(tmp_path / "a.npy")
    np.testing.assert_array_equal(vector, VECTOR)
    assert vector.dtype == np.float32 and header == {}


# Files that must be refused


class Evil:
    """Pickles as a call of `os.system`."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def npz(**arrays):
    """The bytes of an .npz."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    """The bytes of an .npy."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def giant_npy(shape):
    """An .npy that promises much more than it holds."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 64


def zip_bomb():
    """A small .npz that would unpack to more than any parameter file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("parameters.npy", "w") as entry:
            for _ in range(257):
                entry.write(bytes(2**20))
    return file.getvalue()


GOOD_HEADER = np.array('{"game": "run-to-goal-ants"}')
# `numpy.ndarray((2**28,))` by REDUCE: a gigabyte or two of whatever memory held before.
GIANT_CALL = b"\x80\x02cnumpy\nndarray\nJ" + struct.pack("<i", 2**28) + b"\x85\x85R."
HOSTILE = {
    "system call": pickle.dumps(Evil()),
    "text protocol": b"cos\nsystem\n(S'touch executed'\ntR.",
    "nested": pickle.dumps([VECTOR, {"x": (Evil(),)}]),
    "stack global": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x0etouch executed\x85R.",
    "inst": b"(S'touch executed'\nios\nsystem\n.",
    "builtin eval": b"c__builtin__\neval\n(S'open(\"executed\", \"w\")'\ntR.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0bload.system\x93\x8c\x0etouch executed\x85R.",
    "array after a call": b"cos\nsystem\n(S'touch executed'\ntR0" + pickle.dumps(VECTOR),
    "object array": pickle.dumps(np.array([Evil(), 1.0], object)),
    "giant call": GIANT_CALL,
    "bare array": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",
    "giant pickled shape": pickle.dumps(VECTOR, 2).replace(
        b"M\x2c\x01\x85", b"J\xff\xff\xff\x7f\x85"),
    "integers": pickle.dumps(np.arange(5)),
    "two dimensions": pickle.dumps(VECTOR.reshape(2, 150)),
    "dict": pickle.dumps({"a": 1}),
    "ordered dict": pickle.dumps(collections.OrderedDict(a=1)),
    "class": b"cnumpy\nndarray\n.",
    "dtype": pickle.dumps(np.dtype("f4")),
    "empty array": pickle.dumps(VECTOR[:0]),
    "npy of objects": npy(np.array([Evil(), None], object)),
    "npy of integers": npy(np.arange(5)),
    "npy of complex": npy(np.ones(5, complex)),
    "npy of records": npy(np.zeros(3, [("a", "f4")])),
    "npy of two dimensions": npy(VECTOR.reshape(2, 150)),
    "npy of one number": npy(np.float32(1)),
    "npy of nothing": npy(VECTOR[:0]),
    "npy too short": giant_npy("(300,)"),
    "giant npy": giant_npy("(10000000000000,)"),
    "overflowing npy": giant_npy("(4611686018427387905,)"),
    "negative npy": giant_npy("(-4,)"),
    "npz of objects": npz(parameters=np.array([Evil()], object), header=GOOD_HEADER),
    "npz header of objects": npz(parameters=VECTOR, header=np.array([Evil()], object)),
    "npz without header": npz(parameters=VECTOR),
    "npz without parameters": npz(header=GOOD_HEADER),
    "npz with a list for header": npz(parameters=VECTOR, header=np.array("[1]")),
    "npz with no JSON": npz(parameters=VECTOR, header=np.array("{")),
    "npz with deep JSON": npz(parameters=VECTOR, header=np.array("[" * 100000)),
    "npz of integers": npz(parameters=np.arange(5), header=GOOD_HEADER),
    "zip of nothing": b"PK\x05\x06" + bytes(18),
    "zip bomb": zip_bomb(),
    "not a number": npy(np.array([1, np.nan])),
    "infinity": npz(parameters=np.array([1, np.inf]), header=GOOD_HEADER),
    "too large for float32": npy(np.array([1e300, 1])),
    "empty": b"",
    "text": b"just a text\n",
    "garbage": bytes(range(256)),
}


def refused(path, raw):
    """Writes the bytes and asserts that they are refused in one line that names the file."""
    path.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        load_parameters(path)
    message = str(caught.value)
    assert str(path) in message and len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 200


@pytest.fixture
def unharmed(tmp_path, monkeypatch):
    """A folder to work in; afterwards no file in it but the test's own, and no warning printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "system", lambda command: pytest.fail(f"executed: {command}"))
    yield tmp_path
    assert set(os.listdir()) <= {"p.npz"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_refused(unharmed, raw):
    """None of these is a parameter file, and none of them gets anything executed."""
    refused(unharmed / "p.npz", raw)


def test_no_file(tmp_path):
    """A missing file and a directory are told in the same way."""
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=str(path)):
            load_parameters(path)


SOUND = {"ours": npz(parameters=VECTOR, header=np.array('{"game": "run-to-goal-ants"}')),
         "npy": npy(VECTOR), "pickle": pickle.dumps(VECTOR, 2)}


@pytest.mark.parametrize("raw", SOUND.values(), ids=SOUND)
def test_truncated(unharmed, raw):
    """Cut anywhere, a file is refused."""
    for length in {*range(0, len(raw), 37), *range(12), len(raw) - 1}:
        refused(unharmed / "p.npz", raw[:length])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("raw", [*SOUND.values(), pickle.dumps([Evil(), VECTOR])],
                         ids=[*SOUND, "evil"])
def test_mutations(unharmed, raw):
    """Flipped bits and scribbled bytes: either a flat vector of numbers or InputError."""
    rng, path, refusals = np.random.default_rng(11), unharmed / "p.npz", 0
    for round_ in range(120):
        data = bytearray(raw)
        # The framing is where damage may mislead a reader: half of the hits go there.
        reach = len(raw) if round_ % 2 else 120
        for position in rng.integers(0, reach, rng.integers(1, 5)):
            data[position] = (data[position] ^ 1 << rng.integers(8) if rng.random() < 0.5
                              else rng.integers(256))
        path.write_bytes(data)
        try:
            vector, header = load_parameters(path)
        except InputError as error:
            refusals += 1
            assert str(path) in str(error) and len(str(error).splitlines()) == 1
        else:
            assert vector.dtype == np.float32 and vector.ndim == 1 and isinstance(header, dict)
            assert np.isfinite(vector).all()
    assert refusals > 20


def test_nothing_vast_is_allocated(unharmed):
    """Memo slot 2^32 - 1 or a byte array of 64 GB may be named: neither may be allocated."""
    for code in b"Nr" + struct.pack("<I", 2**32 - 1), b"\x96" + struct.pack("<Q", 2**36):
        refused(unharmed / "p.npz", b"\x80\x02" + code + b".")


def test_python_2_pickle(tmp_path):
    """Python 2 wrote the array's bytes as a string."""
    raw = (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
           b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"
           b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08"
           + struct.pack("<2f", 1.5, -2.25) + b"tb.")
    (tmp_path / "a.pkl").write_bytes(raw)
    np.testing.assert_array_equal(load_parameters(tmp_path / "a.pkl")[0], [1.5, -2.25])
