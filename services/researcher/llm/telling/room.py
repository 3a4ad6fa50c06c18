"""Makes what a model is told as long as its room allows."""

from collections.abc import Iterable

from services.researcher.llm.adviser import Adviser, RoomTooSmall


def fitting(texts: Iterable[str], adviser: Adviser) -> str:
    """Return the first text that fits the room of a model.

    Args:
        texts: at least one, each shorter than the one before.
        adviser: who is to read it.

    Raises:
        RoomTooSmall: none fits.
    """
    missing = 0
    for text in texts:
        missing = adviser.count(text) - adviser.room
        if missing <= 0:
            return text
    raise RoomTooSmall(
        f"wanted room for {adviser.room + missing:,} tokens of a question, found {adviser.room:,}: "
        f"{missing:,} are missing; serve the model with a larger context window or lower "
        "TREX_RESEARCHER_MAX_TOKENS"
    )
