"""Writes the brief with a language model, as far as there is counsel."""

from services.researcher.llm.adviser import Adviser, NoCounsel
from services.researcher.llm.briefing.analysing import analyse, the_job
from services.researcher.llm.briefing.document import page
from services.researcher.llm.briefing.looking_up import Evidence, look_up
from services.researcher.llm.briefing.writing import Written, write
from services.researcher.llm.quoting import quoted
from services.researcher.tools.research import Research
from shared.contracts.brief import Brief, BriefRequest, Requirements, TaskType


def brief(request: BriefRequest, counted: Brief, research: Research, adviser: Adviser) -> Brief:
    """Return what rules counted, with what a model and its look-ups add to it.

    Three questions: what the job asks for, what to look up, and what follows from what was found.
    Where there is no answer to one, what is there already stays, and the document says what is
    missing.

    Raises:
        DataFailed: the training rows cannot be read any more.
        shared.answering.GivenUp: the work was cancelled or taken away meanwhile.
    """
    known, evidence = counted, Evidence()
    written: Written | None = None
    fallback: str | None = None
    try:
        task_type, requirements = analyse(request, counted, adviser)
        known = counted.model_copy(update={"task_type": task_type, "requirements": requirements})
        told = _told(request, counted, task_type, requirements)
        evidence = look_up(told, request, research, adviser)
        written = write(told, evidence, adviser)
    except NoCounsel as error:
        fallback = str(error) or "the language model gave no answer"
    faults = [] if fallback is None else [f"The language model was of no further help: {fallback}"]
    shown = page(known, evidence, written, faults)
    return known.model_copy(
        update={
            "document": shown.markdown,
            "sources": shown.sources,
            "datasets": shown.datasets,
            "counsel": adviser.counsel.model_copy(update={"fallback": fallback}),
        }
    )


def _told(
    request: BriefRequest, counted: Brief, task_type: TaskType, requirements: Requirements
) -> str:
    wanted = "\n".join(
        [
            f"- kind of answer: {task_type}",
            f"- a right answer: {requirements.output_format}",
            f"- a good one: {requirements.success}",
            *(f"- constraint: {one}" for one in requirements.constraints),
            *(f"- risk: {one}" for one in requirements.risks),
            *(f"- not said: {one}" for one in requirements.missing),
        ]
    )
    said = quoted(wanted, "what a model made of it", most=8000)
    return f"{the_job(request, counted)}\n\n## What the job asks for\n\n{said}"
