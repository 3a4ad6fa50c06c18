"""Where ideas are carried out: below a parent, on a job's rows, on the machines there are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from services.researcher import prior
from shared.contracts.base import ROOT, digest
from shared.contracts.method import Reward
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Trained
from shared.errors import DataFailed, Rejected
from shared.rows import read_rows

LOOK_ROWS = 200
"""Training rows that a change which names a column is tried on: the first ones."""

Columns = Mapping[str, Any]

_LEARNABLE = {
    "templates": ("sft", "dft"),
    "messages": ("sft", "dft"),
    "preference": ("sft", "dft", "dpo"),
    "judged": ("kto",),
    "prompts": ("sft", "dft"),
}
"""Methods that a mapping gives what they need, but for rewards."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node of the tree to derive experiments from."""

    request: ProposeRequest
    parent: Finding | None
    """None below the root: what is changed there is the usual first recipe."""
    rows: Callable[[], Sequence[Columns]]
    """The first training rows; raises Rejected where they cannot be looked at."""

    @property
    def recipe(self) -> Recipe:
        """What is changed."""
        if self.parent is not None:
            return self.parent.recipe
        return prior.default_recipe(self.request.brief, self.request.context)

    def beginning_at(self, recipe: Recipe) -> Finding:
        """Return the parent as if it had had another recipe, to ask what the tree says of that."""
        if self.parent is not None:
            return self.parent.model_copy(update={"recipe": recipe})
        return Finding(experiment=ROOT, parent=ROOT, recipe=recipe, value=self.request.base_value)

    @property
    def parts(self) -> tuple[str, ...]:
        """Columns that prompts or answers are written from, of which a part can be cut out."""
        return tuple(name for name in self.request.context.mapping.columns if name.isidentifier())

    @property
    def weights(self) -> str | None:
        """What names the parent's weights to a recipe that goes on from them; None without any."""
        parent = self.parent
        if parent is None or not parent.kept or not isinstance(parent.outcome, Trained):
            return None
        return digest(parent.recipe)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Which kinds of adapter the job's machines can train."""
        context = self.request.context
        table = prior.factors(self.request.brief, context)
        kinds = tuple(map(str, table["adapter"].values)) if "adapter" in table else ("lora",)
        return (*kinds, "qlora") if any(one.quantised for one in context.machines) else kinds

    @property
    def methods(self) -> tuple[str, ...]:
        """Which methods the job's rows and metric give what they need."""
        context = self.request.context
        learnable = _LEARNABLE[context.mapping.kind]
        rewarded = (
            "sft" in learnable
            and context.metric in get_args(Reward)
            and context.limits.max_new_tokens < context.limits.max_length
        )
        return (*learnable, "grpo") if rewarded else learnable


def place_of(request: ProposeRequest, parent: Finding | None) -> Place:
    """Return the place; its rows are read when a change first asks for them."""
    return Place(request, parent, cache(lambda: _first_rows(request)))


def _first_rows(request: ProposeRequest) -> Sequence[Columns]:
    try:
        rows = islice(read_rows(Path(request.context.train)), LOOK_ROWS)
        return tuple(row.columns for row in rows)
    except DataFailed:
        raise Rejected(
            "wanted training rows to try it on, found none that can be read here; make a change "
            "that needs no look at them"
        ) from None
