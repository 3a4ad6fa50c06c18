import errno

import pytest

from services.executor.child import failed


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),  # as safetensors says it
    ],
)
def test_a_full_disk_is_said_in_a_sentence_whoever_noticed_it(error: Exception) -> None:
    outcome = failed(error)

    assert outcome.error == "TrainingFailed"
    assert "found the disk full; free some space" in outcome.detail


def test_what_a_library_raises_keeps_its_name_and_its_words() -> None:
    outcome = failed(ValueError("learning_rate must be positive"))

    assert (outcome.error, outcome.detail) == ("ValueError", "learning_rate must be positive")


def test_an_error_without_words_is_still_told() -> None:
    assert failed(KeyError()).detail == "KeyError()"
