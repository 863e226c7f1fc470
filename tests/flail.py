"""Players that flail, and matches of theirs."""

import numpy as np

from gym_compete import CompeteVectorEnv
from viewing.recording import Recorder

EULER = ["--integrator", "Euler"]
GAME = "run-to-goal-ants"


def short_match(name, steps=12, seed=1, ending=None):
    """A recording of a game's match under random actions, cut after some steps."""
    env = CompeteVectorEnv(name, 2, seed=seed, integrator="Euler")
    env.reset()
    recorder, rng = Recorder([7]), np.random.default_rng(seed)
    for _ in range(steps):
        acs = [rng.uniform(-1, 1, (2, size)).astype(np.float32) for size in env.ac_dims]
        recorder.before_step(env, [None, 7], acs)
        env.step(acs)
    env.on_end(1)
    result = {"game": 7, "winner": None, "length": steps, "ending": env.game.endings[-1]}
    header = {"game": name, "options": {"integrator": "Euler"}, "seed": seed,
              "names": ["one", "two"], "paths": ["a", "b"]}
    return recorder.take(result, header)
