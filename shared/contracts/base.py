"""The base of every contract, the ids, the hash, and reading one from untrusted input."""

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NewType, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import Rejected

JobId = NewType("JobId", str)
"""Names a job everywhere, for example ``j-7f3a9c21``."""

WorkId = NewType("WorkId", str)
"""Names one piece of work inside its job, for example ``run-3``. The same on every replay."""

ExperimentId = NewType("ExperimentId", int)
"""Number of a node of the job's tree, counted from `ROOT` in the order of asking."""

ROOT = ExperimentId(0)
"""The base model, untouched."""

Share = Annotated[float, Field(gt=0.0, le=1.0)]
"""Part of a whole, never none of it."""

CONTRACTS = 1
"""Newest wire format that this release reads. A planner works with workers of its own number and of
the one before: a release that raises it still writes what the release before reads, so that hosts
may be upgraded one after another."""

T = TypeVar("T")


class Contract(BaseModel):
    """Base of everything that crosses a process boundary.

    Frozen, so a value read twice is the same value. Unknown fields are refused, so a worker running
    old code says so instead of dropping what it does not know. NaN and infinity are refused,
    because JSON has neither: pydantic would write ``null`` and the reader would fail.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Versioned(Contract):
    """A contract that is stored or sent on its own, and so says which version it was written in."""

    version: Literal[1] = 1
    """Of the wire format it is written in; a reader refuses the ones it does not know."""


def digest(contract: Contract) -> str:
    """Return the SHA-256 of a contract's canonical JSON, as 64 hexadecimal digits.

    Canonical is: keys sorted, no white space, every default written out.
    """
    canonical = json.dumps(
        contract.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_as(kind: type[T], value: Any, *, what: str) -> T:
    """Return ``value`` (parsed JSON or YAML) as a contract.

    Raises:
        Rejected: one sentence a field, naming the field, what was wanted and what was found.
    """
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise Rejected(f"{what}: {'; '.join(sentences(error.errors()))}") from None


def sentences(problems: Iterable[Any]) -> list[str]:
    """Say each pydantic problem as ``field: what was wanted, what was found``."""
    said = []
    for problem in problems:
        field = ".".join(str(part) for part in problem["loc"]) or "the whole"
        if problem["type"] == "extra_forbidden":
            said.append(f"{field}: no such field; remove it or check its spelling")
        elif problem["type"] == "missing":
            said.append(f"{field}: is required and missing; add it")
        else:
            wanted = problem["msg"].removeprefix("Value error, ")
            said.append(f"{field}: {wanted}, got {_shown(problem['input'])}")
    return said


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
