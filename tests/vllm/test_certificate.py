"""Checkpoints that were really trained, served by real vLLM servers."""

import json
import shutil
from pathlib import Path

import pytest

from services.evaluator.vllm.scorer import VllmScorer
from shared.contracts.mapping import Mapping
from shared.errors import NotCertified
from tests.support.certifying import KINDS, certified, train_each
from tests.support.nano import write_rows

pytestmark = [
    pytest.mark.timeout(600),  # a server takes half a minute to start, or more
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of names that TRL and PEFT use
]


@pytest.fixture(scope="module")
def trained(
    nano_base: Path, mapping: Mapping, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A checkpoint of each kind, of twenty steps."""
    home = tmp_path_factory.mktemp("trained")
    rows = write_rows(home / "train.jsonl", rows=120)
    return train_each(nano_base, rows, mapping, home)


def test_an_adapter_served_with_another_scale_is_refused(
    scorer: VllmScorer, trained: dict[str, Path], nano_base: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(trained["lora"], tmp_path / "lora"))
    config = json.loads((changed / "adapter_config.json").read_text())
    (changed / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 8}))

    with pytest.raises(NotCertified, match=r"wanted answers as likely .* with vllm"):
        certified(changed, nano_base, scorer)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_trained_is_certified(
    scorer: VllmScorer, trained: dict[str, Path], nano_base: Path, kind: str
) -> None:
    shown = certified(trained[kind], nano_base, scorer)

    assert shown.prompts == 32
    assert shown.logprob_gap < 1e-3, "both compute in 32 bits"
    assert shown.answers_equal >= 0.95
