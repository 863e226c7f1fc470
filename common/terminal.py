"""The terminal: output that may be closed, full or in any encoding; Ctrl-C."""

import errno
import functools
import os
import signal
import sys

NOBODY_READS = 128 + signal.SIGPIPE  # exit code, as shells give it


class Output:
    """A text stream that accepts any text and never fails with a traceback.

    Characters missing from its encoding are written as escapes. After a failure nothing more is
    written, and the program ends if the stream is `needed`.
    """

    def __init__(self, stream, needed=False):
        self._stream, self.needed, self._failed = stream, needed, False

    def write(self, text):
        """Writes a text; returns its length."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        plain = text.encode(encoding, "backslashreplace").decode(encoding)
        self._attempt(lambda: self._stream.write(plain))
        return len(text)

    def flush(self):
        """Flushes the stream."""
        self._attempt(self._stream.flush)

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def _attempt(self, do):
        if self._failed:
            return
        try:
            do()
        except (OSError, ValueError) as error:  # ValueError: Python has closed the stream
            self._failed = True
            _abandon(self._stream)
            unread = not isinstance(error, OSError) or error.errno == errno.EPIPE
            if not unread:
                print(f"output: {error.strerror}; nothing more is printed", file=sys.stderr)
            if self.needed:
                sys.exit(NOBODY_READS if unread else 1)


def guarded(main):
    """Makes a script's main(argv) safe from its terminal.

    Inside it, standard output and error are `Output`s. A failing standard output ends it with exit
    code 141 if nobody reads any more, else 1, unless it calls `ignore_closed_output`; an unhandled
    Ctrl-C ends it with 130.
    """
    @functools.wraps(main)
    def run(argv=None):
        _fill_descriptors()
        kept = sys.stdout, sys.stderr
        out = sys.stdout = Output(sys.stdout, needed=True)
        sys.stderr = Output(sys.stderr)
        try:
            try:
                main(argv)
            except SystemExit as end:
                if end.code:
                    raise
                out.flush()
                raise
            out.flush()
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)
        finally:
            out.needed = False
            out.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = kept

    return run


def script_of(make_parser, run):
    """The guarded main(argv) of a script that parses its command line and calls run(args).

    make_parser: returns the `command_line.Parser`, whose errors end the script.
    """
    def main(argv=None):
        """Parses the command line and does what it says."""
        parser = make_parser()
        args = parser.parse_args(argv)
        with parser.refusing():
            run(args)

    return guarded(main)


def ignore_closed_output():
    """From here on a failing standard output does not end the program: there are files to write."""
    sys.stdout.needed = False


def _fill_descriptors():
    """Opens closed descriptors, or a data file could become standard output or error."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")


def _abandon(stream):
    """Discards what the stream still holds, or Python would fail on it when it exits."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return  # not a real file
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
