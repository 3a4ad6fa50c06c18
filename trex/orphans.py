"""Which published folders nothing will ever ask for. Pure."""

from collections.abc import Iterable, Iterator

from shared.contracts.base import WorkId
from shared.contracts.discard import DiscardRequest
from shared.contracts.events import Event, WorkEnded, WorkOrdered
from shared.contracts.run import Trained


def orphans(published: Iterable[str], ledger: Iterable[Event]) -> Iterator[str]:
    """Yield the folders of runs that are over which no outcome names, or whose removal was asked.

    They come from attempts that lost their lease or died between publishing and saying so. What a
    run that is not over has published stays, for an attempt under way may still need it.

    Args:
        published: names that end in ``JOB/WORK/ATTEMPT/FOLDER``, of one job.
        ledger: everything that has happened to the job.
    """
    named: dict[WorkId, set[str | None]] = {}
    gone: set[str] = set()
    for event in ledger:
        match event:
            case WorkEnded(work_id=work, result=Trained(checkpoint=checkpoint, resume=resume)):
                named[work] = {checkpoint, resume}
            case WorkEnded(work_id=work):
                named[work] = set()
            case WorkOrdered(request=DiscardRequest(folders=folders)):
                gone |= set(folders)
    for name in published:
        work = WorkId(name.split("/")[-3])
        if name in gone or (work in named and name not in named[work]):
            yield name
