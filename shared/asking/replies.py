"""Keeps every reply a model was paid for, so that the same question is paid for once."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.asking.question import Reply
from shared.errors import DataFailed

BUSY_S = 60.0
"""Seconds to wait while another process writes."""


class Replies:
    """Replies by the keys of their questions, in one SQLite file.

    A reply is on disk when `keep` returns, and two processes may keep some at once. One file rather
    than one for each reply: a million small files take minutes to walk, and whoever evicts prepared
    data walks all of it. It has no manifest, so it is never evicted: it is small, four bytes a
    token or so, and was paid for. No write-ahead log, which machines that share a folder
    could not share.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            DataFailed: it cannot be written, or is another.
        """
        self._path = path
        with self._told():
            self._file = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS replies "
                "(key TEXT PRIMARY KEY, text TEXT NOT NULL, tokens INTEGER NOT NULL, fault TEXT) "
                "WITHOUT ROWID"
            )

    def find(self, key: str) -> Reply | None:
        """Return the reply to a question, None if it was not asked yet."""
        with self._told():
            found = self._file.execute(
                "SELECT text, tokens, fault FROM replies WHERE key = ?", (key,)
            ).fetchone()
        return None if found is None else Reply(*found)

    def keep(self, key: str, reply: Reply) -> Reply:
        """Keep a reply and return the one that counts: the first, if somebody else was faster.

        Raises:
            DataFailed: it cannot be written, mostly because the disk is full.
        """
        with self._told():
            self._file.execute(
                "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)",
                (key, reply.text, reply.tokens, reply.fault),
            )
        return self.find(key) or reply

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise DataFailed(
                f"{self._path}: wanted to keep a model's replies, found: {error}; free some room "
                "there, or move the file away if it is broken"
            ) from None
