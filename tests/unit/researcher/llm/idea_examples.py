"""Ideas as a language model writes them, and requests to ask it for some."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from services.researcher.llm.proposing.propose import Proposed, propose
from shared.contracts.base import ROOT, ExperimentId
from shared.contracts.capabilities import Capabilities
from shared.contracts.lesson import BankedLesson
from shared.contracts.proposal import Finding, ProposeRequest
from tests.support.advising import ScriptedAdviser
from tests.unit.researcher.researcher_examples import context, recipe, request

COURSE = {"direction": "hyperparameters", "reason": "#1 still learns"}
GPU = Capabilities(
    device="H100", devices=1, memory_gib=80.0, bf16=True, flash_attention=True, quantised=True
)


def idea(*changes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    usual = {
        "hypothesis": "it still learns",
        "changes": list(changes),
        "gain_low": -0.01,
        "gain_mean": 0.02,
        "gain_high": 0.05,
        "falsifier": "the held-out loss rises",
    }
    return usual | fields


def knob(name: str, direction: str = "up") -> dict[str, str]:
    return {"name": name, "direction": direction}


def turned(*names: str, direction: str = "up", **fields: Any) -> dict[str, Any]:
    return idea(knobs=[knob(name, direction) for name in names], **fields)


def told(
    _request: ProposeRequest,
    _lessons: Sequence[BankedLesson],
    *,
    room: int,
    count: Callable[[str], int],
) -> str:
    said = "## The job\n\nAnswer."
    assert count(said) <= room
    return said


def asked(
    findings: Sequence[Finding] = (), *, parent: int = 1, many: int = 1, **rest: Any
) -> ProposeRequest:
    """Return a request below the only finding, the usual recipe, unless others are given."""
    known = findings or (Finding(experiment=ExperimentId(1), parent=ROOT, recipe=recipe()),)
    first = len(known) + 1
    numbers = tuple(ExperimentId(number) for number in range(first, first + many))
    return request(known, parent=parent, experiments=numbers, **rest)


def answering(*answers: Sequence[Any], room: int = 8000) -> ScriptedAdviser:
    """Return an adviser with an answer to the question for ideas, and those to its repairs."""
    ideas = [{"ideas": list(answer)} for answer in answers]
    return ScriptedAdviser({"Course": [COURSE], "Ideas": ideas}, room=room)


def proposed(
    wanted: ProposeRequest, *answers: Sequence[Any], lessons: Sequence[BankedLesson] = ()
) -> Proposed:
    return propose(wanted, lessons, answering(*answers), tell=told)


def on_rows(folder: Path, *rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the context of a request whose training rows are these."""
    train = folder / "train.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"context": context(train=str(train), **changes)}
