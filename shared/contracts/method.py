"""How a recipe trains: which weights, by which method, in the names of TRL and PEFT."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from shared.contracts.base import Contract


class FullTuning(Contract):
    """Train every weight."""

    kind: Literal["full"] = "full"


class _LowRank(Contract):
    """Low-rank adapters on every linear layer; names as in `peft.LoraConfig`."""

    r: PositiveInt
    """Rank of the update."""

    lora_alpha: PositiveInt
    """The update is scaled by ``lora_alpha / r``, with rsLoRA by ``lora_alpha / sqrt(r)``."""

    lora_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the adapter's inputs dropped while training."""

    use_rslora: bool = False
    """Rank-stabilised scaling; Kalajdzievski 2023, arXiv 2312.03732."""


class Lora(_LowRank):
    """Train low-rank adapters; Hu et al. 2021, arXiv 2106.09685."""

    kind: Literal["lora"] = "lora"


class Qlora(_LowRank):
    """Train low-rank adapters of a base model held in 4 bits; needs CUDA and bitsandbytes.

    Source: Dettmers et al. 2023, arXiv 2305.14314.
    """

    kind: Literal["qlora"] = "qlora"


Adapter: TypeAlias = Annotated[FullTuning | Lora | Qlora, Field(discriminator="kind")]
"""Which weights are trained."""


Reward: TypeAlias = Literal["exact_match", "accuracy", "rouge1", "rouge2", "rougeL"]
"""A metric that needs nothing but an answer and its reference; see `MetricName`."""


class _Method(Contract):
    """What all methods share; names as in `transformers.TrainingArguments`."""

    learning_rate: PositiveFloat
    """Peak of the schedule."""

    num_train_epochs: PositiveFloat
    """Passes over the training samples; a fraction is allowed."""

    per_device_train_batch_size: PositiveInt
    """Samples in one forward pass."""

    gradient_accumulation_steps: PositiveInt = 1
    """Forward passes in one step of the optimizer."""

    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = "cosine"
    """How the learning rate falls after warm-up."""

    warmup_steps: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.05
    """Share of the steps in which the learning rate rises to its peak."""

    weight_decay: NonNegativeFloat = 0.0
    """Of AdamW."""

    max_grad_norm: PositiveFloat = 1.0
    """Longer gradients are scaled down to this norm."""

    max_length: PositiveInt
    """Tokens of prompt and completion together; longer samples are cut."""


class Sft(_Method):
    """Supervised fine-tuning on completions; names as in `trl.SFTConfig`."""

    kind: Literal["sft"] = "sft"

    loss_type: Literal["nll", "dft"] = "nll"
    """``nll`` is cross-entropy; ``dft`` weighs each token by its likelihood, so that what the model
    finds absurd moves it less; Wu et al. 2025, arXiv 2508.05629."""


class Dpo(_Method):
    """Learns to prefer the better of two answers; names as in `trl.DPOConfig`.

    Source: Rafailov et al. 2023, arXiv 2305.18290.
    """

    kind: Literal["dpo"] = "dpo"

    beta: PositiveFloat = 0.1
    """How strongly the model is held near the one it starts from."""


class Kto(_Method):
    """Learns from answers judged good or bad one by one; names as in `trl.KTOConfig`.

    Source: Ethayarajh et al. 2024, arXiv 2402.01306.
    """

    kind: Literal["kto"] = "kto"

    per_device_train_batch_size: Annotated[int, Field(ge=2)]
    """Samples in one forward pass; answers are compared with those of the samples beside them."""

    beta: PositiveFloat = 0.1
    """How strongly the model is held near the one it starts from."""

    desirable_weight: PositiveFloat = 1.0
    """Of the loss on good answers."""

    undesirable_weight: PositiveFloat = 1.0
    """Of the loss on bad answers."""


class Grpo(_Method):
    """Learns from the rewards of its own answers; names as in `trl.GRPOConfig`.

    Source: Shao et al. 2024, arXiv 2402.03300, section 4.
    """

    kind: Literal["grpo"] = "grpo"

    reward: Reward
    """The metric by which an answer is compared with the sample's completion."""

    num_generations: Annotated[int, Field(ge=2)] = 8
    """Answers to each prompt; ``per_device_train_batch_size`` counts answers and is a multiple."""

    max_completion_length: PositiveInt
    """Tokens of an answer; longer ones are cut."""

    temperature: PositiveFloat = 1.0
    """Of sampling the answers."""

    beta: NonNegativeFloat = 0.0
    """How strongly the model is held near the one it starts from; 0 does without that model."""

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.per_device_train_batch_size % self.num_generations:
            raise ValueError(
                "per_device_train_batch_size must be a multiple of num_generations "
                f"({self.num_generations}), is {self.per_device_train_batch_size}"
            )
        return self


Method: TypeAlias = Annotated[Sft | Dpo | Kto | Grpo, Field(discriminator="kind")]
"""The training method and its hyper-parameters. Nothing else reaches the trainer."""
