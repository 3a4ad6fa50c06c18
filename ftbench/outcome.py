"""What comes of asking a model one item."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model answered."""

    id: str
    """Of the item."""

    text: str
    cut: bool
    """Whether it was still talking when its tokens were used up."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer. It never counts as a wrong one."""

    id: str
    """Of the item."""

    why: str
    """Reads on after the id."""

    server_broke: bool = False
    """Whether the fault is the server's, which may answer the item another time."""
