"""The brief within the report."""

from services.planner.brief_lines import brief_lines
from services.planner.report import report
from shared.contracts.work import Request, Result
from tests.support.examples import BRIEF
from tests.support.planning import Bench, good_news


def test_nothing_is_shown_before_there_is_a_brief() -> None:
    assert brief_lines(None) == []


def test_without_a_document_the_summary_stands_and_does_nothing_as_markdown() -> None:
    brief = BRIEF.model_copy(update={"summary": "the most frequent one is '[x](http://x)'"})

    assert brief_lines(brief) == [
        "## The brief",
        "",
        r"the most frequent one is '\[x\](http\://x)'",
        "",
    ]


def test_a_document_stands_in_the_report_one_level_lower() -> None:
    document = "# The brief\n\nOf dates. [1]\n\n## Sources\n\n- [1] A paper, 2021: <https://a.b>\n"

    def answer(request: Request) -> Result:
        if request.kind == "brief":
            return BRIEF.model_copy(update={"document": document})
        return good_news(request)

    bench = Bench(answer=answer)
    said = report(bench.run_to_the_end(), now=bench.now).markdown

    assert "\n## The brief\n\nOf dates. [1]\n\n### Sources\n\n- [1] A paper, 2021" in said
    assert said.count("\n# ") == 0
