"""Answers to oMeBench that take no skill: usual steps, and the molecules of the question."""

from collections import Counter
from collections.abc import Sequence

from ftbench.task import Item
from ftbench.tasks.ome_bench.prompt import SUBTYPES, as_answer

# The four most frequent subtypes of Gold, which are three quarters of its steps.
PROTON = "acid_base_proton_transfer"
ADDITION = "nucleophilic_addition"
ELIMINATION = "leaving_group_elimination"
SUBSTITUTION = "nucleophilic_substitution"


def one_step(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer with a proton transfer that gives the product."""
    return [as_answer([(PROTON, _product(item))]) for item in items]


def five_steps(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer with five usual steps that all give the product."""
    usual = (PROTON, ADDITION, PROTON, ELIMINATION, PROTON)
    return [as_answer((subtype, _product(item)) for subtype in usual) for item in items]


def most_subtypes(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer with 22 steps that all give the product, each of another subtype frequent in train."""
    seen = Counter(dict.fromkeys(SUBTYPES, 0))
    seen.update(step["subtype"] for item in train for step in item.record["mechanism"])
    frequent = [subtype for subtype, _ in seen.most_common(22)]
    return [as_answer((subtype, _product(item)) for subtype in frequent) for item in items]


def spam(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Answer with 48 steps: six times the four usual subtypes to the reactant and the product."""
    usual = (PROTON, ADDITION, ELIMINATION, SUBSTITUTION)
    return [
        as_answer(
            [(subtype, end) for subtype in usual for end in (_reactant(item), _product(item))] * 6
        )
        for item in items
    ]


def _reactant(item: Item) -> str:
    return str(item.record["reactants_smiles"][0])


def _product(item: Item) -> str:
    return str(item.record["products_smiles"][0])
