"""oMeBench: the mechanism of an organic reaction, scored step by step."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from ftbench.metrics.sums import Ratio
from ftbench.reading import read_json_rows
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.ome_bench.alignment import NOTHING, GoldStep, score
from ftbench.tasks.ome_bench.answers import steps_in
from ftbench.tasks.ome_bench.baselines import five_steps, most_subtypes, one_step, spam
from ftbench.tasks.ome_bench.prompt import as_answer, question
from ftbench.tasks.ome_bench.reactions import Reaction, read_gold, read_train
from shared.rows import read_rows

NAME = "ome_bench"
GOLD, TEMPLATE, SILVER = "oMe_Gold.json", "oMe_Template.json", "oMe_Silver.jsonl"
SHARES = {Split.TRAIN: 0.80, Split.DEV: 0.10, Split.CONFIRM: 0.10}
LEVELS = ("easy", "medium", "hard")

MAX_STEPS = 22
"""Twice the longest published mechanism. Longer answers score 0, unless ``strict``: the published
scorer takes nothing off for steps that match none, so the more steps, the better."""

_REPOSITORY = (
    "https://raw.githubusercontent.com/skylarkie/oMeBench/4ecae92edef07c0b05429104012fc104e531eadf"
)


def load(files: Files) -> Loaded:
    """Return Template and Silver, divided by template, and Gold as test.

    Silver is optional in a folder of the user's. Reactions that could not be scored, and those that
    Gold has as well, are left out.
    """
    gold_path, template_path = files.get(GOLD), files.get(TEMPLATE)
    silver_path = files.find(SILVER) if files.are_local else files.get(SILVER)
    gold = read_gold(read_json_rows(gold_path, ()), str(gold_path))
    known = {reaction.id: reaction for reaction in gold}
    tested = {reaction.molecules for reaction in gold}
    template = read_train(read_json_rows(template_path, ()), str(template_path), known)
    silver = [] if silver_path is None else _read_silver(silver_path, known)
    train = [
        *_train_items("template", [one for one in template if one.molecules not in tested]),
        *_train_items("silver", [one for one in silver if one.molecules not in tested]),
    ]
    without = f"{SILVER} is not in the folder: {len(train)} templates are all there is to train"
    notes = (without,) if silver_path is None else ()
    return Loaded([*train, *map(_gold_item, gold)], notes)


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Align the steps with the published ones; without a list of complete steps all scores are 0.

    ``strict`` lets a mechanism have any number of steps.
    """
    steps = steps_in(answer)
    gold = [
        GoldStep(step["subtype"], step["intermediate_smiles"], step["step_weight"])
        for step in item.record["mechanism"]
    ]
    too_long = steps is not None and len(steps) > MAX_STEPS and not strict
    scores = NOTHING if steps is None or too_long else score(gold, steps)
    counts = {"n": 1.0, **scores._asdict()}
    counts |= {f"{item.subtask}.n": 1.0, f"{item.subtask}.partial": scores.partial}
    read = None if steps is None else "\n".join(f"{s.subtype} {s.smiles}" for s in steps)
    return Judged(scores.partial, counts, read)


def _read_silver(path: Path, gold: Mapping[str, Reaction]) -> list[Reaction]:
    return read_train((row.columns for row in read_rows(path)), str(path), gold)


def _train_items(file: str, reactions: Iterable[Reaction]) -> list[Item]:
    """Return items with ids of their own: Template has one id twice."""
    seen: Counter[str] = Counter()
    items = []
    for reaction in reactions:
        id = f"{file}/{reaction.id}"
        seen[id] += 1
        id = id if seen[id] == 1 else f"{id}#{seen[id]}"
        split = split_by_hash(NAME, reaction.template, SHARES)
        items.append(_item(id, split, reaction.template, reaction))
    return items


def _gold_item(reaction: Reaction) -> Item:
    # Gold instantiates the templates, by design of the benchmark: a group of its own is no claim
    # that train knows nothing like it.
    return _item(f"gold/{reaction.id}", Split.TEST, f"gold {reaction.id}", reaction)


def _item(id: str, split: Split, group: str, reaction: Reaction) -> Item:
    asked = question(reaction.reactants, reaction.products, reaction.conditions)
    return Item(
        id=id,
        split=split,
        published=split is Split.TEST,
        group=group,
        messages=(Message("user", asked),),
        answer=as_answer((step.subtype, step.smiles) for step in reaction.steps),
        record=reaction.as_record(),
        subtask=reaction.level,
    )


def _remote(path: str) -> Remote:
    return Remote(f"{_REPOSITORY}/data/{path}")


TASK = Task(
    name=NAME,
    title="oMeBench",
    measures="mechanisms of organic reactions, English",
    source=Source(
        folder=NAME,
        homepage="https://github.com/skylarkie/oMeBench",
        licence="MIT",
        remotes={path: _remote(path) for path in (GOLD, TEMPLATE, SILVER)},
    ),
    load=load,
    judge=judge,
    metric="partial",
    metrics={
        "partial": Ratio("partial", "n"),
        "total": Ratio("total", "n"),
        "valid": Ratio("valid", "n"),
        "subtype": Ratio("subtype", "n"),
        **{f"partial_{level}": Ratio(f"{level}.partial", f"{level}.n") for level in LEVELS},
    },
    baselines={
        "one proton transfer to the product": one_step,
        "five usual steps to the product": five_steps,
        "22 different steps to the product": most_subtypes,
        "48 usual steps to reactant and product": spam,
    },
    max_new_tokens=2048,
    trex=0.484,
)
