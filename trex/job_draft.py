"""Writing a job file that a person can read, edit and run: what `trex init` leaves behind."""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from shared.contracts.job import Search
from shared.errors import DataFailed, Rejected
from trex.inspect_data import Sight, look_at
from trex.split import Split, write_split

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
    train, folder = data, out.resolve().parent
    if dev is None:
        try:
            split = write_split(data, sight.mapping, folder / f"{data.stem}-split")
        except DataFailed as error:
            raise Rejected(str(error)) from None
        train, dev, test = split.train, split.dev, split.test
    folder.mkdir(parents=True, exist_ok=True)
    files = {"train": train, "dev": dev, "test": test}
    paths = {name: _beside(file, folder) for name, file in files.items() if file is not None}
    if Path(base_model).is_dir():
        base_model = _beside(Path(base_model), folder)
    text = _text(out.name, f"Answer as in {data.name}.", base_model, paths, sight)
    out.write_text(text, encoding="utf-8")
    return Draft(sight, split)


def _beside(path: Path, folder: Path) -> str:
    return os.path.relpath(path.resolve(), folder)


def _text(name: str, goal: str, base_model: str, paths: dict[str, str], sight: Sight) -> str:
    search = Search()
    files = "".join(f"  {name}: {_quoted(path)}\n" for name, path in paths.items())
    return f"""\
# A job for open-trex. Start it with: trex run {name}

goal: {_quoted(goal)}   # say in a sentence what you want

base_model: {_quoted(base_model)}   # a folder or hub id of a chat model

data:
{files}\
  mapping:   # how a row becomes a question and its answer; column names in braces
    prompt: {_quoted(sight.mapping.prompt)}
    completion: {_quoted(sight.mapping.completion)}
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

# search:
#   exploration: {search.exploration}   # higher tries more different things
#   width: {search.width}   # children of an experiment after its first visit
# seed: 0   # another seed proposes other recipes
"""


def _quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000)).strip()
