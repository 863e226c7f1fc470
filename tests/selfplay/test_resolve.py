"""What a command line comes to: the walker, what follows what, and what would do nothing."""

import os
import re

import pytest

from common.parameter_file import load_parameters
from selfplay.build import network_arguments
from selfplay.config import make_parser
from selfplay.presets import SURER_WALKER, WALKER
from selfplay.resolve import ROOT, resolve_config, walker_remark


def resolved(words, tmp_path):
    """The `Config` of a command line."""
    parser = make_parser(words.split())
    return resolve_config(parser, parser.parse_args(words.split()), str(tmp_path))


@pytest.mark.parametrize("game, walker", [
    ("sumo-humans", SURER_WALKER), ("you-shall-not-pass", WALKER), ("kick-and-defend", WALKER)])
def test_humanoids_start_as_a_walker(game, walker, tmp_path):
    """The preset's walker, which ships and has its width."""
    parser = make_parser()
    config = resolve_config(parser, parser.parse_args(["--env", game]), str(tmp_path))
    assert config.init == os.path.join(ROOT, walker)
    header = load_parameters(os.path.join(config.init, "agent0.npz"))[1]
    assert header["policy_args"] == network_arguments(config) and header["seat"] == "both"


@pytest.mark.parametrize("given, init", [
    (["--init", "none"], None), (["--hid-size", "64"], None), (["--policy", "mlp"], None),
    (["--paper"], None), (["--init", "mine"], "mine")])
def test_not_as_a_walker(given, init, tmp_path):
    """Where something else is asked for."""
    config = resolved(" ".join(["--env", "sumo-humans", *given]), tmp_path)
    assert config.init == init


@pytest.mark.parametrize("given, seat", [
    ([], 1), (["--init-seat", "0"], 0), (["--init", "none"], None), (["--init", "mine"], None),
    (["--init", "mine", "--init-seat", "1"], 1), (["--policy", "mlp"], None)])
def test_only_the_walker_starts_as_one(given, seat, tmp_path):
    """The preset's --init-seat goes with its --init."""
    parser = make_parser()
    args = parser.parse_args(["--env", "you-shall-not-pass", *given])
    assert resolve_config(parser, args, str(tmp_path)).init_seat == seat


def test_a_final_kl_needs_one_to_fall_from(tmp_path, capsys):
    """It would do nothing where the step size is fixed; a preset's own goes with the option."""
    parser = make_parser()
    for words, kl in ((["--env", "run-to-goal-humans"], 0.01), (["--adaptive-kl", "0.02"], 0.02),
                      (["--env", "run-to-goal-humans", "--adaptive-kl", "0"], 0.0)):
        assert resolve_config(parser, parser.parse_args(words), str(tmp_path)).final_kl == kl
    with pytest.raises(SystemExit, match="2"):
        resolve_config(parser, parser.parse_args(["--adaptive-kl-final", "0.01"]), str(tmp_path))
    assert "--adaptive-kl-final: only together with --adaptive-kl" in capsys.readouterr().err


def test_runs_of_one_second_have_names_of_their_own(tmp_path):
    """As of a loop over seeds; the names sort by time."""
    names = [resolved("--env sumo-ants", tmp_path).run for _ in range(20)]
    assert len(set(names)) == 20 and sorted(names) == names
    assert all(name.startswith("sumo-ants-20") for name in names)


@pytest.mark.parametrize("words", [
    "--num-threads 1025", "--ranks 1025", "--anchor-games 1000001", "--old-versions 1025",
    "--pfsp 1001"])
def test_what_would_fail_late(words, tmp_path, capsys):
    """Numbers that only a mistake can mean; some ended runs after hundreds of iterations."""
    name, number = words.split()
    with pytest.raises(SystemExit, match="2"):
        resolved(words, tmp_path)
    assert re.search(rf"{name}.*: {number}: must be .* at most {int(number) - 1}\n",
                     capsys.readouterr().err)
    assert resolved(f"{name} {int(number) - 1}", tmp_path)


@pytest.mark.parametrize("words", ["--anneal-at", "--env sumo-ants --curriculum-at"])
def test_a_share_that_is_never_met(words, tmp_path, capsys):
    """The running share only approaches 1; the help says that it is one, over 20 iterations."""
    name = words.split()[-1]
    for share in ("1", "1.5"):
        with pytest.raises(SystemExit, match="2"):
            resolved(f"{words} {share}", tmp_path)
        assert f"{name}: {share}: must be at least 0 and below 1\n" in capsys.readouterr().err
    assert resolved(f"{words} 0.999", tmp_path)
    text = " ".join(make_parser().format_help().split())
    about, = re.findall(rf"{name} \w+ (.*?) --\w", text.partition("self-play:")[2])
    assert "averaged over some 20 iterations" in about


@pytest.mark.parametrize("words, remark", [
    ("--env sumo-humans --hid-size 64", "--hid-size 64: the preset's walker has 128, so all"),
    ("--env sumo-humans --hid-size 64 --init none", ""), ("--env sumo-humans", ""),
    ("--env sumo-humans --hid-size 128", ""), ("--env sumo-humans --hid-size 64 --paper", ""),
    ("--hid-size 64", ""), ("--env sumo-humans --hid-size 64 --resume", "")])
def test_a_lost_walker_is_reported(words, remark):
    """Nothing else that begins at random is."""
    found = walker_remark(make_parser().parse_args(words.split()))
    assert found.startswith(remark) and bool(found) == bool(remark)


NEVER = "--policy mlp --dense-iters 0 --anneal-iters 0"


@pytest.mark.parametrize("words, culprit", [
    (f"{NEVER} --gamma-dense 0.9", "--gamma-dense: only together with --dense-iters or --anneal"),
    (f"{NEVER} --logstd-floor-dense -3", "--logstd-floor-dense: only together with --dense-iters"),
    (f"{NEVER} --dense-forward 3", "--dense-forward: only together with --dense-iters or"),
    (f"{NEVER} --optim-stepsize 1e-3 --optim-stepsize-final 1e-4", "--optim-stepsize: only"),
    (f"{NEVER} --anneal-at 0.5", "--anneal-at: only together with --dense-iters"),
    ("--env sumo-ants --policy mlp --anneal-at 0.5", "--anneal-at: only together with --dense-it"),
    ("--env you-shall-not-pass --dense-gap 3", "--dense-gap: only together with --dense-iters"),
    ("--dense-iters 0 --anneal-iters 0 --adaptive-kl 0.05 --adaptive-kl-final 0.01",
     "--adaptive-kl: only together with --dense-iters or --anneal-iters"),
    ("--policy mlp --logstd -2", "--logstd -2: must be at least --logstd-floor-dense, which is -1"),
    (f"{NEVER} --logstd -2.5", "--logstd -2.5: must be at least --logstd-floor, which is -2.2"),
    ("--policy mlp --logstd -0.6 --logstd-floor -0.5", "--logstd-floor-dense, which is -0.5"),
    ("--opponent x --latest-share 0", "--latest-share: not together with --opponent, nobody else"),
    ("--opponent x --old-versions 4", "--old-versions: not together with --opponent, nobody else"),
    ("--opponent x --pool y", "--pool: not together with --opponent, nobody else is met"),
    ("--opponent x --pfsp 1", "--pfsp: not together with --opponent, nobody else is met"),
    ("--opponent x --ensemble 2", "--opponent: not together with --ensemble, a best response is"),
    ("--pool x --ensemble 2", "--pool: not together with --ensemble"),
    ("--opponent-seat 0", "--opponent-seat: only together with --opponent"),
    ("--keep 5 --delta 0", "--keep: only together with --delta above 0"),
    ("--env sumo-ants --keep 0", "--keep: only together with --delta above 0"),
    ("--pfsp 2 --delta 1", "--pfsp: not with --delta 1"),
    ("--pool x --pool-share 0", "--pool-share 0: must be above 0"),
    ("--env sumo-ants --dense-forward 3", "--dense-forward: not in sumo-ants, only in run-to-goal"),
    ("--env sumo-humans --dense-goal-dist 0", "--dense-goal-dist: not in sumo-humans, only in"),
    ("--dense-goal-dist 1", "--dense-goal-dist: not in run-to-goal-ants, only in run-to-goal-hum"),
    ("--dense-push 1", "--dense-push: not in run-to-goal-ants, only in sumo-ants, sumo-humans"),
    ("--env you-shall-not-pass --no-draw-penalty", "--draw-penalty: not in you-shall-not-pass"),
    ("--curriculum-start 1", "--curriculum-start: not in run-to-goal-ants, only in sumo-ants, sum"),
    ("--curriculum-at 0.5", "--curriculum-at: not in run-to-goal-ants, only in sumo-ants, sumo-h")])
def test_without_effect(words, culprit, tmp_path, capsys):
    """What would change nothing is refused by name, with what it needs."""
    with pytest.raises(SystemExit, match="2"):
        resolved(words, tmp_path)
    err = capsys.readouterr().err
    assert culprit in err and err.count("\n") == 1


@pytest.mark.parametrize("words", [
    "--opponent x --ensemble 1 --pfsp 0", "--opponent x --opponent-seat 0", "--opponent x --keep 5",
    "--pfsp 2 --delta 1 --pool x", "--pool x --pool-share 1", "--env sumo-ants --keep 5 --delta 1",
    "--env sumo-ants --dense-survive 2 --curriculum-start 5 --draw-penalty"])
def test_with_effect(words, tmp_path):
    """What counts is accepted, and so is what is off."""
    resolved(words, tmp_path)


@pytest.mark.parametrize("words, changes", [
    (f"{NEVER} --optim-stepsize 1e-3", {"optim_stepsize_final": 1e-3}),
    (f"{NEVER} --env run-to-goal-humans --policy humanoid --anneal-at 0 --adaptive-kl 0.03",
     {"final_kl": 0.03, "optim_stepsize_final": 5e-4}),
    (f"{NEVER} --adaptive-kl 0.03 --adaptive-kl-final 0.03", {"final_kl": 0.03}),
    (f"{NEVER} --env run-to-goal-humans --policy humanoid --anneal-at 0 --adaptive-kl 0",
     {"final_kl": 0}),
    ("--env you-shall-not-pass --adaptive-kl 0.05", {"final_kl": 0.05}),
    (f"{NEVER} --gamma 0.9 --gamma-dense 0.9", {"gamma_dense": 0.9}),
    (f"{NEVER} --alpha-final 0.1 --dense-forward 3", {"dense_forward": 3}),
    (f"{NEVER} --dense-forward 0 --logstd -2.2", {"dense_forward": 0, "logstd": -2.2}),
    ("--env you-shall-not-pass", {"optim_stepsize_final": 5e-4, "optim_stepsize": 5e-4}),
    ("--policy mlp --logstd -1.5 --logstd-floor-dense -1.5", {"logstd": -1.5})])
def test_what_counts_where_nothing_is_dense(words, changes, tmp_path):
    """A step size or KL is the final one; what agrees with that is accepted."""
    config = resolved(words, tmp_path)
    assert {name: getattr(config, name) for name in changes} == changes


@pytest.mark.parametrize("words, kl, floors", [
    ("", (0.04, 0.01), (-2.0, -2.5)), ("--adaptive-kl 0.005", (0.005, 0.005), (-2.0, -2.5)),
    ("--adaptive-kl 0.02", (0.02, 0.01), (-2.0, -2.5)),
    ("--logstd-floor -1.5", (0.04, 0.01), (-1.5, -1.5)),
    ("--logstd-floor-dense -3", (0.04, 0.01), (-3, -3)),
    ("--logstd-floor-dense -1.5", (0.04, 0.01), (-1.5, -2.5)),
    ("--logstd-floor-dense -3 --logstd-floor -1.5", (0.04, 0.01), (-3, -1.5))])
def test_what_should_fall_never_rises(words, kl, floors, tmp_path):
    """Unless both ends are given."""
    config = resolved(f"--env run-to-goal-humans {words}", tmp_path)
    assert (config.adaptive_kl, config.final_kl) == kl
    assert (config.logstd_floor_dense, config.logstd_floor) == floors


@pytest.mark.parametrize("words, stepsize, gamma", [
    ("", 1e-4, 0.99), ("--optim-stepsize 1e-5 --gamma 0.9", 1e-5, 0.9),
    ("--optim-stepsize 1 --gamma 1", 1e-4, 0.99), ("--paper", 1e-3, 0.995),
    ("--paper --optim-stepsize 3e-4 --gamma 0.999", 3e-4, 0.999),
    ("--optim-stepsize 1e-5 --optim-stepsize-final 1", 1, 0.99)])
def test_the_other_end_follows(words, stepsize, gamma, tmp_path):
    """A step size or discount that is given alone is not exceeded; equal ones stay equal."""
    config = resolved(f"--policy mlp {words}", tmp_path)
    assert (config.optim_stepsize_final, config.gamma_dense) == (stepsize, gamma)
