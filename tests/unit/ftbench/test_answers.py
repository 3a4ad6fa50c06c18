import pytest

from ftbench.answers import MAX_CHARS, final_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("yes", "yes"),
        ("", ""),
        ("\nyes \n", "\nyes \n"),
        ("<think>no, wait</think>yes", "yes"),
        ("<think>no</think>\n\nyes\n", "yes"),
        ("<think>no</think>  yes ", "  yes "),
        ("no</think>yes", "yes"),
        ("<think>a</think>no<think>b</think>yes", "yes"),
        ("<think>is it yes", ""),
        ("yes <think>or is it", ""),
        ("<think>a</think>yes<think>no", ""),
        ("<think>a</think>", ""),
        ("<thinking>yes", "<thinking>yes"),
    ],
)
def test_the_answer_is_what_follows_the_reasoning(text: str, answer: str) -> None:
    assert final_answer(text) == answer


def test_half_a_character_becomes_a_question_mark() -> None:
    assert final_answer("yes \ud83d, 是 🙂") == "yes ?, 是 🙂"


def test_a_long_answer_is_cut() -> None:
    assert final_answer("y" * MAX_CHARS) == "y" * MAX_CHARS
    assert final_answer("y" * MAX_CHARS + "no") == "y" * MAX_CHARS


def test_reasoning_does_not_count_towards_the_length_of_an_answer() -> None:
    assert final_answer("<think>" + "n" * MAX_CHARS + "</think>yes") == "yes"
    assert final_answer("<think></think>" + "y" * (MAX_CHARS + 1)) == "y" * MAX_CHARS


def test_a_tag_beyond_the_cut_is_still_seen() -> None:
    assert final_answer("y" * (MAX_CHARS + 1) + "<think>") == ""
