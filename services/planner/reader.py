"""Jobs as they stand, folded once and kept up to date, for the routes that show them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from services.planner.drafted import DraftState, Standing, go_on
from services.planner.state import JobState
from shared.contracts.base import JobId
from shared.errors import Rejected, Unknown
from shared.store import BEGINNING, JobStore


class Reader:
    """States of jobs for many threads."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = Lock()
        self._states: dict[JobId, Standing] = {}

    @contextmanager
    def standing(self, job_id: JobId) -> Iterator[Standing]:
        """Give a job's present state, or its draft's, which does not change while the block runs.

        Raises:
            Unknown: no such job.
        """
        with self._lock:
            state = self._states.get(job_id)
            after = BEGINNING if state is None else state.cursor
            state = go_on(state, self._store.read(job_id, after=after))
            if state is None:
                raise Unknown(f"there is no job {job_id!r}; GET /v1/jobs lists them")
            self._states[job_id] = state
            yield state

    @contextmanager
    def state(self, job_id: JobId) -> Iterator[JobState]:
        """Give a job's present state, which does not change while the block runs.

        Raises:
            Unknown: no such job.
            Rejected: it is a draft that nobody has approved.
        """
        with self.standing(job_id) as state:
            if isinstance(state, DraftState):
                raise Rejected(
                    f"wanted a job that has begun, {job_id} is a draft; approve its plan first, "
                    "which GET /v1/plans shows"
                )
            yield state
