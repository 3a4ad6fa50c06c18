"""What a piece of work is told, in the order in which an evaluator does it."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from services.evaluator.lm_eval.run import Harness
from services.evaluator.openings import allow
from services.evaluator.scorer import Answer, Conversation, Weighed
from services.evaluator.worker import Means, told
from shared.answering import Lease
from shared.contracts.base import WorkId
from shared.contracts.job import MetricName
from shared.contracts.mapping import Templates
from shared.contracts.score import Score, ScoreRequest
from shared.errors import DataFailed, ScoringFailed
from shared.store import Claim
from shared.store_memory import MemoryStore
from shared.vault import seal
from tests.support.artifacts import artifacts_at
from tests.support.examples import JOB, score
from tests.support.nano import write_rows
from tests.support.sealed import asking, chain_in


class Red:
    """Says ``red`` to everything, which every sixth row of `write_rows` is."""

    engine = "red"

    def __init__(self) -> None:
        self.asked = 0

    def answer(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        *,
        max_new_tokens: int,
    ) -> Iterator[dict[int, Answer]]:
        self.asked += 1
        yield {place: Answer("red", cut=False) for place in range(len(conversations))}

    def weigh(
        self,
        checkpoint: str,
        base_model: str,
        conversations: Sequence[Conversation],
        answers: Sequence[str],
    ) -> Iterator[dict[int, Weighed]]:
        raise NotImplementedError

    def render(
        self, checkpoint: str, base_model: str, conversations: Sequence[Conversation]
    ) -> list[list[int]]:
        raise NotImplementedError


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", rows=60)


@pytest.fixture
def scorer() -> Red:
    return Red()


def lease_on(work: str, request: ScoreRequest) -> Lease:
    claim = Claim(JOB, WorkId(work), fence=1, attempt=1, request=request)
    never = threading.Event()
    return Lease(MemoryStore(), claim, heartbeat_s=60, lease_s=60, handed_back=never)


def tell(
    vault: Path,
    scorer: Red,
    work: str,
    data: str,
    split: str,
    *,
    experiment: int = 0,
    published: Path | None = None,
    **changed: object,
) -> Score:
    request = asking(
        experiment,
        split,
        data=data,
        data_sha256=None,
        mapping=Templates(prompt="{text}", completion="{answer}"),
        metric=MetricName.EXACT_MATCH,
        **changed,
    )
    harness = Harness(python=Path("none"), tasks=None, logs=vault)
    means = Means(
        scorer, harness, vault, published, None, artifacts_at(vault.with_name("artifacts"))
    )
    return told(lease_on(work, request), chain_in(vault), means)


def test_sealed_rows_are_scored_and_the_score_is_sealed(
    vault: Path, rows: Path, scorer: Red
) -> None:
    found = tell(vault, scorer, "score-1", seal(rows, vault, "dev"), "dev")

    assert (found.value, found.n, len(found.items)) == (1 / 6, 60, 60)
    assert found.seal is not None
    (line,) = chain_in(vault).told()
    assert (line.score, line.request.data) == (found, seal(rows, vault, "dev"))


def test_work_that_comes_again_is_told_the_same_and_no_model_is_asked(
    vault: Path, rows: Path, scorer: Red
) -> None:
    name = seal(rows, vault, "test")
    first = tell(vault, scorer, "test-1", name, "test")

    assert tell(vault, scorer, "test-1", name, "test") == first
    assert scorer.asked == 1


def test_confirm_is_told_coarsely(vault: Path, rows: Path, scorer: Red) -> None:
    found = tell(vault, scorer, "check-1", seal(rows, vault, "confirm"), "confirm")

    assert (found.items, found.n) == ((), 60)
    assert found.value == 11 / 64  # 1 / 6, in steps of 1 / 64
    assert found.faults == ()


def test_a_second_experiment_is_refused_before_a_model_is_asked(
    vault: Path, rows: Path, scorer: Red
) -> None:
    name = seal(rows, vault, "test")
    chain_in(vault).add(WorkId("test-1"), asking(1, "test"), score(split="test"), allow)

    with pytest.raises(ScoringFailed, match="found it opened for #1"):
        tell(vault, scorer, "test-2", name, "test", experiment=2)

    assert scorer.asked == 0


def test_answers_of_test_are_not_had_by_asking_for_them_as_dev(
    vault: Path, rows: Path, scorer: Red
) -> None:
    with pytest.raises(DataFailed, match="to be scored as dev, found none"):
        tell(vault, scorer, "score-1", seal(rows, vault, "test"), "dev")


def test_rows_that_lie_about_are_scored_as_ever(vault: Path, rows: Path, scorer: Red) -> None:
    assert tell(vault, scorer, "score-1", str(rows), "dev").value == 1 / 6


def test_a_path_to_published_answers_is_refused(
    vault: Path, rows: Path, scorer: Red, tmp_path: Path
) -> None:
    published = tmp_path / "published"
    published.mkdir()
    rows.rename(published / "test.jsonl")

    with pytest.raises(DataFailed, match="wanted rows by their name"):
        tell(vault, scorer, "score-1", str(published / "test.jsonl"), "dev", published=published)
    assert scorer.asked == 0


def test_a_checkpoint_with_links_is_not_followed(
    vault: Path, rows: Path, scorer: Red, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "adapter_config.json").symlink_to(rows)

    with pytest.raises(ScoringFailed, match="found links among them"):
        tell(vault, scorer, "score-1", str(rows), "dev", experiment=1, checkpoint=str(checkpoint))
