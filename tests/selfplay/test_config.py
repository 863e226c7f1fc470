"""Every option is one row, and the presets hold the values that have been trained with."""

import json
import os
from pathlib import Path

import pytest

from common.command_line import GAME_NAMES
from common.parameter_file import load_parameters
from selfplay.build import network_arguments
from selfplay.config import LIMITS, OPTIONS, ROOT, flag, from_dict, make_parser, preset, settle
from selfplay.presets import SURER_WALKER, WALKER

TRAINED = Path(__file__).with_name("presets.json")


def test_presets_hold_the_trained_values():
    """All games and networks, on one machine and the paper's: what the tables must add up to."""
    expected = json.loads(TRAINED.read_text())
    asked = [(game, paper, policy) for game in GAME_NAMES for paper in (False, True)
             for policy in (None, "mlp", "lstm", "ant", "humanoid", "my:Net")]
    found = {f"{game} {'paper' if paper else 'one-machine'} {policy}": preset(game, paper, policy)
             for game, paper, policy in asked}
    assert found == expected


def test_an_option_is_a_row(tmp_path):
    """Each row is on the command line and in config.json; what is given, and nothing else, counts.
    """
    parser = make_parser()
    args = parser.parse_args(["--env", "sumo-ants", "--run", "x", "--delta", "0.25"])
    config = settle(parser, args, str(tmp_path))
    assert vars(args).keys() - {"resume", "paper", "dry_run"} == {row.name for row in OPTIONS}
    assert config.as_dict().keys() == {row.name for row in OPTIONS} | {"ranks"}
    assert (config.delta, config.num_envs, config.max_seconds) == (0.25, 256, 7200)
    args = parser.parse_args(["--max-iters", "3", "--paper", "--env", "kick-and-defend"])
    config = settle(parser, args, str(tmp_path))
    assert [getattr(config, name) for name in LIMITS] == [3, None, None, None]
    assert config.draw_penalty is None and config.num_envs == 128
    assert from_dict(json.loads(json.dumps(config.as_dict()))) == config
    assert from_dict({"env": "sumo-ants", "gone": 1}).keep == 1


@pytest.mark.parametrize("game, walker", [
    ("sumo-humans", SURER_WALKER), ("you-shall-not-pass", WALKER), ("kick-and-defend", WALKER)])
def test_humanoids_start_as_a_walker(game, walker, tmp_path):
    """The preset's walker, which ships and has its width."""
    parser = make_parser()
    config = settle(parser, parser.parse_args(["--env", game]), str(tmp_path))
    assert config.init == os.path.join(ROOT, walker)
    header = load_parameters(os.path.join(config.init, "agent0.npz"))[1]
    assert header["policy_args"] == network_arguments(config) and header["seat"] == "both"


@pytest.mark.parametrize("given, init", [
    (["--init", "none"], None), (["--hid-size", "64"], None), (["--policy", "mlp"], None),
    (["--paper"], None), (["--init", "mine"], "mine")])
def test_not_as_a_walker(given, init, tmp_path):
    """Where something else is asked for."""
    parser = make_parser()
    config = settle(parser, parser.parse_args(["--env", "sumo-humans", *given]), str(tmp_path))
    assert config.init == init


@pytest.mark.parametrize("given, seat", [
    ([], 1), (["--init-seat", "0"], 0), (["--init", "none"], None), (["--init", "mine"], None),
    (["--init", "mine", "--init-seat", "1"], 1), (["--policy", "mlp"], None)])
def test_only_the_walker_starts_as_one(given, seat, tmp_path):
    """The preset's --init-seat goes with its --init."""
    parser = make_parser()
    args = parser.parse_args(["--env", "you-shall-not-pass", *given])
    assert settle(parser, args, str(tmp_path)).init_seat == seat


@pytest.mark.parametrize("spelling", ["--old-versions", "--opponents"])
def test_old_versions_go_by_two_names(spelling, capsys):
    """The former spelling is accepted; a refusal and config.json each keep to one."""
    assert make_parser().parse_args([spelling, "6"]).opponents == 6
    assert flag("opponents") == "--old-versions" and flag("num_envs") == "--num-envs"
    with pytest.raises(SystemExit):
        make_parser().parse_args([spelling, "1"])
    assert "--old-versions" in capsys.readouterr().err


@pytest.mark.parametrize("argv, shown", [
    ([], "[256 / 128]"), (["--env", "kick-and-defend"], "[128 / 128]"),
    (["--policy", "mlp"], "[64 / 128]"), (["--env", "chess"], "[256 / 128]"),
    (["--env"], "[256 / 128]")])
def test_help_shows_the_games_values(argv, shown):
    """What holds for the --env and --policy that are given, beside the paper's."""
    text = " ".join(make_parser([*argv, "--help"]).format_help().split())
    assert f"Games that each worker plays at once. {shown}" in text


def test_a_final_kl_needs_one_to_fall_from(tmp_path, capsys):
    """It would do nothing where the step size is fixed; a preset's own goes with the option."""
    parser = make_parser()
    for words, kl in ((["--env", "run-to-goal-humans"], 0.01), (["--adaptive-kl", "0.02"], 0.02),
                      (["--env", "run-to-goal-humans", "--adaptive-kl", "0"], 0.0)):
        assert settle(parser, parser.parse_args(words), str(tmp_path)).final_kl == kl
    with pytest.raises(SystemExit, match="2"):
        settle(parser, parser.parse_args(["--adaptive-kl-final", "0.01"]), str(tmp_path))
    assert "--adaptive-kl-final: only together with --adaptive-kl" in capsys.readouterr().err


@pytest.mark.parametrize("words, stepsize, gamma", [
    ("", 1e-4, 0.99), ("--optim-stepsize 1e-5 --gamma 0.9", 1e-5, 0.9),
    ("--optim-stepsize 1 --gamma 1", 1e-4, 0.99), ("--paper", 1e-3, 0.995),
    ("--paper --optim-stepsize 3e-4 --gamma 0.999", 3e-4, 0.999),
    ("--optim-stepsize 1e-5 --optim-stepsize-final 1", 1, 0.99)])
def test_the_other_end_follows(words, stepsize, gamma, tmp_path):
    """A step size or discount that is given alone is not exceeded; equal ones stay equal."""
    parser = make_parser()
    config = settle(parser, parser.parse_args(["--policy", "mlp", *words.split()]), str(tmp_path))
    assert (config.optim_stepsize_final, config.gamma_dense) == (stepsize, gamma)
