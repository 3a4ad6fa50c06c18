"""Handing a job's training rows to a system elsewhere, whose hosts do not see this one's files."""

import re
from collections.abc import Callable
from pathlib import Path

from shared.contracts.job import JobSpec, StoredRows, stored_rows
from shared.data_files import files_of
from shared.errors import Rejected
from shared.rows import sha256_of
from shared.settings import ClientSettings
from trex.client import TrexClient


def with_shared_rows(
    spec: JobSpec, client: TrexClient, settings: ClientSettings, say: Callable[[str], None]
) -> JobSpec:
    """Return a job whose training rows every host of a system reads; otherwise as `shared_rows`."""
    train = shared_rows(spec.data.train, client, settings, say)
    return spec.model_copy(update={"data": spec.data.model_copy(update={"train": train})})


def shared_rows(
    train: str, client: TrexClient, settings: ClientSettings, say: Callable[[str], None]
) -> str:
    """Return the name by which every host of a system reads rows, sent there if need be.

    A path stays one for a system on this machine, and for one whose hosts share paths.

    Raises:
        Rejected: they are several files.
        Unavailable: the system or its store is away.
    """
    if settings.url is None or stored_rows(train):
        return train
    files = list(files_of(Path(train)).values())
    rows = StoredRows(sha256_of(files[0]), re.sub(r"^\W+|[^\w.+ -]", "_", files[0].name))
    found = client.file(rows)
    if found.name is None:
        return train
    if len(files) > 1:
        raise Rejected(
            f"data.train: wanted one file to send to {settings.url}, whose hosts share no paths, "
            f"found {len(files)} that fit {train}; write their rows into one"
        )
    if not found.there:
        say(f"sending {files[0].name}, {files[0].stat().st_size / 1e6:.1f} MB")
        client.send_file(rows, files[0])
    return found.name
