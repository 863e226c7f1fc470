"""Names the kind of a file that is not a parameter file, in words for its owner."""

import io
import re
import zipfile

from common.pickled import Refused

MAGIC = (
    (b"version https://git-lfs", "a Git LFS pointer; `git lfs pull` fetches the file itself"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"BZh", "compressed by bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed by xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a PyTorch file"),
    (b"\x89HDF\r\n", "an HDF5 file, such as Keras writes"),
    (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"%PDF", "a PDF"), (b"\x7fELF", "a program"))
# By the names of members, any of these, in any folder.
ARCHIVES = (
    (("policy.pth", "pytorch_variables.pth"), "a Stable-Baselines3 model"),
    (("data.pkl",), "a PyTorch file"),
    (("model.weights.h5",), "a Keras model"),
    (("actions.npy", "states.npy"),
     "a recorded match, which `load_parameter_run.py replay FILE` checks and shows"),
    (("digest.npy",), "a run's checkpoint; its parameter files are in the run's agent folders"))
OURS = {"parameters.npy", "header.npy"}


def kind_of(raw, error):
    """The kind of bytes that could not be read, as in "not a parameter file, but ...".

    error: the reader's exception; that of a pickle's reader names the kind.
    """
    if isinstance(error, Refused):
        found = next((words for start, words in MAGIC if raw.startswith(start)), str(error))
        return found
    if raw.startswith(b"PK"):
        return zip_kind(raw)
    if raw.startswith(b"\x93NUMPY"):
        objects = re.search(rb"'descr': '\|O", raw[:256])
        return "an .npy of Python objects" if objects else "a damaged .npy or one cut short"
    for start, words in MAGIC:
        if raw.startswith(start):
            return words
    if raw[257:262] == b"ustar":
        return "a tar archive; unpack it first"
    return text_kind(raw)


def zip_kind(raw):
    """The kind of a zip archive, by the names of its members."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
    except Exception:  # damaged bytes fail in a dozen ways
        return "a damaged .npz or zip archive, or one cut short"
    last = {name.rsplit("/", 1)[-1] for name in names}
    if last >= OURS:
        return "a damaged one, or one with a wrong header or wrong parameters"
    for members, words in ARCHIVES:
        if last.intersection(members):
            return words
    kind = "an .npz" if last and all(name.endswith(".npy") for name in last) else "a zip archive"
    shown = ", ".join(name.removesuffix(".npy") for name in names[:3])
    return f"{kind} of {shown[:60]!r}" if names else "an empty zip archive"


def text_kind(raw):
    """The kind of a text, by its beginning; other bytes are of an unknown kind."""
    try:
        text = raw[:120].decode("utf-8", errors="strict" if len(raw) <= 120 else "ignore").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not all(c.isprintable() or c.isspace() for c in text):
        return "bytes of an unknown kind"
    if re.match(r"<!doctype html|<html", text, re.IGNORECASE):
        return "an HTML page; download the file itself"
    return f"a text that begins with {text.splitlines()[0][:40]!r}"
