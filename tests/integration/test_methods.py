"""Every method that a recipe can name, trained for real on a nano model."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from services.evaluator.in_process import TransformersScorer
from services.executor.chat_tokens import tokenise
from services.executor.interruption import ToldToStop, take_over
from services.executor.pipeline import Materialised
from services.executor.sample_files import write_samples
from services.executor.trainers.grpo import reward_of
from services.executor.trainers.models import load_model, load_tokenizer
from services.executor.trainers.train import train
from shared.contracts.job import MetricName
from shared.contracts.mapping import Templates
from shared.contracts.method import Adapter, Dpo, FullTuning, Grpo, Kto, Lora, Method, Qlora, Sft
from shared.contracts.operators import Load, Map
from shared.contracts.recipe import Recipe
from shared.contracts.run import Progress, Trained
from shared.errors import DataFailed, TrainingFailed
from shared.parity import PARITY
from shared.rows import Sample
from tests.support.certifying import certified, is_the_same_model
from tests.support.examples import run_request
from tests.support.nano import WORDS

# Of settings and names that TRL and PEFT themselves use.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

LORA = Lora(r=8, lora_alpha=16)
ANSWER, WORSE = WORDS[0], WORDS[1]

Write = Callable[..., Materialised]
Fit = Callable[..., Trained]
M = TypeVar("M", Sft, Dpo, Kto, Grpo)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Prepared samples: a colour each, always to be answered by one, with what a method wants."""

    def write(count: int, **of_each: Callable[[int], Any]) -> Materialised:
        folder = tmp_path / f"samples-{len(list(tmp_path.glob('samples-*')))}"
        folder.mkdir()
        samples = []
        for number in range(count):
            special = {name: value(number) for name, value in of_each.items()}
            usual = {"prompt": WORDS[number % len(WORDS)], "completion": ANSWER}
            samples.append(Sample(**(usual | special)))
        write_samples(folder / "train.parquet", folder / "lineage.parquet", samples)
        return Materialised(train=folder / "train.parquet", held_out=None, rows=())

    return write


@pytest.fixture
def fit(base: Path, tmp_path: Path) -> Fit:
    def fit(
        data: Materialised, method: Method, adapter: Adapter = LORA, start: Trained | None = None
    ) -> Trained:
        folder = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}" / "checkpoint"
        start_from = None if start is None else start.checkpoint
        request = run_request(recipe_of(base, method, adapter), start_from=start_from)
        return train(request, data, folder, say=lambda _: None)

    return fit


def recipe_of(base: Path, method: Method, adapter: Adapter = LORA) -> Recipe:
    mapping = Templates(prompt="{a}", completion="{b}")
    data = (Load(path="unused", sha256="0" * 64), Map(mapping=mapping))
    return Recipe(base_model=str(base), data=data, method=method, adapter=adapter)


def method(kind: type[M], **changed: Any) -> M:
    usual = {
        "learning_rate": 3e-3,
        "num_train_epochs": 2.0,
        "max_length": 48,
        "per_device_train_batch_size": 8,
    }
    return kind.model_validate(usual | changed)


def grpo(**changed: Any) -> Grpo:
    usual = {"max_completion_length": 4, "reward": "accuracy", "num_train_epochs": 3.0}
    return method(Grpo, **(usual | {"per_device_train_batch_size": 48} | changed))


@torch.no_grad()
def likelihood(base: Path, checkpoint: Path | None, answer: str) -> float:
    """Mean log-likelihood of an answer to each colour, in nats."""
    tokenizer = load_tokenizer(str(base))
    adapted = checkpoint is None or (checkpoint / "adapter_config.json").is_file()
    adapter: Adapter = LORA if adapted else FullTuning()
    model = load_model(recipe_of(base, method(Sft), adapter), checkpoint)
    found = 0.0
    for one in tokenise([Sample(word, answer) for word in WORDS], tokenizer, 48):
        logits = model(torch.tensor([one.prompt + one.completion])).logits[0].log_softmax(-1)
        at = len(one.prompt) - 1
        found += sum(float(logits[at + place, id]) for place, id in enumerate(one.completion))
    return found / len(WORDS)


def margin(base: Path, trained: Trained | None) -> float:
    """How much more likely the better answer is than the worse, in nats."""
    checkpoint = None if trained is None else Path(trained.checkpoint)
    return likelihood(base, checkpoint, ANSWER) - likelihood(base, checkpoint, WORSE)


def test_what_the_model_finds_absurd_moves_it_less_with_dft(write: Write, fit: Fit) -> None:
    data = write(48, completion=lambda number: "the fox saw a bird" if number % 2 else ANSWER)

    plain, gentle = fit(data, method(Sft)), fit(data, method(Sft, loss_type="dft"))

    assert gentle.train_curve[0].loss < plain.train_curve[0].loss / 2


def test_dpo_makes_the_better_answer_more_likely_than_the_worse(
    write: Write, fit: Fit, base: Path
) -> None:
    trained = fit(write(48, rejected=lambda _: WORSE), method(Dpo))

    assert margin(base, trained) > margin(base, None) + 0.5
    assert trained.reward_curve[-1].reward > trained.reward_curve[0].reward
    assert trained.tokens > 0


def test_kto_makes_good_answers_more_likely_and_bad_ones_less(
    write: Write, fit: Fit, base: Path
) -> None:
    def good(number: int) -> bool:
        return number // len(WORDS) % 2 == 0

    data = write(96, completion=lambda n: ANSWER if good(n) else WORSE, good=good)

    assert margin(base, fit(data, method(Kto), FullTuning())) > margin(base, None) + 0.5


def test_grpo_raises_the_reward_of_the_models_own_answers(write: Write, fit: Fit) -> None:
    trained = fit(write(48), grpo(), FullTuning())

    rewards = [point.reward for point in trained.reward_curve]
    assert sum(rewards[-4:]) > 2 * sum(rewards[:4])
    assert trained.tokenised.trained_share is None


def test_labels_are_told_from_all_references_and_not_from_one_batch() -> None:
    reward = reward_of(MetricName.ACCURACY, [ANSWER, WORSE])
    said = [f"{ANSWER}, not {WORSE}", f"{WORSE}, not {ANSWER}"]

    assert reward([[{"content": one}] for one in said], [ANSWER] * 2) == [1.0, 0.0]


@pytest.mark.parametrize("adapter", [LORA, FullTuning()])
def test_a_run_goes_on_from_where_its_parent_left_the_weights(
    write: Write, fit: Fit, adapter: Adapter
) -> None:
    data = write(48)
    parent = fit(data, method(Sft), adapter)

    child = fit(data, method(Sft), adapter, start=parent)

    assert child.train_curve[0].loss < parent.train_curve[1].loss
    assert child.train_loss < parent.train_loss


@pytest.mark.parametrize(
    ("how", "of_each", "adapter"),
    [
        (method(Sft), {}, LORA),
        (method(Dpo), {"rejected": lambda _: WORSE}, LORA),
        (method(Kto), {"good": lambda number: number % 3 > 0}, LORA),
        (grpo(), {}, LORA),
        (method(Dpo), {"rejected": lambda _: WORSE}, FullTuning()),
    ],
)
def test_what_any_method_trained_from_a_parent_is_served_as_it_was_trained(
    write: Write, fit: Fit, base: Path, how: Method, of_each: dict[str, Any], adapter: Adapter
) -> None:
    """A reference model beside the trained one, which these methods hold, is not what is kept."""
    parent = fit(write(48), method(Sft, num_train_epochs=0.5), adapter)

    trained = fit(write(48, **of_each), how, adapter, start=parent)

    shown = certified(trained.checkpoint, base, TransformersScorer())
    assert is_the_same_model(shown), shown
    before = json.loads((Path(parent.checkpoint) / PARITY).read_text())["witnesses"]
    after = json.loads((Path(trained.checkpoint) / PARITY).read_text())["witnesses"]
    assert before[0]["logprob"] != pytest.approx(after[0]["logprob"], abs=0.01)


@pytest.mark.parametrize(
    ("of_parent", "found"), [(FullTuning(), "a full model at"), (LORA, "an adapter at")]
)
def test_a_parent_of_another_kind_cannot_be_gone_on_from(
    write: Write, fit: Fit, of_parent: Adapter, found: str
) -> None:
    parent = fit(write(48), method(Sft, num_train_epochs=0.2), of_parent)

    with pytest.raises(TrainingFailed, match=f"found {found}"):
        fit(write(48), method(Sft), FullTuning() if of_parent is LORA else LORA, start=parent)


@pytest.mark.parametrize(
    ("how", "of_each", "found"),
    [
        (method(Sft), {"good": lambda _: False}, "wanted an answer to learn, found one judged bad"),
        (method(Sft), {"completion": lambda _: ""}, "wanted an answer to learn, found none"),
        (method(Dpo), {}, "wanted two answers to a prompt"),
        (method(Kto), {}, "wanted an answer judged good or bad"),
        (method(Kto), {"good": lambda _: True}, "found that all 12 are good"),
        (grpo(), {"completion": lambda _: ""}, "wanted an answer to judge the model's own by"),
        (grpo(max_completion_length=47), {}, "wanted prompts of at most 1 tokens"),
    ],
)
def test_data_that_do_not_fit_the_method_are_refused(
    write: Write, fit: Fit, how: Method, of_each: dict[str, Any], found: str
) -> None:
    with pytest.raises(DataFailed, match=found):
        fit(write(12, **of_each), how)


def test_weights_that_are_not_saved_end_the_run_after_one_step(
    write: Write, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = PeftModel.save_pretrained

    def forgetful(model: PeftModel, folder: str, **how: Any) -> None:
        save(model, folder, **how)
        file = Path(folder) / "adapter_model.safetensors"
        weights = load_file(file)
        save_file(dict(list(weights.items())[1:]), file)

    monkeypatch.setattr(PeftModel, "save_pretrained", forgetful)

    with pytest.raises(TrainingFailed, match=r"wanted the trained weight .*lora_A.*, found none"):
        fit(write(48), method(Sft))


def test_a_base_model_in_four_bits_wants_an_accelerator(write: Write, fit: Fit) -> None:
    with pytest.raises(TrainingFailed, match="wanted CUDA and bitsandbytes"):
        fit(write(48), method(Sft), Qlora(r=4, lora_alpha=8))


@pytest.mark.parametrize(
    ("how", "of_each"),
    [
        (method(Dpo, num_train_epochs=1.5), {"rejected": lambda _: WORSE}),
        (method(Kto, num_train_epochs=1.5), {"good": lambda number: number % 3 > 0}),
        (grpo(num_train_epochs=0.5), {}),
    ],
)
def test_an_interrupted_run_of_any_method_ends_as_one_left_in_peace(
    write: Write, base: Path, tmp_path: Path, how: Method, of_each: dict[str, Any]
) -> None:
    data, recipe = write(48, **of_each), recipe_of(base, how)

    def fit(attempt: int, interrupted: Path | None = None, stop_at: int = -1) -> Trained:
        def say(progress: Progress) -> None:
            if progress.step == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)

        folder = tmp_path / f"attempt-{attempt}" / "checkpoint"
        return train(run_request(recipe), data, folder, say=say, interrupted=interrupted)

    peaceful = fit(1)
    with pytest.raises(ToldToStop):
        fit(2, stop_at=2)
    went_on = fit(3, take_over(tmp_path, tmp_path / "attempt-3" / "interrupted"))

    assert went_on.train_curve == peaceful.train_curve
    assert went_on.reward_curve == peaceful.reward_curve
    ours, theirs = (
        load_file(Path(one.checkpoint) / "adapter_model.safetensors") for one in (went_on, peaceful)
    )
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs)
