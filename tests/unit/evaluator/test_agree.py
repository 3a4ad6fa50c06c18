"""What two scorers are told to differ in. With real ones it is tested beside vLLM."""

from pathlib import Path

import pytest

from services.evaluator.agree import differences, main
from services.evaluator.scorer import Answer

QUESTIONS = [[{"role": "user", "content": text}] for text in ("red", "blue", "green")]


def test_each_question_that_is_not_answered_alike_is_shown_with_both_answers() -> None:
    ours = [Answer("a", cut=False), Answer("b", cut=False), Answer("c", cut=False)]
    theirs = [Answer("a", cut=False), Answer("x", cut=False), Answer("c", cut=True)]

    assert differences(QUESTIONS, ours, theirs) == [
        "question 2: 'blue': transformers 'b', vLLM 'x'",
        "question 3: 'green': transformers 'c', vLLM 'c' and was cut",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "found an empty file"), ("{}\n", "found none that can be read"), (None, "No such file")],
)
def test_a_file_without_questions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    file = tmp_path / "questions.jsonl"
    if content is not None:
        file.write_text(content)

    assert main([str(tmp_path), str(file)]) == 2
    assert said in capsys.readouterr().err
