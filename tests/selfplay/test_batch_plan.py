"""What adapts to what: matches, opponents, batch, minibatch, as a table and against the seats."""

import pytest
from helpers import width

import run
from networks.loading import find_policy
from selfplay import batch_plan
from selfplay.batch_plan import FIXED_ON_RESUME, OPTIONS, SAMPLES, Layout, adaptations, fit
from selfplay.config import flag, preset
from selfplay.seating import seat_outsider, seat_players


def plan(command, ranks=1):
    """What a command line's options become: (plan, told line, layout, wanted, given)."""
    args = run.make_parser().parse_args(command.split())
    game, outsider = args.env or "run-to-goal-ants", args.opponent is not None
    wanted = preset(game, args.paper, args.policy)
    policy, ensemble = find_policy(wanted["policy"]), args.ensemble or 1
    shared = game.startswith("sumo") or (not outsider and policy.either_seat)
    layout = Layout(ranks, policy.chunk, shared, ensemble, outsider)
    wanted = {name: wanted[name] for name in OPTIONS}
    given = {name: vars(args)[name] for name in OPTIONS if vars(args)[name] is not None}
    found = fit(given, wanted, layout)
    check(found, layout, shared, ensemble)
    return found, adaptations(found, given, wanted, layout), layout, wanted, given


def check(found, layout, shared, ensemble):
    """The seats are filled as planned, and every learner gets exactly its batch."""
    num_envs, share, opponents, batch, minibatch = found.values()
    players = (seat_outsider(num_envs, 1, shared) if layout.outsider else
               seat_players(num_envs, share, opponents, shared, ensemble))
    learners = [player for player in players if player.learner is not None]
    assert len({width(player) for player in learners}) == 1 and len(learners) == layout.learners
    frozen = len(players) - len(learners)
    copies = max(opponents, 2 * layout.group)
    assert layout.outsider or frozen == copies or (frozen == 0 and share == 1)
    steps = batch_plan.horizon(width(learners[0]), batch, minibatch, layout)
    assert steps * width(learners[0]) * layout.ranks == batch and steps % layout.chunk == 0
    assert 0 < minibatch <= batch and minibatch % layout.grain == 0


# What the line changes, beside what it gives; ranks; what becomes of the preset's
ADAPT = [
    ("", 1, {}),
    ("--num-envs 100", 1, dict(latest_share=0.48, timesteps_per_batch=24568)),
    ("--optim-batchsize 1000", 1, {}),
    ("--timesteps-per-batch 10000", 1, dict(latest_share=0.5625, optim_batchsize=1429)),
    ("--num-envs 64 --latest-share 0.75", 1,
     dict(timesteps_per_batch=24528, optim_batchsize=1533)),
    ("--env sumo-humans --policy lstm --num-envs 10", 1,
     dict(opponents=2, timesteps_per_batch=4500, optim_batchsize=650)),
    ("--env sumo-humans --num-envs 10", 1, dict(opponents=2, timesteps_per_batch=7164)),
    ("--env kick-and-defend --policy lstm --timesteps-per-batch 4100", 1, None),
    ("--latest-share 1", 1, {}),
    ("--num-envs 1", 1, dict(latest_share=1.0)),
    ("--optim-batchsize 30000", 1, dict(timesteps_per_batch=30336)),
    ("--timesteps-per-batch 600 --num-envs 4 --latest-share 0.5", 1, dict(
        opponents=2, optim_batchsize=600)),
    ("--policy mlp --num-envs 8", 1, dict(opponents=2)),  # as ever: as many as there is room for
    ("--ensemble 3 --num-envs 96", 1, dict(opponents=6)),
    ("--ensemble 3 --num-envs 96 --opponents 12", 1, {}),
    ("--ensemble 3", 1, None),
    ("--paper --ensemble 4", 1, None),
    ("--opponent FILE --env sumo-ants --num-envs 100", 1,
     dict(timesteps_per_batch=24600, optim_batchsize=1538)),
    ("--opponent FILE --policy mlp", 1, dict(timesteps_per_batch=3584)),
    ("", 2, {}),
    ("", 3, dict(timesteps_per_batch=24192, optim_batchsize=1512)),
    ("--env sumo-humans --policy lstm", 3, dict(timesteps_per_batch=3360, optim_batchsize=690)),
    ("--env kick-and-defend --paper", 3, dict(timesteps_per_batch=408960, optim_batchsize=5130)),
    ("--paper", 64, {}),
]


@pytest.mark.parametrize("command,ranks,changes", ADAPT)
def test_what_is_not_given_adapts(command, ranks, changes):
    """What is given stands, the rest is as near to the preset as can be, and the line says so."""
    found, line, layout, wanted, given = plan(command, ranks)
    assert list(found) == list(OPTIONS) and given.items() <= found.items()
    if changes is not None:
        assert found == wanted | given | changes
    changed = [name for name in OPTIONS if name not in given and found[name] != wanted[name]]
    assert bool(line) == bool(changed) and "\n" not in line
    for name in changed:
        value = found[name]
        assert f"{flag(name)} {value:g} instead of {wanted[name]:g}" in line or value > 99999
    assert all(f"{flag(name)} " in line for name in given) or not line
    assert (f"{ranks} workers" in line) == (ranks > 1 and bool(line))
    assert ("--opponent" in line.partition(":")[0]) == (layout.outsider and bool(line))
    batch, minibatch = found["timesteps_per_batch"], found["optim_batchsize"]
    count = -(-batch // minibatch)
    if "optim_batchsize" not in given:  # as nearly equal ones as whole chunks on all ranks allow
        assert count * minibatch - batch < count * layout.grain


REFUSE = [
    ("--env kick-and-defend --policy lstm --timesteps-per-batch 4096", 1,
     "--timesteps-per-batch 4096", (4080, 4100)),
    ("--timesteps-per-batch 5", 1, "--timesteps-per-batch 5", (4, 6)),
    ("--num-envs 8 --latest-share 0.5 --timesteps-per-batch 241", 1,
     "--timesteps-per-batch 241: does not fit --num-envs 8, --latest-share 0.5", (240, 252)),
    ("--optim-batchsize 1000", 3, "--optim-batchsize 1000: does not fit 3 workers", (999, 1002)),
    ("--env sumo-humans --policy lstm --optim-batchsize 128", 1, "--optim-batchsize 128",
     (120, 130)),
    ("--timesteps-per-batch 768 --optim-batchsize 800", 1, "--optim-batchsize 800", (768,)),
    ("--num-envs 8 --latest-share 0.5 --old-versions 3", 1, "--old-versions 3", (2, 4)),
    ("--num-envs 8 --old-versions 10", 1, "--old-versions 10", (8,)),
    ("--num-envs 7 --latest-share 0", 1, "--latest-share 0: does not fit --num-envs 7", (1 / 7,)),
    ("--num-envs 10 --latest-share 0.5", 1, "--latest-share 0.5", (0.4, 0.6)),
    ("--ensemble 3 --num-envs 40 --latest-share 0.5", 1,
     "--num-envs 40: does not fit --ensemble 3", (36, 48)),
    ("--opponent FILE --env sumo-ants --num-envs 7", 1, "--num-envs 7", (6, 8)),
    ("--num-envs 4096 --timesteps-per-batch 1000", 1,
     "--timesteps-per-batch 1000: does not fit --num-envs 4096", (4096,)),
]


@pytest.mark.parametrize("command,ranks,culprit,near", REFUSE)
def test_what_cannot_be_is_refused(command, ranks, culprit, near):
    """The line names the option and the nearest values on both sides, which then hold."""
    with pytest.raises(ValueError, match=culprit) as caught:
        plan(command, ranks)
    assert str(caught.value).endswith(f"; {' or '.join(f'{x:g}' for x in near)} would")
    option, value = culprit.split(":")[0].split()
    for x in near:
        plan(command.replace(f"{option} {value}", f"{option} {x}"), ranks)


@pytest.mark.parametrize("command, culprit", [
    ("--ensemble 2 --num-envs 8001 --old-versions 6", "--num-envs 8001: does not fit --ensemble 2"),
    ("--num-envs 60000 --timesteps-per-batch 7", "--timesteps-per-batch 7: .*; 60000 would")])
def test_a_refusal_is_quick(command, culprit, monkeypatch):
    """Numbers that the given values rule out are not tried one by one."""
    tried, try_out = [], batch_plan._plan
    monkeypatch.setattr(batch_plan, "_plan", lambda *args: tried.append(1) or (
        try_out(*args) if len(tried) < 200_000 else pytest.fail("too many")))
    with pytest.raises(ValueError, match=culprit):
        plan(command)


def test_a_run_goes_on_with_other_ranks():
    """The number of matches adapts, the batch stays; if none fits the line says how many would."""
    config = dict(zip(OPTIONS, (256, 0.5, 4, 24576, 1536)))
    held = {name: config[name] for name in ("latest_share", *SAMPLES)}
    fixed = FIXED_ON_RESUME
    assert fit(held, config, Layout(4, shared=True), fixed) == config
    adapted = fit(held, config, Layout(128, shared=True), fixed)
    assert adapted == config | {"num_envs": 128}
    check(adapted, Layout(128, shared=True), True, 1)
    with pytest.raises(ValueError, match=r"^5 worker\(s\): .* 4 or 8 would"):
        fit(held, config, Layout(5, shared=True), fixed)
    with pytest.raises(ValueError, match="^--num-envs 100: .* would"):
        fit(held | {"num_envs": 100}, config, Layout(2, shared=True), fixed)
