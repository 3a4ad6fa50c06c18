"""Checkpoints that were really trained, served as they were trained and otherwise."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from services.evaluator.in_process import TransformersScorer
from services.evaluator.scoring import score
from services.executor.sample_files import write_samples
from services.executor.trainers.parity import write_parity
from shared.contracts.base import ROOT
from shared.contracts.job import MetricName
from shared.contracts.mapping import Mapping
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress
from shared.contracts.score import Score
from shared.errors import Diverged, NotCertified, TrainingFailed
from shared.parity import PARITY, Parity, weights_sha256
from shared.rows import Sample
from tests.support.certifying import KINDS, asked_of, certified, is_the_same_model, train_each

# Of settings and names that TRL and PEFT themselves use.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def scorer() -> TransformersScorer:
    return TransformersScorer()


@pytest.fixture(scope="module")
def trained(
    base: Path, rows: Path, mapping: Mapping, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A checkpoint of each kind, of twenty steps."""
    home = tmp_path_factory.mktemp("trained")
    return train_each(base, rows, mapping, home)


@pytest.fixture
def lora(trained: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the adapter, to be changed."""
    return Path(shutil.copytree(trained["lora"], tmp_path / "lora"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_trained_is_certified(
    trained: dict[str, Path], base: Path, scorer: TransformersScorer, kind: str
) -> None:
    shown = certified(trained[kind], base, scorer)

    assert is_the_same_model(shown), shown
    assert shown.prompts == 32


def test_witnesses_are_spread_over_the_samples(trained: dict[str, Path]) -> None:
    asked = [one.messages[-1]["content"] for one in parity_of(trained["lora"]).witnesses]

    assert len(set(asked)) == 32
    assert {"red 0", "black 10"} <= set(asked), "of 120 rows the first and one near the end"


def test_a_score_of_an_experiment_carries_the_certificate_and_makes_it_once(
    trained: dict[str, Path], base: Path, rows: Path, mapping: Mapping, scorer: TransformersScorer
) -> None:
    def scored(told: list[Progress], **changed: Any) -> Score:
        asked = {"data": str(rows), "data_sha256": None, "mapping": mapping, "item_share": 0.2}
        request = asked_of(trained["full"], base).model_copy(
            update={**asked, "metric": MetricName.EXACT_MATCH, "max_new_tokens": 4, **changed}
        )
        return score(request, scorer, say=told.append)

    first, second = list[Progress](), list[Progress]()

    shown = scored(first).certificate
    assert shown is not None
    assert is_the_same_model(shown)
    assert scored(second, item_share=0.3).certificate == shown
    assert "certifying" not in {one.phase for one in second}
    assert scored([], experiment=ROOT).certificate is None, "a baseline, which nobody trained"


def parity_of(checkpoint: Path) -> Parity:
    return Parity.model_validate_json((checkpoint / PARITY).read_bytes())


def scaled(checkpoint: Path) -> None:
    file = checkpoint / "adapter_model.safetensors"
    weights = load_file(file)
    save_file({name: 0.5 * weight for name, weight in weights.items()}, file)


def scaled_and_signed(checkpoint: Path) -> None:
    """Somebody who changes the weights can say that these are the ones."""
    scaled(checkpoint)
    changed = parity_of(checkpoint).model_copy(
        update={"weights_sha256": weights_sha256(checkpoint)}
    )
    (checkpoint / PARITY).write_text(changed.model_dump_json())


def with_another_scale(checkpoint: Path) -> None:
    change_json(checkpoint / "adapter_config.json", lora_alpha=8)


def with_another_template(checkpoint: Path) -> None:
    template = checkpoint / "chat_template.jinja"
    template.write_text(template.read_text() + "Answer: ")


def with_another_tokenizer(checkpoint: Path) -> None:
    """One that knows no token of more than one byte."""
    file = checkpoint / "tokenizer.json"
    change_json(file, model=json.loads(file.read_text())["model"] | {"merges": []})


def without(checkpoint: Path) -> None:
    (checkpoint / PARITY).unlink()


def cut_short(checkpoint: Path) -> None:
    whole = (checkpoint / PARITY).read_text()
    (checkpoint / PARITY).write_text(whole[:1000])


def change_json(file: Path, **changed: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (scaled, r"wanted the weights that parity\.json was written of, found others"),
        (scaled_and_signed, r"wanted answers as likely .*, found [0-9.]+ with transformers"),
        (with_another_scale, r"wanted answers as likely .*, found [0-9.]+ with transformers"),
        (with_another_template, r"wanted the chat template of training, of SHA-256 \w{12}, found"),
        (with_another_tokenizer, r"wanted the token ids of training .*, found others in 32, the"),
        (without, r"parity\.json: wanted what the model answered .*, found no such file"),
        (cut_short, r"parity\.json: wanted what the model answered .*, found 1 faults, the first"),
    ],
)
def test_a_checkpoint_that_is_not_as_it_was_trained_is_refused(
    lora: Path, base: Path, scorer: TransformersScorer, change: Change, found: str
) -> None:
    change(lora)

    with pytest.raises(NotCertified, match=found):
        certified(lora, base, scorer)


def test_a_certificate_cannot_be_carried_over_to_another_checkpoint(
    lora: Path, trained: dict[str, Path], base: Path, scorer: TransformersScorer
) -> None:
    shutil.copy(trained["rslora"] / PARITY, lora)

    with pytest.raises(NotCertified, match="wanted the weights that"):
        certified(lora, base, scorer)


def test_an_adapter_on_another_base_model_is_refused(
    lora: Path, nano_base: Path, scorer: TransformersScorer
) -> None:
    with pytest.raises(NotCertified, match="wanted answers as likely"):
        certified(lora, nano_base, scorer)


def test_what_a_certified_checkpoint_is_changed_to_is_refused(
    lora: Path, base: Path, scorer: TransformersScorer
) -> None:
    certified(lora, base, scorer)
    with_another_scale(lora)

    with pytest.raises(NotCertified, match="wanted answers as likely"):
        certified(lora, base, scorer)


@pytest.fixture
def write(base: Path, recipe: Recipe, tmp_path: Path) -> Callable[..., Parity]:
    """Writes down what the base model makes of one sample, as if it had been trained on it."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(base)

    def write(prompt: str, *, context: int = 256, spoil: float = 1.0) -> Parity:
        write_samples(tmp_path / "one", tmp_path / "lineage", [Sample(prompt, "a bird")])
        model.config.max_position_embeddings = context
        for weight in model.parameters():
            weight.data *= spoil
        write_parity(
            model,
            tokenizer,
            tmp_path / "one",
            recipe,
            tmp_path,
            template_sha256="0" * 64,
            tokens_at_once=64,
        )
        return parity_of(tmp_path)

    return write


def test_a_sample_that_is_too_long_is_asked_about_in_short(write: Callable[..., Parity]) -> None:
    [short], [long] = (write(prompt).witnesses for prompt in ("the fox", "the fox saw " * 50))

    assert short.messages == ({"role": "user", "content": "the fox"},)
    assert long.messages == ({"role": "user", "content": ("the fox saw " * 50)[:50]},)


def test_a_model_without_room_for_any_sample_is_refused(write: Callable[..., Parity]) -> None:
    with pytest.raises(TrainingFailed, match="context of 9 tokens, found none even when shortened"):
        write("the fox", context=10)


def test_weights_that_give_nothing_a_probability_are_a_divergence(
    write: Callable[..., Parity],
) -> None:
    with pytest.raises(Diverged, match="found that they give NaN or zero"):
        write("the fox", spoil=float("nan"))
