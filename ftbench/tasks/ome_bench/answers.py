"""The mechanism in what a model answered, found as the published scorer finds it."""

import json
from typing import Any, NamedTuple

OPEN, CLOSE, FENCE = "[ANSWER]", "[/ANSWER]", "```"


class Step(NamedTuple):
    """One step of a mechanism, as far as it is compared."""

    subtype: str
    """Of the vocabulary or not; empty where a model wrote something else than text."""

    smiles: str


def steps_in(answer: str) -> list[Step] | None:
    """Return the steps; None when there is no JSON list, or a step lacks what is compared.

    Source: ``generate_mechanisms`` and ``evaluate_results`` in ``scripts/run.py`` of
    skylarkie/oMeBench at 4ecae92.
    """
    try:
        found = json.loads(_json_in(answer.strip()))
    except (ValueError, RecursionError):  # no JSON, numbers or brackets without end
        return None
    if isinstance(found, dict):
        found = found.get("mechanism")
    if not isinstance(found, list) or not all(map(_is_step, found)):
        return None
    return [
        Step(
            step["subtype"] if isinstance(step["subtype"], str) else "", step["intermediate_smiles"]
        )
        for step in found
    ]


def _json_in(text: str) -> str:
    if OPEN in text:
        text = text.split(OPEN, maxsplit=2)[1]
        text = text.partition(CLOSE)[0].strip()
    if text.startswith(FENCE):
        text = text.strip("`").replace("json\n", "").replace("JSON\n", "").strip()
    if "is :" in text:
        text = text.split("is :", maxsplit=2)[1].strip()
    return text


def _is_step(step: Any) -> bool:
    return (
        isinstance(step, dict)
        and "subtype" in step
        and isinstance(step.get("intermediate_smiles"), str)
    )
