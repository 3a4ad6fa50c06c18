"""What lies beside the weights: a model card for people and the recipe to run again."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import yaml

from shared.contracts.base import digest
from shared.contracts.run import Origin, RowCount, RunRequest, Tokenised, Trained
from shared.parity import PARITY


def describe(folder: Path, request: RunRequest, trained: Trained) -> None:
    """Write ``README.md`` and ``recipe.yaml`` into a checkpoint's folder."""
    recipe = request.recipe
    (folder / "recipe.yaml").write_text(
        yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    )
    (folder / "README.md").write_text(_card(request, trained))


def _card(request: RunRequest, trained: Trained) -> str:
    recipe = request.recipe
    front_matter = yaml.safe_dump(
        {
            "base_model": recipe.base_model,
            "library_name": "transformers" if recipe.adapter.kind == "full" else "peft",
            "tags": ["open-trex", recipe.method.kind, recipe.adapter.kind],
        }
    )
    rows = [_counted(row) for row in trained.rows]
    named = [f"- {name}" for row in trained.rows for name in row.named]
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft")
    )
    return "\n".join(
        [
            f"---\n{front_matter}---",
            f"# Experiment {request.experiment} of job {request.job_id}",
            "",
            f"{recipe.base_model} fine-tuned by open-trex. `recipe.yaml` holds everything needed "
            "to train it again.",
            "",
            f"- recipe hash: `{digest(recipe)}`",
            f"- trained on from: {request.start_from or 'the base model'}",
            f"- steps: {trained.steps}, tokens: {trained.tokens}, stopped: {trained.stopped}"
            + ("" if trained.kept_step is None else f", weights of step {trained.kept_step}"),
            f"- samples: {trained.tokenised.samples}, of these {trained.tokenised.cut} cut at "
            f"max_length; {trained.tokenised.too_long} more were left out, their prompts fill it",
            f"- samples in one forward pass: {trained.micro_batch}",
            *_seen(trained.tokenised),
            f"- chat template: sha256 `{trained.tokenised.chat_template}`",
            f"- last training loss: {trained.train_loss:.4f} nats per token",
            f"- `{PARITY}`: what it answered to training prompts where it was trained, by which "
            "whoever serves it can show that it is served as it was trained",
            f"- cost: {trained.gpu_seconds:.1f} device-seconds",
            f"- made with {versions} on Python {platform.python_version()}",
            "",
            "| data | version | licence |",
            "|---|---|---|",
            *(_read(origin) for row in trained.rows for origin in row.origins),
            "",
            "| data operator | rows in | rows out | dropped |",
            "|---|---|---|---|",
            *rows,
            "",
            *_taught(trained.rows),
            *(["Rows dropped for holding sealed text:", "", *named, ""] if named else []),
        ]
    )


def _read(origin: Origin) -> str:
    return f"| {origin.name} | `{origin.version}` | {origin.licence or 'not stated'} |"


def _counted(row: RowCount) -> str:
    dropped = ", ".join(f"{reason.samples} {reason.why}" for reason in row.dropped)
    out = f"{row.rows_out}, {row.unchanged} without variants" if row.unchanged else row.rows_out
    return f"| {row.operator} | {row.rows_in} | {out} | {dropped} |"


def _taught(rows: Sequence[RowCount]) -> list[str]:
    told = [
        f"- {row.operator}: {row.tokens} tokens of questions and replies"
        + (f", {row.made} new samples" if row.made else "")
        for row in rows
        if row.tokens
    ]
    return ["What a teacher was asked for:", "", *told, ""] if told else []


def _seen(tokenised: Tokenised) -> list[str]:
    share = tokenised.trained_share
    return [] if share is None else [f"- tokens that the loss counted: {share:.0%}"]
