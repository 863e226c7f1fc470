"""Matches to look at: recordings, films, a window."""
