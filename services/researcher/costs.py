"""Keeps a recipe within what one run may take, judged by the runs that came before."""

import math
from collections.abc import Sequence

from services.researcher.factors import OFF, value_of, with_method, with_value
from shared.contracts.brief import Brief
from shared.contracts.method import Grpo, Kto, Method
from shared.contracts.proposal import Finding, ProposeRequest
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Trained
from shared.contracts.teaching import Generate

TOKENS_PER_PASS = 8192
"""Tokens in one forward pass that any GPU in use holds with a model that suits it."""

_MARGIN = 0.9  # of the time limit: runs of one recipe differ by some percent
_TEMPLATE_TOKENS = 32  # what a chat template puts around a row


def fitted(recipe: Recipe, request: ProposeRequest) -> Recipe:
    """Return the recipe with its batch split to fit memory and its epochs cut to fit the time."""
    recipe = _split(recipe, _rows_per_pass(recipe, request))
    seconds = predicted_s(recipe, request)
    limit_s = _MARGIN * request.context.limits.run_s
    if seconds is None or seconds <= limit_s:
        return recipe
    epochs = recipe.method.num_train_epochs * limit_s / seconds
    parts = 10 if epochs >= 1 else 1000
    return with_value(recipe, "num_train_epochs", max(1.0, math.floor(epochs * parts)) / parts)


def predicted_s(recipe: Recipe, request: ProposeRequest) -> float | None:
    """Return the seconds a run should take; None before the first run of its method has ended.

    Samples to be seen times seconds a sample, taken from the run with the same kind of adapter that
    saw the most: its start-up weighs least. Without one, from any kind.
    """
    runs = [
        finding
        for finding in request.findings
        if isinstance(finding.outcome, Trained)
        and finding.outcome.steps
        and finding.recipe.method.kind == recipe.method.kind
    ]
    alike = [f for f in runs if f.recipe.adapter.kind == recipe.adapter.kind]
    longest = max(alike or runs, key=_samples_seen, default=None)
    if longest is None or not isinstance(longest.outcome, Trained):
        return None
    per_sample = longest.outcome.gpu_seconds / _samples_seen(longest)
    seen = rows_left(recipe, request.brief) * recipe.method.num_train_epochs
    return per_sample * seen * _answers(recipe.method)


def rows_left(recipe: Recipe, brief: Brief) -> float:
    """Return about how many rows the data operators leave to train on."""
    rows = float(brief.rows)
    if value_of(recipe, "deduplicate") != OFF:
        rows *= 1 - brief.duplicate_share
    made = sum(one.samples for one in recipe.data if isinstance(one, Generate))
    return rows * float(value_of(recipe, "sample") or 1.0) + made


def _samples_seen(finding: Finding) -> float:
    steps = finding.outcome.steps if isinstance(finding.outcome, Trained) else 0
    return steps * float(value_of(finding.recipe, "batch_size") or 1)


def _split(recipe: Recipe, most: int) -> Recipe:
    """Return the recipe with the same batch in passes of at most ``most`` rows."""
    method = recipe.method
    per_device = method.per_device_train_batch_size
    if per_device <= most:
        return recipe
    batch = per_device * method.gradient_accumulation_steps
    step = _answers(method)
    least = 2 if isinstance(method, Kto) else step
    sizes = range(least, max(least, most) + 1, step)
    fitting = max((size for size in sizes if batch % size == 0), default=per_device)
    return with_method(
        recipe,
        per_device_train_batch_size=fitting,
        gradient_accumulation_steps=batch // fitting,
    )


def _answers(method: Method) -> int:
    """Return how many samples of a batch are made of one row."""
    return method.num_generations if isinstance(method, Grpo) else 1


def _rows_per_pass(recipe: Recipe, request: ProposeRequest) -> int:
    brief = request.brief
    # A row has at most about one token for each character.
    chars = brief.prompt_chars_p95 + brief.completion_chars_p95 + _TEMPLATE_TOKENS
    tokens = min(recipe.method.max_length, chars)
    too_many = _out_of_memory(recipe, request.findings)
    return max(1, min([TOKENS_PER_PASS // tokens, *(rows // 2 for rows in too_many)]))


def _out_of_memory(recipe: Recipe, findings: Sequence[Finding]) -> list[int]:
    return [
        finding.recipe.method.per_device_train_batch_size
        for finding in findings
        if finding.recipe.adapter.kind == recipe.adapter.kind
        and isinstance(finding.outcome, Failed)
        and "memory" in finding.outcome.detail.lower()
    ]
