"""Plays of a researcher: one that knows its trade, and one that is of no use to anybody. Pure."""

import json
import re
from typing import Any

from trex.fake_llm.answers import Answer, Body, Says, wanted
from trex.fake_llm.smallest import smallest


def competent(body: Body, _: int) -> Answer:
    """Train all weights first, then turn the numbers that matter most, each way."""
    return _play(body, "method", _GOOD)


def saboteur(body: Body, _: int) -> Answer:
    """Propose the same whatever happens: few steps, small ones, on few rows."""
    return _play(body, "hyperparameters", _BAD)


def _idea(
    hypothesis: str, *, changes: tuple[dict[str, Any], ...] = (), knobs: dict[str, str], gain: float
) -> dict[str, Any]:
    return {
        "hypothesis": hypothesis,
        "changes": list(changes),
        "knobs": [{"name": name, "direction": way} for name, way in knobs.items()],
        "gain_low": gain / 4,
        "gain_mean": gain,
        "gain_high": 2 * gain,
        "falsifier": "The score does not rise by more than its standard error.",
    }


_FULL = {"kind": "adapter", "to": "full"}

_GOOD = (
    _idea(
        "So small a model must change in all of its weights.", changes=(_FULL,), knobs={}, gain=0.3
    ),
    _idea("It still learns when training ends.", knobs={"num_train_epochs": "up"}, gain=0.1),
    _idea("Larger steps get further.", knobs={"learning_rate": "up"}, gain=0.05),
    _idea("Smaller steps end closer.", knobs={"learning_rate": "down"}, gain=0.05),
    _idea("More steps of few rows each.", knobs={"batch_size": "down"}, gain=0.03),
    _idea("Now the rate can be found.", knobs={"learning_rate": "tune"}, gain=0.03),
)

_BAD = (
    _idea(
        "Less is more.",
        knobs={
            "learning_rate": "down",
            "num_train_epochs": "down",
            "sample": "down",
            "batch_size": "up",
        },
        gain=0.5,
    ),
)


def _play(body: Body, direction: str, ideas: tuple[dict[str, Any], ...]) -> Answer:
    shape = wanted(body)
    if shape is None:
        return Says("fine")
    told = next(str(one["content"]) for one in body["messages"] if one["role"] == "user")
    match shape.name:
        case "analysis":
            said: dict[str, Any] = {
                "task_type": "other",
                "why": "The rows show no more.",
                "output_format": "One short text, as the rows have it.",
                "success": "It equals the answer that is kept back.",
                "risks": ["There are few rows."],
            }
        case "queries":
            said = {kind: ["small language models"] for kind in ("papers", "documents", "datasets")}
        case "written":
            said = {"overview": "A small model is to learn what the rows show.", **_remarks(told)}
        case "course":
            said = {"direction": direction, "reason": "Nothing else matters as much."}
        case "ideas":
            said = {"ideas": list(ideas)}
        case "diagnosis":
            said = {"verdict": _measured(told), "why": "It is as large as that.", "next": "Go on."}
        case _:
            said = {}
    return Says(json.dumps(smallest(shape.schema) | said))


def _remarks(told: str) -> dict[str, Any]:
    """Return what rests on the first source, where there is one."""
    if "Source 1 is a" not in told:
        return {"first": "Train all weights."}
    return {
        "literature": [{"source": 1, "says": "Small models are trained in all their weights."}],
        "first": "Train all weights, as [1] advises.",
    }


def _measured(told: str) -> str:
    """Return the verdict that the question repeats, since an answer has to agree with it."""
    found = re.search(r"Measured against .*?: (better|worse|same|failed)\.", told)
    return found[1] if found else "same"
