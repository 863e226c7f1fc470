"""The games, one file per set of rules."""

import gymnasium
from gymnasium.envs.registration import WrapperSpec

from gym_compete.games.game import NOBODY, Game
from gym_compete.games.kick_and_defend import KickAndDefend
from gym_compete.games.run_to_goal import RunToGoalAnts, RunToGoalHumans
from gym_compete.games.sumo import SumoAnts, SumoHumans
from gym_compete.games.you_shall_not_pass import YouShallNotPass

GAMES = {}


def register(game):
    """Makes a `Game` subclass known by its `name` and to `gymnasium.make` by its `env_id`.

    Returns the class, so that `@register` works as well. ValueError if the name or id is taken.
    """
    for known in GAMES.values():
        for name in {game.name, game.env_id} & {known.name, known.env_id}:
            raise ValueError(f"{name!r} is taken by {known.__name__}")
    GAMES[game.name] = game
    # Gymnasium's passive checker accepts no tuple of rewards.
    gymnasium.register(
        game.env_id, entry_point="gym_compete.env:CompeteEnv", kwargs={"game": game.name},
        disable_env_checker=True,
        additional_wrappers=(WrapperSpec("own_time_limit", "gym_compete.env:own_time_limit", {}),))
    return game


for _game in (RunToGoalAnts, RunToGoalHumans, YouShallNotPass, SumoAnts, SumoHumans, KickAndDefend):
    register(_game)


def find_game(name):
    """Returns the `Game` subclass of a short name or Gymnasium id; ValueError if there is none."""
    for game in GAMES.values():
        if name in (game.name, game.env_id):
            return game
    raise ValueError(f"unknown game {name!r}: must be one of {', '.join(GAMES)}")


__all__ = ["GAMES", "NOBODY", "Game", "find_game", "register"]
