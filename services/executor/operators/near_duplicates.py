"""Drops samples that are nearly the same as one seen before."""

from typing import Literal

from rensa import RMinHash, RMinHashLSH

from services.executor.operators.judging import Judge
from services.executor.operators.texts import asked_and_answered
from shared.rows import Sample

_RUN = 5
_FOUND = 0.9
_SEED = 42


def near_duplicates(
    *, threshold: float, num_perm: int, by: Literal["prompt", "sample"] = "prompt"
) -> Judge:
    """Return a judge that drops what resembles a kept sample by at least ``threshold``.

    Resemblance is the estimated Jaccard index of the sets of runs of five characters, after case
    folding and collapsing white space; short texts and texts without spaces have some too. Holds
    about 2.5 KB for each sample that is kept (at a threshold of 0.8 and 128 functions), so a
    million of them need 2.5 GB.

    Source: Broder, "On the resemblance and containment of documents", 1997; candidates by banding:
    Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3.
    """
    index = RMinHashLSH(threshold, num_perm, bands(threshold, num_perm))
    kept: list[RMinHash] = []

    def judge(sample: Sample) -> str | None:
        signature = RMinHash(num_perm, _SEED)
        signature.update(_runs(" ".join(asked_and_answered(sample, by))))
        if any(kept[place].jaccard(signature) >= threshold for place in index.query(signature)):
            return "nearly seen before"
        index.insert(len(kept), signature)
        kept.append(signature)
        return None

    return judge


def bands(threshold: float, num_perm: int) -> int:
    """Return how many bands to cut signatures into: the fewest that find nearly all pairs.

    Two signatures of resemblance ``s`` agree in one of ``b`` bands of ``r`` rows with probability
    ``1 - (1 - s ** r) ** b``. At the threshold that is at least 0.9, above it more; further
    bands cost time and memory.
    """
    fitting = (count for count in range(1, num_perm + 1) if num_perm % count == 0)
    return next(
        count for count in fitting if 1 - (1 - threshold ** (num_perm // count)) ** count >= _FOUND
    )


def _runs(text: str) -> set[str]:
    folded = " ".join(text.casefold().split())
    return {folded[start : start + _RUN] for start in range(max(1, len(folded) - _RUN + 1))}
