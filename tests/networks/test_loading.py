"""Parameter files wherever they are taken: headers that say too little, OpenAI's archive, seats."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from small import refused

import load_parameter_run
import run
from common.command_line import InputError
from common.filenames import read_name
from common.interrupts import Interrupts
from common.parameter_file import save_parameters
from evaluation.anchors import Anchors
from evaluation.entrants import collect
from evaluation.exploit import beat
from evaluation.listing import list_all
from evaluation.seats import check_seats, seats_of
from networks import loading
from networks.loading import load_entries
from selfplay.config import Config
from selfplay.warm_start import find_pool, load_init

SIZES = {"run-to-goal-ants": 24905, "run-to-goal-humans": 59039, "you-shall-not-pass": 59039,
         "sumo-ants": 299943, "sumo-humans": 367677, "kick-and-defend": 364839}
HEADER = {"game": "run-to-goal-ants", "seat": 0, "policy": "mlp", "policy_args": {"hid_size": 64},
          "ob_dim": 122, "ac_dim": 8, "version": 1, "iteration": 1}

# OpenAI's archive: file, game, seat and version of each.
ARCHIVE = [
    *((f"run-to-goal/{body}/agent{k + 1}_parameters-v1.pkl", f"run-to-goal-{body}", k, 1)
      for body in ("ants", "humans") for k in (0, 1)),
    *((f"sumo/{body}/agent_parameters-v{v}.pkl", f"sumo-{body}", "both", v)
      for body, last in (("ants", 4), ("humans", 3)) for v in range(1, last + 1)),
    ("you-shall-not-pass/agent1_parameters-v1pkl", "you-shall-not-pass", 0, 1),
    ("you-shall-not-pass/agent2_parameters-v1.pkl", "you-shall-not-pass", 1, 1),
    *((f"kick-and-defend/{role}/agent{k + 1}_parameters-v{v}.pkl", "kick-and-defend", k, v)
      for k, role in enumerate(("kicker", "defender")) for v in (1, 2, 3))]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive's folders and names; each vector has its game's size and filters that count."""
    folder = tmp_path_factory.mktemp("downloads") / "agent-zoo"
    for name, game, _, version in ARCHIVE:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(np.full(SIZES[game], version, np.float32), 3))
    return folder


# Headers


BAD = {
    "game": (None, "chess", ["run-to-goal-ants"], {}, 3, "run-to-goal-humans"),
    "seat": (None, 2, -1, True, 0.5, "left", [0], {}),
    "policy": (None, "transformer", ["mlp"], 3, "os.system", "os:system"),
    "policy_args": (None, [], "wide", 64),
    "ob_dim": (None, 0, -1, 121, 10**30, "many", [122]),
    "ac_dim": (None, True, 9, float("nan"), {}),
    "version": (None, -1, 0.5, "new", [1], 10**30, float("inf")),
    "iteration": (None, -1, True, "x\ny")}
NEEDED = ("game", "policy", "policy_args")
ABSURD = ({"num_hid_layers": 3000}, {"hid_size": 1, "num_hid_layers": 3000}, {"hid_size": 10**9},
          {"hid_size": 10**30}, {"hid_size": -1}, {"hid_size": "wide"}, {"rng": 3}, {"depth": 2},
          {"hid_size": None}, {"hid_size": 0, "num_hid_layers": 10**12}, {"name": "x"},
          {"logstd": "x"}, {"hid_size": 65})


def save(path, changes=(), without=None, vector=None):
    """A file of the ants' network whose header differs; returns its path as text."""
    header = {key: value for key, value in (HEADER | dict(changes)).items() if key != without}
    save_parameters(path, np.ones(SIZES[HEADER["game"]]) if vector is None else vector, header)
    return str(path)


def ways(path):
    """Every way in which a file is taken, as calls without arguments."""
    game, header = HEADER["game"], HEADER
    config = Config(opponent=path, env=game)
    return {"play": lambda: load_entries([path, path], game),
            "tournament": lambda: collect([path], {}, game),
            "--opponent": lambda: run.find_outsider(config),
            "--init": lambda: load_init("", path, ["agent0"], [header]),
            "--pool": lambda: find_pool("", [path], ["agent0"], [header]),
            "--anchor": lambda: Anchors(game, [{**header, "seat": 1}], 1, files=[path]),
            "--exploit": lambda: beat(path, path, Interrupts())}


def test_bad_headers(tmp_path):
    """Each part of a header missing, of another type or absurd: one line that names the file."""
    bad = [({key: value}, None) for key, values in BAD.items() for value in values]
    for changes, without in [*bad, *(({}, key) for key in NEEDED)]:
        path = save(tmp_path / "bad.npz", changes, without)
        with pytest.raises(InputError, match="bad.npz: ") as caught:
            load_entries([path], HEADER["game"])
        assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 400, changes


@pytest.mark.parametrize("way", ways(""))
def test_bad_headers_by_every_way(way, tmp_path):
    """Wherever a file is taken, the same."""
    for changes, without in (({}, "policy_args"), ({}, "policy"), ({"seat": 2}, None),
                             ({"ob_dim": 9}, None)):
        path = save(tmp_path / "bad.npz", changes, without)
        with pytest.raises(InputError, match="bad.npz"):
            ways(path)[way]()


@pytest.mark.parametrize("way", ["tournament", "--opponent", "--anchor", "--init", "--pool"])
def test_networks_are_tried_before_hours_of_play(way, tmp_path):
    """What the first match against it would find out is found when the file is taken."""
    for policy_args in ABSURD[:3]:
        path = save(tmp_path / "bad.npz", {"policy_args": policy_args})
        with pytest.raises(InputError, match="bad.npz: (24,905 numbers|its header does not make|"
                           "its policy args is)"):
            ways(path)[way]()
    path = save(tmp_path / "bad.npz", vector=np.zeros(SIZES[HEADER["game"]]))
    with pytest.raises(InputError, match="bad.npz: its filters"):
        ways(path)[way]()


@pytest.mark.parametrize("policy_args", ABSURD, ids=json.dumps)
def test_absurd_networks(policy_args, tmp_path, monkeypatch):
    """Refused once more numbers are asked for than the file has: after a few layers."""
    made = []
    monkeypatch.setattr(loading.Budget, "spend", lambda self, getter, name, *args, spend=(
        loading.Budget.spend), **kwargs: made.append(name) or spend(self, getter, name, *args,
                                                                    **kwargs))
    path = save(tmp_path / "bad.npz", {"policy_args": policy_args})
    entries = load_entries([path], None)[1]
    with pytest.raises(InputError, match="bad.npz"):
        loading.check_networks(entries, HEADER["game"])
    assert len(made) < 50


def test_a_header_may_leave_out_what_nobody_needs(tmp_path):
    """Neither sizes nor versions; without a seat either will do."""
    path = save(tmp_path / "a.npz")
    lean = {key: HEADER[key] for key in NEEDED}
    save_parameters(path, np.ones(24905), lean)
    game, entries = load_entries([path], None)
    loading.check_networks(entries, game)
    assert seats_of(entries[0], game) == (0, 1)


# OpenAI's archive


def test_names():
    """Each name of the archive, the same as arrays, and names that say less."""
    for name, *said in ARCHIVE:
        assert list(read_name(f"/downloads/agent-zoo/{name}")) == said
    assert read_name("sumo-ants_v2.npy") == ("sumo-ants", "both", 2)
    assert read_name("x/run-to-goal-humans_agent1_v1.npy") == ("run-to-goal-humans", 1, 1)
    assert read_name("/x/agent2_parameters-v1.pkl") == (None, 1, 1)
    assert read_name("/x/kick-and-defend/agent2_parameters.npy") == ("kick-and-defend", 1, None)
    assert read_name("mine_agent0_best.npy")[1] == read_name("agent0.npy")[1] == 0
    assert read_name("/run-to-goal/ants/best.npy") == (None, None, None)


@pytest.mark.parametrize("place, game", [
    ("run-to-goal/ants", "run-to-goal-ants"), ("run-to-goal/humans", None),
    ("you-shall-not-pass", None), ("", "kick-and-defend"), ("sumo", "sumo-humans")])
def test_the_archive_in_a_tournament(archive, place, game):
    """A folder of it, or of all of it those that --env names; each in its own seat."""
    found, entrants = collect([str(archive / place)], {}, game)
    expected = {str(archive / name): (0, 1) if seat == "both" else (seat,)
                for name, said, seat, _ in ARCHIVE if said == found}
    assert game in (None, found) and len(entrants) == len(expected)
    assert {entrant.entry.path: entrant.seats for entrant in entrants} == expected


def test_the_archive_as_arrays(archive, tmp_path, monkeypatch):
    """docs/judging.md's loop writes each file under the name that the commands use."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "judging.md").read_text()
    loop, = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "multiagent-competition").symlink_to(archive.parent)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    exec(loop, {})
    written = sorted(Path("ZOO").iterdir())
    assert [read_name(path) for path in written] == sorted(
        [(game, seat, version) for _, game, seat, version in ARCHIVE], key=str)
    for path in written:
        assert set(np.load(path)) == {read_name(path).version}


def test_the_archive_is_listed(archive, tmp_path):
    """Every file with its game, seat and version."""
    lines = list_all(str(tmp_path), str(tmp_path), str(archive)).splitlines()[2:]
    rows = {line.split("agent-zoo/")[1]: line.split()[:3] for line in lines}
    assert rows == {name: [game, str(seat), f"v{version}"] for name, game, seat, version in ARCHIVE}


def test_the_archive_to_begin_with(archive):
    """--init takes each seat's newest, --pool all versions, of a folder or of all the folders."""
    headers = [{"game": "kick-and-defend", "seat": seat, "policy": "lstm",
                "policy_args": {"hid_size": 128}} for seat in (0, 1)]
    names = ["agent0", "agent1"]
    for place in (archive, archive / "kick-and-defend"):
        assert [e.vector[0] for e in load_init("", str(place), names, headers)] == [3, 3]
        pools = find_pool("", [str(place)], names, headers)
        for seat, pool in enumerate(pools):
            found = [Path(path).name for path in pool[0]]
            assert found == [f"agent{seat + 1}_parameters-v{v}.pkl" for v in (1, 2, 3)]
    sumo = {"game": "sumo-ants", "seat": "both", "policy": "lstm", "policy_args": {"hid_size": 128}}
    entry, = load_init("", str(archive), ["agent0"], [sumo])
    assert entry.vector[0] == 4 and entry.vector.size == SIZES["sumo-ants"]
    with pytest.raises(InputError, match="agent2_parameters-v1.pkl: its seat is 1"):
        load_init("", str(archive / "kick-and-defend/defender/agent2_parameters-v1.pkl"),
                  ["agent0"], headers[:1])


# Seats


def test_who_may_sit_where(archive, tmp_path):
    """By the header, else by the name, else anywhere; sumo's everywhere."""
    np.save(tmp_path / "plain.npy", np.ones(24905, np.float32))
    cases = [(save(tmp_path / f"{k}.npz", {"seat": seat}), seats) for k, (seat, seats)
             in enumerate([(0, (0,)), (1, (1,)), ("both", (0, 1))])]
    cases += [(save(tmp_path / "agent1.npz"), (0,)), (str(tmp_path / "plain.npy"), (0, 1)),
              (archive / "run-to-goal/ants/agent1_parameters-v1.pkl", (0,)),
              (archive / "run-to-goal/ants/agent2_parameters-v1.pkl", (1,))]
    game, entries = load_entries([str(path) for path, _ in cases], None)
    for entry, (_, seats) in zip(entries, cases):
        assert seats_of(entry, game) == seats
        for seat in (0, 1):
            pair = [entry, entries[2]] if seat == 0 else [entries[2], entry]
            if seat in seats:
                check_seats(pair, game)
            else:
                with pytest.raises(InputError, match=f"is for seat {seats[0]}, not for seat"):
                    check_seats(pair, game)


@pytest.mark.parametrize("swap", [[], ["--no-swap"], ["--swap"]])
def test_the_wrong_seat_is_refused(swap, archive, capfd):
    """A walker does not block: the file is named, whatever is said of swapping."""
    walker, blocker = (str(archive / f"you-shall-not-pass/agent{k}_parameters-v1{dot}pkl")
                       for k, dot in ((2, "."), (1, "")))
    refused(load_parameter_run.main, ["--param-paths", walker, blocker, *swap],
            f"{walker}: is for seat 1", capfd)


@pytest.mark.parametrize("seat, file_seat, expected", [
    (None, 0, 0), (None, 1, 1), (None, "both", 1), (0, "both", 0), (0, 0, 0), (1, 0, None),
    (0, 1, None)])
def test_the_outsiders_seat(seat, file_seat, expected, tmp_path):
    """Its file's, or either where the file is for both; never the other one."""
    path = save(tmp_path / "a.npz", {"seat": file_seat})
    config = Config(opponent=path, opponent_seat=seat, env=HEADER["game"])
    if expected is None:
        with pytest.raises(InputError, match=f"--opponent-seat {seat}: .*a.npz is for seat"):
            run.find_outsider(config)
    else:
        assert run.find_outsider(config)[0] == expected


def test_released_outsiders_seat(archive):
    """By its name."""
    for name, seat in (("agent1_parameters-v1pkl", 0), ("agent2_parameters-v1.pkl", 1)):
        config = Config(opponent=str(archive / "you-shall-not-pass" / name),
                        env="you-shall-not-pass")
        assert run.find_outsider(config)[0] == seat


def test_anchors_and_best_responses_sit_opposite(tmp_path):
    """An anchor meets the learners that it can; where there is none, and for --exploit, a line."""
    path = save(tmp_path / "a.npz")
    with pytest.raises(InputError, match="a.npz: is for seat 0"):
        beat(path, path, Interrupts())
    with pytest.raises(InputError, match="--anchor .*a.npz: is for seat 0"):
        Anchors(HEADER["game"], [HEADER], 1, files=[path])
    headers = [{**HEADER, "seat": seat} for seat in (0, 1, "both")]
    anchors = Anchors(HEADER["game"], headers, 1, files=[path])
    anchors.set_first_snapshots([np.ones(24905, np.float32)] * 3)
    assert ["a" in anchors.opponents(k) for k in range(3)] == [False, True, True]
    assert anchors._places(headers[2], anchors.opponents(2)["a"]) == [1]


def test_the_library_does_not_import_the_script():
    """`policy.py` is built of networks/, and is found by name only when a file asks for it."""
    assert set(loading.POLICIES.values()) == {
        f"policy:{name}Policy" for name in ("Mlp", "LSTM", "Ant", "Humanoid")}
    for path in Path(loading.__file__).parent.glob("*.py"):
        assert not re.search(r"^\s*(from|import) policy\b", path.read_text(), re.MULTILINE), path


def test_reading_a_file_leaves_its_header(tmp_path):
    """A released vector's header is guessed into the entry that is returned, no other."""
    np.save(tmp_path / "run-to-goal-ants_agent1_v1.npy", np.ones(24905, np.float32))
    path = str(tmp_path / "run-to-goal-ants_agent1_v1.npy")
    bare = loading.ParameterFile(path, np.ones(24905), {})
    header = loading.header_of(bare, "run-to-goal-ants")
    assert header["seat"] == 1 and header["policy"] == "mlp" and bare.header == {}
    assert loading.load_entry(bare.path, "run-to-goal-ants").header == header
