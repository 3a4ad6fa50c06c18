"""What a language model is told of the examples; run as a module it writes the golden files."""

from pathlib import Path

from services.researcher.llm.telling.context import context
from services.researcher.llm.telling.fitting import Section
from services.researcher.llm.telling.sections.bad_cases import bad_cases
from services.researcher.llm.telling.sections.elsewhere import key_nodes, tried
from services.researcher.llm.telling.sections.experience import experience
from services.researcher.llm.telling.sections.job import data, job
from services.researcher.llm.telling.sections.place import ancestors, place, siblings
from services.researcher.llm.telling.sections.standing import budget, machines, scores, under_way
from tests.unit.researcher.llm.advice_examples import LESSONS, rich

GOLDEN = Path(__file__).parent / "golden"

ROOMS = (2000, 800, 300)


def tokens(text: str) -> int:
    return -(-len(text) // 4)


def texts() -> dict[str, str]:
    """Return every golden text by the name of its file: a section each, in all its forms, and the
    whole in three sizes."""
    sections = (
        job, data, scores, budget, machines, place, ancestors, siblings, key_nodes, tried,
        bad_cases, under_way,
    )  # fmt: skip
    return {
        **{made.__name__: _in_all_forms(made(rich())) for made in sections},
        "experience": _in_all_forms(experience(rich(), LESSONS)),
        **{f"context_{room}": context(rich(), LESSONS, room=room, count=tokens) for room in ROOMS},
    }


def _in_all_forms(section: Section) -> str:
    forms = [
        f"<!-- form {number}, lacks: {form.lacks or 'nothing'} -->\n\n{form.text}"
        for number, form in enumerate(section.forms, 1)
    ]
    last = "never left out" if section.needed else f"left out, lacks: {section.lost}"
    return "\n\n".join((f"# {section.title}", *forms, f"<!-- {last} -->")) + "\n"


if __name__ == "__main__":
    for name, text in texts().items():
        (GOLDEN / f"{name}.md").write_text(text)
