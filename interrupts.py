"""Ctrl-C and SIGTERM: the first one asks for an orderly end, the second one ends at once."""

import os
import signal
import sys
import threading


class Interrupts:
    """`asked` turns true at the first signal; use it as a context around the training loop.

    Files are written whole or not at all, so that the second signal's sudden end harms nothing.
    speak: whether this process tells about it (rank 0 does).
    """

    def __init__(self, speak=True):
        self.asked, self._speak, self._kept = False, speak, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._kept[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_):
        for number, handler in self._kept.items():
            signal.signal(number, handler)

    def _handle(self, number, _):
        if self.asked:
            os._exit(128 + number)
        self.asked = True
        if self._speak:
            print("\nfinishing this iteration, then stopping; once more to stop at once",
                  file=sys.stderr, flush=True)
