"""Reading a draft: a job file that leaves open how answers are judged, the base model, or rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.contracts.base import read_as
from shared.contracts.job import JobSpec
from shared.contracts.plan import JobDraft
from shared.errors import Rejected
from shared.rows import read_samples
from trex.base_model import resolve_base_model
from trex.job_data import peek
from trex.job_grader import with_code
from trex.jobfile import absolute, refuse_unknown, with_mapping
from trex.yamlfile import read_fields

SPLITS = ("dev", "confirm", "test")


def read_draft(path: Path, *, say: Callable[[str], None] = lambda _: None) -> JobDraft:
    """Return the draft in a file, its paths made absolute, its training rows looked at.

    Args:
        path: of the file; paths in it are relative to it.
        say: told which mapping was found, where none is given.

    Raises:
        Rejected: the first thing found that cannot work, and what to change.
    """
    found = read_fields(path, JobSpec, what="a job", otherwise="check the path")
    refuse_unknown(found, JobSpec, path)
    folder = path.resolve().parent
    found = with_mapping(with_code(found, folder), folder, say)
    rows = found.pop("data", None)
    if not isinstance(rows, dict) or "train" not in rows:
        raise Rejected(f"{path}: data.train: is required and missing; name rows to learn from")
    draft = read_as(JobDraft, found | rows, what=str(path))
    draft = draft.model_copy(update=_resolved(draft, folder))
    peek("train", draft.train, read_samples(Path(draft.train), draft.mapping))
    return draft


def _resolved(draft: JobDraft, folder: Path) -> dict[str, Any]:
    """Return what names files, as it is called everywhere."""
    named = {field: getattr(draft, field) for field in ("train", *SPLITS)}
    found: dict[str, Any] = {
        field: absolute(name, folder) for field, name in named.items() if name is not None
    }
    if draft.base_model is not None:
        found["base_model"] = resolve_base_model(draft.base_model, folder)
    if draft.baselines.reference is not None:
        reference = resolve_base_model(
            draft.baselines.reference, folder, field="baselines.reference"
        )
        found["baselines"] = draft.baselines.model_copy(update={"reference": reference})
    return found
