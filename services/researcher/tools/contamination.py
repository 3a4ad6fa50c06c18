"""How likely a data set holds the items that a job is scored on. Pure.

The researcher sees no rows that are scored, so it can raise a suspicion and clear none.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from services.researcher.tools.research import Dataset

RUN = 8
"""Words in a row that two texts share by copying rather than by chance.

Source: Radford and others, "Language Models are Unsupervised Multitask Learners", 2019, section 4.
"""

BENCHMARKS = (
    "aime",
    "alpacaeval",
    "arc_challenge",
    "bbh",
    "boolq",
    "cmmlu",
    "cnn_dailymail",
    "commonsenseqa",
    "econlogicqa",
    "flores",
    "gpqa",
    "gsm8k",
    "hellaswag",
    "humaneval",
    "ifeval",
    "lawbench",
    "livecodebench",
    "math500",
    "mbpp",
    "medqa",
    "mmlu",
    "openbookqa",
    "piqa",
    "pubmedqa",
    "samsum",
    "squad",
    "sst2",
    "triviaqa",
    "truthfulqa",
    "wikisql",
    "winogrande",
    "wmt",
    "xsum",
)
"""Benchmarks whose rows are copied into other data sets again and again."""

_SCORED_SPLITS = frozenset({"test", "dev", "eval", "evaluation", "validation", "val"})
_SCORED_WORDS = _SCORED_SPLITS | {"benchmark", "leaderboard", "bench"}

_UNSEEN = "the rows that are scored are hidden here, so decontaminate it before it is trained on"


def contamination(dataset: Dataset, goal: str, shared: int) -> str:
    """Return the risk in one sentence.

    Args:
        dataset: what might be trained on.
        goal: of the job.
        shared: sample rows of the data set that share words with training rows; see
            `shared_with`.
    """
    suspicion = _suspicion(dataset, goal, shared)
    if suspicion:
        return f"Likely: {suspicion}; {_UNSEEN}."
    seen = f"none of {len(dataset.samples)} sample rows stands among the training rows"
    looked = f"its name and splits raise no suspicion and {seen}"
    unlooked = "its name raises no suspicion and its rows could not be seen"
    return f"Unknown: {looked if dataset.samples else unlooked}; {_UNSEEN}."


def _suspicion(dataset: Dataset, goal: str, shared: int) -> str | None:
    meant = _names(goal)
    about = _names(dataset.name) | _names(dataset.description)
    both = [name for name in BENCHMARKS if _joined(name) in about & meant]
    if both:
        return f"the goal speaks of {both[0]}, and so does the data set"
    if shared:
        return (
            f"{shared} of its {len(dataset.samples)} sample rows stand among the training rows, so "
            "both were drawn from one place, where the scored rows may come from too"
        )
    splits = {split.casefold() for split in dataset.splits}
    if splits and splits <= _SCORED_SPLITS:
        return f"all it has is {' and '.join(sorted(splits))}, which models are scored on"
    trap = sorted(_SCORED_WORDS.intersection(_words(dataset.name)))
    if trap:
        return f"its name says {trap[0]}"
    return None


def shared_with(datasets: Sequence[Dataset], prompts: Iterable[str]) -> list[int]:
    """Return of each data set how many sample rows share words with any prompt.

    That is a value of a row that is a prompt, but for case and signs, or `RUN` words in a row.
    """
    places: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for number, dataset in enumerate(datasets):
        for place, row in enumerate(dataset.samples):
            for key in _keys(_texts(row)):
                places[key].add((number, place))
    met = {place for prompt in prompts for key in _keys([prompt]) for place in places.get(key, ())}
    return [sum(number == one for one, _ in met) for number in range(len(datasets))]


def _texts(row: dict[str, object]) -> Iterator[str]:
    for value in row.values():
        yield value if isinstance(value, str) else json.dumps(value, default=str)


def _keys(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        words = _words(text)
        if len(words) >= RUN:
            yield from (" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
        elif len(words) > 1:  # a label or a single word is shared by chance
            yield " ".join(words)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _names(text: str) -> set[str]:
    """Return what may be a name: up to three words as one, also without its version."""
    words = _words(text)
    names = {"".join(words[at : at + size]) for size in (1, 2, 3) for at in range(len(words))}
    return names | {name.rstrip("0123456789") for name in names}


def _joined(name: str) -> str:
    return "".join(_words(name))
