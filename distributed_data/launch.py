"""Runs a program's ranks under mpirun, and relays signals and output between them and the user.

mpirun has a session of its own, so the terminal's Ctrl-C reaches this process alone. It passes
signals on through the first rank's standard input, to which mpirun hands its own; where that input
ends, this process has been killed, and the first rank ends the job.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

LAUNCHED = "RANKS_LAUNCHED"  # an environment variable of ranks that `supervise` has started
PID_BYTES = 8  # of mpirun's process id, which comes before all signals, a byte each
PATIENCE = 5.0  # seconds to wait for the last output once mpirun has ended
ECHO = 0.1  # seconds within which a repeated signal does not count: `timeout` sends two


def find_mpirun():
    """The path of mpirun, preferably the one beside this Python; None where there is none."""
    beside = os.path.dirname(sys.executable)
    return shutil.which("mpirun", path=beside) or shutil.which("mpirun")


def supervise(command):
    """Runs a command that begins with mpirun to its end; returns the exit code, as shells give it.

    What it prints is printed here. The first SIGINT or SIGTERM is passed to its first rank, which
    must have called `obey`; a second one ends everything at once.
    """
    return _Job(command).wait()


def obey():
    """Makes this process, if it is the first rank of `supervise`, obey the signals passed to it."""
    if os.environ.pop(LAUNCHED, None):
        threading.Thread(target=_obey, daemon=True).start()


def _obey():
    job = os.read(0, PID_BYTES)
    if not job:  # another rank
        return
    while word := os.read(0, 1):
        if signal.getsignal(word[0]) in (signal.SIG_DFL, signal.default_int_handler):
            break  # there is nothing to finish first
        os.kill(os.getpid(), word[0])
    _end(int.from_bytes(job, "big"))


def _end(job):
    """Kills mpirun; its proxies then kill the ranks."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job, signal.SIGKILL)


class _Job:
    """A running command."""

    def __init__(self, command):
        self._asked = self._when = self._process = None
        source, self._line = os.pipe()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        process = subprocess.Popen(
            command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            encoding=sys.stdout.encoding, errors="backslashreplace", start_new_session=True,
            env={**os.environ, LAUNCHED: "1"})
        os.close(source)
        os.write(self._line, process.pid.to_bytes(PID_BYTES, "big"))
        early, self._process = self._asked, process
        if early:
            self._pass_on()

    def wait(self):
        """Relays its output; returns its exit code."""
        pairs = (self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr)
        relays = [threading.Thread(target=_relay, args=pair, daemon=True) for pair in pairs]
        for relay in relays:
            relay.start()
        code = self._process.wait()
        for relay in relays:
            relay.join(PATIENCE)
        return code if code >= 0 else 128 + (self._asked or -code)

    def _ask(self, number, _):
        now, again = time.monotonic(), self._asked
        if again and now - self._when < ECHO:
            return
        self._asked, self._when = number, now
        if self._process and again:
            _end(self._process.pid)
        elif self._process:
            self._pass_on()

    def _pass_on(self):
        with contextlib.suppress(OSError):  # it has just ended
            os.write(self._line, bytes([self._asked]))


def _relay(source, sink):
    for line in source:
        sink.write(line)
        sink.flush()
