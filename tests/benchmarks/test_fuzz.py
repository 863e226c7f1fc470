"""A little of benchmarks.fuzz: nothing that is thrown at the readers gets through."""

from benchmarks import fuzz


def test_mutated_files_and_command_lines():
    """Four hundred files, forty checkpoints, eight matches, two hundred command lines."""
    judge = fuzz.fuzz(400, 200, seed=7)
    assert judge.culprits == []
    for kind in ("parameter file", "command line"):
        assert judge.counts[kind, "taken"] > 5 and judge.counts[kind, "refused"] > 100
    assert judge.counts["hostile file", "refused"] == len(fuzz.hostile())
    assert judge.counts["checkpoint", "refused"] > 30
    assert judge.counts["match", "refused"] + judge.counts["match", "taken"] == 8
