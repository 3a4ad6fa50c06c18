"""A nano base model, adapters of it, and a scorer that serves them with vLLM on the CPU."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from services.evaluator.vllm.scorer import VllmScorer
from services.evaluator.vllm.server import Served
from shared.contracts.mapping import Mapping, Templates
from tests.support.nano import make_base

PYTHON = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"


@pytest.fixture(scope="session")
def nano_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("nano"))


@pytest.fixture(scope="session")
def mapping() -> Mapping:
    return Templates(prompt="{text}", completion="{answer}")


@pytest.fixture(scope="session")
def adapters(nano_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two adapters that change every answer, each in its own way."""
    made = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_pretrained(nano_base, dtype=torch.float32)
        # Not the usual beginning, which changes nothing.
        lora = LoraConfig(r=4, lora_alpha=64, target_modules="all-linear", init_lora_weights=False)
        folder = tmp_path_factory.mktemp("adapter")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of a name that PEFT itself uses
            get_peft_model(model, lora).save_pretrained(str(folder))
        AutoTokenizer.from_pretrained(nano_base).save_pretrained(str(folder))
        made.append(folder)
    return made


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmScorer]:
    options = ("--gpu-memory-utilization", "0.1", "--dtype", "float32")
    scorer = VllmScorer(Served(PYTHON, 64, options, tmp_path_factory.mktemp("logs")))
    yield scorer
    scorer.stop()
