"""All of a rank's random generators."""

import json

import numpy as np

from distributed_data import comm


class Generators:
    """A rank's generators; nothing else draws random numbers."""

    def __init__(self, seed, learners):
        common = np.random.SeedSequence([seed, 0])
        own = np.random.SeedSequence([seed, 1, comm.RANK])
        self.init = np.random.default_rng(common)  # first weights, the same on every rank
        noise, draws, *orders = own.spawn(2 + learners)
        self.noise, self.draws = np.random.default_rng(noise), np.random.default_rng(draws)
        self.orders = [np.random.default_rng(order) for order in orders]
        self._streams = {"noise": self.noise, "draws": self.draws,
                         **{f"order{k}": rng for k, rng in enumerate(self.orders)}}
        self._seed = seed

    def renew(self, iteration):
        """Reseeds the generators, for a run that resumes on another number of ranks.

        Returns the SeedSequence of this rank's matches.
        """
        fresh = np.random.SeedSequence([self._seed, 3, iteration, comm.SIZE, comm.RANK])
        matches, *fresh = fresh.spawn(1 + len(self._streams))
        for rng, sequence in zip(self._streams.values(), fresh):
            rng.bit_generator.state = np.random.default_rng(sequence).bit_generator.state
        return matches

    def get_state(self):
        """The generators' states: {name: JSON}."""
        return {name: json.dumps(rng.bit_generator.state) for name, rng in self._streams.items()}

    def set_state(self, state):
        """Restores what `get_state` returned."""
        for name, rng in self._streams.items():
            rng.bit_generator.state = json.loads(str(state[name]))
