"""HoC: which of the ten hallmarks of cancer an abstract gives evidence of, if any."""

import re
from collections import Counter
from collections.abc import Sequence

from ftbench.metrics.sums import Ratio
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.hoc.corpus import HALLMARKS, Abstract, read_abstracts, read_index
from ftbench.tasks.hoc.f1 import MacroF1, MicroF1, f1, outcomes
from shared.errors import DataFailed

NAME = "hoc"
NONE = "none"
SHARES = {Split.TRAIN: 0.65, Split.DEV: 0.10, Split.CONFIRM: 0.05, Split.TEST: 0.20}
SHARES_OF_BLURB_TRAIN = {Split.TRAIN: 13 / 14, Split.CONFIRM: 1 / 14}  # 65 to 5, as above
INDEX = {part: f"{part}_pmid.tsv" for part in ("train", "dev", "test")}

QUESTION = """\
Which of the ten hallmarks of cancer does this abstract give evidence of?

{hallmarks}

Abstract: {abstract}

Answer with the hallmarks that apply, separated by semicolons, or with "none"."""

_COMMIT = "3bc6e6deb90cf5bc4f9988c493fe2c32e9b3cf2a"
_ARCHIVE = f"https://github.com/sb895/Hallmarks-of-Cancer/archive/{_COMMIT}.zip"
_NONE = re.compile(rf"\b{NONE}\b")


def load(files: Files) -> Loaded:
    """Return one item an abstract.

    With the index of BLURB beside the corpus, dev and test are BLURB's, and confirm is drawn by
    abstract from its train. Without it all four are drawn by abstract, and our test set stands in
    for the published one, which is said in a note.
    """
    abstracts = read_abstracts(files.get("text"), files.get("labels"))
    found = {part: path for part in INDEX if (path := files.find(INDEX[part]))}
    if not found:
        items = [_item(one, split_by_hash(NAME, one.pmid, SHARES)) for one in abstracts]
        note = (
            f"without the index files of BLURB ({', '.join(INDEX.values())}) the splits are "
            "our own, so that scores are not on BLURB's test set"
        )
        return Loaded(items, (note,))
    if len(found) < len(INDEX):
        raise DataFailed(
            f"{next(iter(found.values())).parent}: wanted {', '.join(INDEX.values())} or none of "
            f"them, found {', '.join(INDEX[part] for part in found)} alone; add the rest"
        )
    parts = read_index(found)
    return Loaded([_item(one, _split_of(one.pmid, parts.get(one.pmid))) for one in abstracts])


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare the hallmarks named in the answer with the abstract's.

    No published scorer reads free text, so that strict changes nothing.
    """
    right = item.record["hallmarks"]
    named = hallmarks_in(answer)
    predicted = named or []
    exact = float(set(predicted) == set(right))
    counts = outcomes(predicted or [NONE], right or [NONE])
    shared = sum(label in right for label in predicted)
    value = f1(shared, len(predicted) - shared, len(right) - shared)
    counts |= {"exact": exact, "samples_f1": value, "n": 1.0}
    parsed = None if named is None else "; ".join(named) or NONE
    return Judged(exact or value, counts, parsed)


def hallmarks_in(answer: str) -> list[str] | None:
    """Return the hallmarks that an answer names, in the order of `HALLMARKS`.

    A hallmark is named where it occurs, whatever the case, the spacing, a hyphen or British
    spelling. Empty for "none" without any hallmark; None where the answer has neither.
    """
    text = " ".join(answer.lower().replace("-", " ").split())
    text = text.replace("signalling", "signaling").replace("tumour", "tumor")
    named = [hallmark for hallmark in HALLMARKS if hallmark in text]
    return named if named or _NONE.search(text) else None


def _split_of(pmid: str, part: str | None) -> Split:
    match part:
        case "train":
            return split_by_hash(NAME, pmid, SHARES_OF_BLURB_TRAIN)
        case "dev":
            return Split.DEV
        case "test":
            return Split.TEST
        case _:
            raise DataFailed(
                f"hoc: wanted every abstract in one of {', '.join(INDEX.values())}, found {pmid} "
                "in none; fetch the index again or remove it"
            )


def _item(abstract: Abstract, split: Split) -> Item:
    question = QUESTION.format(
        hallmarks="\n".join(f"- {hallmark}" for hallmark in HALLMARKS),
        abstract=" ".join(abstract.sentences),
    )
    return Item(
        id=abstract.pmid,
        split=split,
        published=split is Split.TEST,
        group=abstract.pmid,
        messages=(Message("user", question),),
        answer="; ".join(abstract.hallmarks) or NONE,
        record={"pmid": abstract.pmid, "hallmarks": abstract.hallmarks},
    )


def _commonest(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    seen = Counter(hallmark for item in train for hallmark in item.record["hallmarks"])
    return [max(HALLMARKS, key=seen.__getitem__)] * len(items)


TASK = Task(
    name=NAME,
    title="HoC",
    measures="finding hallmarks of cancer in abstracts from PubMed, several labels each, English",
    source=Source(
        folder="hoc",
        homepage="https://github.com/sb895/Hallmarks-of-Cancer",
        licence="GPL-3.0",
        remotes={
            folder: Remote(_ARCHIVE, inside=f"Hallmarks-of-Cancer-{_COMMIT}/{folder}")
            for folder in ("text", "labels")
        },
    ),
    load=load,
    judge=judge,
    metric="macro_f1",
    metrics={
        "macro_f1": MacroF1(HALLMARKS),
        "micro_f1": MicroF1(HALLMARKS),
        "samples_f1": Ratio("samples_f1", "n"),
        "exact": Ratio("exact", "n"),
        "macro_f1_with_none": MacroF1((*HALLMARKS, NONE)),
    },
    baselines={
        "none for every abstract": lambda _, items: [NONE] * len(items),
        "all ten for every abstract": lambda _, items: ["; ".join(HALLMARKS)] * len(items),
        "the commonest hallmark for every abstract": _commonest,
    },
    max_new_tokens=96,
    trex=0.897,
    g_trex=2.38,
)
