"""Hunters: who is trained against whom, from what, and how a killed experiment resumes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny import snapshot_bytes

import load_parameter_run
import run
from common.parameter_file import load_parameters, save_parameters
from experiments import hunters, rounds, stages
from networks.loading import game_sizes, vector_size
from selfplay import run_lock
from selfplay.snapshots import Snapshots

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = ["--policy", "mlp", "--num-envs", "4", "--hid-size", "4", "--latest-share", "0.5",
        "--opponents", "2", "--optim-epochs", "1", "--timesteps-per-batch", "48",
        "--optim-batchsize", "24", "--num-threads", "1", "--anchor-every", "0"]
SUMO = ["--env", "sumo-ants", "--pfsp", "1", "--hunter-steps", "96", "--main-steps", "64"]
RACE = ["--hunter-steps", "16", "--main-steps", "16", "--games", "2"]


rehearse = stages.rehearse


@pytest.fixture(autouse=True)
def no_rehearsal(monkeypatch):
    """A process of its own, seconds per test: only the test of what it is for has it."""
    monkeypatch.setattr(stages, "rehearse", lambda words, ranks=None: None)


class Killed(BaseException):
    """Nothing catches it, as with kill -9: the disk stays as it is."""


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Folders with a network for either seat of the race, and with one for both seats of sumo."""
    folder, rng = tmp_path_factory.mktemp("untrained"), np.random.default_rng(0)
    for game, place, seats in (("run-to-goal-ants", "race", (0, 1)), ("sumo-ants", "sumo", (0,))):
        (folder / place).mkdir()
        (ob_dim, ac_dim), args = game_sizes(game), {"hid_size": 4}
        for seat in seats:
            vector = rng.normal(0, 0.2, vector_size(game, "mlp", args)).astype(np.float32)
            vector[:2 * ob_dim + 4] = [0, 1, 1, *ob_dim * [0], *ob_dim * [1], 1]  # the filters
            save_parameters(folder / place / f"agent{seat}.npz", vector, {
                "game": game, "seat": "both" if seats == (0,) else seat, "policy": "mlp",
                "policy_args": args, "ob_dim": ob_dim, "ac_dim": ac_dim, "version": 0,
                "iteration": 0, "curriculum": 0})
    return folder


@pytest.fixture
def done(monkeypatch):
    """Stages in this process; a list of their command lines.

    `done.counts`: what each judgement finds, where it is not to be played (else on Euler physics);
    `done.trains`: False where a run is just to look as if it had been trained.
    """
    class Done(list):
        counts, trains = None, True

    def launch(words, log):
        script, *rest = words[words.index(sys.executable) + 1:]
        done.append(words)
        try:
            if script == run.__file__:
                run.main(rest) if done.trains else pretend(rest)
            elif done.counts is None:
                load_parameter_run.main([*rest, "--integrator", "Euler"])
            else:
                Path(value(rest, "--json")).write_text(json.dumps({"responses": [done.counts]}))
        except SystemExit as end:
            return end.code or 0
        return 0

    done = Done()
    monkeypatch.setattr(stages, "launch", launch)
    return done


def value(words, option):
    """What a command line says last about an option."""
    return [word.partition("=")[2] for word in words if word.startswith(f"{option}=")][-1]


def pretend(words):
    """Leaves what a run of one iteration leaves, its last snapshot its first parameters."""
    folder = Path(run.SAVE_DIR, value(words, "--run"))
    (folder / "agent0").mkdir(parents=True)
    shutil.copy(Path(run.SAVE_DIR, value(words, "--init"), "agent0.npz"),
                folder / "agent0/000001.npz")
    (folder / "progress.csv").write_text("iteration,run/timesteps\n1,1000\n")


def save_in(monkeypatch, folder):
    """Makes a folder saveparameters/; returns it."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(run, "SAVE_DIR", str(folder))
    return folder


def config_of(folder, name):
    """A stage's config.json."""
    return json.loads((folder / name / "config.json").read_text())


def snapshots(folder):
    """The snapshots of all stages."""
    return {path.name: snapshot_bytes(path) for path in sorted(folder.glob("h-*"))}


def vector(path):
    """A file's parameters as bytes."""
    return load_parameters(path)[0].tobytes()


def test_each_seat_has_its_hunter(untrained, done, tmp_path, monkeypatch, capfd):
    """From its own champion, against the other's; one that does not win more stays out of the pool.
    """
    saved = save_in(monkeypatch, tmp_path)
    begin = untrained / "race"
    command = ["--run", "h", "--init", str(begin), "--rounds", "1", *TINY, *RACE]
    hunters.main(command)
    for seat in (0, 1):
        stage = saved / f"h-hunter1-agent{seat}"
        assert [path.name for path in stage.glob("agent*")] == [f"agent{seat}"]
        assert vector(stage / f"agent{seat}/000000.npz") == vector(begin / f"agent{seat}.npz")
        opponent = config_of(saved, stage.name)["opponent"]
        assert vector(opponent) == vector(begin / f"agent{1 - seat}.npz")
        assert vector(saved / f"h/champion1/agent{seat}.npz") == vector(
            max((saved / f"h-main1/agent{seat}").glob("*")))
    state = json.loads((saved / "h/hunters.json").read_text())
    *hunted, main = state["stages"]
    assert [row["wins"] + row["losses"] + row["ties"] for row in hunted] == [2, 2]
    assert [row["joined"] for row in hunted] == [row["wins"] > row["losses"] for row in hunted]
    assert main["pool"] == config_of(saved, "h-main1")["pool"]
    assert main["pool"] == ["h/hunters1"] * (saved / "h/hunters1").exists() + ["h/champion0"]
    assert len({config_of(saved, row["stage"])["seed"] for row in state["stages"]}) == 3
    lines = capfd.readouterr().out.splitlines()
    assert sum(line.startswith("h-hunter1-agent0") for line in lines) == 2  # its line, the table's
    assert lines[-1].split()[:2] == ["h-main1", "64"]
    done.clear()
    hunters.main(command)
    assert not done and capfd.readouterr().out.splitlines() == lines[-5:]


SCRIPT = """
import sys
sys.path.insert(0, {repository!r})
import run
run.SAVE_DIR = {folder!r}
"""


def killed_driver(folder, command):
    """Starts the command as a user does, and kills it alone once its first stage has begun."""
    stage, driver = folder.parent / "stage.py", folder.parent / "driver.py"
    script = SCRIPT.format(repository=str(REPOSITORY), folder=str(folder))
    stage.write_text(f"{script}run.main()\n")
    driver.write_text(f"{script}from experiments import hunters\nrun.__file__ = {str(stage)!r}\n"
                      "hunters.main()\n")
    with open(folder.parent / "errors", "w") as errors:
        process = subprocess.Popen([sys.executable, driver, *command], stderr=errors)
    for _ in range(1200):
        if (folder / "h-hunter1/config.json").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL, (folder.parent / "errors").read_text()


def killed_after(monkeypatch, owner, name, last, command):
    """Runs the command, which dies after the call of owner's function for which last(...) holds."""
    function = getattr(owner, name)

    def dying(*arguments):
        function(*arguments)
        if last(*arguments):
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, dying)
        hunters.main(command)


def test_killed_anywhere(untrained, done, tmp_path, monkeypatch, capfd):
    """The same command resumes: in the end all stages are as without the kills, byte for byte."""
    done.counts = {"wins": 9, "losses": 2, "ties": 1}
    command = ["--run", "h", "--init", str(untrained / "sumo"), *TINY, *SUMO, "--rounds", "1"]
    straight = save_in(monkeypatch, tmp_path / "straight")
    hunters.main(command)
    assert not config_of(straight, "h-hunter1")["pfsp"] and config_of(straight, "h-main1")["pfsp"]
    assert config_of(straight, "h-main1")["pool"] == ["h/hunters1", "h/champion0"]
    assert vector(straight / "h/hunters1/agent0.npz") == vector(
        max((straight / "h-hunter1/agent0").glob("*")))
    expected = snapshots(straight)
    assert [len(files) for files in expected.values()] == [3, 3]

    killed = save_in(monkeypatch, tmp_path / "killed")
    killed_driver(killed, command)  # its stage outlives it
    killed_after(monkeypatch, stages, "call", lambda words, log: rounds.JUDGE in words, command)
    killed_after(monkeypatch, Snapshots, "save", lambda self, version, vectors: (
        os.path.basename(self.directory), version) == ("h-main1", 1), command)
    hunters.main(command)
    assert snapshots(killed) == expected
    stages_done = json.loads((killed / "h/hunters.json").read_text())["stages"]
    assert [row["stage"] for row in stages_done] == ["h-hunter1", "h-main1"]
    assert (killed / "h/hunters1/agent0.npz").read_bytes() == (
        straight / "h/hunters1/agent0.npz").read_bytes()
    done.counts, done.trains = {"wins": 2, "losses": 2, "ties": 8}, False
    done.clear()
    hunters.main([*command[:-1], "2", "--ranks", "2"])
    check_second_round(done, killed, capfd.readouterr().out)


def check_second_round(done, saved, out):
    """Its hunter meets the new champion and fails; both champions are in the pool."""
    hunter, _, main = done
    assert hunter[1:3] == ["-np", "2"] and "h-main2" == value(main, "--run")
    assert [word for word in main if word.startswith("--pool")] == [
        "--pool=h/hunters1", "--pool=h/champion0", "--pool=h/champion1"]
    assert value(hunter, "--opponent") == str(saved / "h/champion1/agent0.npz")
    assert "wins 75.0 % [46.8, 91.1], loses 16.7 % [4.7, 44.8], ties" in out
    assert "16.7 %" in out.splitlines()[-2] and out.splitlines()[-2].endswith("no")


# Refusals


@pytest.fixture
def begun(tmp_path, untrained, monkeypatch):
    """saveparameters/ with rounds that have one stage; (folder, command)."""
    saved = save_in(monkeypatch, tmp_path)
    command = ["--run", "h", "--init", str(untrained / "sumo"), *TINY, *SUMO]

    def launch(words, log):
        (saved / "h-hunter1").mkdir()
        return 1

    monkeypatch.setattr(stages, "launch", launch)
    with pytest.raises(SystemExit):
        hunters.main(command)
    monkeypatch.setattr(stages, "launch", lambda words, log: pytest.fail(f"launched {words}"))
    return saved, command


@pytest.mark.parametrize("more, said", [
    (["--max-iters", "3"], "--max-iters: not here, --hunter-steps"),
    (["--opponent", "x.npz"], "--opponent: not here"),
    (["--resume"], "--resume: not here"),
    (["--pool", "nowhere"], "--pool nowhere: there is no such"),
    (["--init", "nowhere"], "--init nowhere: h was started with"),
    (["--run", "taken"], "--run taken: exists already"),
    (["--seed", "5"], "--seed 5: h was started with None"),
    (["--main-steps", "9"], "--main-steps 9: h was started with 64"),
    (["--rounds", "0"], "--rounds"), (["--rounds", "1001"], "1001: must be at least 1 and at most"),
    (["--games", "1000001"], "1000001: must be at least 1 and at most 1000000")])
def test_refused(begun, capfd, more, said):
    """One line, exit code 2, nothing lost; "taken" is another's folder."""
    saved, command = begun
    (saved / "taken").mkdir()
    capfd.readouterr()
    before = {path: path.is_file() and path.read_bytes() for path in saved.rglob("*")}
    with pytest.raises(SystemExit) as end:
        hunters.main([*command, *more])
    err = capfd.readouterr().err
    assert end.value.code == 2 and err.count("\n") == 1 and said in err
    assert before == {path: path.is_file() and path.read_bytes() for path in saved.rglob("*")}


@pytest.mark.parametrize("more, said", [
    (["--pool", "empty"], "run.py: error: --pool empty: no agent0 there (nothing)"),
    (["--latest-share", "1"], "--pfsp: not with --latest-share 1")])
def test_main_stage_is_refused_before_the_hunter(untrained, tmp_path, monkeypatch, capfd, more,
                                                 said):
    """What the hunter itself could do without: nothing is trained, and no folder is made."""
    saved = save_in(monkeypatch, tmp_path)
    (saved / "empty").mkdir()
    monkeypatch.setattr(stages, "rehearse", rehearse)
    with pytest.raises(SystemExit) as end:
        hunters.main(["--run", "h", "--init", str(untrained / "sumo"), *TINY, *SUMO, *more,
                      *["--pool", str(saved / "empty")] * ("--pool" not in more)])
    assert end.value.code == 2 and said in capfd.readouterr().err
    assert sorted(path.name for path in saved.iterdir()) == ["empty"]


def test_stages_need_their_names_at_once(begun, capfd):
    """A run that has a later stage's name is noticed before the first stage is resumed."""
    saved, command = begun
    (saved / "h-main2").mkdir()
    with pytest.raises(SystemExit) as end:
        hunters.main(command)
    assert end.value.code == 2 and "h-main2 exists already" in capfd.readouterr().err


@pytest.fixture
def fresh(tmp_path, untrained, monkeypatch):
    """saveparameters/ without rounds, where no stage gets far; (folder, command)."""
    monkeypatch.setattr(stages, "launch", lambda words, log: 1)
    return save_in(monkeypatch, tmp_path), ["--run", "h", "--init", str(untrained / "sumo"), *TINY,
                                            *SUMO]


def start(command):
    """Starts the rounds, which end early; returns the exit code."""
    with pytest.raises(SystemExit) as end:
        hunters.main(command)
    return end.value.code


def test_both_kinds_of_stage_are_rehearsed(fresh, monkeypatch):
    """A hunter against the champion, then the main learner, in whose pool the champion is."""
    saved, command = fresh
    (saved / "other").mkdir()
    calls = []
    monkeypatch.setattr(stages, "rehearse", lambda words, ranks: calls.append(words))
    start([*command, "--pool", "other"])
    hunter, main = calls
    champion = command[command.index("--init") + 1]
    assert value(hunter, "--opponent") == f"{champion}/agent0.npz"
    assert not [word for word in hunter if word.startswith((
        "--pool", "--pfsp", "--latest-share", "--old-versions"))]
    assert [word for word in main if word.startswith(("--pool", "--pfsp", "--opponent="))] == [
        "--pool=other", f"--pool={champion}", "--pfsp=1.0"]
    assert value(hunter, "--init") == value(main, "--init") == champion


def test_a_run_with_a_similar_name_is_left_alone(fresh):
    """NAME.new may be anybody's."""
    saved, command = fresh
    theirs = saved / "h.new/agent0/000100.npz"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"a run")
    assert start(command) == 1 and theirs.read_bytes() == b"a run"


def test_names_are_needed_before_anything_is_made(fresh, monkeypatch, capfd):
    """A later stage's that is another's: neither a folder nor a rehearsal."""
    saved, command = fresh
    (saved / "h-main2").mkdir()
    monkeypatch.setattr(stages, "rehearse", lambda *_: pytest.fail("rehearses"))
    assert start(command) == 2 and "h-main2 exists already" in capfd.readouterr().err
    assert [path.name for path in saved.iterdir()] == ["h-main2"]


HOLDER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from selfplay import run_lock
os.makedirs(sys.argv[2] + "/champion0")
open(sys.argv[2] + "/champion0/agent0.npz", "w").write("theirs")
run_lock.hold(sys.argv[2], "")
print("held", flush=True)
sys.stdin.read()
"""


def test_two_starts_at_once(fresh, monkeypatch, capfd):
    """The slower to rehearse is refused, and touches nothing of the other's."""
    saved, command = fresh
    others = []

    def overtaken(words, ranks):
        if not others:
            others.append(subprocess.Popen(
                [sys.executable, "-c", HOLDER, REPOSITORY, saved / "h"], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert others[0].stdout.readline() == "held\n"

    monkeypatch.setattr(stages, "rehearse", overtaken)
    assert start(command) == 2
    assert f"--run h: is being trained by pid {others[0].pid}" in capfd.readouterr().err
    assert (saved / "h/champion0/agent0.npz").read_text() == "theirs"
    others[0].communicate()
    assert others[0].returncode == 0


def test_killed_before_there_is_a_state(fresh, untrained, monkeypatch):
    """The same name may be used again, from another champion too."""
    saved, command = fresh

    def dying(path, thing):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(rounds, "write_json", dying)
        hunters.main(["--run", "h", "--init", str(untrained / "race"), *TINY, *RACE])
    run_lock.release_all()
    assert (saved / "h/champion0/agent1.npz").exists()
    assert start(command) == 1
    assert [path.name for path in (saved / "h/champion0").iterdir()] == ["agent0.npz"]
    assert vector(saved / "h/champion0/agent0.npz") == vector(untrained / "sumo/agent0.npz")


def test_a_refused_stage_leaves_the_choice(untrained, tmp_path, monkeypatch):
    """If run.py refuses even the first stage, another option may be given instead."""
    saved = save_in(monkeypatch, tmp_path)
    command = ["--run", "h", "--init", str(untrained / "sumo"), *TINY, *SUMO]
    monkeypatch.setattr(stages, "launch", lambda words, log: 2)
    for more in ([], ["--gamma", "0.5"]):
        with pytest.raises(SystemExit) as end:
            hunters.main([*command, *more])
        assert end.value.code == 2
    assert json.loads((saved / "h/hunters.json").read_text())["options"]["gamma"] == 0.5
    shutil.rmtree(saved / "h")
    one = saved / "one"
    one.mkdir()
    shutil.copy(untrained / "race/agent0.npz", one)
    with pytest.raises(SystemExit) as end:
        hunters.main([*command, "--init", "one", "--env", "run-to-goal-ants"])
    assert end.value.code == 2 and not (saved / "h").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"begun": ""}'])
def test_a_damaged_state(text, tmp_path, monkeypatch, capfd):
    """One line that names the file, which stays as it is."""
    saved = save_in(monkeypatch, tmp_path)
    (saved / "h").mkdir()
    (saved / "h/hunters.json").write_text(text)
    with pytest.raises(SystemExit) as end:
        hunters.main(["--run", "h", "--init", "x", *TINY, *SUMO])
    err = capfd.readouterr().err
    assert end.value.code == 2 and err.count("\n") == 1 and "hunters.json: is damaged" in err
    assert (saved / "h/hunters.json").read_text() == text


# Processes


def test_a_run_killed_before_its_checkpoint(tmp_path, monkeypatch):
    """It starts afresh; with either checkpoint it resumes; a finished one is left alone."""
    saved, seen = save_in(monkeypatch, tmp_path), []
    monkeypatch.setattr(stages, "launch", lambda words, log: seen.append(
        (words[2:], (saved / "x").exists())))

    def train():
        with pytest.raises(stages.Ended):
            stages.train("x", ["--seed=1"], 10, "log")
        return seen.pop()

    (saved / "x").mkdir()
    assert train() == (["--seed=1", "--max-timesteps=10", "--run=x"], False)
    (saved / "x").mkdir()
    (saved / "x/checkpoint-previous.npz").touch()
    assert train() == (["--resume=x"], True)
    (saved / "x/progress.csv").write_text("iteration,run/timesteps\n1,9\n2")
    assert train() == (["--resume=x"], True)
    (saved / "x/progress.csv").write_text("iteration,run/timesteps\n1,10\n")
    stages.train("x", ["--seed=1"], 10, "log")
    assert not seen


def test_signals_reach_a_stage(tmp_path):
    """Once each, though it has a session of its own; its output is in the file."""
    log, script = tmp_path / "log", (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('here', flush=True)\n"
        "os.kill(os.getppid(), signal.SIGTERM)\n"
        "time.sleep(20)\n")
    handler = signal.getsignal(signal.SIGTERM)
    assert stages.launch([sys.executable, "-c", script], str(log)) == 7
    assert log.read_text() == "here\n" and signal.getsignal(signal.SIGTERM) == handler
    with pytest.raises(stages.Ended) as ended:
        stages.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], str(log))
    assert ended.value.code == 137


def test_a_stage_at_work_is_waited_for(tmp_path, capfd):
    """Until its lock is free; its holder is named once."""
    script = ("import sys, time; sys.path.insert(0, sys.argv[1]); from selfplay import run_lock; "
              "run_lock.hold(sys.argv[2], ''); print('held', flush=True); time.sleep(0.8)")
    holder = subprocess.Popen([sys.executable, "-c", script, REPOSITORY, tmp_path],
                              stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert f"pid {holder.pid} on " in run_lock.holder(str(tmp_path))
    stages.wait_for(str(tmp_path))
    assert holder.wait() == 0 and run_lock.holder(str(tmp_path)) == ""
    assert capfd.readouterr().out.count(f"is being trained by pid {holder.pid}") == 1
    stages.wait_for(str(tmp_path / "absent"))


def test_help_says_what_is_meant_here():
    """--run and --init, which must be given, are not run.py's."""
    text = " ".join(hunters.make_parser().format_help().split())
    assert "The first champion, from which the first stages start" in text
    assert "default: game and time" not in text and "none: random ones" not in text


def test_help_is_quick():
    """Without TensorFlow, MPI, MuJoCo or NumPy."""
    script = ("import sys; from experiments import hunters; hunters.make_parser().format_help(); "
              "print({'tensorflow', 'mpi4py', 'mujoco', 'numpy'} & {*sys.modules})")
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True,
                          text=True)
    assert done.stdout == "set()\n", done.stderr
