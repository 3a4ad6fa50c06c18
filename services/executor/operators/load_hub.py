"""Reads the rows of a data set on the hub, at the commit a recipe names."""

from collections.abc import Iterator

from shared.contracts.operators import LoadHub
from shared.errors import DataFailed
from shared.rows import Row


def load_hub(wanted: LoadHub) -> Iterator[Row]:
    """Yield the rows of one split, in order, as they stream in. A commit's rows never change.

    Raises:
        DataFailed: no network, or no such data set, commit, part or split.
    """
    import datasets
    import httpx

    try:
        stream = datasets.load_dataset(
            wanted.dataset,
            wanted.config,
            split=wanted.split,
            revision=wanted.revision,
            streaming=True,
        )
        for number, columns in enumerate(stream, start=1):
            yield Row(number, columns)
    except (OSError, ValueError, httpx.HTTPError, datasets.exceptions.DatasetsError) as error:
        part = "" if wanted.config is None else f", {wanted.config}"
        raise DataFailed(
            f"{wanted.dataset}: wanted split {wanted.split!r}{part} at {wanted.revision[:12]} from "
            f"the hub, found none ({type(error).__name__}: {' '.join(str(error).split())[:200]}); "
            "check the names and the network, or download it and load the file"
        ) from None
