"""Rounds of hunters and a main learner, see `experiments.hunters`: what is done, and what is next.

saveparameters/NAME/ holds hunters.json (the options and a row for each finished stage), champion0/,
champion1/, ... (agentK.npz: --init's, then each round's), hunters1/, ... (those that have joined,
beside the champion's other learner), and for each stage what it printed.
"""

import json
import os
import shutil
import sys

from tabulate import tabulate

import run
from common.command_line import InputError, one_line
from common.files import write_json, write_whole
from common.parameter_file import load_parameters
from common.run_folder import RunFolder, find_place
from experiments import stages
from selfplay import run_lock
from selfplay.config import flag

JUDGE = os.path.join(os.path.dirname(run.__file__), "load_parameter_run.py")
STATE = "hunters.json"
POOL = ("pool", "pool_share", "pfsp")
MAIN_ONLY = (*POOL, "latest_share", "opponents")  # a hunter meets the champion alone
MAY_CHANGE = ("rounds", "ranks", "num_threads", *POOL)


class Rounds:
    """All rounds of one name.

    name: of its folder in saveparameters/ and, with an ending, of each run; plan: dict of rounds,
    hunter_steps, main_steps, games and ranks (None: run.py's choice); options: dict of run.py's, of
    which "init" is the first champion. Raises InputError if the name is taken, or was started
    with other options.
    """

    def __init__(self, name, plan, options):
        self.name, self._plan, self._options = name, plan, options
        self._home = stages.folder_of(name)
        self._begun, self._done = "", []
        if self._read() is None:
            champion = champion_files(options["init"])
            self._learners = sorted(champion)
            self._need_names()
            self._rehearse(options["init"], champion)
            os.makedirs(self._home, exist_ok=True)
        run_lock.hold(self._home, f"--run {name}")
        state = self._read()  # again: until now another process may have begun
        if state is None:
            self._begin()
        else:
            self._resume(state)

    def go(self):
        """Carries out what is left of all rounds, then prints the table."""
        done = self._names_done()
        for k in range(1, self._plan["rounds"] + 1):
            for learner in self._learners:
                if self._hunter(k, learner) not in done:
                    self._hunt(k, learner)
            if self._main(k) not in done:
                self._improve(k)
        print(table(self._done))

    # What is on disk

    def _path(self, *parts):
        return os.path.join(self._home, *parts)

    def _read(self):
        """What hunters.json holds; None where nothing has been done yet."""
        try:
            with open(self._path(STATE)) as file:
                state = json.load(file)
            begun = state["begun"] and os.path.exists(stages.folder_of(state["begun"]))
            return state if state["stages"] or begun else None
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            raise InputError(f"{self._path(STATE)}: is damaged; put it back, or choose another "
                             "--run") from None

    def _begin(self):
        """Fills the folder, which this process has locked; one without a state is filled afresh."""
        shutil.rmtree(self._path("champion0"), ignore_errors=True)
        copy(champion_files(self._options["init"]), self._path("champion0"))
        self._save()

    def _resume(self, state):
        """Takes over what another process has left; InputError if the rest would be refused."""
        self._compare(state["options"])
        self._begun, self._done = state["begun"], state["stages"]
        champion = files_in(self._path("champion0"))
        self._learners = sorted(champion)
        self._need_names()
        if self._main(self._plan["rounds"]) not in self._names_done():
            self._rehearse(f"{self.name}/champion0", champion)

    def _compare(self, before):
        now = self._saved_options()
        for key in sorted({*before, *now} - {*MAY_CHANGE}):
            if before.get(key) != now.get(key):
                raise InputError(f"{flag(key)} {now.get(key)}: {self.name} was started with "
                                 f"{before.get(key)}; what may change is "
                                 f"{', '.join(map(flag, MAY_CHANGE))}")

    def _saved_options(self):
        return {**self._plan, **self._options}

    def _save(self):
        write_json(self._path(STATE), {
            "options": self._saved_options(), "begun": self._begun, "stages": self._done})

    # Stages

    def _rehearse(self, init, champion):
        """Has run.py check the options now, rather than after the hunter's hours.

        init: where the champion is; champion: its files.
        """
        pool = [*self._options.get("pool", ()), init]
        for options in (self._of_hunter(champion, self._learners[0]),
                        {**self._options, "pool": pool}):
            stages.rehearse(as_words({**options, "init": init}), self._plan["ranks"])

    def _names_done(self):
        return {row["stage"] for row in self._done}

    def _need_names(self):
        """Raises InputError if the name of this run, or of a stage to come, is taken."""
        if os.path.exists(self._home) and not self._is_ours():
            raise InputError(f"--run {self.name}: exists already in saveparameters/, choose another"
                             " name")
        done = self._names_done()
        for k in range(1, self._plan["rounds"] + 1):
            for name in (*(self._hunter(k, learner) for learner in self._learners), self._main(k)):
                if name not in (*done, self._begun) and os.path.exists(stages.folder_of(name)):
                    raise InputError(f"--run {self.name}: {name} exists already in "
                                     "saveparameters/, choose another name")

    def _is_ours(self):
        """Whether the folder holds our state, or what a kill left before there was one."""
        inside = {name for name in os.listdir(self._home) if not name.startswith(f"{STATE}.tmp")}
        return STATE in inside or {run_lock.NAME} <= inside <= {run_lock.NAME, "champion0"}

    def _hunter(self, k, learner):
        return f"{self.name}-hunter{k}" + f"-{learner}" * (len(self._learners) > 1)

    def _main(self, k):
        return f"{self.name}-main{k}"

    def _train(self, name, k, what, options):
        """Trains a stage of round k from its champion; returns its row."""
        if self._begun != name:
            self._begun = name
            self._save()
        seed = 1000 * options.get("seed", 0) + len(self._done)  # each stage has its own randomness
        options = {**options, "init": f"{self.name}/champion{k - 1}", "seed": seed}
        stages.train(name, as_words(options), self._plan[f"{what}_steps"], self._log(name),
                     self._plan["ranks"])
        steps, minutes = stages.taken(name)
        return {"stage": name, "steps": steps, "minutes": minutes}

    def _log(self, name):
        return self._path(f"{name}.log")

    def _finish(self, row):
        self._done.append(row)
        self._save()
        print(describe(row), flush=True)

    def _hunt(self, k, learner):
        """Trains the hunter that takes a learner's place, and judges it."""
        champion, name = files_in(self._path(f"champion{k - 1}")), self._hunter(k, learner)
        row = self._train(name, k, "hunter", self._of_hunter(champion, learner))
        counts = self._judge(name)
        self._finish({**row, **counts, "round": k, "learner": learner,
                      "joined": counts["wins"] > counts["losses"]})

    def _of_hunter(self, champion, learner):
        """run.py's options for the hunter that takes a learner's place; champion: its files."""
        opposite = "agent1" if learner == "agent0" else "agent0"
        options = {key: value for key, value in self._options.items() if key not in MAIN_ONLY}
        return {**options, "opponent": champion.get(opposite, champion[learner])}

    def _judge(self, name):
        """Counts a hunter's matches against its champion: {"wins", "losses", "ties"}."""
        path = self._path(f"{name}.json")
        policy, threads = self._options.get("policy", ""), self._options.get("num_threads")
        stages.call([sys.executable, JUDGE, "exploit", stages.folder_of(name), f"--json={path}",
                     f"--max-episodes={self._plan['games']}",
                     *[f"--policy={policy}"] * (":" in policy),
                     *[f"--num-threads={threads}"] * bool(threads)], self._log(name))
        with open(path) as file:
            last = json.load(file)["responses"][-1]
        return {key: last[key] for key in ("wins", "losses", "ties")}

    def _improve(self, k):
        """Trains the main learner against the pool; its last snapshots are the next champion."""
        joined = [row for row in self._done if row.get("joined")]
        if ours := [row for row in joined if row["round"] == k]:
            hunters = {row["learner"]: newest(row["stage"])[row["learner"]] for row in ours}
            copy(files_in(self._path(f"champion{k - 1}")) | hunters, self._path(f"hunters{k}"))
        pool = [*self._options.get("pool", ()),
                *(f"{self.name}/hunters{j}" for j in sorted({row["round"] for row in joined})),
                *(f"{self.name}/champion{j}" for j in range(k))]
        row = self._train(self._main(k), k, "main", {**self._options, "pool": pool})
        copy(champion_files(self._main(k)), self._path(f"champion{k}"))
        self._finish({**row, "pool": pool})


def as_words(options):
    """A dict of options as run.py's command line has them."""
    words = []
    for name, value in options.items():
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{flag(name)[2:]}")
        else:
            words += [f"{flag(name)}={each}"
                      for each in (value if isinstance(value, list) else [value])]
    return words


# Files


def champion_files(what):
    """{learner: path} of a run's newest snapshots, a folder of agentK.npz, or a file.

    Raises InputError unless it holds two learners, or one that plays both seats.
    """
    place = find_place(run.SAVE_DIR, what)
    found = {"agent0": place} if os.path.isfile(place) else newest(what) or files_in(place)
    headers = {learner: load_parameters(path)[1] for learner, path in found.items()}
    if headers.get("agent0", {}).get("seat") == "both":
        return {"agent0": found["agent0"]}
    if sorted(found) != ["agent0", "agent1"]:
        raise InputError(f"--init {what}: must hold agent0 and agent1, or one learner of both "
                         f"seats; it has {', '.join(found) or 'nothing'}")
    return found


def newest(what):
    """{learner: newest snapshot} of a run."""
    folder = RunFolder(find_place(run.SAVE_DIR, what))
    versions = {learner: folder.snapshots(learner) for learner in folder.learners}
    return {learner: paths[max(paths)] for learner, paths in versions.items() if paths}


def files_in(folder):
    """{learner: path} of a folder of agentK.npz."""
    paths = {f"agent{seat}": os.path.join(folder, f"agent{seat}.npz") for seat in (0, 1)}
    return {learner: path for learner, path in paths.items() if os.path.exists(path)}


def copy(files, folder):
    """Copies {learner: path} to a folder as agentK.npz; files that are there already stay."""
    os.makedirs(folder, exist_ok=True)
    for learner, path in files.items():
        target = os.path.join(folder, f"{learner}.npz")
        if not os.path.exists(target):
            with open(path, "rb") as file:
                raw = file.read()
            write_whole(target, lambda file, raw=raw: file.write(raw))


# What is printed


def shares(row):
    """A hunter's wins, losses and ties in per cent, each with its 95 % Wilson interval."""
    from evaluation.results import wilson  # SciPy takes a second, which refusals need not

    counts = [row[key] for key in ("wins", "losses", "ties")]
    intervals = [wilson(count, sum(counts)) for count in counts]
    return [f"{100 * count / sum(counts):.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
            for count, (low, high) in zip(counts, intervals)]


def describe(row):
    """A finished stage in one line."""
    line = f"{row['stage']}: {row['steps']:,} steps in {row['minutes']:.1f} minutes; "
    if "pool" in row:
        return one_line(f"{line}pool: {', '.join(row['pool'])}")
    wins, losses, ties = shares(row)
    end = "joins the pool" if row["joined"] else "does not join"
    return one_line(f"{line}wins {wins}, loses {losses}, ties {ties}; {end}")


def table(rows):
    """All stages; a hunter's shares are of its matches against the champion on RK4."""
    lines = [[one_line(row["stage"]), f"{row['steps']:,}", f"{row['minutes']:.1f}",
              *(["", "", "", ""] if "pool" in row else
                [*shares(row), "yes" if row["joined"] else "no"])] for row in rows]
    return tabulate(lines, ["stage", "steps", "minutes", "wins", "loses", "ties", "joined"],
                    tablefmt="simple", disable_numparse=True)
