"""Where something is to be proposed: the parent, what led to it, and what was tried there."""

from collections.abc import Iterator

from services.researcher.evidence import best_of, parent_of
from services.researcher.llm.telling.fitting import Form, Section, section
from services.researcher.llm.telling.sections.experiments import (
    called,
    in_full,
    in_lines,
    in_short,
    recipe_words,
    result,
)
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.proposal import Finding, ProposeRequest

NEAREST = 3
"""Ancestors in the shortest form."""


def place(request: ProposeRequest) -> Section:
    """Return the experiment to derive new ones from, its whole recipe included."""
    title, parent = "The place", parent_of(request.findings, request.parent)
    if parent is None:
        fresh = Form("A fresh start from the base model, which nothing has been done to.")
        return section(title, 10, (fresh,), needed=True)
    below = f"New experiments are derived from #{parent.experiment}."
    recipe = recipe_words(parent)
    findings = request.findings
    return section(
        title,
        10,
        (
            # Examples of its answers have a section of their own.
            Form(f"{below} {recipe}\n\n{in_full(parent, findings, examples=0)}"),
            Form(f"{below} {recipe}\n\n{in_lines([parent], findings)}", "what the place taught"),
            Form(f"{below}\n\n{in_lines([parent], findings)}", "the recipe of the place"),
        ),
        needed=True,
    )


def ancestors(request: ProposeRequest) -> Section:
    """Return what led to the place, the nearest first."""
    line, findings = lineage(request), request.findings
    nearest = in_lines(line[:NEAREST], findings)
    full = "\n\n".join(in_full(one, findings, examples=1) for one in line)
    lost = f"{len(line) - NEAREST} of {len(line)} ancestors" if len(line) > NEAREST else ""
    short = in_short(line, findings, "what was thought of the ancestors")
    return section(
        "What led to the place",
        6,
        (
            Form(full),
            Form(short, "curves and faults of the ancestors"),
            Form(nearest, lost or "what was thought of the ancestors"),
        ),
    )


def siblings(request: ProposeRequest) -> Section:
    """Return what was tried at the same place and is over."""
    tried = tried_here(request)
    if not tried:
        return section("Tried here before", 7, ())
    findings = request.findings
    return section(
        "Tried here before",
        7,
        (
            Form(in_short(tried, findings, "what was thought of what was tried here")),
            Form(in_lines(tried, findings), "what was thought of what was tried here"),
            Form(_summed(tried, request.parent), f"{len(tried)} experiments tried here"),
        ),
    )


def lineage(request: ProposeRequest) -> list[Finding]:
    """Return the parent's ancestors, the nearest first."""
    return list(_above(request, parent_of(request.findings, request.parent)))


def tried_here(request: ProposeRequest) -> list[Finding]:
    """Return the finished children of the parent, in the order of their numbers."""
    return [
        one for one in request.findings if one.parent == request.parent and one.outcome is not None
    ]


def _above(request: ProposeRequest, finding: Finding | None) -> Iterator[Finding]:
    while finding is not None and finding.parent != ROOT:
        finding = parent_of(request.findings, finding.parent)
        if finding is not None:
            yield finding


def _summed(tried: list[Finding], parent: ExperimentId) -> str:
    best = best_of(tried)
    top = f"; the best is #{best.experiment} with {result(best)}" if best else ""
    return f"{len(tried)} experiments were tried below {called(parent)}{top}."
