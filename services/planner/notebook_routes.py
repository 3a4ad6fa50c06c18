"""The routes over the researcher's notebook: what its language model was asked, and lessons."""

from fastapi import APIRouter

from services.planner.state import JobState
from shared.contracts.base import ROOT, ExperimentId, WorkId
from shared.contracts.brief import TaskType
from shared.contracts.lesson import BankedLesson, DiagnoseRequest, Remark
from shared.contracts.proposal import ProposeRequest
from shared.notebook import Notebook
from shared.store import PLAN


def works_about(state: JobState, number: ExperimentId) -> list[WorkId]:
    """Return for what a language model may have been asked about an experiment, the oldest first.

    That is the proposal that it was part of, and its diagnosis; about the base model, the plan and
    the brief.
    """
    return [PLAN, WorkId("brief")] if number == ROOT else _works(state, number)


def lessons(notebook: Notebook) -> APIRouter:
    """Return the routes that list lessons and let a person edit them."""
    router = APIRouter(prefix="/v1/lessons")

    @router.get("")
    def listed(
        task_type: TaskType | None = None,
        base_family: str | None = None,
        factor: str | None = None,
    ) -> list[BankedLesson]:
        """Every lesson that fits what is asked for, the oldest first."""
        wanted = {"task_type": task_type, "base_family": base_family, "factor": factor}
        given = {name: value for name, value in wanted.items() if value is not None}
        return [
            lesson
            for lesson in notebook.lessons()
            if all(getattr(lesson, name) == value for name, value in given.items())
        ]

    # Ids have slashes in them.
    @router.patch("/{lesson_id:path}")
    def edit(lesson_id: str, remark: Remark) -> BankedLesson:
        """Say something about a lesson, or have it passed over. What is not sent stays."""
        return notebook.edit(lesson_id, remark)

    @router.delete("/{lesson_id:path}", status_code=204)
    def forget(lesson_id: str) -> None:
        """Remove a lesson for good. Removing it twice changes nothing."""
        notebook.forget(lesson_id)

    return router


def _works(state: JobState, number: ExperimentId) -> list[WorkId]:
    return [
        work_id
        for work_id, request in state.ordered.items()
        if (isinstance(request, ProposeRequest) and number in request.experiments)
        or (isinstance(request, DiagnoseRequest) and request.experiment == number)
    ]
