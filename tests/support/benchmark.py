"""Items of the benchmark for tests: from the made-up fixtures, or from the published files."""

import os
from functools import cache
from pathlib import Path

import pytest

from ftbench.sources import Files, files_of
from ftbench.task import Item
from ftbench.tasks import fixture_of, get_task


@cache
def fixture_items(name: str) -> tuple[Item, ...]:
    """Return the items of a task's made-up records."""
    task = get_task(name)
    return tuple(task.load(Files(name, task.source, fixture_of(name))).items)


@cache
def published_items(name: str) -> tuple[Item, ...]:
    """Return the items of the published files below FTBENCH_DATA; skips the test without them."""
    data = os.environ.get("FTBENCH_DATA")
    task = get_task(name)
    if data is None or not (Path(data) / task.source.folder).is_dir():
        pytest.skip(f"needs the published files of {name}: set FTBENCH_DATA to their folder")
    return tuple(task.load(files_of(name, task.source, Path(data))).items)
