"""Recorded matches: kept during play, written to a file, re-simulated bit for bit."""

import json
import os
import platform
from dataclasses import dataclass

import mujoco
import numpy as np

from common.command_line import InputError, one_line
from common.files import first_line, open_arrays, write_whole
from common.names import distinct, outcome
from gym_compete import GAMES
from gym_compete.simulation import FULL_STATE

FORMAT = "compete replay 1"
MAX_BYTES = 256 * 2**20
MAX_STEPS = 100_000
ROOM = 2**20  # bytes of a file for all but actions and states
HEADER = {"format": str, "game": str, "options": dict, "seed": int, "number": int, "names": list,
          "paths": list, "versions": dict, "result": dict}


@dataclass
class Recording:
    """One match from its start to its end.

    header: dict of JSON values: format, game, options (keywords of the game), seed, number (of the
    match for that seed), names and paths of the players in seats 0 and 1, versions, result (of
    `matches.play`). start: `Game.get_state` of that one match, before its first step.
    actions [T, nu] float32: seat 0's, then seat 1's. states [T + 1, size] float64: full physics
    before each step and after the last.
    """

    header: dict
    start: dict
    actions: np.ndarray
    states: np.ndarray

    def __len__(self):
        """Steps played."""
        return len(self.actions)

    @property
    def players(self):
        """Distinct names of the players in seats 0 and 1."""
        return distinct(self.header["names"])

    @property
    def outcome(self):
        """How the match ended, for people."""
        result = self.header["result"]
        return outcome(result["winner"], self.players, result["ending"])


class Recorder:
    """Records the matches with these numbers while `matches.play` plays them."""

    def __init__(self, numbers):
        self._numbers, self._tapes, self._playing = set(numbers), {}, ()

    def before_step(self, env, numbers, acs):
        """Records states and actions; numbers: of the match in each slot, or None."""
        env.on_end = lambda i: self._end(env, i)
        self._playing = numbers
        for i, number in enumerate(numbers):
            if number in self._numbers:
                if number not in self._tapes:
                    start = {name: array[i:i + 1] for name, array in env.game.get_state().items()}
                    self._tapes[number] = start, [], []
                _, actions, states = self._tapes[number]
                actions.append(np.concatenate([ac[i] for ac in acs]))
                states.append(physics(env.game, i))

    def _end(self, env, i):
        if self._playing[i] in self._tapes:
            self._tapes[self._playing[i]][2].append(physics(env.game, i))

    def take(self, result, header):
        """Returns the `Recording` of the finished match with that result, None if not recorded.

        header: the rest of the recording's header: game, options, seed, names, paths.
        """
        number = result["game"]
        if number not in self._tapes:
            return None
        start, actions, states = self._tapes.pop(number)
        header = {"format": FORMAT, "number": number, "versions": versions(), "result": result,
                  **header}
        return Recording(header, start, np.array(actions, np.float32), np.array(states))


class RecordedMatch:
    """One match of a game that can be set to any step of a recording.

    game: the `Game` of one match to use; default: a new one.
    """

    def __init__(self, recording, game=None):
        self.game = game or GAMES[recording.header["game"]](**recording.header["options"])
        self.load(recording)

    def load(self, recording):
        """Switches to another recording of the same game, at its start."""
        self._states = recording.states
        self.game.set_state(recording.start)

    def seek(self, step):
        """Puts the bodies where they were after `step` steps."""
        mujoco.mj_setState(self.game.sim.models[0], self.game.sim.datas[0], self._states[step],
                           FULL_STATE)


def physics(game, i):
    """Match i's full physics state."""
    row = np.empty(mujoco.mj_stateSize(game.sim.models[i], FULL_STATE))
    mujoco.mj_getState(game.sim.models[i], game.sim.datas[i], row, FULL_STATE)
    return row


def simulate_again(recording):
    """Plays the recorded actions from the recorded start.

    Returns what differs ("states" or "outcome") and the first step at which it does, 0 for the
    start; None if every state came out the same bit for bit and the match ended at the same step in
    the same way.
    """
    header = recording.header
    game = GAMES[header["game"]](**header["options"])
    game.set_state(recording.start)
    cut = game.ac_dims[0]
    for step in range(len(recording) + 1):
        if physics(game, 0).tobytes() != recording.states[step].tobytes():
            return "states", step
        if (game.ending[0] > 0) != (step == len(recording)):
            return "outcome", step
        if step < len(recording):
            game.step(np.split(recording.actions[step:step + 1], [cut], axis=1))
    winner = int(game.winner[0])
    ended = game.endings[game.ending[0]], winner if winner >= 0 else None
    same = ended == (header["result"]["ending"], header["result"]["winner"])
    return None if same else ("outcome", step)


def versions():
    """What a replay's bits depend on."""
    return {"mujoco": mujoco.__version__, "numpy": np.__version__, "machine": platform.machine()}


# Files


def steps_that_fit(game):
    """How many steps of a `Game`'s match a replay file may hold."""
    per_step = physics(game, 0).nbytes + 4 * sum(game.ac_dims)
    return min(MAX_STEPS, (MAX_BYTES - ROOM) // per_step - 1)  # there is one state more


def save(path, recording):
    """Writes a replay file (.npz, no pickle), whole or not at all.

    Raises InputError for a match that is too long for one.
    """
    most = steps_that_fit(RecordedMatch(recording).game)
    if len(recording) > most:
        raise InputError(f"{path}: takes at most {most:,} steps of {recording.header['game']}, the "
                         f"match has {len(recording):,}")
    arrays = {f"start/{name}": array for name, array in recording.start.items()}
    arrays |= {"header": np.array(json.dumps(recording.header)), "actions": recording.actions,
               "states": recording.states}
    write_whole(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def load(path):
    """Reads a replay file; InputError for any other file. Nothing in it is executed."""
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise InputError(f"{path}: not a replay file (too large)")
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        recording = _parse(raw)
        check(recording)
        recording.header["names"] = [one_line(name) for name in recording.header["names"]]
    except Exception as error:
        # As with parameter files: damaged bytes fail in a dozen ways, all meaning the same.
        raise InputError(f"{path}: not a replay file ({first_line(error)})") from None
    return recording


def _parse(raw):
    with open_arrays(raw, MAX_BYTES) as arrays:
        header = json.loads(str(arrays["header"]))
        start = {name[len("start/"):]: arrays[name] for name in arrays if name.startswith("start/")}
        return Recording(header, start, arrays["actions"], arrays["states"])


def check(recording):
    """ValueError unless a recording fits the game that it names."""
    header = recording.header
    for name, kind in HEADER.items():
        if not isinstance(header, dict) or not isinstance(header.get(name), kind):
            raise ValueError(f"its header has no {name}")
    result, names = header["result"], header["names"]
    if header["format"] != FORMAT or header["game"] not in GAMES:
        raise ValueError(f"{header['format']!r} of {header['game']!r}")
    game = GAMES[header["game"]](**header["options"])
    if not (len(names) == len(header["paths"]) == 2 and all(isinstance(n, str) for n in names)
            and result.get("winner") in (0, 1, None) and result.get("ending") in game.endings[1:]):
        raise ValueError("its header's names or result are invalid")
    wanted = game.get_state()
    if {name: (a.shape, a.dtype) for name, a in recording.start.items()} != {
            name: (a.shape, a.dtype) for name, a in wanted.items()}:
        raise ValueError("its start is that of another game")
    if not all(np.isfinite(array).all() for array in recording.start.values()):
        raise ValueError("its start is not finite")
    steps = recording.actions.shape[0] if recording.actions.ndim else 0
    if (not 1 <= steps <= MAX_STEPS or recording.actions.shape != (steps, sum(game.ac_dims))
            or recording.actions.dtype != np.float32 or recording.states.dtype != np.float64
            or recording.states.shape != (steps + 1, wanted["physics"].shape[1])):
        raise ValueError("its actions or states have another shape")
