"""Jobs as they stand, folded once and kept up to date, for the routes that show them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from services.planner.state import JobState, fold
from shared.contracts.base import JobId
from shared.errors import Unknown
from shared.store import JobStore


class Reader:
    """States of jobs for many threads."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = Lock()
        self._states: dict[JobId, JobState] = {}

    @contextmanager
    def state(self, job_id: JobId) -> Iterator[JobState]:
        """Give a job's present state, which does not change while the block runs.

        Raises:
            Unknown: no such job.
        """
        with self._lock:
            state = self._states.get(job_id)
            entries = self._store.read(job_id, after=state.cursor) if state else None
            if state is None:
                entries = self._store.read(job_id)
                if not entries:
                    raise Unknown(f"there is no job {job_id!r}; GET /v1/jobs lists them")
                state = self._states[job_id] = fold(entries)
            else:
                for entry in entries or ():
                    state.apply(entry)
            yield state
