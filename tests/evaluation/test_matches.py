"""Matches between parameter files: the same match again, exact quotas, honest intervals."""

import numpy as np
import pytest
from helpers import NumpyPolicy
from small import SIZE

from common.command_line import InputError
from evaluation.matches import check_rules, play
from evaluation.results import summarize, wilson
from networks.loading import ParameterFile, load_entries
from utils import Actors

ANTS, EULER = "run-to-goal-ants", {"integrator": "Euler"}


@pytest.fixture(scope="module")
def random_players():
    """Two entries of random networks that flail, so that matches differ."""
    rng = np.random.default_rng(0)
    entries = []
    for seat in (0, 1):
        vector = rng.normal(0, 0.2, SIZE).astype(np.float32)
        vector[:248] = np.concatenate([[0, 1, 1], np.zeros(122), np.ones(123)])  # filters: 0, 1
        entries.append(ParameterFile(f"random{seat}", vector,
                             {"game": ANTS, "policy": "mlp", "policy_args": {"hid_size": 64}}))
    return entries


@pytest.fixture(scope="module")
def zoo(shared):
    """The released runners."""
    paths = [str(shared / f"zoo/run-to-goal-ants_agent{seat}_v1.npy") for seat in (0, 1)]
    return load_entries(paths, None)[1]


def test_filters_that_counted_nothing(random_players):
    """A network that would divide by a count of zero is refused, and named."""
    vector = random_players[0].vector.copy()
    vector[247] = 0  # the observation filter's count
    empty = ParameterFile("empty.npy", vector, random_players[0].header)
    with pytest.raises(InputError, match="empty.npy: its filters"):
        play(ANTS, [random_players[1], empty], 1)


def short(entries, count=5, seed=3, **options):
    """Matches of the zoo under quick physics."""
    return play(ANTS, entries, count, seed, **{**EULER, "num_envs": 2, **options})


def test_same_seed_same_matches(zoo):
    """To the last bit, on one thread or two; another seed plays other matches."""
    first = short(zoo)
    assert first == short(zoo) == short(zoo, num_threads=2)
    other = short(zoo, seed=4)
    assert [match["returns"] for match in first] != [match["returns"] for match in other]


def test_match_numbers_do_not_depend_on_the_slots(zoo):
    """Match g is the same to the last bit in whatever slot, beside whatever else is played."""
    many = short(zoo, count=8, num_envs=8)
    assert all(short(zoo, count=8, num_envs=slots) == many for slots in (2, 5))
    assert short(zoo, count=[5], num_envs=1) == many[5:6]


@pytest.mark.parametrize("count,num_envs", [(1, 32), (5, 2), (4, 4), (7, 3)])
def test_exactly_as_many_matches_as_asked(random_players, count, num_envs):
    """Numbered 0 to n - 1, each told once: short matches do not crowd out long ones."""
    told = []
    results = play(ANTS, random_players, count, num_envs=num_envs, on_match=told.append, **EULER)
    assert [match["game"] for match in results] == list(range(count))
    assert sorted(told, key=lambda match: match["game"]) == results


def test_mean_actions(zoo):
    """Without noise the matches differ from noisy ones, and repeat."""
    silent = short(zoo, count=2, deterministic=True)
    assert silent == short(zoo, count=2, deterministic=True) != short(zoo, count=2)


@pytest.mark.parametrize("rules", [{"num_envs": 2}, {"num_threads": 0}, {"seed": 1}, {"self": 1}])
def test_arguments_of_the_environment_are_no_rules(rules):
    name, = rules
    with pytest.raises(InputError, match=f"^--rule {ANTS} has no option '{name}': must be one of "):
        check_rules(ANTS, rules)


class Diary(Actors):
    """Actors that note what each player sees and does, step by step."""

    pages = []

    def act(self, rng):
        """The same, noted."""
        seen = [player.ob[:player.width].copy() for player in self.players]
        outputs = super().act(rng)
        self.pages.append((seen, [output["ac"][:player.width].copy()
                                  for player, output in zip(self.players, outputs)]))
        return outputs


def test_memory_restarts_with_each_match(shared, monkeypatch):
    """A slot's second match begins from zero states, like the first: by the network in NumPy."""
    path = str(shared / "zoo/sumo-ants_v2.npy")
    game, entries = load_entries([path, path], None)
    monkeypatch.setattr("evaluation.matches.Actors", Diary)
    monkeypatch.setattr(Diary, "pages", [])
    ends = []
    play(game, entries, 4, num_envs=2, deterministic=True,
         on_step=lambda env, playing: ends.append(env.infos["ending"] > 0), **EULER)
    twin = NumpyPolicy(entries[0].vector, 137, 8, "lstm", 128)
    states = np.zeros((2, 2, 512))
    for (seen, acs), over in zip(Diary.pages, ends, strict=True):
        for seat in (0, 1):
            mean, _, states[seat] = twin(seen[seat], states[seat])
            np.testing.assert_allclose(acs[seat], mean, atol=1e-2)
        states[:, over] = 0
    assert np.sum(ends) >= 4


def test_returns_are_the_environments_own(random_players):
    """Each match's returns are the sums of the rewards that its steps paid."""
    paid = np.zeros(2)
    results = play(ANTS, random_players, 1, on_step=lambda env, playing: np.add(
        paid, env.rewards[:, 0], out=paid), **EULER)
    np.testing.assert_allclose(results[0]["returns"], paid, rtol=1e-6)


def test_zoo_scores(zoo):
    """The released runners run: most matches end by touchdown, in about a hundred steps."""
    results = play(ANTS, zoo, 20, seed=0, num_threads=2)
    summary = summarize(ANTS, results, 0)
    assert summary["endings"]["touchdown"] >= 16
    assert 60 < summary["mean_length"] < 200
    won = [match for match in results if match["winner"] is not None]
    assert all(match["returns"][match["winner"]] > match["returns"][1 - match["winner"]] + 1000
               for match in won)


@pytest.mark.parametrize("count,total,low,high", [
    (8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611), (50, 100, 0.4038, 0.5962)])
def test_wilson(count, total, low, high):
    """Against published values, and the formula of Wilson, 1927."""
    z, p = 1.959964, count / total
    center, scale = (p + z**2 / (2 * total)), 1 + z**2 / total
    half = z * np.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    ours = wilson(count, total)
    assert ours == pytest.approx([(center - half) / scale, (center + half) / scale], abs=1e-6)
    assert ours == pytest.approx([low, high], abs=1e-4)


def test_summary():
    """Wins by seat, ties apart, the mean length and the seed."""
    results = [{"game": i, "winner": winner, "length": length, "ending": ending, "returns": [0, 0]}
               for i, (winner, length, ending) in enumerate(
                   [(0, 10, "touchdown"), (1, 20, "touchdown"), (0, 30, "touchdown"),
                    (None, 500, "time-out")])]
    summary = summarize(ANTS, results, 7)
    assert summary["wins"] == [2, 1] and summary["ties"] == 1 and summary["games"] == 4
    assert summary["mean_length"] == 140 and summary["seed"] == 7 and summary["env"] == ANTS
    assert summary["endings"] == {"touchdown": 3, "time-out": 1}
    assert summary["intervals"] == [wilson(2, 4), wilson(1, 4), wilson(1, 4)]


def test_released_vectors_name_their_game(shared):
    """A vector without a header is known by its size where only one game has it."""
    path = str(shared / "zoo/run-to-goal-ants_agent0_v1.npy")
    pickled = str(shared / "zoo/agent1_parameters-v1.pkl")
    game, entries = load_entries([path, pickled], None)
    assert game == ANTS
    assert all(entry.header["policy"] == "mlp" for entry in entries)
    np.testing.assert_array_equal(entries[0].vector, entries[1].vector)
    for file, said in ((path, "is for run-to-goal-ants, not for run-to-goal-humans"),
                       (pickled, "24,905 numbers, but run-to-goal-humans takes")):
        with pytest.raises(InputError, match=said):
            load_entries([file, file], "run-to-goal-humans")
