"""Every option is one row, and the presets hold the values that have been trained with."""

import json
from pathlib import Path

import pytest

from common.command_line import GAME_NAMES
from selfplay.config import LIMITS, OPTIONS, flag, from_dict, make_parser, preset
from selfplay.resolve import resolve_config

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
    config = resolve_config(parser, args, str(tmp_path))
    assert vars(args).keys() - {"resume", "paper", "dry_run"} == {row.name for row in OPTIONS}
    assert config.as_dict().keys() == {row.name for row in OPTIONS}
    assert (config.delta, config.num_envs, config.max_seconds) == (0.25, 256, 7200)
    args = parser.parse_args(["--max-iters", "3", "--paper", "--env", "kick-and-defend"])
    config = resolve_config(parser, args, str(tmp_path))
    assert [getattr(config, name) for name in LIMITS] == [3, None, None, None]
    assert config.draw_penalty is None and config.num_envs == 128
    assert from_dict(json.loads(json.dumps(config.as_dict()))) == config
    assert from_dict({"env": "sumo-ants", "gone": 1}).keep == 1


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
    assert f"Matches that each worker plays at once. {shown}" in text
