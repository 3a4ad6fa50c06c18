"""Making room: folders that nothing can ask for any more."""

from typing import Literal

from pydantic import Field, NonNegativeInt

from shared.contracts.base import Contract, JobId, Versioned


class DiscardRequest(Versioned):
    """Remove folders that runs of a job made. What is gone already is no fault."""

    kind: Literal["discard"] = "discard"

    job_id: JobId
    """Whose folders they are."""

    folders: tuple[str, ...] = Field(min_length=1)
    """Each a ``checkpoint`` or a ``resume`` that a `Trained` of the job named."""


class Discarded(Contract):
    """The folders are gone, but for those that are named here."""

    kind: Literal["discarded"] = "discarded"

    bytes: NonNegativeInt
    """Size of the files that were removed."""

    left: tuple[str, ...] = ()
    """What could not be removed and why, a sentence a folder."""
