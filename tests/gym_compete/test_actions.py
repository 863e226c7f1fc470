"""Actions of wrong shapes and types are refused by name; those not finite end the match."""

import gymnasium
import numpy as np
import pytest
from made_states import SIX

from gym_compete import GAMES, CompeteVectorEnv, parallel_env

BAD = {"nan": np.nan, "infinite": -np.inf, "huge": np.float32(3e38)}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", SIX)
def test_not_finite_ends_the_match_alone(name, bad, rng, capfd):
    """A tie with finite rewards in one match; the others cannot tell."""
    envs = [CompeteVectorEnv(name, 4, seed=2, mirror=True) for _ in range(2)]
    with np.errstate(all="raise"):
        for env in envs:
            env.reset()
        for step in range(4):
            acs = [rng.normal(0, 0.2, (4, size)).astype(np.float32) for size in envs[0].ac_dims]
            plain = envs[0].step([ac.copy() for ac in acs])
            if step == 2:
                acs[0][1, 3] = acs[1][3, -1] = bad
            obs, rewards, terminated, truncated, infos = envs[1].step(acs)
            if step == 2:
                assert terminated.tolist() == [False, True, False, True] and not truncated.any()
                broken = envs[1].game.endings.index("not finite")
                assert infos["ending"].tolist() == [0, broken, 0, broken]
                assert (infos["winner"] == -1).all() and not rewards[:, 1::2].any()
                for part in (infos["reward_move"], infos["reward_remaining"],
                             *infos["parts"][0].values(), *infos["parts"][1].values()):
                    assert not part[..., 1::2].any()
            assert np.isfinite(rewards).all() and all(np.isfinite(ob).all() for ob in obs)
            for ours, theirs in zip((*obs, *rewards), (*plain[0], *plain[1])):
                np.testing.assert_array_equal(ours[::2], theirs[::2])
    assert "WARNING" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("seat", [0, 1])
def test_not_finite_in_the_other_faces(seat):
    """One match, by tuples and by dicts."""
    acs = [np.zeros(8), np.zeros(8)]
    acs[seat][5] = np.nan
    env, pair = gymnasium.make("sumo-ants-v0"), parallel_env("sumo-ants")
    for face in (env, pair):
        face.reset(seed=0)
    _, rewards, terminated, truncated, infos = env.step(acs)
    assert rewards == (0, 0) and terminated and not truncated
    _, theirs, terminations, truncations, dicts = pair.step(dict(zip(pair.agents, acs)))
    assert tuple(theirs.values()) == (0, 0) and all(terminations.values())
    for info in (*infos, *dicts.values()):
        assert info["ending"] == "not finite" and "winner" not in info


WRONG = [
    (lambda a: (a[:, :7], np.hstack([a, a[:, :1]])), "agent0's action of shape {7}: must be of"),
    (lambda a: (a, np.hstack([a, a])), "agent1's action of shape {16}: must be of shape {8}"),
    (lambda a: (a, a[None]), "agent1's action of shape"),
    (lambda a: (a, a.astype(str)), "agent1's action array"),
    (lambda a: (a * 1j, a), "agent0's action array"),
    (lambda a: (a, a > 0), "agent1's action array"),
    (lambda a: (None, a), "agent0's action None: must be real numbers in shape {8}"),
    (lambda a: ([1, [2]], a), "agent0's action .1, .2..: must be real numbers in shape {8}"),
    (lambda a: (a,), "actions .*: must be one array for each of the two agents"),
    (lambda a: 3, "actions 3: must be one array for each of the two"),
    (lambda a: np.array(0.5), "actions array.0.5.: must be one array for each of the two")]


@pytest.mark.parametrize("wrong, message", WRONG)
@pytest.mark.parametrize("mirror", [False, True])
def test_wrong_actions_are_named(wrong, message, mirror):
    """Before anything has moved; shapes that would add up too."""
    single = gymnasium.make(GAMES["run-to-goal-ants"].env_id)
    many = CompeteVectorEnv("run-to-goal-ants", 2, seed=0, mirror=mirror)
    for env, batch, make in ((single, "", lambda x: x[0]), (many, "2, ", lambda x: x)):
        env.reset()
        game = env.unwrapped.game if env is single else env.game
        before = game.get_state()
        acs = wrong(np.zeros((2, 8)))
        if isinstance(acs, tuple):
            acs = [make(ac) if isinstance(ac, np.ndarray) else ac for ac in acs]
        shape = message.replace("{", r"\(" + batch).replace("}", r",\)" if not batch else r"\)")
        with pytest.raises(ValueError, match=shape) as error:
            env.step(acs)
        assert "\n" not in str(error.value)
        for name, array in game.get_state().items():
            np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("kind", [np.int8, np.float16, np.uint64, list])
def test_other_numbers_are_played(kind):
    """Integers and lists as the floats that they stand for, however large their squares."""
    games = [CompeteVectorEnv("run-to-goal-ants", 2, seed=0) for _ in range(2)]
    acs = np.full((2, 8), 100.0)
    for game, given in zip(games, (acs, acs.tolist() if kind is list else acs.astype(kind))):
        game.reset()
        game.step([given, given])
    np.testing.assert_array_equal(games[0].rewards, games[1].rewards)
    assert games[0].rewards.max() < -30000
