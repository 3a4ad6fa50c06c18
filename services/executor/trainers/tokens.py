"""Samples as token ids, made once for all runs that share data, tokenizer and longest length.

They lie beside the samples they were made of and go away with them.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_from_disk

from services.executor.gates import Counts, trainable
from services.executor.operators.sample import sample
from services.executor.pipeline import read_materialised
from shared.cache import publish
from shared.contracts.run import Tokenised
from shared.rows import Sample

Columns = dict[str, Sequence[Any]]
Tokenise = Callable[[Sequence[Sample]], Columns]
"""Makes the columns of a method of samples; with those of `Counts` among them."""


def tokens_of(samples: Path, tokenise: Tokenise, *, name: str, tokenizer: Any) -> Dataset:
    """Return one row a sample, in order, made only if nobody made them before.

    Args:
        samples: a file of a `Materialised`.
        tokenise: makes the columns.
        name: of what ``tokenise`` does, with all that it depends on but samples and tokenizer.
        tokenizer: that ``tokenise`` uses.

    Raises:
        DataFailed: as ``tokenise``.
    """
    folder = samples.with_name(f"{samples.stem}.{_key(name, tokenizer)}.tokens")
    if not folder.exists():
        columns = tokenise(list(read_materialised(samples)))
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            unpublished = Path(scratch) / folder.name
            Dataset.from_dict(columns).save_to_disk(unpublished)
            publish(unpublished, folder)
    return load_from_disk(str(folder))


def to_train_on(
    tokens: Dataset, tokenizer: Any, max_length: int, *, share: float = 1.0, seed: int = 0
) -> tuple[Dataset, Tokenised]:
    """Return a share of the rows, those left out of which the loss says nothing, and all counts.

    Raises:
        DataFailed: as `trainable`.
    """
    if share < 1.0:
        tokens = tokens.select(sample(range(len(tokens)), share=share, seed=seed))
    counts = Counts(tokens["tokens"][:], tokens["trained"][:], tokens["ends"][:])
    found = trainable(counts, tokenizer, max_length)
    if found.too_long:
        tokens = tokens.select([at for at, trained in enumerate(counts.trained) if trained])
    return tokens, found


def _key(name: str, tokenizer: Any) -> str:
    parts = (name, tokenizer.backend_tokenizer.to_str(), tokenizer.get_chat_template())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
