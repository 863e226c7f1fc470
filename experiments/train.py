"""run.py with its runs in another folder, for as long as its standard input stays open.

    python -m experiments.train FOLDER [options of run.py]

Its starter closes that input to end the run cleanly, and so does the system if the starter dies,
whatever kills it.
"""

import os
import signal
import sys
import threading

from common.command_line import RANK_NAMES


def watch(descriptor):
    """Asks this process to end cleanly once the descriptor has nothing more to read."""
    while os.read(descriptor, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(words):
    """Trains; words: the folder of runs, then options of run.py."""
    import run

    ranks = [os.environ[name] for name in RANK_NAMES if name in os.environ]
    if not ranks or ranks[0] == "0":  # mpirun hands its own input to the first rank alone
        threading.Thread(target=watch, args=(0,), daemon=True).start()
    run.SAVE_DIR = words[0]
    run.main(words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
