"""Small runs by the command line, and how it refuses."""

import pytest

SIZE = 24905
SMALL = ["--num-envs", "8", "--latest-share", "0.5", "--timesteps-per-batch", "240",
         "--optim-batchsize", "60", "--policy", "mlp"]
ALONE = [*SMALL[:2], *SMALL[4:]]  # beside --opponent, where --latest-share is refused


def old_file(path):
    """Writes a file that something replaces whole: (path, inode); a replaced file has another."""
    path.write_text("old")
    return path, path.stat().st_ino


def interrupt(*_):
    """Stands for whatever Ctrl-C comes in the middle of."""
    raise KeyboardInterrupt


def refused(main, arguments, culprit, capfd):
    """Runs a script in this process: exit code 2 and one line on stderr that names the culprit."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    assert caught.value.code == 2
    assert len(err.splitlines()) == 1 and culprit in err, err
    assert "Traceback" not in out + err
