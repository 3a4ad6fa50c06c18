"""Configurations in YAML: their keys, their values, their comments."""

import json
from typing import Any

import pytest
import yaml

from services.executor.exports import axolotl, llama_factory
from services.executor.exports.exported import CURRICULUM, Exported, inexpressible
from shared.contracts.operators import Curriculum
from tests.support.examples import recipe

# https://docs.axolotl.ai/docs/config-reference.html, and the fields of AxolotlInputConfig and
# SFTDataset in src/axolotl/utils/schemas/ at 002a637c and 07e83ab8.
AXOLOTL = """
base_model datasets test_datasets adapter lora_r lora_alpha lora_dropout lora_target_linear
peft_use_rslora learning_rate num_epochs micro_batch_size gradient_accumulation_steps lr_scheduler
warmup_ratio weight_decay max_grad_norm sequence_len optimizer sample_packing group_by_length
gradient_checkpointing bf16 seed save_strategy eval_strategy eval_steps output_dir
"""
AXOLOTL_DATASET = """
path ds_type split type chat_template field_messages roles_to_train train_on_eos
"""

# src/llamafactory/hparams/{data,finetuning,model}_args.py at 072bfe29 and 00577a85, for the rest
# transformers.TrainingArguments 4.57, which examples/train_lora/qwen3_lora_sft.yaml uses.
LLAMA_FACTORY = """
model_name_or_path stage do_train finetuning_type pure_bf16 lora_rank lora_alpha lora_dropout
lora_target use_rslora dataset_dir dataset eval_dataset mask_history cutoff_len
learning_rate num_train_epochs per_device_train_batch_size per_device_eval_batch_size
gradient_accumulation_steps lr_scheduler_type warmup_ratio weight_decay max_grad_norm bf16 seed
save_strategy eval_strategy eval_steps report_to output_dir
"""
# data/README.md, "OpenAI Format".
LLAMA_FACTORY_DATASET = "file_name formatting columns tags"


def configuration(exported: Exported) -> dict[str, Any]:
    (text,) = (text for name, text in exported.files.items() if name.endswith(".yaml"))
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@pytest.mark.parametrize("lora", [True, False])
@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize(("tool", "known"), [(axolotl, AXOLOTL), (llama_factory, LLAMA_FACTORY)])
def test_only_keys_that_the_tool_documents_are_written(
    tool: Any, known: str, held_out: bool, lora: bool
) -> None:
    found = configuration(tool.exported(recipe(lora=lora), held_out=held_out))

    assert found.keys() - set(known.split()) == set()


def test_the_keys_of_data_sets_are_documented_too() -> None:
    theirs = configuration(axolotl.exported(recipe(), held_out=True))
    described = llama_factory.exported(recipe(), held_out=True).files["dataset_info.json"]

    for data in (theirs["datasets"][0], theirs["test_datasets"][0]):
        assert set(data) == set(AXOLOTL_DATASET.split())
    for data in json.loads(described).values():
        assert set(data) == set(LLAMA_FACTORY_DATASET.split())


@pytest.mark.parametrize(
    ("tool", "where"),
    [
        (axolotl, {"max_length": "sequence_len", "num_train_epochs": "num_epochs"}),
        (llama_factory, {"max_length": "cutoff_len"}),
    ],
)
def test_every_number_of_the_method_is_there_under_the_tools_name(
    tool: Any, where: dict[str, str]
) -> None:
    names = where | {
        "learning_rate": "learning_rate",
        "warmup_steps": "warmup_ratio",
        "weight_decay": "weight_decay",
        "gradient_accumulation_steps": "gradient_accumulation_steps",
    }
    told = {name: 0.125 * at for at, name in enumerate(names, start=1)}
    wanted = recipe()
    wanted = wanted.model_copy(update={"method": wanted.method.model_copy(update=told)})

    found = configuration(tool.exported(wanted, held_out=True))

    assert {name: found[theirs] for name, theirs in names.items()} == told


def test_each_description_names_a_file_and_the_configuration_names_each_description() -> None:
    exported = llama_factory.exported(recipe(), held_out=True)

    described = json.loads(exported.files["dataset_info.json"])
    found = configuration(exported)
    assert described[found["dataset"]]["file_name"] == "train.jsonl"
    assert described[found["eval_dataset"]]["file_name"] == "held_out.jsonl"


def test_what_a_tool_has_no_word_for_is_said_unless_it_is_left_at_its_default() -> None:
    wanted = recipe()
    method = wanted.method.model_copy(update={"weight_decay": 0.1})
    known = {name for name, _ in method} - {"weight_decay", "max_grad_norm"}

    notes = inexpressible(wanted.model_copy(update={"method": method}), known)

    assert notes == ("weight_decay: 0.1 has no equivalent here and is left out.",)


@pytest.mark.parametrize("tool", [axolotl, llama_factory])
def test_that_the_order_of_a_curriculum_is_lost_is_said(tool: Any) -> None:
    wanted = recipe()
    ordered = wanted.model_copy(update={"data": (*wanted.data[:-1], Curriculum())})

    assert CURRICULUM in tool.exported(ordered, held_out=False).notes
    assert CURRICULUM not in tool.exported(wanted, held_out=False).notes


@pytest.mark.parametrize("tool", [axolotl, llama_factory])
def test_the_notes_stand_above_the_configuration(tool: Any) -> None:
    exported = tool.exported(recipe(), held_out=False)

    (text,) = (text for name, text in exported.files.items() if name.endswith(".yaml"))
    comment, _, _ = text.partition("\nbase_model" if tool is axolotl else "\nmodel_name")
    assert all(line.startswith("#") for line in comment.splitlines())
    said = " ".join(line.removeprefix("#").strip() for line in comment.splitlines())
    assert said == " ".join(exported.notes)
