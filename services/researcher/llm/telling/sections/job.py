"""What is wanted, and on which rows."""

from collections.abc import Iterator

from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.hearsay import hearsay
from shared.contracts.brief import Brief, Requirements
from shared.contracts.proposal import ProposeRequest
from shared.one_line import one_line

_GOAL = 2000  # characters; the user's own words are not quoted
_SHORT = 300
_SAID = 240  # characters of a source or a requirement
MOST_SOURCES = 8
"""Sources of the brief that are told."""


def job(request: ProposeRequest) -> Section:
    """Return the goal, what an answer is judged by, and what the brief found."""
    brief = request.brief
    judged = f"Kind of task: {brief.task_type}. Metric: {request.context.metric}, in [0, 1]."
    goal = f"Goal: {one_line(request.context.goal, _GOAL)}\n\n{judged}"
    least = f"Goal: {one_line(request.context.goal, _SHORT)}\n\n{judged}"
    asked = _asked(brief.requirements)
    found = hearsay(_found(brief), "what the brief found, by source", most=_SAID)
    return section(
        "The job",
        10,
        (
            Form(_joined(goal, asked, found)),
            Form(_joined(goal, asked), "what the brief found"),
            Form(least, "what the brief says"),
        ),
        needed=True,
    )


def data(request: ProposeRequest) -> Section:
    """Return what is known of the training rows and the base model."""
    brief, limit = request.brief, request.context.limits.max_length
    labels = f" {brief.labels} distinct completions, so they are labels." if brief.labels else ""
    rows = (
        f"{brief.rows} training rows, {brief.duplicate_share:.0%} with a prompt seen before. "
        f"95 of 100 prompts have at most {brief.prompt_chars_p95} characters, completions "
        f"{brief.completion_chars_p95}.{labels}"
    )
    known = brief.base_parameters
    size = f" of {known / 1e6:,.0f} million weights" if known else ""
    model = f"Base model: {_named(request.context.base_model)}{size}."
    cut = f"Rows longer than {limit} tokens are cut."
    least = Form(f"{brief.rows} training rows. {model}", "what the rows are like")
    return section("The data", 8, (Form(f"{rows} {cut}\n\n{model}"), least))


def _asked(requirements: Requirements | None) -> str:
    if requirements is None:
        return ""
    lines = [f"answer: {requirements.output_format}", f"good when: {requirements.success}"]
    for kind in ("constraints", "risks", "missing"):
        lines += [f"{kind}: {one}" for one in getattr(requirements, kind)]
    return hearsay(lines, "what the job asks for, as a model understood it", most=_SAID)


def _found(brief: Brief) -> Iterator[str]:
    for source in brief.sources[:MOST_SOURCES]:
        year = f", {source.year}" if source.year else ""
        yield f"[{source.number}] {one_line(source.title, 80)}{year}: {source.said}"


def _named(base_model: str) -> str:
    """Return a hub id as it is and a folder by its name."""
    local = base_model.count("/") != 1 or base_model.startswith((".", "/", "~"))
    return base_model.rstrip("/").rpartition("/")[2] if local else base_model


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
