"""`python -m gym_compete`: the games listed, and scenes that any MuJoCo reads as ours."""

import os
import subprocess
import sys
import threading

import mujoco
import numpy as np
import pytest
from made_states import SIX

from gym_compete import GAMES, __main__, find_game, spec, to_xml

LOOKS = ("cam_", "light_", "tex_", "mat_", "sky")  # equal but for the last digit


def fields(thing):
    """The arrays and numbers of an `MjModel` or of its options."""
    names = [name for name in dir(thing) if not name.startswith("_")]
    values = ((name, getattr(thing, name)) for name in names)
    return {name: value for name, value in values
            if isinstance(value, (np.ndarray, int, float, bytes))}


def assert_same_model(found, model):
    """Field by field: the same bits, but for cameras and lamps."""
    for ours, theirs in ((fields(found), fields(model)), (fields(found.opt), fields(model.opt))):
        assert len(ours) > 20 and ours.keys() == theirs.keys()
        for name, value in ours.items():
            if name.startswith(LOOKS):
                np.testing.assert_allclose(value, theirs[name], atol=1e-12, err_msg=name)
            else:
                np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize("name", SIX)
def test_the_file_is_the_game(name, tmp_path):
    """Masses, inertias, joints, geoms and options; the same contacts and forces after steps."""
    __main__.main(["export", name, str(tmp_path / "x.xml")])
    found, game = mujoco.MjModel.from_xml_path(str(tmp_path / "x.xml")), find_game(name)()
    model = game.sim.models[0]
    assert_same_model(found, model)
    assert os.listdir(tmp_path) == ["x.xml"]
    ours, theirs = mujoco.MjData(found), mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(120):
        ours.ctrl[:] = theirs.ctrl[:] = rng.normal(0, 0.3, model.nu)
        mujoco.mj_step(found, ours)
        mujoco.mj_step(model, theirs)
    assert ours.ncon == theirs.ncon and (ours.contact.geom == theirs.contact.geom).all()
    np.testing.assert_array_equal(ours.qpos, theirs.qpos)


def test_a_spec_to_change():
    """Fresh at each call; options are the game's."""
    scene = spec("run-to-goal-ants-v0", integrator="Euler")
    game = find_game("run-to-goal-ants")(integrator="Euler")
    assert_same_model(scene.compile(), game.sim.models[0])
    scene.option.gravity[2] = -1
    assert spec("run-to-goal-ants").option.gravity[2] != -1
    assert 'integrator="RK4"' in to_xml("sumo-ants")
    with pytest.raises(ValueError, match="unknown game 'chess'"):
        spec("chess")


def test_listing(capsys):
    """One line per game."""
    __main__.main([])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["game", "id", "bodies", "observations", "actions"]
    assert [row.split()[:2] for row in rows] == [[n, game.env_id] for n, game in GAMES.items()]
    kick, = (row for row in rows if row.startswith("kick"))  # other tests may register more games
    assert kick.split()[2:] == "humanoid, humanoid 384, 384 17, 17".split()


@pytest.mark.parametrize("line, message", [
    (["export", "chess", "x.xml"], "unknown game 'chess': must be one of run-to-goal-ants, "),
    (["export", "sumo-ants", "no/x.xml"], "no/x.xml: No such file or directory"),
    (["export", "sumo-ants", "a\nb/x.xml"], r"error: a\nb/x.xml: No such file or directory"),
    (["export", "sumo-ants", ""], "argument FILE.xml: must not be empty"),
    (["export", "sumo-ants", "new/"], "new/: No such file or directory"),
    (["export", "sumo-ants", "/dev/full"], "/dev/full: No space left on device"),
    (["export", "sumo-ants", "."], ".: "),
    (["export", "sumo-ants"], "the following arguments are required: FILE.xml"),
    (["draw"], "invalid choice: 'draw'")])
def test_bad_lines(line, message, capsys, tmp_path, monkeypatch):
    """Exit code 2, one line, nothing left behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        __main__.main(line)
    err = capsys.readouterr().err
    assert end.value.code == 2 and message in err and err.count("\n") == 1
    assert not os.listdir(tmp_path) and not os.path.exists(f"{tmp_path}.tmp{os.getpid()}")


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays(there, tmp_path):
    """Its target is written, whether it is there already or not."""
    file, link = tmp_path / "x.xml", tmp_path / "link"
    if there:
        file.write_text("old")
    link.symlink_to("x.xml")
    __main__.main(["export", "sumo-ants", str(link)])
    assert link.is_symlink() and file.read_text() == to_xml("sumo-ants")
    assert sorted(os.listdir(tmp_path)) == ["link", "x.xml"]


def test_into_a_pipe(tmp_path):
    """It stays a pipe, and its reader gets the scene."""
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()
    __main__.main(["export", "sumo-ants", str(pipe)])
    reader.join(10)
    assert found == [to_xml("sumo-ants")] and pipe.is_fifo()


def outcome(line, stdout):
    """Exit code and standard error of a command line with this standard output."""
    done = subprocess.run([sys.executable, "-m", "gym_compete", *line], stdout=stdout,
                          stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONUNBUFFERED": ""})  # or argparse hides failures
    return done.returncode, done.stderr


@pytest.mark.parametrize("line", [[], ["--help"]])
def test_output_that_fails(line):
    """A full disk is told in one line; nobody who reads, in none."""
    with open("/dev/full", "w") as full:
        assert outcome(line, full) == (1, "output: No space left on device\n")
    source, sink = os.pipe()
    os.close(source)
    assert outcome(line, sink) == (141, "")
    os.close(sink)


def test_as_a_module():
    """It runs by its name."""
    done = subprocess.run([sys.executable, "-m", "gym_compete", "--help"], capture_output=True,
                          text=True)
    assert done.stdout.startswith("usage: python -m gym_compete") and not done.stderr
