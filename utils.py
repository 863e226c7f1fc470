"""The segment generator and generalized advantages.

A segment is a dict, one per learner, of T steps in the N columns that the learner plays:

================  =========================  ======================================================
Key               Shape, type                Meaning
================  =========================  ======================================================
``ob``            [T, N, ob_dim] float32     raw observations, if update or filter needs them
``seenK``         [T, N, n] float32          tensor K that the policy's view keeps, if it keeps any
``ac``            [T, N, ac_dim] float32     actions as sampled, unclipped
``logp``          [T, N] float32             log-probability of ``ac`` when sampled
``vpred``         [T, N] float32             value estimate
``rew``           [T, N] float32             alpha * reward_move + (1 - alpha) * reward_remaining
``new``           [T, N] bool                step t starts a match
``state``         [T / chunk, N, state_dim]  float32: recurrent state at the head of each chunk; of
                                             width 0 if the update does not need it
``nextvpred``     [N] float32                value after the last step, 0 where a match has ended
``cutvpred``      [T, N] float32             value where a time limit cut a match, else 0
``adv``           [T, N] float32             advantages, by `add_vtarg_and_adv`
``tdlamret``      [T, N] float32             TD(lambda) returns, by `add_vtarg_and_adv`
``ep_rets``       list of floats             returns of finished matches, one per seat it had
``ep_outcomes``   list of 1, 0, -1           won, tied, lost: one per match and seat it had
``ep_frozen``     list of bools              against an older version? one per seat it had
``ep_lens``       list of ints               lengths in steps, one per match of the learner
``ep_endings``    list of ints               how its matches ended, one per match
``endings``       list of ints               how all matches ended, the learner's or not
``parts``         dict of floats             rewards by part, summed over places and steps
================  =========================  ======================================================
"""

import numpy as np
from tqdm import tqdm

from distributed_data.callables import make_callable
from networks.inputs import kept_tensors, seen_tensors, update_inputs


class Player:
    """A policy and the places where it plays.

    places: list of (seat, matches); matches are a slice, or an array for frozen players. The
    player's columns are its places in this order; `width` counts them. learner: its index among the
    learners, None if it is frozen.
    `ob` [rows, ob_dim]: its current observations. `state` [rows, state_dim]: its recurrent state.
    rows: batches are padded to this many, by default to the width. Matrix products round
    differently for small batches, so pass a fixed number where results must not depend on the
    width.
    """

    def __init__(self, policy, places, learner=None, rows=0):
        self.policy, self.learner, self._least_rows = policy, learner, rows
        self._take(places)

    def _take(self, places):
        self.places = places
        self.width = sum(how_many(matches) for _, matches in places)
        self.rows = max(self._least_rows, self.width)

    def allocate(self):
        """Allocates what depends on the policy."""
        self.ob = np.zeros((self.rows, self.policy.ob_dim), np.float32)
        self.state = np.tile(self.policy.zero_state, (self.rows, 1))

    def reseat(self, matches, state):
        """Moves to other matches, in the seat of its only place.

        matches: array of their indices; state [matches, state_dim]: its recurrent state in each.
        """
        seat, _ = self.places[0]
        self._take([(seat, matches)])
        self.ob = np.zeros((self.rows, self.policy.ob_dim), np.float32)
        self.state = state

    def feeds(self, *noise):
        """What `placeholders` of its policy take now."""
        return [self.ob, *noise, self.state] if self.policy.recurrent else [self.ob, *noise]

    def columns(self):
        """Yields (seat, matches, columns): which of the player's columns each place fills."""
        start = 0
        for seat, matches in self.places:
            stop = start + how_many(matches)
            yield seat, matches, slice(start, stop)
            start = stop

    def look(self, obs):
        """Picks its observations from obs, one array per seat."""
        for seat, matches, columns in self.columns():
            self.ob[columns] = obs[seat][matches]

    def move(self, ac, acs):
        """Writes its actions ac [width, ac_dim] into acs, one array per seat."""
        for seat, matches, columns in self.columns():
            acs[seat][matches] = ac[columns]

    def pick(self, values):
        """Returns its columns [width] of values [2, num_envs]."""
        return np.concatenate([values[seat][matches] for seat, matches in self.places])


def placeholders(pi, *noise):
    """What a policy is fed: observations, noise if it acts, its state if it has one."""
    return [pi.ob, *noise, pi.state_in] if pi.recurrent else [pi.ob, *noise]


def how_many(matches):
    """Length of a slice or an array of matches."""
    return matches.stop - matches.start if isinstance(matches, slice) else len(matches)


class Actors:
    """Runs all players' policies in one `session.run` and keeps their recurrent states."""

    def __init__(self, sess, players):
        self.sess, self.players = sess, players
        # Filters do not change during a rollout. Feeding their moments as numbers prunes half of
        # the graph from every step.
        self._moments = [x for p in players for x in (p.policy.ob_rms.mean, p.policy.ob_rms.std)]
        feeds, fetches = list(self._moments), []
        for player in players:
            player.allocate()
            pi = player.policy
            feeds += placeholders(pi, pi.noise)
            fetches.append(self._fetches(player))
            if player.learner is not None:
                fetches[-1] |= kept_tensors(pi)
        self._run = make_callable(sess, fetches, feeds)
        self._learners = [p for p in players if p.learner is not None]
        self._estimates = {
            p: make_callable(sess, {"vpred": p.policy.vpred, "logp": p.policy.logp},
                             [*update_inputs(p.policy).values(), p.policy.ac_taken])
            for p in self._learners if not p.policy.recurrent}
        if self._learners:
            self._value = make_callable(
                sess, [p.policy.vpred for p in self._learners],
                [x for p in self._learners for x in placeholders(p.policy)])

    @staticmethod
    def _fetches(player):
        """The tensors of one player's step by name."""
        pi = player.policy
        if not pi.recurrent:
            return {"ac": pi.ac}
        if player.learner is not None:
            return {"ac": pi.ac, "vpred": pi.vpred, "logp": pi.logp, "state": pi.state_out}
        # Where the policy's half of the state is enough to play on, skip the value net.
        return {"ac": pi.ac, "state": getattr(pi, "play_state_out", pi.state_out)}

    def start(self):
        """Reads the filters; call it whenever parameters have changed."""
        self._filters = self.sess.run(self._moments)

    def act(self, rng):
        """Acts once; returns one dict of outputs per player, and updates the recurrent states.

        All have "ac", recurrent ones "state", recurrent learners also "vpred" and "logp". For
        learners without memory `fill_estimates` computes these two for many steps at once, which is
        cheaper. rng: source of the action noise, a NumPy generator or anything with its
        `standard_normal`.
        """
        feeds = list(self._filters)
        for player in self.players:
            noise = rng.standard_normal((player.rows, player.policy.ac_dim), dtype=np.float32)
            feeds += player.feeds(noise)
        outputs = self._run(*feeds)
        for player, output in zip(self.players, outputs):
            if player.policy.recurrent:
                player.state = np.array(output["state"])
        return outputs

    def fill_estimates(self, segs, steps=64):
        """Fills in vpred and logp for all steps of the learners without memory."""
        for player, seg in zip(self._learners, segs):
            if player.policy.recurrent:
                continue
            names = [*update_inputs(player.policy), "ac"]
            for start in range(0, len(seg["ac"]), steps):
                now = slice(start, start + steps)
                rows = (seg[name][now].reshape(-1, seg[name].shape[2]) for name in names)
                for name, x in self._estimates[player](*rows).items():
                    seg[name][now] = x.reshape(-1, player.width)

    def values(self):
        """The learners' value estimates of their current observations; no state changes."""
        return self._value(*(x for p in self._learners for x in p.feeds()))

    def restart(self, done):
        """Resets all players' recurrent states in the matches of the mask [num_envs]."""
        for player in self.players:
            if player.policy.recurrent:
                player.state[:player.width][player.pick((done, done))] = player.policy.zero_state


class Scores:
    """Results of the matches that finish within a segment.

    `endings`: how each match ended. `found`: one dict per learner with "ep_rets", "ep_outcomes"
    and "ep_frozen" (whether against an older version), one entry per seat that it had in a match;
    "ep_lens" and "ep_endings", one entry per match.
    """

    def __init__(self, players, num_envs):
        self.learners = [p for p in players if p.learner is not None]
        # Which seats are frozen: an outcome opposite one counts as "against the pool".
        self._frozen = np.zeros((2, num_envs), bool)
        for player in players:
            for seat, matches in player.places:
                self._frozen[seat, matches] = player.learner is None
        self.returns = np.zeros((2, num_envs))
        self._parts = ({}, {})  # per seat: {reward part: sums [num_envs]}
        self.clear()

    def clear(self):
        """Starts a new segment; unfinished matches keep their returns."""
        self.endings = []
        for sums in self._parts:
            for total in sums.values():
                total[:] = 0
        self.found = [{"ep_rets": [], "ep_lens": [], "ep_outcomes": [], "ep_frozen": [],
                       "ep_endings": []} for _ in self.learners]

    def add(self, rew, infos):
        """Adds one step: rew [2, num_envs] mixed rewards, infos of the vector environment."""
        self.returns += rew
        done = np.flatnonzero(infos["ending"])
        self.endings += infos["ending"][done].tolist()
        for seat, sums in enumerate(self._parts):
            for name, part in infos["parts"][seat].items():
                self._add_part(sums, name, part)
            for name in ("reward_move", "reward_remaining"):
                self._add_part(sums, name, infos[name][seat])
        if not len(done):
            return
        for player, found in zip(self.learners, self.found):
            mine = [(seat, i) for seat, matches in player.places
                    for i in done[(done >= matches.start) & (done < matches.stop)]]
            for seat, i in mine:
                self._finish(found, seat, i, infos)
            for i in dict.fromkeys(i for _, i in mine):  # once, even if it has both seats
                found["ep_lens"].append(int(infos["steps"][i]))
                found["ep_endings"].append(int(infos["ending"][i]))
        self.returns[:, done] = 0

    @staticmethod
    def _add_part(sums, name, part):
        if name not in sums:
            sums[name] = np.zeros(len(part))
        sums[name] += part

    def parts(self, player):
        """A player's rewards by part, summed over its places and the segment: {name: float}."""
        totals = {}
        for seat, matches in player.places:
            for name, total in self._parts[seat].items():
                totals[name] = totals.get(name, 0.0) + float(total[matches].sum())
        return totals

    def _finish(self, found, seat, i, infos):
        winner = infos["winner"][i]
        found["ep_rets"].append(self.returns[seat, i])
        found["ep_outcomes"].append(0 if winner < 0 else 1 if winner == seat else -1)
        found["ep_frozen"].append(bool(self._frozen[1 - seat, i]))


def new_segment(horizon, player):
    """Allocates the arrays of one learner's segment."""
    n, pi = player.width, player.policy
    floats = {name: np.zeros((horizon, n), np.float32)
              for name in ("logp", "vpred", "rew", "cutvpred")}
    rows = {"ac": pi.ac, **seen_tensors(pi)}
    state_dim = pi.state_dim if "state" in update_inputs(pi) else 0
    return {
        **{name: np.zeros((horizon, n, x.shape[1]), np.float32) for name, x in rows.items()},
        "new": np.zeros((horizon, n), bool),
        "state": np.zeros((-(-horizon // pi.chunk), n, state_dim), np.float32),
        "nextvpred": np.zeros(n, np.float32),
        **floats,
    }


class Rollouts:
    """An endless iterator: every `next` returns a list with one segment dict per learner.

    players: who plays where, learners first; both seats of every match must be taken.
    env: `CompeteVectorEnv`. horizon: steps per segment. rng: NumPy generator of the action noise.
    alpha: function that returns the weight of the dense reward, r = alpha * reward_move +
    (1 - alpha) * reward_remaining (paper, section 4.1). Recurrent states are stored at the head of
    each of the policy's chunks. copies: `frozen.FrozenCopies`, which change places as matches end,
    or None. shaping: `Shaping`, whose reward is added to r, or None; the returns of finished
    matches leave it out.

    The next segment reuses the arrays.
    """

    def __init__(self, players, env, sess, horizon, rng, alpha, copies=None, shaping=None):
        self.players, self.env, self.sess, self._copies = players, env, sess, copies
        moving = copies.players if copies else []
        self._staying = {f"player{k}": p for k, p in enumerate(players) if p not in moving}
        self._horizon, self._rng, self._alpha = horizon, rng, alpha
        self._shaping = shaping
        self._actors, self._scores = Actors(sess, players), Scores(players, env.num_envs)
        self._segs = [new_segment(horizon, p) for p in self._scores.learners]
        self._acs = [np.zeros((env.num_envs, size), np.float32) for size in env.ac_dims]
        self._new = None  # mask of matches that have just begun; None until the first step

    def __iter__(self):
        return self

    def __next__(self):
        self._start()
        self._actors.start()
        self._scores.clear()
        for seg in self._segs:
            seg["cutvpred"][:] = 0
        for t in tqdm(range(self._horizon), desc="collecting", leave=False, disable=None):
            self._step(t)
        self._actors.fill_estimates(self._segs)
        scores = self._scores
        for player, seg, vpred, found in zip(scores.learners, self._segs,
                                             self._values(self.env.obs), scores.found):
            # A match that has just ended is worth nothing more.
            seg["nextvpred"][:] = vpred * ~player.pick((self._new, self._new))
            seg.update(found, endings=scores.endings, parts=scores.parts(player))
        return self._segs

    def _start(self):
        if self._new is None:
            self.env.reset()
            self._new = np.ones(self.env.num_envs, bool)

    def _step(self, t):
        env, learners, alpha = self.env, self._scores.learners, self._alpha()
        for player in self.players:
            player.look(env.obs)
        for player, seg in zip(learners, self._segs):
            seg["new"][t] = player.pick((self._new, self._new))
            if "ob" in seg:
                seg["ob"][t] = player.ob
            if t % player.policy.chunk == 0 and seg["state"].size:
                seg["state"][t // player.policy.chunk] = player.state
        outputs = self._actors.act(self._rng)
        for player, output in zip(self.players, outputs):
            player.move(output["ac"], self._acs)
        for player, seg, output in zip(learners, self._segs, outputs):  # learners come first
            for name in output.keys() - {"state"}:
                seg[name][t] = output[name]
            if "ob" not in seg:  # the view may have clipped away what was not finite
                seg["seen0"][t][~np.isfinite(player.ob).all(axis=1)] = np.nan
        before = self._shaping.potentials() if self._shaping else None
        _, _, terminated, truncated, infos = env.step(self._acs)
        self._new = terminated | truncated
        if truncated.any():
            self._bootstrap(t, truncated, infos)
        rew = alpha * infos["reward_move"] + (1 - alpha) * infos["reward_remaining"]
        self._scores.add(rew, infos)
        if self._shaping:
            rew = rew + self._shaping.reward(before, self._new)
        for player, seg in zip(learners, self._segs):
            seg["rew"][t] = player.pick(rew)
        self._actors.restart(self._new)
        if self._copies:
            self._copies.restart(self._new, infos["winner"])

    def _bootstrap(self, t, truncated, infos):
        """Stores the value of the states in which a time limit cut matches off."""
        learners, values = self._scores.learners, self._values(infos["final_obs"])
        for player, seg, vpred in zip(learners, self._segs, values):
            if self._shaping:
                vpred = vpred + player.pick(self._shaping.cut(infos))
            # Not a product: the value of a state that is not finite is NaN, and NaN * 0 is NaN.
            seg["cutvpred"][t] = np.where(player.pick((truncated, truncated)), vpred, 0)

    def _values(self, obs):
        """The learners' value estimates of obs, one array per seat."""
        for player in self._scores.learners:
            player.look(obs)
        return self._actors.values()

    def get_state(self):
        """All that determines the next segment: {name: array}. Call it between segments.

        Parameters, generators and copies are not part of it; they save themselves.
        """
        self._start()
        state = {f"env/{name}": array for name, array in self.env.get_state().items()}
        state |= {name: player.state for name, player in self._staying.items()}
        return state | {"new": self._new, "returns": self._scores.returns}

    def set_state(self, state):
        """Restores what `get_state` returned; the next segment is equal bit for bit."""
        self.env.set_state({name.removeprefix("env/"): array for name, array in state.items()
                            if name.startswith("env/")})
        for name, player in self._staying.items():
            player.state = np.array(state[name])
        self._new, self._scores.returns[:] = np.array(state["new"]), state["returns"]


traj_segment_generator = Rollouts  # by the name that OpenAI's baselines have for it


def add_vtarg_and_adv(seg, gamma, lam):
    """Adds generalized advantages `adv` and TD(lambda) returns `tdlamret` [T, N] to a segment.

    Schulman et al., 2016, equation 16: adv[t] = delta[t] + gamma lam adv[t + 1] within a match.
    Matches that a time limit cut off bootstrap from `cutvpred` [T, N], their values at the cut.
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
