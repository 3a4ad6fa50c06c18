"""Making a whole job of a draft and its plan: rows are set aside, and the job file is written."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from shared.contracts.job import JobSpec, MetricName, is_sealed
from shared.contracts.mapping import fields_of
from shared.contracts.plan import Choice, JobDraft
from shared.contracts.views import PlanView
from shared.errors import DataFailed, Rejected
from trex.draftfile import SPLITS
from trex.job_draft import beside
from trex.jobfile import job_of
from trex.split import write_split
from trex.words import clean

FIELDS: tuple[str, ...] = get_args(Choice.model_fields["field"].annotation)

MOST_SHARE = 0.9
"""Of the training rows that may be set aside, all splits together."""


def changes_of(settings: Sequence[str]) -> dict[str, str]:
    """Return what ``--set`` puts in place of a plan's choices, by field.

    Raises:
        Rejected: one is no FIELD=VALUE, or of no field that a plan chooses.
    """
    changes = {}
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals or not value or field not in FIELDS:
            raise Rejected(
                f"--set: wanted FIELD=VALUE with one of {', '.join(FIELDS)}, found {setting!r}"
            )
        changes[field] = value
    return changes


def refuse_present(out: Path, *, force: bool) -> None:
    """Return when a job file may be written.

    Raises:
        Rejected: there is one already, which nobody said to replace.
    """
    if out.exists() and not force:
        raise Rejected(f"{out}: wanted a new file, found one; use --out FILE, or --force for this")


def complete(
    view: PlanView, changes: Mapping[str, str], out: Path, say: Callable[[str], None]
) -> JobSpec:
    """Return the job that a draft becomes, and write it as a file that can be run again.

    Rows that are to be set aside go to files in a folder beside it.

    Args:
        view: the draft and its plan.
        changes: what stands in place of the plan's choices, by field.
        out: where the job file is written, once the job is known to work.
        say: told what was set aside, and what is left to the evaluator.

    Raises:
        Rejected: there is no plan that waits, or a choice cannot work, and what to change.
    """
    if view.plan is None or view.job.state != "waiting":
        raise Rejected(
            f"wanted a plan that waits for approval, found {view.job.job_id} {view.job.state}: "
            f"{view.job.sentence}"
        )
    chosen = _chosen(view, changes)
    base_model = _base_model(changes.get("base_model") or view.draft.base_model, chosen, out)
    fields = _fields(view.draft, chosen | {"base_model": base_model}, out.resolve().parent)
    fields["data"] |= _set_aside(view.draft, chosen, out, say)
    spec = job_of(fields, out, say)
    reasons = [c for c in view.plan.choices if chosen.get(c.field) == c.value]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_text(out.name, fields, reasons), encoding="utf-8")
    return spec


def _chosen(view: PlanView, changes: Mapping[str, str]) -> dict[str, str]:
    assert view.plan is not None
    chosen = {choice.field: str(choice.value) for choice in view.plan.choices} | dict(changes)
    if "grader" in changes and "metric" not in changes:
        chosen["metric"] = MetricName.GRADER.value
    if "metric" in changes and changes["metric"] != MetricName.GRADER:
        chosen.pop("grader", None)
    return {field: chosen[field] for field in FIELDS if field in chosen}


def _base_model(given: str | None, chosen: Mapping[str, str], out: Path) -> str:
    """Return how a job file names it: a folder is meant only where the user gave one."""
    folder = out.resolve().parent
    if given is not None:
        return beside(Path(given), folder) if Path(given).is_dir() else given
    proposed = chosen["base_model"]
    if (folder / Path(proposed).expanduser()).is_dir():
        raise Rejected(
            f"base_model: wanted {proposed} of the hub, found a folder of that name beside {out}; "
            "write the job file elsewhere with --out, or name a folder with --set base_model=FOLDER"
        )
    return proposed


def _fields(draft: JobDraft, chosen: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return a job file's fields but for the rows set aside; paths are relative to its folder."""
    others = {"train", "mapping", "grader", *SPLITS}
    fields = draft.model_dump(mode="json", exclude_defaults=True, exclude=others)
    fields |= {name: chosen[name] for name in ("metric", "base_model") if name in chosen}
    if "grader" in chosen:
        fields["grader"] = _read_grader(chosen["grader"])
    elif draft.grader is not None and fields["metric"] == MetricName.GRADER:
        fields["grader"] = draft.grader.model_dump(mode="json")
    rows = {name: getattr(draft, name) for name in ("train", *SPLITS)}
    paths = {name: _named(path, folder) for name, path in rows.items() if path is not None}
    return fields | {"data": {**paths, "mapping": fields_of(draft.mapping)}}


def _named(rows: str, folder: Path) -> str:
    return rows if is_sealed(rows) else beside(Path(rows), folder)


def _read_grader(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Rejected(
            f"grader: wanted a grader as JSON, such as "
            f'{{"kind": "regex", "pattern": "[0-9]+"}}, found {text[:80]!r}; correct it'
        ) from None


def _set_aside(
    draft: JobDraft, chosen: Mapping[str, str], out: Path, say: Callable[[str], None]
) -> dict[str, str]:
    """Cut the training rows as chosen; return what the files are called beside the job file."""
    shares = {split: _share(split, chosen[split]) for split in SPLITS if split in chosen}
    if not shares:
        return {}
    if sum(shares.values()) > MOST_SHARE:
        raise Rejected(
            f"wanted at most {MOST_SHARE:g} of the rows set aside, found {sum(shares.values()):g} "
            f"for {', '.join(shares)}; leave more to learn from"
        )
    folder = out.resolve().parent
    try:
        split = write_split(Path(draft.train), draft.mapping, folder / f"{out.stem}-split", shares)
    except DataFailed as error:
        raise Rejected(str(error)) from None
    rows = ", ".join(f"{count} {name}" for name, count in split.rows.items())
    say(f"rows: {rows}, in {split.files['train'].parent}")
    return {name: beside(file, folder) for name, file in split.files.items()}


def _share(split: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.0 < share < 1.0:
        raise Rejected(
            f"{split}: wanted the share of the training rows to set aside, such as 0.1, found "
            f"{text!r}; correct it, or name a file of rows in the draft"
        )
    return share


def _text(name: str, fields: Mapping[str, Any], reasons: Sequence[Choice]) -> str:
    """Return a job file that says why its choices were made."""
    head = [f"# A job for open-trex, as planned. Start it again with: trex run {name}"]
    head += [f"# {choice.field}: {clean(choice.reason)}" for choice in reasons]
    first = ("goal", "base_model", "data", "metric", "grader")
    ordered = {field: fields[field] for field in first if field in fields} | dict(fields)
    body = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=10_000)
    return "\n".join([*head, "", body])
