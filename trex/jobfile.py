"""Reading a job file: YAML a person wrote, to a job that can work.

Whatever is wrong is said here, in one sentence, before anything is started.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.base import Contract, read_as
from shared.contracts.job import JobData, JobSpec, is_sealed, stored_rows
from shared.contracts.mapping import SHAPES, fields_of
from shared.errors import DataFailed, Rejected
from shared.rows import read_rows
from shared.shapes import detect
from trex.base_model import resolve_base_model
from trex.job_data import check_data
from trex.job_grader import check_grader, with_code
from trex.yamlfile import read_fields


def read_job(
    path: Path,
    *,
    search: Mapping[str, str | None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> JobSpec:
    """Return the job in a file, its paths made absolute, its data and its base model looked at.

    A job without a mapping gets the one that the shape of its training rows suggests.

    Args:
        path: of the file; paths in it are relative to it.
        search: what stands in place of its ``search``, by name; what is None is left as it is.
        say: told which mapping was found, where none is given, and what is left to the evaluator.

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
    return job_of(found, path, say)


def job_of(found: dict[str, Any], path: Path, say: Callable[[str], None]) -> JobSpec:
    """Return the job that fields of a file at ``path`` say, otherwise as `read_job`."""
    refuse_unknown(found, JobSpec, path)
    folder = path.resolve().parent
    found = with_code(found, folder)
    spec = read_as(JobSpec, with_mapping(found, folder, say), what=str(path))
    paths = {name: absolute(path, folder) for name, path in spec.data.files().items()}
    data = JobData(**paths, mapping=spec.data.mapping)
    check_data(data, spec.metric, spec.options)
    spec = spec.model_copy(update={"data": data})
    check_grader(spec, say)
    base_model = resolve_base_model(spec.base_model, folder)
    baselines = spec.baselines
    if baselines.reference is not None:
        reference = resolve_base_model(baselines.reference, folder, field="baselines.reference")
        baselines = baselines.model_copy(update={"reference": reference})
    return spec.model_copy(update={"base_model": base_model, "baselines": baselines})


def with_mapping(found: dict[str, Any], folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Return a job's fields, its ``data.mapping`` found by the training rows where it is not given.

    Raises:
        Rejected: the rows cannot be read, or their shape is not known.
    """
    match found:
        case {"data": {"mapping": _}}:
            return found
        case {"data": {"train": str(train)} as data}:
            file = Path(absolute(train, folder))
        case _:
            return found  # lacks more than a mapping, as is said when it is read
    try:
        mapping = fields_of(detect(read_rows(file), file))
    except DataFailed as error:
        raise Rejected(f"data.mapping: {error}") from None
    written = yaml.safe_dump(mapping, default_flow_style=True, sort_keys=False, width=10_000)
    say(f"data.mapping is not given; by the columns of {file.name} it is {written.strip()}")
    return found | {"data": data | {"mapping": mapping}}


def refuse_unknown(
    found: dict[Any, Any], contract: type[Contract], path: Path, above: str = ""
) -> None:
    """Return when every field of a file is one of the contract.

    Raises:
        Rejected: one is not; the message says which may be meant.
    """
    for name, value in found.items():
        field = contract.model_fields.get(name)
        if field is None:
            near = get_close_matches(str(name), contract.model_fields, n=1)
            known = ", ".join(contract.model_fields)
            change = f"write {near[0]}" if near else f"remove it or use one of {known}"
            raise Rejected(f"{path}: {above}{name} is no field of a job; {change}")
        inner: Any = field.annotation
        if name == "mapping" and isinstance(value, dict):
            inner = SHAPES.get(str(value.get("kind", "templates")))
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Contract):
            refuse_unknown(value, inner, path, f"{above}{name}.")


def absolute(name: str, folder: Path) -> str:
    """Return the path of rows that a file in a folder names; sealed and stored ones have none."""
    if is_sealed(name) or stored_rows(name):
        return name
    return str((folder / Path(name).expanduser()).resolve())
