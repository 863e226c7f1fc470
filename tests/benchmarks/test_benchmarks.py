"""The benchmarks that are run by hand, at their smallest: they work, and their sums add up."""

import importlib
import importlib.util
import itertools
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small import interrupt, old_file, refused

from benchmarks import bench, faults, matches, memory, physics, rollout, scaling, two_hosts
from common.command_line import InputError, Parser
from selfplay.seating import seat_players

REPOSITORY = Path(__file__).resolve().parents[2]


def measure(tmp_path, name, *arguments):
    """Runs a benchmark; returns what --json says."""
    path = tmp_path / "result.json"
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json", path],
                          cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(path.read_text())
    assert result["machine"] in done.stdout
    return result


def test_iteration(tmp_path):
    """All parts together are the iteration."""
    result = measure(tmp_path, "iteration", "--iters", "1", "--warm-up", "1")
    assert sum(result["parts"].values()) == pytest.approx(result["seconds"])
    assert sum(result["shares"].values()) == pytest.approx(1)
    assert all(spent > 0 for part, spent in result["parts"].items()
               if part != "simulation beyond that")


def test_start(tmp_path):
    """Every command answers; a training's first row comes after its first line."""
    seconds = measure(tmp_path, "start", "--starts", "1")["seconds"]
    *answers, line, row = seconds.values()
    assert len(answers) == 5 and min(answers) > 0 and line < row


def test_memory(tmp_path):
    """A small batch: the peak never falls from stage to stage, and the run is noted."""
    result = measure(tmp_path, "memory", "--env", "run-to-goal-ants",
                     "--timesteps-per-batch", "1280", "--iters", "6", "--every", "2")
    sizes = list(result["peak"]["stages"].values())
    assert len(sizes) == 5 and sizes == sorted(sizes) and sizes[0] > 1e8
    assert result["growth"]["iterations"] == [2, 4, 6]


@pytest.mark.skipif(not importlib.util.find_spec("stable_baselines3"),
                    reason="needs stable-baselines3")
def test_peers(tmp_path):
    """Every contender collects and updates."""
    result = measure(tmp_path, "peers", "--batch", "128", "--minibatch", "64", "--rounds", "1",
                     "--sb3-envs", "2")
    assert len(result["contenders"]) == 3
    for rates in result["contenders"].values():
        assert rates["collecting_steps_per_s"] > rates["whole_steps_per_s"] > 0


@pytest.mark.parametrize("main, words, culprit", [
    (scaling.main, ["--layouts", "2x1", "--num-envs", "200000"],
     "run.py: error: argument --num-envs: 100000"),
    (scaling.main, ["--layouts", "1x2", "2x1", "--num-envs", "1"],
     "--num-envs 1: must be a multiple of 2, the ranks of --layouts 2x1"),
    (scaling.main, ["--layouts", "1x2", "3x1", "--num-envs", "64"],
     "--num-envs 64: must be a multiple of 3, the ranks of --layouts 3x1"),
    (memory.main, ["--env", "run-to-goal-ants", "--timesteps-per-batch", "5001"],
     "run.py: error: --timesteps-per-batch 5001: does not fit")])
def test_a_training_that_refuses(main, words, culprit, capfd):
    """Its line is the benchmark's."""
    refused(main, words, culprit, capfd)


def test_a_training_that_crashes(capfd):
    """All that it has said is shown; its last line is the message."""
    with pytest.raises(InputError, match="^ZeroDivisionError: division by zero$"):
        bench.run_child(bench.python("-c", "1 / 0"))
    assert "Traceback" in capfd.readouterr().err


def test_the_table_of_faults_is_written_whole(tmp_path):
    """Through a link, with what the page has always said."""
    link, (there, inode) = tmp_path / "page.md", old_file(tmp_path / "there.md")
    link.symlink_to(there)
    table = faults.Table()
    table.row("fault", ["resumed", "lost"])
    table.write(link)
    assert link.is_symlink() and there.stat().st_ino != inode
    assert there.read_text().endswith("\n| fault | 2 | resumed: 1 | 1 | 0 |\n")


@pytest.fixture
def ranks():
    """Two processes that look like the ranks of a run, and one of another; each ends by itself."""
    started = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "folder",
                                 "--max-iters", "40", "--run", name], start_new_session=True)
               for name in ("rankX", "rankX", "rankX1")]
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_a_rank_is_found_and_killed(ranks):
    """By its run's name, as a whole; where there is none any more, nobody is killed."""
    one, other, another = ranks
    assert sorted(faults.ranks_of("rankX")) == sorted((one.pid, other.pid))
    assert faults.kill_one([one.pid]) and one.wait() == -signal.SIGKILL
    assert faults.ranks_of("rankX") == [other.pid]
    assert not faults.kill_one([one.pid]) and not faults.kill_one([])


def test_a_run_that_ends_before_anyone_is_killed(tmp_path, monkeypatch):
    """Its row says so, and it counts neither as lost nor as resumed."""
    monkeypatch.setattr(faults, "start",
                        lambda *words, ranks=None: subprocess.Popen(["true"]))
    monkeypatch.setattr(faults, "resume", pytest.fail)
    monkeypatch.setattr(faults, "wait_for_moment", lambda process, run: process.wait())
    for kill in (faults.dead_ranks, faults.kills):
        assert list(kill(tmp_path, tmp_path, 2)) == ["nobody was killed"] * 2


def test_only_the_rows_asked_for(tmp_path, monkeypatch, capsys):
    """They are printed as the page has them, and the page stays."""
    monkeypatch.setattr(faults, "undisturbed", lambda *args, **options: tmp_path)
    monkeypatch.setattr(faults, "dead_ranks", lambda *args: ["resumed"] * args[2])
    monkeypatch.setattr(faults.Table, "write", pytest.fail)
    faults.main(["--only", "rank", "--others", "3"])
    assert capsys.readouterr().out == "| one of two ranks killed | 3 | resumed: 3 | 0 | 0 |\n"


def test_rollout(tmp_path):
    """Every combination is a row."""
    result = measure(tmp_path, "rollout", "--num-envs", "8", "16", "--opponents", "2",
                     "--blocks", "1")
    assert [row["num_envs"] for row in result["rows"]] == [8, 16]
    for row in result["rows"]:
        assert row["ratio"] == pytest.approx(
            row["rollout_steps_per_s"] / row["physics_steps_per_s"]) and row["ratio"] > 0


@pytest.mark.parametrize("words, culprit", [
    (["--opponents", "7", "--num-envs", "16", "64"],
     "--opponents 7: must be one of 2, 4, 8, 16 for --num-envs 64"),
    (["--opponents", "6", "--num-envs", "64"], "--opponents 6: must be one of 2, 4, 8, 16"),
    (["--opponents", "7", "--num-envs", "4"], "--num-envs 4: 1 of them play")])
def test_opponents_that_do_not_fit(words, culprit, monkeypatch, capfd):
    """The options named are this benchmark's own, before anything is measured."""
    monkeypatch.setattr(rollout, "measure", pytest.fail)
    refused(rollout.main, words, culprit, capfd)


def test_opponents_that_fit():
    """What seat_players takes, `check_opponents` takes, and nothing else."""
    for num_envs, share, opponents in itertools.product((2, 4, 12, 32), (0, 0.5, 0.75, 1),
                                                        range(2, 18)):
        asked = SimpleNamespace(num_envs=[num_envs], latest_share=share, opponents=opponents)
        assert (accepts(rollout.check_opponents, asked)
                == accepts(seat_players, num_envs, share, opponents, False))


def accepts(check, *arguments):
    """Whether a check raises no InputError."""
    try:
        check(*arguments)
    except InputError:
        return False
    return True


def test_env_peers(tmp_path):
    """All that are installed have a row, the others' packages are named."""
    result = measure(tmp_path, "env_peers", "--num-envs", "2", "--seconds", "0.01",
                     "--rounds", "1")
    assert ("envpool" in result["absent"]) == (not importlib.util.find_spec("envpool"))
    assert len(result["rows"]) == 14 - 2 * len(result["absent"])
    for row in result["rows"]:
        rate, bare = row["robot_steps_per_s_per_core"], row["physics_steps_per_s_per_core"]
        assert bare > 0 and row["ratio"] == pytest.approx(rate / bare) and row["ratio"] > 0


def test_physics(tmp_path):
    """What changes no bits changes none; Euler's steps are others."""
    result = measure(tmp_path, "physics", "--num-envs", "2", "--steps", "40", "--rounds", "1")
    rows = {row["lever"]: row for row in result["rows"]}
    for lever in ("as it is, again", "clock off", "one data for all matches"):
        assert rows[lever]["after 40, median"] == 0
    assert rows["Euler"]["time"] > 0 and rows["Euler"]["astray after 1"] > 0


def test_physics_in_play():
    """A recording of matches between files is replayed with nothing moved to the same bits."""
    path = REPOSITORY / "parameters" / "run-to-goal-humans" / "agent0.npz"
    game, recording = physics.record_play([str(path)], None, 2, 10)
    assert game == "run-to-goal-humans"
    usual = physics.Variant(physics.NAMES[0], recording.sim.models, recording.sim.frame_skip)
    course = usual.replay(recording.starts[0], recording.ctrls[:3])
    for qpos, state in zip(course, recording.starts[1:], strict=False):
        assert np.array_equal(qpos, state[:, 1:1 + qpos.shape[1]])  # the time comes first


def test_players_without_a_file(tmp_path, capfd):
    """`zero` and `random` play; without a file among them, --env says what."""
    result = measure(tmp_path, "matches", "zero", "random", "--env", "sumo-ants",
                     "--max-episodes", "1", "--num-threads", "1")
    assert (result["env"], result["games"]) == ("sumo-ants", 1)
    game, recording = physics.record_play(["zero"], "sumo-ants", 1, 10)
    assert game == "sumo-ants" and len(recording.starts) >= 10
    refused(matches.main, ["zero", "random"], "zero random: give the game with --env", capfd)
    refused(physics.main, ["--play", "zero"], "zero: give the game with --env", capfd)


def test_files_that_cannot_be_played(capsys):
    """One line and exit code 2."""
    with pytest.raises(SystemExit) as end:
        physics.main(["--play", "a", "b", "c"])
    assert end.value.code == 2 and "--play: 3 files: must be 1 or 2" in capsys.readouterr().err


def test_matches_of_files_in_the_wrong_seats(monkeypatch, capfd):
    """One line and exit code 2, nothing played."""
    files = [REPOSITORY / "parameters" / "you-shall-not-pass" / f"agent{k}.npz" for k in (1, 0)]
    monkeypatch.setattr("evaluation.matches.play", pytest.fail)
    refused(matches.main, [*files, "--max-episodes", "1"],
            f"{files[0]}: is for seat 1, not for seat 0", capfd)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
def test_update(tmp_path):
    """Both compute the same; the script would say so if they did not."""
    result = measure(tmp_path, "update", "--case", "mlp, run-to-goal-ants", "--blocks", "1")
    assert [row["apart"] < 1e-3 < row["ratio"] for row in result["rows"]] == [True]


def test_update_of_ours_alone(tmp_path):
    """Without PyTorch the ants' network is measured too, in minibatches of the sizes asked for."""
    result = measure(tmp_path, "update", "--ours-only", "--blocks", "1", "--minibatch", "25",
                     "40", "--case", "ant, run-to-goal-ants")
    assert [(row["batch"], row["minibatch"]) for row in result["rows"]] == [(200, 25), (320, 40)]
    assert all(row["ours: samples/s"] > 0 for row in result["rows"])


def test_the_gpu_script_runs_what_there_is():
    """Each of its commands is understood by the script, the module or the test that it names."""
    done = subprocess.run(["bash", REPOSITORY / "benchmarks/gpu.sh", "--list"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = [shlex.split(line) for line in done.stdout.splitlines()]
    for command in commands:
        if "pytest" in command:
            assert all((REPOSITORY / word).exists() for word in command if word.endswith(".py"))
            continue
        name = next(word for word in command if word == "run.py" or "benchmarks." in word)
        module = importlib.import_module(name.removesuffix(".py"))
        module.make_parser().parse_args(command[command.index(name) + 1:])
    assert sum(int(command[0]) for command in commands) < 600  # seconds, the limits of all parts
    assert len(commands) == 5


def modules():
    """The benchmarks that have a command line."""
    return sorted(path.stem for path in (REPOSITORY / "benchmarks").glob("*.py")
                  if path.stem not in ("__init__", "bench", "machine"))


@pytest.mark.parametrize("name", modules())
def test_command_lines(name, capsys):
    """Each names itself as it is called, and --help says what it is."""
    module = importlib.import_module(f"benchmarks.{name}")
    with pytest.raises(SystemExit) as end:
        module.make_parser().parse_args(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0 and out.startswith(f"usage: python -m benchmarks.{name} ")
    assert module.__doc__.split("\n")[0].split(":")[0] in out
    assert f"python -m benchmarks.{name}" in module.__doc__


@pytest.mark.parametrize("name", modules())
def test_ctrl_c(name, monkeypatch):
    """It ends any of them without a traceback, exit code 130."""
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(Parser, "parse_args", interrupt)
    with pytest.raises(SystemExit) as end:
        module.main([])
    assert end.value.code == 130


def test_a_result_that_cannot_be_written(tmp_path, capsys):
    """One line and exit code 2 before anything is measured."""
    for path in (tmp_path, tmp_path / "none" / "result.json", Path("/dev/null/x")):
        with pytest.raises(SystemExit) as end:
            bench.run(bench.make_parser("none", "Nothing."), pytest.fail, pytest.fail,
                      ["--json", str(path)])
        err = capsys.readouterr().err
        assert end.value.code == 2 and err.count("\n") == 1 and f"--json {path}: must" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(capfd):
    """One line and exit code 2; the table is printed all the same."""
    with pytest.raises(SystemExit) as end:
        bench.run(bench.make_parser("none", "Nothing."), lambda args: {"seconds": 1},
                  lambda result: print("table"), ["--json", "/dev/full"])
    out, err = capfd.readouterr()
    assert end.value.code == 2 and out.startswith("table\n") and err.count("\n") == 1


def test_a_result_is_written_before_it_is_printed(tmp_path):
    """A closed pipe ends the printing, but what was measured is in the file."""
    def print_result(result):
        raise BrokenPipeError

    path = tmp_path / "result.json"
    with pytest.raises(BrokenPipeError):
        bench.run(bench.make_parser("none", "Nothing."), lambda args: {"seconds": 1}, print_result,
                  ["--json", str(path)])
    assert json.loads(path.read_text())["seconds"] == 1


@pytest.mark.parametrize("main, words", [(matches.main, []), (physics.main, ["--play"])])
def test_a_result_that_would_replace_an_input(main, words, tmp_path, monkeypatch, capfd):
    """One line before anything is played, and the file is as it was; `zero` is no file."""
    monkeypatch.setattr("evaluation.matches.play", pytest.fail)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "A.npz"
    path.write_text("parameters")
    refused(main, [*words, path, "zero", "--json", path], f"--json {path}: is a file to read",
            capfd)
    refused(main, [*words, path, "zero", "--json", "zero"], f"{path}: ", capfd)
    assert path.read_text() == "parameters"


def test_ranks_need_mpirun(monkeypatch):
    """It is looked for as run.py does."""
    monkeypatch.setattr("distributed_data.launch.find_mpirun", lambda: "/elsewhere/mpirun")
    assert bench.python("a.py", 1, ranks=2) == ["/elsewhere/mpirun", "-np", "2", sys.executable,
                                                "a.py", "1"]
    monkeypatch.setattr("distributed_data.launch.find_mpirun", lambda: None)
    with pytest.raises(InputError, match="^needs mpirun"):
        bench.python("a.py", ranks=2)


def test_two_hosts_need_root(monkeypatch, capfd):
    """One line, nothing made."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(two_hosts, "hosts", pytest.fail)
    refused(two_hosts.main, [], "two_hosts: error: needs root", capfd)


@pytest.mark.parametrize("words, passed_on", [([], []), (["--policy", "mlp"],) * 2])
def test_the_policy_of_scaling(words, passed_on, monkeypatch):
    """It is passed on to the trainings; without it they have the preset's."""
    def run_child(command):
        raise InputError(" ".join(command))

    monkeypatch.setattr(bench, "run_child", run_child)
    with pytest.raises(InputError) as caught:
        scaling.train("1x1", scaling.make_parser().parse_args(words), timed=False)
    command = str(caught.value).split()
    at = command.index("--policy") if "--policy" in command else len(command)
    assert command[at:at + 2] == passed_on


def test_what_scaling_has_measured(monkeypatch, capsys):
    """Game, network, batch and physics are those of the trainings, in the file and in the table."""
    config = {"env": "sumo-ants", "policy": "ant", "timesteps_per_batch": 24576,
              "integrator": "Euler"}
    monkeypatch.setattr(scaling, "train", lambda layout, args, timed: (
        [2.0, 4.0], config, {"calls": 30, "moving": 3.0, "waiting": 0.0}))
    result = scaling.measure(scaling.make_parser().parse_args(["--layouts", "1x1", "--iters", "1"]))
    assert {key: result[key] for key in ("env", "policy", "batch", "integrator")} == {
        "env": "sumo-ants", "policy": "ant", "batch": 24576, "integrator": "Euler"}
    assert result["rows"] == [{"layout": "1x1", "seconds": 3, "samples_per_s": 8192, "ratio": 1,
                               "calls": 10, "communication": 1 / 3, "waiting": 0}]
    scaling.print_result(result)
    assert "sumo-ants, ant, batches of 24,576 on Euler" in capsys.readouterr().out
