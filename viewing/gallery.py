"""Shows, films and records matches while they are played.

What needs MuJoCo is imported where it is used, so --help stays quick.
"""

from common.command_line import InputError
from common.names import short_names


class Gallery:
    """Shows, films or records the matches that `matches.play` plays.

    game: name of the game; paths: the players of seats 0 and 1; camera: a `Camera`; seed, options
    (keywords of the game), deterministic: how the matches are played. watched: numbers of the
    matches to show in a window; filmed: of those in the film at film_path; recorded: of the one to
    write to replay_path; a path may be None. Raises InputError, before any match, if nothing can be
    drawn, and if the match to write may be too long for a replay file.
    """

    def __init__(self, game, paths, camera, *, seed, options, deterministic, watched=(),
                 filmed=(), film_path=None, recorded=0, replay_path=None):
        from gym_compete import find_game
        from viewing.recording import Recorder

        self._header = {"game": game, "options": options, "seed": seed,
                        "paths": [str(path) for path in paths],
                        "names": short_names(paths),
                        "deterministic": deterministic}
        self._camera, self._window, self._kept = camera, None, {}
        self._film_path, self._filmed = film_path, filmed if film_path else ()
        self._replay_path, self._recorded = replay_path, recorded
        self.recorder = Recorder({*self._filmed, *watched, *([recorded] if replay_path else [])})
        made = find_game(game)(**options)
        if replay_path:
            check_length(made, replay_path)
        if film_path:
            check_drawing(made, film_path)
        if watched:
            from viewing.window import Show

            self._window = Show(made, camera)

    @property
    def is_open(self):
        """False once the viewer has closed the window."""
        return self._window is None or self._window.is_open

    def take(self, result, on_frame):
        """Takes a finished match and shows it; on_frame: called for every picture shown."""
        recording = self.recorder.take(result, self._header)
        if recording is None:
            return
        if result["game"] in self._filmed or result["game"] == self._recorded:
            self._kept[result["game"]] = recording
        if self._window:
            self._window.show(recording, on_frame)

    def finish(self):
        """Writes the film and the replay file and closes the window."""
        from viewing import recording

        if self._replay_path and self._recorded in self._kept:
            recording.save(self._replay_path, self._kept[self._recorded])
        filmed = [self._kept[number] for number in self._filmed if number in self._kept]
        if filmed:
            from viewing.film import film

            film(self._film_path, filmed, self._camera)
        if self._window:
            self._window.close()


def check_length(game, replay_path):
    """Raises InputError if the game's longest match does not fit into a replay file."""
    from viewing.recording import steps_that_fit

    most, limit = steps_that_fit(game), game.max_episode_steps
    if limit > most:
        raise InputError(f"--save-replay {replay_path}: takes at most {most:,} steps of "
                         f"{game.name}, fewer than --rule max_episode_steps={limit}")


def check_drawing(game, film_path):
    """Raises InputError if this machine cannot draw a frame or encode a film."""
    from gym_compete import Renderer, RenderingError
    from viewing.film import check_encoder

    try:
        Renderer(game, 64, 64).close()
    except RenderingError as error:
        raise InputError(f"--video: {error}") from None
    check_encoder(film_path)
