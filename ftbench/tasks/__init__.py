"""The ten tasks, by name. A task's libraries are imported when the task is asked for."""

from importlib import import_module
from pathlib import Path

from ftbench.task import Task
from shared.errors import Rejected

NAMES = (
    "aci_bench",
    "tomg_bench",
    "ome_bench",
    "hoc",
    "sst2",
    "cs_bench",
    "open_fin_data",
    "econ_logic_qa",
    "gta",
    "law_bench",
)


def get_task(name: str) -> Task:
    """Return a task.

    Raises:
        Rejected: there is none of that name.
    """
    if name not in NAMES:
        raise Rejected(f"wanted a task, one of {', '.join(NAMES)}; found {name!r}")
    task: Task = import_module(f"ftbench.tasks.{name}.task").TASK
    return task


def fixture_of(name: str) -> Path:
    """Return the folder of a task's made-up records, laid out as the published files are."""
    return Path(__file__).parent / name / "fixture"
