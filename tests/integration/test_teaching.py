"""A recipe that asks a teacher, carried out in a real training process."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.executor.training import WarmTrainer
from shared.contracts.base import ExperimentId
from shared.contracts.recipe import Recipe
from shared.contracts.run import Failed, Outcome, RunRequest, Trained
from shared.contracts.teaching import Distil
from shared.settings import TeacherSettings
from tests.support.chat_server import KEY, ChatServer, problem
from tests.support.examples import JOB


def taught(recipe: Recipe, folder: Path, server: ChatServer) -> Outcome:
    """Train on what the teacher at a server answers."""
    settings = TeacherSettings(url=server.url, key=SecretStr(KEY))
    trainer = WarmTrainer(grace_s=5, teacher=settings)
    load, mapping, hold_out = recipe.data
    distil = Distil(model="large", max_tokens=9, budget_tokens=10**6)
    asking = recipe.model_copy(update={"data": (load, mapping, distil, hold_out)})
    request = RunRequest(job_id=JOB, experiment=ExperimentId(1), recipe=asking, limit_s=60)
    with trainer.start(request, folder / "attempt-1" / "checkpoint", folder) as training:
        outcome = training.wait(60)
    assert outcome is not None
    return outcome


@pytest.mark.slow
def test_a_model_is_trained_on_what_its_teacher_says(recipe: Recipe, tmp_path: Path) -> None:
    with ChatServer() as server:
        outcome = taught(recipe, tmp_path, server)

    assert isinstance(outcome, Trained), outcome
    assert outcome.rows[2].operator == "distil"
    assert outcome.rows[2].tokens == 10 * outcome.rows[2].rows_in
    assert "to red 0" in (tmp_path / "attempt-1" / "train.log").read_text()
    card = (Path(outcome.checkpoint) / "README.md").read_text()
    assert "- distil: 1200 tokens of questions and replies" in card
    assert KEY not in card


@pytest.mark.slow
def test_a_teacher_that_refuses_fails_the_run_with_its_sentence(
    recipe: Recipe, tmp_path: Path
) -> None:
    with ChatServer(lambda question, before: problem(404, "no such model")) as server:
        outcome = taught(recipe, tmp_path, server)

    assert isinstance(outcome, Failed)
    assert outcome.error == "DataFailed"
    assert "found that it refuses" in outcome.detail
