"""Parameter files, sound, damaged and hostile."""

import collections
import gzip
import inspect
import io
import os
import pickle
import pickletools
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from common import parameter_file, pickled
from common.command_line import InputError
from common.parameter_file import load_parameters, save_parameters

HEADER = {"game": "run-to-goal-ants", "seat": 0, "policy": "mlp", "policy_args": {"hid_size": 64},
          "ob_dim": 122, "ac_dim": 8, "version": 3, "iteration": 3}
VECTOR = np.random.default_rng(0).normal(0, 1, 300).astype(np.float32)

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


def test_released_pickle_is_its_array(shared):
    """OpenAI's own pickle of 2017 reads as the array that it is known to hold."""
    vector, header = load_parameters(shared / "zoo/agent1_parameters-v1.pkl")
    expected, _ = load_parameters(shared / "zoo/run-to-goal-ants_agent0_v1.npy")
    np.testing.assert_array_equal(vector, expected)
    assert header == {} and vector.size == 24905 and vector.dtype == np.float32


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
def test_pickled_arrays(tmp_path, protocol, kind):
    """Any protocol, both precisions, both byte orders, read-only or not, NumPy 1's names or 2's."""
    path, array = tmp_path / "a.pkl", VECTOR.astype(kind)
    raws = [pickle.dumps(array, protocol), pickle._dumps(array, protocol)]  # by C and by Python
    array.flags.writeable = False
    raws += [pickle.dumps(array, protocol), pickletools.optimize(raws[0])]
    for module in (b"multiarray", b"numeric"):
        long, short = (b"numpy." + core + b"." + module for core in (b"_core", b"core"))
        raws.append(raws[0].replace(bytes([len(long)]) + long, bytes([len(short)]) + short)
                    if protocol > 3 else raws[0].replace(long, short))
    for raw in raws:
        path.write_bytes(raw)
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


def packed(method):
    """A sound .npz whose header member hides a gigabyte in a few hundred bytes, by this method."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("parameters.npy", npy(VECTOR))
        archive.writestr("header.npy", npy(GOOD_HEADER) + bytes(2**26))
    return file.getvalue()


def with_members(**members):
    """A zip archive of these members' bytes, dots for underscores."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, raw in members.items():
            archive.writestr(name.replace("_", "."), raw)
    return file.getvalue()


GOOD_HEADER = np.array('{"game": "run-to-goal-ants"}')
# `numpy.ndarray((2**28,))` by REDUCE: a gigabyte or two of whatever memory held before.
# A memoized text, encoded again and again.
ENCODE = b"c_codecs\nencode\nq\x00"
AGAIN = (b"\x80\x02" + ENCODE + b"X" + struct.pack("<I", 2**20) + b"a" * 2**20
         + b"q\x01X\x06\x00\x00\x00latin1q\x02" + b"h\x00h\x01h\x02\x86R" * 1500 + b".")
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
    "deep key": b"\x80\x02})" + b"\x85" * 3_000_000 + b"K\x01s.",
    "deep tuple": b"\x80\x02)" + b"\x85" * 3_000_000 + b".",
    "doubled tuple": b"\x80\x02)" + b"q\x00h\x00\x86" * 40 + b".",
    "many encodings": AGAIN,
    "state of a function": b"\x80\x02" + ENCODE + b"}U\x05spoilK\x01sb.",
    "defaults of a function": b"\x80\x02" + ENCODE + b"N}U\x0c__defaults__)s\x86b.",
    "dictionary": pickle.dumps({"w": VECTOR}),
    "list": pickle.dumps([VECTOR]),
    "two arrays": pickle.dumps(VECTOR, 2) * 2,
    "shape of -1": pickle.dumps(VECTOR, 2).replace(b"M\x2c\x01\x85", b"J\xff\xff\xff\xff\x85"),
    "long number": b"I" + b"9" * 10**6 + b"\n.",
    "unending frame": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "memo that is empty": b"\x80\x02h\x00.",
    "nothing on the stack": b"\x80\x02R.",
    "no end": b"\x80\x02" + b"N" * 50,
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
    "npz of no array": with_members(parameters_npy=b"text", header_npy=npy(GOOD_HEADER)),
    "npz with no array for header": with_members(parameters_npy=npy(VECTOR), header_npy=b"{}"),
    "npz with bytes for header": npz(parameters=VECTOR, header=np.array(b'{"game": 1}')),
    "npz with two headers": npz(parameters=VECTOR, header=np.array(["{}", "{}"])),
    "npz with a vast header": npz(parameters=VECTOR, header=np.array("[" + "1," * 10**6 + "1]")),
    "npz by bzip2": packed(zipfile.ZIP_BZIP2),
    "npz by LZMA": packed(zipfile.ZIP_LZMA),
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


def functions():
    """What the readers' functions carry, which no file may change."""
    found = [f for module in (parameter_file, pickled) for f in vars(module).values()
             if inspect.isfunction(f)]
    return [(f, dict(vars(f)), f.__defaults__, f.__kwdefaults__) for f in found]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", HOSTILE)
def test_refused(unharmed, name):
    """None of these is a parameter file; none executes, changes or allocates anything.

    But for the address space that NumPy asks for, and never touches, before it reads a giant.
    """
    before = functions()
    tracemalloc.start()
    try:
        refused(unharmed / "p.npz", HOSTILE[name])
        assert name == "giant npy" or tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    assert functions() == before


KINDS = {
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 99779\n",
    "gzip": gzip.compress(npy(VECTOR)),
    "an HTML page": b"\n<!DOCTYPE html>\n<html><body>Not found</body></html>",
    "a text that begins with 'game, wins'": b"game, wins\n1, 2\n" * 99,
    "a text that begins with 'caf\u00e9": "caf\u00e9 \u20ac\n".encode() * 99,
    "a Stable-Baselines3 model": with_members(data=b"{}", policy_pth=b"", system__info_txt=b""),
    "a PyTorch file": with_members(**{"model/data_pkl": b"", "model/version": b"3"}),
    "a zip archive of 'a.txt'": with_members(a_txt=b"words"),
    "an .npz of 'weights, bias'": npz(weights=VECTOR, bias=VECTOR),
    "a recorded match": npz(header=GOOD_HEADER, actions=VECTOR, states=VECTOR),
    "a run's checkpoint": npz(header=GOOD_HEADER, digest=np.array("0")),
    "asks for 'collections.OrderedDict'": pickle.dumps(collections.OrderedDict(a=1), 2),
    "asks for 'posix.system'": pickle.dumps(Evil()),
    "a pickle of something else": pickle.dumps({"a": 1}),
    "damaged or cut short": pickle.dumps(VECTOR, 5)[:-100],
    "an .npy of Python objects": npy(np.array([{}], object)),
    "an empty file": b"",
    "bytes of an unknown kind": bytes(range(256)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_looks_like(unharmed, kind):
    """The line says what the user has handed over, not what a reader stumbled upon."""
    (unharmed / "p.npz").write_bytes(KINDS[kind])
    with pytest.raises(InputError) as caught:
        load_parameters("p.npz")
    assert kind in str(caught.value) and len(str(caught.value)) < 150


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
    lines = (b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\n"
             b"S'b'\np3\ntp4\nRp5\n(I1\n(L2L\ntp6\ncnumpy\ndtype\np7\n(S'f4'\np8\nI0\nI1\n"
             b"tp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
             b"S'\\x00\\x00\\xc0?\\x00\\x00\\x10\\xc0'\np13\ntp14\nb.")
    (tmp_path / "b.pkl").write_bytes(lines)
    np.testing.assert_array_equal(load_parameters(tmp_path / "b.pkl")[0], [1.5, -2.25])
    (tmp_path / "a.pkl").write_bytes(raw)
    np.testing.assert_array_equal(load_parameters(tmp_path / "a.pkl")[0], [1.5, -2.25])
