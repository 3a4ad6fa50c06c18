"""Writing a job file that a person can read, edit and run: what `trex init` leaves behind."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from shared.contracts.job import Search
from shared.contracts.mapping import Mapping, fields_of
from shared.errors import DataFailed, Rejected
from trex.inspect_data import Sight, look_at
from trex.split import Split, write_split

_FILES = {
    "train": "rows to learn from",
    "dev": "rows that scores are measured on while searching",
    "confirm": "rows that finalists alone are scored on",
    "test": "rows opened once, for the report",
}

BASE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Small enough to be trained without a GPU."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was made of a data file."""

    sight: Sight
    split: Split | None
    """None when the user gave files of their own."""


def draft_job(
    data: Path,
    out: Path,
    *,
    dev: Path | None = None,
    test: Path | None = None,
    base_model: str = BASE_MODEL,
    prompt: str | None = None,
    completion: str | None = None,
    force: bool = False,
) -> Draft:
    """Write a job file, and a split of the data beside it unless dev is given.

    Raises:
        Rejected: the job file is there already (without ``force``), or the data cannot be used.
    """
    if out.exists() and not force:
        raise Rejected(f"{out}: wanted a new file, found one; use --out FILE, or --force for this")
    if test is not None and dev is None:
        raise Rejected("wanted --dev beside --test, found none; give both, or neither for a split")
    sight = look_at(data, prompt=prompt, completion=completion)
    split = None
    folder = out.resolve().parent
    files = {"train": data, "dev": dev, "test": test}
    if dev is None:
        try:
            split = write_split(data, sight.mapping, folder / f"{_stem(data)}-split")
        except DataFailed as error:
            raise Rejected(str(error)) from None
        files = dict(split.files)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: beside(file, folder) for name, file in files.items() if file is not None}
    if Path(base_model).is_dir():
        base_model = beside(Path(base_model), folder)
    text = _text(out.name, f"Answer as in {data.name}.", base_model, paths, sight)
    out.write_text(text, encoding="utf-8")
    return Draft(sight, split)


def _stem(data: Path) -> str:
    stem = Path(data.name.removesuffix(".gz")).stem
    return stem if data.is_file() else re.sub(r"[^\w.-]", "", stem).strip("-_.") or "rows"


def beside(path: Path, folder: Path) -> str:
    """Return a path as a file in a folder names it."""
    return os.path.relpath(path.resolve(), folder)


def _text(name: str, goal: str, base_model: str, paths: dict[str, str], sight: Sight) -> str:
    search = Search()
    files = "".join(
        f"  {split}: {_quoted(path)}   # {_FILES[split]}\n" for split, path in paths.items()
    )
    return f"""\
# A job for open-trex. Start it with: trex run {name}

goal: {_quoted(goal)}   # say in a sentence what you want

base_model: {_quoted(base_model)}   # a folder or hub id of a chat model

data:
{files}\
  mapping:   # how a row becomes a question and its answer; in templates, columns in braces
{_mapping_lines(sight.mapping)}\
    # system: "Be brief."

metric: {sight.metric}   # or exact_match, accuracy, rouge1, rouge2, rougeL

budget:   # the first limit reached ends the search
  experiments: 8
  # gpu_seconds: 3600     # training time, over all experiments
  # wall_clock_s: 7200    # from submission to the end

limits:   # of one experiment
  max_length: {sight.limits.max_length}   # tokens of question and answer; longer rows are cut
  max_new_tokens: {sight.limits.max_new_tokens}   # tokens an answer may have while scoring
  # run_s: {sight.limits.run_s:.0f}   # seconds of training
  # run_tokens: 1000000    # tokens read while training
  # patience: 2            # held-out losses above the lowest, after which a run stops, of four

# search:
#   fidelity: steps   # first a ninth of a run, then a third; only the promising are trained in full
#   deliver: {search.deliver}   # or recipe: one that is good whatever its seed
#   mode: {search.mode}   # or rank_puct, uct, greedy, sequential, random
# seed: 0   # another seed proposes other recipes
"""


def _mapping_lines(mapping: Mapping) -> str:
    return "".join(f"    {name}: {_quoted(text)}\n" for name, text in fields_of(mapping).items())


def _quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000)).strip()
