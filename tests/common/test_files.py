"""Files are written whole or not at all, wherever a link or a pipe leads."""

import os
import subprocess
import sys

import numpy as np
import pytest

from common.files import write_json, write_whole
from common.parameter_file import save_parameters


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
        save_parameters(path, np.ones(3), {"game": object()})
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.npz"]


def test_links_and_pipes_stay(tmp_path):
    """A result goes where a link leads, and into a pipe."""
    (tmp_path / "link").symlink_to("target")
    write_json(str(tmp_path / "link"), [1])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "[\n 1\n]\n"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_json(str(tmp_path / "pipe"), [1])
    assert os.read(reader, 100) == b"[\n 1\n]\n"
    os.close(reader)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_json("/dev/full", [1])


def test_standard_output_in_a_pipe():
    """`--json /dev/stdout | ...`: what the pipe is called there is no path."""
    code = "from common.files import write_json; write_json('/dev/stdout', [1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[\n 1\n]\n", "")
