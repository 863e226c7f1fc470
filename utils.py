"""Rollouts, advantages and parameter files."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
from tqdm import tqdm

MAX_FILE_BYTES = 256 * 2**20


class InputError(ValueError):
    """Something the user gave is wrong: one line that names it and what is allowed."""


# Rollouts


class Player:
    """A policy and where it sits.

    places: list of (seat, slice of matches); the player's columns are its places one after the
    other, `width` counts them. learner: its number among the learners, None if it is frozen.
    `ob` [width, ob_dim] is what it sees, `state` [width, state_dim] what it remembers.
    """

    def __init__(self, policy, places, learner=None):
        self.policy, self.places, self.learner = policy, places, learner
        self.width = sum(games.stop - games.start for _, games in places)

    def sit_down(self):
        """Allocates what depends on the policy."""
        self.ob = np.zeros((self.width, self.policy.ob_dim), np.float32)
        self.state = np.tile(self.policy.zero_state, (self.width, 1))

    def columns(self):
        """Yields (seat, games, columns): which of the player's columns each place fills."""
        start = 0
        for seat, games in self.places:
            stop = start + games.stop - games.start
            yield seat, games, slice(start, stop)
            start = stop

    def look(self, obs):
        """Takes its observations from the environment's (one array a seat)."""
        for seat, games, columns in self.columns():
            self.ob[columns] = obs[seat][games]

    def move(self, ac, acs):
        """Writes its actions ac [width, ac_dim] into the environment's (one array a seat)."""
        for seat, games, columns in self.columns():
            acs[seat][games] = ac[columns]

    def pick(self, values):
        """Its columns of values [2, num_envs]."""
        return np.concatenate([values[seat][games] for seat, games in self.places])


class Actors:
    """Steps all players' policies in one `session.run`, and keeps their recurrent states."""

    def __init__(self, sess, players):
        self.players = players
        feeds, fetches = [], []
        for player in players:
            player.sit_down()
            pi = player.policy
            feeds += [pi.ob, pi.noise] + [pi.state_in] * pi.recurrent
            judged = player.learner is not None and pi.recurrent
            fetches.append([pi.ac] + [pi.vpred, pi.logp] * judged + [pi.state_out] * pi.recurrent)
        self._run = sess.make_callable(fetches, feeds)
        self._learners = [p for p in players if p.learner is not None]
        self._judge = [sess.make_callable([p.policy.vpred, p.policy.logp],
                                          [p.policy.ob, p.policy.ac_taken]) for p in self._learners]
        if self._learners:
            self._value = sess.make_callable(
                [p.policy.vpred for p in self._learners],
                [x for p in self._learners
                 for x in [p.policy.ob] + [p.policy.state_in] * p.policy.recurrent])

    def act(self, rng):
        """Each player's [ac], a recurrent learner's [ac, vpred, logp]; moves the states on.

        What has no memory is judged by `judge`, many steps at a time, which is cheaper.
        rng: NumPy generator, or what has its `standard_normal`, of the action noise.
        """
        feeds = []
        for player in self.players:
            noise = rng.standard_normal((player.width, player.policy.ac_dim), dtype=np.float32)
            feeds += [player.ob, noise] + [player.state] * player.policy.recurrent
        outputs = self._run(*feeds)
        for player, output in zip(self.players, outputs):
            if player.policy.recurrent:
                player.state = np.array(output.pop())
        return outputs

    def judge(self, segs, steps=64):
        """Fills in vpred and logp of all steps that learners without memory have taken."""
        for player, judge, seg in zip(self._learners, self._judge, segs):
            for start in range(0, len(seg["ob"]) * (not player.policy.recurrent), steps):
                now = slice(start, start + steps)
                ob, ac = (seg[name][now] for name in ("ob", "ac"))
                for name, x in zip(("vpred", "logp"), judge(ob.reshape(-1, ob.shape[2]),
                                                            ac.reshape(-1, ac.shape[2]))):
                    seg[name][now] = x.reshape(-1, player.width)

    def values(self):
        """The learners' value estimates of what they see, without a step."""
        return self._value(*(x for p in self._learners
                             for x in [p.ob] + [p.state] * p.policy.recurrent))

    def restart(self, done):
        """Zeroes the recurrent states of all who sit in the matches of the mask [num_envs]."""
        for player in self.players:
            if player.policy.recurrent:
                player.state[player.pick((done, done))] = player.policy.zero_state


def new_segment(horizon, player):
    """Allocates one learner's segment: [T, N] columns, time-major."""
    n, pi = player.width, player.policy
    floats = {name: np.zeros((horizon, n), np.float32)
              for name in ("logp", "vpred", "rew", "cutvpred")}
    return {
        "ob": np.zeros((horizon, n, pi.ob_dim), np.float32),
        "ac": np.zeros((horizon, n, pi.ac_dim), np.float32),
        "new": np.zeros((horizon, n), bool),
        "state": np.zeros((-(-horizon // pi.chunk), n, pi.state_dim), np.float32),
        "nextvpred": np.zeros(n, np.float32),
        **floats,
    }


class Scores:
    """What the finished games of a segment say: per learner returns, lengths and outcomes."""

    def __init__(self, players, num_envs):
        self.learners = [p for p in players if p.learner is not None]
        # Who sits opposite: frozen opponents make the outcome count "against the pool".
        self._frozen = np.zeros((2, num_envs), bool)
        for player in players:
            for seat, games in player.places:
                self._frozen[seat, games] = player.learner is None
        self._returns = np.zeros((2, num_envs))
        self.clear()

    def clear(self):
        """Starts a new segment; games that go on keep their returns."""
        self.episodes = 0
        self.found = [{"ep_rets": [], "ep_lens": [], "ep_outcomes": [], "ep_frozen": [],
                       "ep_endings": [], "parts": {}} for _ in self.learners]

    def add(self, rew, infos):
        """Takes in one step: rew [2, N] mixed rewards, infos of the vector environment."""
        self._returns += rew
        done = np.flatnonzero(infos["ending"])
        self.episodes += len(done)
        for player, found in zip(self.learners, self.found):
            for seat, games in player.places:
                for name, part in {**infos["parts"][seat],
                                   "reward_move": infos["reward_move"][seat],
                                   "reward_remaining": infos["reward_remaining"][seat]}.items():
                    found["parts"][name] = found["parts"].get(name, 0.0) + float(part[games].sum())
                for i in done[(done >= games.start) & (done < games.stop)]:
                    self._finish(found, seat, i, infos)
        self._returns[:, done] = 0

    def _finish(self, found, seat, i, infos):
        winner = infos["winner"][i]
        found["ep_rets"].append(self._returns[seat, i])
        found["ep_lens"].append(int(infos["steps"][i]))
        found["ep_outcomes"].append(0 if winner < 0 else 1 if winner == seat else -1)
        found["ep_frozen"].append(bool(self._frozen[1 - seat, i]))
        found["ep_endings"].append(int(infos["ending"][i]))


def traj_segment_generator(players, env, sess, horizon, rng, alpha):
    """Plays on for ever, and yields every `horizon` steps a list of one segment dict a learner.

    players: who sits where, learners first; every place of every match must be filled.
    env: `CompeteVectorEnv`. rng: NumPy generator of the action noise. alpha: function that returns
    the weight of the dense reward, r = alpha * reward_move + (1 - alpha) * reward_remaining
    (paper, section 4.1). Recurrent states are kept at the head of each of the policy's chunks.

    The arrays are reused by the next segment.
    """
    actors, scores = Actors(sess, players), Scores(players, env.num_envs)
    learners = scores.learners
    segs = [new_segment(horizon, p) for p in learners]
    acs = [np.zeros((env.num_envs, size), np.float32) for size in env.ac_dims]
    new = np.ones(env.num_envs, bool)
    env.reset()
    while True:
        for seg in segs:
            seg["cutvpred"][:] = 0
        for t in tqdm(range(horizon), desc="collecting", leave=False, disable=None):
            for player in players:
                player.look(env.obs)
            for player, seg in zip(learners, segs):
                seg["ob"][t], seg["new"][t] = player.ob, player.pick((new, new))
                if t % player.policy.chunk == 0:
                    seg["state"][t // player.policy.chunk] = player.state
            outputs = actors.act(rng)
            for player, output in zip(players, outputs):
                player.move(output[0], acs)
            for seg, output in zip(segs, outputs):
                for name, x in zip(("ac", "vpred", "logp"), output):
                    seg[name][t] = x
            _, _, terminated, truncated, infos = env.step(acs)
            if truncated.any():
                _value_cuts(t, learners, segs, actors, infos["final_obs"], truncated)
            rew = alpha() * infos["reward_move"] + (1 - alpha()) * infos["reward_remaining"]
            for player, seg in zip(learners, segs):
                seg["rew"][t] = player.pick(rew)
            scores.add(rew, infos)
            new = terminated | truncated
            actors.restart(new)
        actors.judge(segs)
        for player in learners:
            player.look(env.obs)
        for player, seg, vpred, found in zip(learners, segs, actors.values(), scores.found):
            # A game that has just ended is worth nothing more.
            seg["nextvpred"][:] = vpred * ~player.pick((new, new))
            seg.update(found, episodes=scores.episodes)
        yield segs
        scores.clear()


def _value_cuts(t, learners, segs, actors, final_obs, truncated):
    """What the games that a time limit has cut at step t would still have been worth."""
    for player in learners:
        player.look(final_obs)
    for player, seg, vpred in zip(learners, segs, actors.values()):
        seg["cutvpred"][t] = vpred * player.pick((truncated, truncated))


def add_vtarg_and_adv(seg, gamma, lam):
    """Adds generalized advantages `adv` and TD(lambda) returns `tdlamret` [T, N] to a segment.

    Schulman et al., 2016, equation 16: adv[t] = delta[t] + gamma lam adv[t + 1] within a game. A
    game that a time limit cut goes on in expectation: `cutvpred` [T, N] is its value there.
    """
    rew, vpred = seg["rew"], seg["vpred"]
    adv = np.empty_like(rew)
    last = np.zeros_like(rew[0])
    nextvpred, nonterminal = seg["nextvpred"], 1.0
    for t in range(len(rew) - 1, -1, -1):
        delta = rew[t] + gamma * (nextvpred * nonterminal + seg["cutvpred"][t]) - vpred[t]
        last = delta + gamma * lam * nonterminal * last
        adv[t] = last
        nextvpred, nonterminal = vpred[t], 1.0 - seg["new"][t]
    seg["adv"], seg["tdlamret"] = adv, adv + vpred


# Parameter files


def write_whole(path, write):
    """Calls write(file) on a temporary file beside `path` and renames it: never half a file."""
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def save_parameters(path, vector, header):
    """Writes one parameter file (.npz): a flat float32 vector and a JSON header.

    header: dict with at least `game`, `seat`, `policy`, `policy_args`, `ob_dim`, `ac_dim`,
    `version` and `iteration`.
    """
    arrays = {"parameters": np.asarray(vector, np.float32),
              "header": np.array(json.dumps(header, sort_keys=True))}
    write_whole(path, lambda file: np.savez(file, **arrays))


def load_parameters(path):
    """Reads a parameter file; returns (vector float32 [P], header dict).

    Takes our own .npz and, with an empty header, the released policies as .npy or as the original
    pickles. Nothing in a file is ever executed. Raises InputError for whatever is none of these.
    """
    try:
        size = os.path.getsize(path)
        if not 0 < size <= MAX_FILE_BYTES:
            raise InputError(f"{path}: {size} bytes, a parameter file has 1 to {MAX_FILE_BYTES}")
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        vector, header = _parse(raw)
    except Exception as error:
        # Damaged bytes make the readers fail in a dozen ways, all meaning the same to the user.
        raise InputError(f"{path}: not a parameter file ({first_line(error)})") from None
    if vector.dtype.kind != "f" or vector.ndim != 1 or not vector.size:
        raise InputError(f"{path}: holds a {vector.dtype} array of shape {vector.shape}, "
                         "not a flat vector of floats")
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)  # what overflows here is no number any more
    if not np.isfinite(vector).all():
        raise InputError(f"{path}: holds numbers that are not finite")
    return vector, header


def first_line(error):
    """An exception's message, cut to a part of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def _parse(raw):
    if raw.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_FILE_BYTES:
                raise ValueError("unpacks to too much")
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            header = json.loads(str(arrays["header"]))
            if not isinstance(header, dict):
                raise ValueError("its header is no object")
            return arrays["parameters"], header
    if raw.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(raw), allow_pickle=False), {}
    array = ArrayUnpickler(io.BytesIO(raw), encoding="latin1").load()
    if not isinstance(array, PickledArray) or array.value is None:
        raise ValueError(f"a pickled {type(array).__name__}, not an array")
    return array.value, {}


class ArrayUnpickler(pickle._Unpickler):
    """Reads pickled float arrays, as OpenAI released them, and admits nothing else.

    It is the unpickler written in Python: the one in C allocates whatever memo a file asks for.
    Byte arrays, which no such pickle holds, would be allocated unseen here too.
    """

    dispatch = {code: load for code, load in pickle._Unpickler.dispatch.items()
                if code != pickle.BYTEARRAY8[0]}

    def find_class(self, module, name):
        """Maps the names such a pickle needs to harmless stand-ins; refuses all others."""
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): PickledArray,
            ("numpy._core.multiarray", "_reconstruct"): PickledArray,
            ("numpy", "ndarray"): None,
            ("numpy", "dtype"): PickledDtype,
            ("_codecs", "encode"): _latin1,
        }
        try:
            return allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


class PickledDtype:
    """Stands in for a pickled `dtype`; its byte order comes with its state."""

    def __init__(self, code, *_):
        if code not in ("f4", "f8"):
            raise pickle.UnpicklingError(f"an array of {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state):
        self.order = state[1]


class PickledArray:
    """Stands in for a pickled array: `value` is a view of the bytes that the file really holds."""

    def __init__(self, *_):
        self.value = None

    def __setstate__(self, state):
        _, shape, dtype, _, data = state
        data = data.encode("latin1") if isinstance(data, str) else data  # bytes of Python 2
        self.value = np.frombuffer(data, np.dtype(dtype.order + dtype.code)).reshape(shape)


def _latin1(text, encoding):
    """`_codecs.encode` as pickles use it, for bytes alone."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")
