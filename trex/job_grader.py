"""A job's own grader: read from its file, and tried before anything is started."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from shared.contracts.grader import JsonSchemaGrader, JudgeGrader
from shared.contracts.job import JobSpec, sealed_rows
from shared.errors import Rejected, ScoringFailed
from shared.graders.confined import Unconfined, confined_grades
from shared.graders.rehearsal import TRIED, rehearse
from shared.rows import read_exam


def with_code(found: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the fields of a job; a grader that names a file has its code instead.

    Args:
        found: the fields, whatever they are.
        folder: what the name is relative to.

    Raises:
        Rejected: the file is not there, or is no text.
    """
    match found.get("grader"):
        case {"kind": "python", "file": str(name), **others}:
            return {**found, "grader": {"kind": "python", "code": _read(folder / name), **others}}
        case _:
            return dict(found)


def check_grader(spec: JobSpec, say: Callable[[str], None]) -> None:
    """Return when a job's grader finds references of dev right and empty answers wrong.

    A judge is left to the evaluator, which knows where it is.

    Args:
        spec: its data can be read.
        say: told when the grader cannot be tried here.

    Raises:
        Rejected: it does not; the message names the row.
    """
    if spec.grader is None or isinstance(spec.grader, JudgeGrader):
        return
    if isinstance(spec.grader, JsonSchemaGrader) and find_spec("jsonschema") is None:
        say(
            "grader: jsonschema is not installed here, so it is tried when the base model is scored"
        )
        return
    if sealed_rows(spec.data.dev):
        say("grader: dev is sealed, so it is tried when the base model is scored")
        return
    samples = islice(read_exam(Path(spec.data.dev), spec.data.mapping), TRIED)
    pairs = [(sample.prompt, sample.completion) for sample in samples]
    try:
        rehearse(partial(confined_grades, spec.grader), pairs)
    except Unconfined as error:
        say(f"grader: it is tried when the base model is scored, for {error}")
    except ScoringFailed as error:
        raise Rejected(str(error)) from None


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(
            f"grader.file: wanted Python at {path}, found none that can be read ({error}); "
            "correct the path"
        ) from None
