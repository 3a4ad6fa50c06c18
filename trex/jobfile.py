"""Reading a job file: YAML a person wrote, to a job that can work.

Whatever is wrong is said here, in one sentence, before anything is started.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from shared.contracts.base import Contract, read_as
from shared.contracts.job import JobData, JobSpec, sealed_split
from shared.errors import Rejected
from trex.base_model import resolve_base_model
from trex.job_data import check_data
from trex.yamlfile import read_fields


def read_job(path: Path, *, search: Mapping[str, str | None] | None = None) -> JobSpec:
    """Return the job in a file, its paths made absolute, its data and its base model looked at.

    Args:
        path: of the file; paths in it are relative to it.
        search: what stands in place of its ``search``, by name; what is None is left as it is.

    Raises:
        Rejected: the first thing found that cannot work, and what to change.
    """
    found = read_fields(
        path,
        JobSpec,
        what="a job",
        otherwise="check the path or write one with `trex init`",
    )
    given = {name: value for name, value in (search or {}).items() if value is not None}
    if given:
        stated = found.get("search")
        found = found | {"search": (stated if isinstance(stated, dict) else {}) | given}
    _refuse_unknown(found, JobSpec, path)
    spec = read_as(JobSpec, found, what=str(path))
    folder = path.resolve().parent
    paths = {name: _absolute(path, folder) for name, path in spec.data.files().items()}
    data = JobData(**paths, mapping=spec.data.mapping)
    check_data(data, spec.metric)
    base_model = resolve_base_model(spec.base_model, folder)
    return spec.model_copy(update={"data": data, "base_model": base_model})


def _refuse_unknown(
    found: dict[Any, Any], contract: type[Contract], path: Path, above: str = ""
) -> None:
    for name, value in found.items():
        field = contract.model_fields.get(name)
        if field is None:
            near = get_close_matches(str(name), contract.model_fields, n=1)
            known = ", ".join(contract.model_fields)
            change = f"write {near[0]}" if near else f"remove it or use one of {known}"
            raise Rejected(f"{path}: {above}{name} is no field of a job; {change}")
        inner = field.annotation
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Contract):
            _refuse_unknown(value, inner, path, f"{above}{name}.")


def _absolute(name: str, folder: Path) -> str:
    if sealed_split(name):
        return name
    return str((folder / Path(name).expanduser()).resolve())
