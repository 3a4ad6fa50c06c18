"""What is worth trying before anything is known: every factor, its range, its default and why."""

import math
import re

from services.researcher.factors import OFF, Factor, new_lora
from shared.contracts.brief import Brief, ProposalContext
from shared.contracts.method import Sft
from shared.contracts.operators import HoldOut, Load, Map
from shared.contracts.recipe import Recipe

LEARNING_RATE_SPREAD = math.log(3.0)
"""Standard deviation of the natural logarithm: 19 of 20 draws are within a factor of 9."""

USUAL_STEPS = 600
"""Optimizer steps that the default number of epochs aims at."""

_USUAL_PARAMETERS = 1.5e9
# A power law through two points each: what SFT recipes for 1-2 billion weights use, and what models
# of 2 million weights want. For LoRA about ten times the rate of full tuning at the larger size, as
# in "LoRA Without Regret" (Schulman et al., Thinking Machines, 2025).
_AT_USUAL_SIZE = {"lora": 2e-4, "full": 1.5e-5}
_AT_TWO_MILLION = {"lora": 5e-3, "full": 2e-3}

_FULL_TUNING_MAX = 5e9
# Weights, gradients and AdamW's moments take 16 bytes a weight: 80 GB, one common GPU.


def factors(brief: Brief, context: ProposalContext) -> dict[str, Factor]:
    """Return what can be chosen for a job, by name. What makes no difference to it is left out."""
    size = parameters(brief, context.base_model)
    whole = size <= _FULL_TUNING_MAX and not context.adapters_only
    adapters = ("lora", "full") if whole else ("lora",)
    outliers = f"{max(1, brief.prompt_chars_p95)}/{max(1, brief.completion_chars_p95)}"
    batches = _batches(brief.rows)
    batch = max(rows for rows in batches if rows <= 16 or rows == batches[0])
    epochs = min(8.0, max(2.0, round(USUAL_STEPS * batch / brief.rows)))
    repeats = 0.0 < brief.duplicate_share < 0.9  # above, a prompt is a theme rather than a question
    enough = brief.rows >= 400  # a quarter of fewer rows is no data set
    table = (
        Factor(
            "learning_rate", "log", (1e-6, 5e-2), learning_rate("lora", size), 3.0,
            "The factor that matters most; see `learning_rate` for its centre.",
        ),
        Factor(
            "num_train_epochs", "log", (1.0, 16.0), epochs, 2.0,
            f"Towards {USUAL_STEPS} steps, at least 2 passes; beyond 16 rows are known by heart.",
        ),
        Factor(
            "adapter", "choice", adapters, "lora", 1.0,
            "LoRA is cheaper and forgets less; full tuning learns more (Biderman et al. 2024).",
        ),
        Factor(
            "batch_size", "ladder", batches, batch, 1.0,
            "Small batches take more steps; never above an eighth of the rows.",
        ),
        Factor(
            "r", "ladder", (4, 8, 16, 32, 64), 16, 0.8,
            "Capacity of the adapter; on every linear layer a small rank goes far (QLoRA, 2023).",
        ),
        Factor(
            "lr_scheduler_type", "choice", ("cosine", "linear", "constant_with_warmup"),
            "cosine", 0.4, "Decay matters, its shape hardly; a time limit costs less without.",
        ),
        Factor(
            "warmup_steps", "ladder", (0.0, 0.05, 0.1, 0.2), 0.05, 0.3,
            "More warm-up carries a higher peak.",
        ),
        Factor(
            "weight_decay", "ladder", (0.0, 0.01, 0.1), 0.01, 0.4,
            "A mild brake on overfitting; 0.01 is AdamW's own default.",
        ),
        Factor(
            "lora_dropout", "ladder", (0.0, 0.05, 0.1), 0.0, 0.3,
            "Helps on few rows only; 0.05-0.1 in the QLoRA paper.",
        ),
        Factor(
            "deduplicate", "choice", (OFF, "prompt") if repeats else (OFF,), OFF, 0.8,
            "Off at first: what the user repeats may be meant.",
        ),
        Factor(
            "sample", "ladder", (0.25, 0.5, 1.0) if enough else (1.0,), 1.0, 0.3,
            "More passes over fewer rows now and then win, and cost the same.",
        ),
        Factor(
            "filter", "choice", (OFF, outliers), OFF, 0.3,
            "Drops the longest 5 %, which are cut or broken more often than others.",
        ),
    )  # fmt: skip
    return {factor.name: factor for factor in table if len(factor.values) > 1}


def learning_rate(adapter: str, size: float) -> float:
    """Return the middle of the prior for an adapter kind: ``usual * (size / 1.5e9) ** -slope``.

    0.0002 for LoRA and 0.000015 for full tuning at 1.5 billion weights, 0.005 and 0.002 at
    2 million; sizes beyond 1 million to 100 billion weights are taken as those.
    """
    kind = "full" if adapter == "full" else "lora"  # in 4 bits or not
    usual = _AT_USUAL_SIZE[kind]
    slope = math.log(_AT_TWO_MILLION[kind] / usual) / math.log(_USUAL_PARAMETERS / 2e6)
    within = min(max(size, 1e6), 1e11)
    return float(f"{usual * math.pow(within / _USUAL_PARAMETERS, -slope):.2g}")


def parameters(brief: Brief, base_model: str) -> float:
    """Return the base model's size: counted, else as its name says (``0.5B``), else 1.5 billion."""
    if brief.base_parameters is not None:
        return float(brief.base_parameters)
    said = re.search(r"(?<![\d.])(\d+(?:\.\d+)?)([BM])(?![A-Za-z])", base_model, re.IGNORECASE)
    if said is None:
        return _USUAL_PARAMETERS
    return float(said[1]) * (1e9 if said[2].upper() == "B" else 1e6)


def default_recipe(brief: Brief, context: ProposalContext) -> Recipe:
    """Return the first attempt: LoRA on every linear layer, every factor at its default."""
    table = factors(brief, context)
    batch = table["batch_size"].default if "batch_size" in table else _batches(brief.rows)[0]
    return Recipe(
        base_model=context.base_model,
        data=(
            Load(path=context.train, sha256=brief.train_sha256),
            Map(mapping=context.mapping),
            HoldOut(share=_held_out(brief.rows), max_samples=256, seed=context.seed),
        ),
        method=Sft(
            learning_rate=float(table["learning_rate"].default),
            num_train_epochs=float(table["num_train_epochs"].default),
            per_device_train_batch_size=int(batch),
            weight_decay=float(table["weight_decay"].default),
            max_length=context.limits.max_length,
        ),
        adapter=new_lora(int(table["r"].default)),
        seed=context.seed,
    )


def _batches(rows: int) -> tuple[int, ...]:
    """Return the batch sizes to choose from: 8 to 128, or what an eighth of fewer rows allows."""
    most = max(1, rows // 8)
    fitting = tuple(size for size in (8, 16, 32, 64, 128) if size <= most)
    return fitting or (1 << (most.bit_length() - 1),)


def _held_out(rows: int) -> float:
    # Few rows: a tenth, because a twentieth of them would be too few for a curve.
    return 0.05 if rows >= 1000 else 0.1
