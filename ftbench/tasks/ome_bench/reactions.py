"""Reactions as published: Gold to be scored on, Template and Silver to learn from."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.metrics.molecules import canonical
from ftbench.reading import need
from ftbench.tasks.ome_bench.alignment import GoldStep
from ftbench.tasks.ome_bench.prompt import SUBTYPES
from shared.errors import DataFailed

RENAMED = {"lewis_acid_base_coordination": "coordination"}
"""Names of Template and Silver for which Gold, in the same reactions, always has another."""

_COLUMNS = ("reaction_id", "reactants_smiles", "products_smiles", "mechanism")


@dataclass(frozen=True, slots=True)
class Reaction:
    """One reaction with its mechanism."""

    id: str
    """As published, for example ``NR-001``; that of Silver goes on with what was put in."""

    reactants: tuple[str, ...]
    products: tuple[str, ...]
    conditions: str
    level: str
    """``easy``, ``medium`` or ``hard``."""

    steps: tuple[GoldStep, ...]

    @property
    def template(self) -> str:
        """Which template it was made from: reactions of one have the same mechanism."""
        return self.id.partition("_")[0]

    @property
    def molecules(self) -> tuple[frozenset[str | None], frozenset[str | None]]:
        """What reacts and what is made, to tell whether two reactions are the same."""
        return frozenset(map(canonical, self.reactants)), frozenset(map(canonical, self.products))

    def as_record(self) -> dict[str, Any]:
        """Return the row as published, as far as it is used."""
        return {
            "reaction_id": self.id,
            "reactants_smiles": list(self.reactants),
            "products_smiles": list(self.products),
            "conditions": self.conditions,
            "mechanism": [
                {
                    "subtype": step.subtype,
                    "intermediate_smiles": step.smiles,
                    "step_weight": step.weight,
                }
                for step in self.steps
            ],
        }


def read_gold(rows: Iterable[Mapping[str, Any]], file: str) -> list[Reaction]:
    """Return the reactions of Gold.

    Raises:
        DataFailed: one lacks a column, has a subtype outside the vocabulary, a molecule that RDKit
            cannot parse, or weights that do not sum to 1.
    """
    reactions = []
    for number, row in enumerate(rows, start=1):
        reaction = _reaction(row, f"{file} record {number}")
        total = math.fsum(step.weight for step in reaction.steps)
        if not _is_scorable(reaction) or not math.isclose(total, 1.0, abs_tol=1e-6):
            raise DataFailed(
                f"{file} record {number}: wanted subtypes of the vocabulary, valid SMILES and "
                f"weights that sum to 1, found {reaction.steps!r:.120}; is it the published file?"
            )
        reactions.append(reaction)
    return reactions


def read_train(
    rows: Iterable[Mapping[str, Any]], file: str, gold: Mapping[str, Reaction]
) -> list[Reaction]:
    """Return the reactions of Template or Silver that could be scored.

    Those are left out that have a step without a subtype of the vocabulary, or a molecule that
    RDKit cannot parse. Their weights are those of Gold's reaction of the same template where it has
    as many steps, else each step weighs the same: Silver has none and Template only zeros.

    Raises:
        DataFailed: one lacks a column.
    """
    reactions = [_reaction(row, f"{file} record {n}") for n, row in enumerate(rows, start=1)]
    return [_weighed(reaction, gold) for reaction in reactions if _is_scorable(reaction)]


def _is_scorable(reaction: Reaction) -> bool:
    written = [*reaction.reactants, *reaction.products, *(step.smiles for step in reaction.steps)]
    return (
        len(reaction.steps) > 0
        and all(step.subtype in SUBTYPES for step in reaction.steps)
        and all(canonical(smiles) is not None for smiles in written)
    )


def _weighed(reaction: Reaction, gold: Mapping[str, Reaction]) -> Reaction:
    model = gold.get(reaction.template)
    if model is not None and len(model.steps) == len(reaction.steps):
        weights: Sequence[float] = [step.weight for step in model.steps]
    else:
        weights = [1.0 / len(reaction.steps)] * len(reaction.steps)
    steps = tuple(
        step._replace(weight=weight) for step, weight in zip(reaction.steps, weights, strict=True)
    )
    return replace(reaction, steps=steps)


def _reaction(row: Any, where: str) -> Reaction:
    need(row, _COLUMNS, where)
    if not isinstance(row["mechanism"], list):
        raise DataFailed(
            f"{where}: wanted a list of steps in 'mechanism', found "
            f"{type(row['mechanism']).__name__}; is it the published file?"
        )
    return Reaction(
        id=str(row["reaction_id"]),
        reactants=_smiles(row["reactants_smiles"], "reactants_smiles", where),
        products=_smiles(row["products_smiles"], "products_smiles", where),
        conditions=str(row.get("conditions") or "not stated"),
        level=str(row.get("level")),
        steps=tuple(
            _step(step, f"{where} step {n}") for n, step in enumerate(row["mechanism"], start=1)
        ),
    )


def _step(step: Any, where: str) -> GoldStep:
    need(step, ("intermediate_smiles",), where)
    subtype = str(step.get("subtype"))
    weight = step.get("step_weight", 0.0)
    if not isinstance(step["intermediate_smiles"], str) or not isinstance(weight, int | float):
        raise DataFailed(
            f"{where}: wanted text in 'intermediate_smiles' and a number in 'step_weight', found "
            f"{step['intermediate_smiles']!r} and {weight!r}; is it the published file?"
        )
    return GoldStep(RENAMED.get(subtype, subtype), step["intermediate_smiles"], float(weight))


def _smiles(found: Any, column: str, where: str) -> tuple[str, ...]:
    """Return a list of SMILES; some templates have a single one in its place."""
    smiles = [found] if isinstance(found, str) else found
    if not isinstance(smiles, list) or not all(isinstance(one, str) for one in smiles):
        raise DataFailed(
            f"{where}: wanted a list of SMILES in {column!r}, found {found!r:.60}; is it the "
            "published file?"
        )
    return tuple(smiles)
