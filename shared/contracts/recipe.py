"""A recipe: everything needed to carry an experiment out again.

Two recipes with the same `digest` are the same experiment.
"""

from typing import Annotated

from pydantic import Field, NonNegativeInt, model_validator

from shared.contracts.base import Versioned
from shared.contracts.method import Adapter, Method
from shared.contracts.operators import (
    Curriculum,
    LoadHub,
    Operator,
    refuse_other_orders,
    refuse_unclean_teaching,
)


class Recipe(Versioned):
    """Everything needed to carry an experiment out again."""

    base_model: str
    """A folder with a transformers model, or a hub id."""

    data: tuple[Operator, ...]
    """Data operators in order: one ``load`` or ``load_hub``, any ``where`` and ``extract``, one
    ``map``, then any of the others; ``curriculum`` and ``hold_out`` last."""

    method: Method
    """The training method and its hyper-parameters."""

    adapter: Adapter
    """Which weights are trained."""

    continues: Annotated[str, Field(pattern=r"[0-9a-f]{64}")] | None = None
    """Digest of the recipe whose weights are trained on, of the same kind of adapter; None starts
    from the base model."""

    seed: NonNegativeInt = 0
    """Of weight initialisation, dropout and the order of samples."""

    @property
    def keeps_order(self) -> bool:
        """Whether the first epoch keeps the order of the samples, which a curriculum made."""
        return any(isinstance(one, Curriculum) for one in self.data)

    @model_validator(mode="after")
    def _loads_then_maps(self) -> "Recipe":
        kinds = ["load" if isinstance(one, LoadHub) else one.kind for one in self.data]
        refuse_other_orders(kinds)
        if kinds.count("hold_out") > 1 or "hold_out" in kinds[:-1]:
            raise ValueError(f"hold_out must be the last operator of data, which is {kinds}")
        refuse_unclean_teaching(self.data)
        return self
