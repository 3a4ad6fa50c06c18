"""A recipe as a plain TRL script that trains to the same weights."""

from string import Template

from services.executor.exports.exported import (
    HELD_OUT,
    MEMORY,
    TOKENS,
    TRAIN,
    Exported,
    commented,
    exportable,
)
from services.executor.exports.samples import as_prompt_and_completion
from shared.contracts.base import digest
from shared.contracts.method import Lora
from shared.contracts.recipe import Recipe

_SCRIPT = Template('''\
# Trains recipe $digest of open-trex with TRL alone. Run it in its folder: python train.py
# The model is written to checkpoint/, the curves to log/trainer_state.json.
$notes

import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.utils import is_torch_bf16_gpu_available
from trl import SFTConfig, SFTTrainer

BASE_MODEL = $base_model
FILES = $files
SEED = $seed
IN_ORDER = $in_order
ADAPTER = $adapter
METHOD = $method
GPU, BF16 = torch.cuda.is_available(), is_torch_bf16_gpu_available()


class Order(LengthGroupedSampler):
    """Samples of about one length together, drawn from the seed and the epoch alone.

    IN_ORDER, the first epoch keeps the order of the file, which is a curriculum.
    """

    def __iter__(self):
        epoch = int((trainer.state.epoch or 0.0) + 1e-6)
        if IN_ORDER and epoch == 0:
            return iter(range(len(self)))
        self.generator = torch.Generator().manual_seed(SEED * 1_000_003 + epoch)
        return super().__iter__()


class Trainer(SFTTrainer):
    def _get_train_sampler(self, train_dataset=None):
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return Order(batch, lengths=[len(ids) for ids in self.train_dataset["input_ids"]])


set_seed(SEED)
data = load_dataset("json", data_files=FILES)
trainer = Trainer(
    model=AutoModelForCausalLM.from_pretrained(
        BASE_MODEL, dtype=torch.bfloat16 if BF16 else torch.float32
    ),
    processing_class=AutoTokenizer.from_pretrained(BASE_MODEL),
    args=SFTConfig(
        **METHOD,
        seed=SEED,
        per_device_eval_batch_size=METHOD["per_device_train_batch_size"],
        completion_only_loss=True,
        eval_strategy="steps" if "held_out" in data else "no",
        eval_steps=0.25,
        logging_steps=0.02,
        save_strategy="no",
        report_to="none",
        output_dir="log",
        bf16=BF16,
        use_cpu=not GPU,
        gradient_checkpointing=GPU,
        dataloader_pin_memory=GPU,
    ),
    train_dataset=data["train"],
    eval_dataset=data.get("held_out"),
    peft_config=ADAPTER and LoraConfig(**ADAPTER),
)
trainer.train()
trainer.save_model("checkpoint")
trainer.save_state()
''')


def exported(recipe: Recipe, *, held_out: bool) -> Exported:
    """Return the script and what it cannot do.

    Args:
        recipe: to train.
        held_out: whether samples were set aside.

    Raises:
        Rejected: as `exportable`.
    """
    notes = (TOKENS, MEMORY)
    script = _SCRIPT.substitute(
        digest=digest(recipe)[:12],
        notes=commented(notes),
        base_model=repr(recipe.base_model),
        files=repr({"train": TRAIN} | ({"held_out": HELD_OUT} if held_out else {})),
        seed=recipe.seed,
        in_order=recipe.keeps_order,
        adapter=_adapter(recipe),
        method=_literal(exportable(recipe).model_dump(exclude={"kind"})),
    )
    return Exported({"train.py": script}, as_prompt_and_completion, notes, "python train.py")


def _adapter(recipe: Recipe) -> str:
    if not isinstance(recipe.adapter, Lora):
        return "None"
    lora = recipe.adapter.model_dump(exclude={"kind"})
    return _literal({**lora, "target_modules": "all-linear", "task_type": "CAUSAL_LM"})


def _literal(values: dict[str, object]) -> str:
    return "{\n" + "".join(f"    {name!r}: {value!r},\n" for name, value in values.items()) + "}"
