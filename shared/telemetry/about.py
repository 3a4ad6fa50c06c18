"""What the present work is about: ids that stand in every span and in every line of a JSON log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

Ids = Mapping[str, str | int]
"""Such as ``trex.job_id`` and ``trex.attempt``."""

_ids: ContextVar[Ids] = ContextVar("ids", default=MappingProxyType({}))


def ids() -> Ids:
    """Return the ids of the present work; none where nobody works."""
    return _ids.get()


@contextmanager
def about(more: Ids) -> Iterator[None]:
    """Add ids while the block runs, in this thread."""
    token = _ids.set({**_ids.get(), **more})
    try:
        yield
    finally:
        _ids.reset(token)
