"""Made-up items to be asked."""

from ftbench.task import Item, Message, Split


def questions(count: int) -> list[Item]:
    """Return items ``q/0``, ``q/1`` and so on, whose questions are ``0?``, ``1?`` and so on."""
    return [
        Item(
            id=f"q/{number}",
            split=Split.TEST,
            published=True,
            group=str(number),
            messages=(Message("system", "Be brief."), Message("user", f"{number}?")),
            answer=None,
            record={},
        )
        for number in range(count)
    ]
