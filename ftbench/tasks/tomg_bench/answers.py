"""The SMILES in what a model answered, found as the published scorer finds it."""

import json
import re
from typing import Any

_LABEL = re.compile(r"\s*molecule\s*:", re.IGNORECASE)


def as_answer(smiles: str) -> str:
    """Return a molecule in the form that the prompt asks for."""
    return json.dumps({"molecule": smiles})


def smiles_in(answer: str, *, strict: bool) -> str | None:
    """Return the SMILES, valid or not; None where the answer holds none.

    The first ``{...}`` counts, whatever stands around it. Without one, the whole answer does, less
    a leading ``Molecule:``, unless it is a sentence of the model's about itself.

    ``strict`` keeps ``Molecule:``, which makes the answer invalid, and takes such a sentence for a
    molecule: RDKit reads "I cannot do that" as hydrogen iodide with the name "cannot do that".
    Source: ``correct_text`` in ``evaluate.py`` of phenixace/S2-TOMG-Bench at df70b90.
    """
    opening = answer.find("{")
    closing = answer.find("}", opening) if opening >= 0 else -1
    if closing >= 0:
        found = _in_json(answer[opening : closing + 1].replace('""', '"'))
        return _after_arrow(found).strip() if isinstance(found, str) else None
    label = None if strict else _LABEL.match(answer)
    text = answer[label.end() :] if label else answer
    text = _after_arrow(text.replace("\n", " ").strip())
    if text.startswith("I ") and not strict:
        return None
    return text[1:-1] if len(text) >= 2 and text[0] == "[" and text[-1] == "]" else text


def _in_json(text: str) -> Any:
    try:
        return json.loads(text).get("molecule", text)
    except (ValueError, RecursionError):  # no JSON, a number without end, brackets without end
        _, *fields = text.split(":")
        return fields[0].strip().strip("}").strip().strip('"').strip() if fields else None


def _after_arrow(text: str) -> str:
    """Return what follows the last arrow: models write the way from one molecule to the other."""
    for arrow in ("=>", "->"):
        if arrow in text:
            text = text.rpartition(arrow)[2].strip()
    return text
