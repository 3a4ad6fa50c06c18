"""The contracts on the wire today: changing one changes a golden file before the reviewer."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.contracts.artifact import Manifest, StoredFile
from shared.contracts.base import digest
from shared.contracts.events import EVENT, Event
from shared.contracts.job import JobSpec
from shared.contracts.joining import Joining
from shared.contracts.operators import LoadHub
from shared.contracts.recipe import Recipe
from shared.contracts.run import LossPoint, Progress
from shared.contracts.worker import Worker
from tests.support.examples import EVENTS, PROGRESS, SPEC, WORKER, recipe

MANIFEST = Manifest(files=(StoredFile(name="a/b.safetensors", size=7, sha256="0" * 64),))
GOLDEN = Path(__file__).parent / "golden"


def name_of(event: Event) -> str:
    inner = getattr(event, "request", None) or getattr(event, "result", None)
    return f"{event.kind}.{inner.kind}" if inner else event.kind


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_an_event_is_written_as_its_golden_file_and_read_back(event: Event) -> None:
    golden = (GOLDEN / f"{name_of(event)}.json").read_text()

    assert json.loads(event.model_dump_json()) == json.loads(golden)
    assert EVENT.validate_json(golden) == event


def test_there_is_one_golden_file_for_each_event() -> None:
    files = {path.stem for path in GOLDEN.glob("*.json")}

    assert files == {name_of(event) for event in EVENTS} | {
        "recipe.full",
        "progress",
        "manifest",
        "joining",
        "worker",
    }


def test_what_is_no_event_has_a_golden_file_too() -> None:
    full = (GOLDEN / "recipe.full.json").read_text()
    progress = (GOLDEN / "progress.json").read_text()
    worker = (GOLDEN / "worker.json").read_text()

    assert Recipe.model_validate_json(full) == recipe(lora=False)
    assert Progress.model_validate_json(progress) == PROGRESS
    assert json.loads(WORKER.model_dump_json()) == json.loads(worker)
    assert Worker.model_validate_json(worker) == WORKER


def test_a_worker_of_a_newer_version_can_still_be_seen() -> None:
    newer = {**WORKER.model_dump(mode="json"), "contracts": 9, "mood": "good"}

    assert Worker.model_validate(newer).contracts == 9


def test_what_hosts_read_of_each_other_has_golden_files_too() -> None:
    manifest = (GOLDEN / "manifest.json").read_text()
    joining = (GOLDEN / "joining.json").read_text()

    assert json.loads(MANIFEST.model_dump_json()) == json.loads(manifest)
    assert Manifest.model_validate_json(manifest) == MANIFEST
    assert Joining.model_validate_json(joining).environment == {"TREX_QUEUE_URL": "redis://hub/0"}


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", ""])
def test_a_manifest_names_nothing_outside_its_folder(name: str) -> None:
    with pytest.raises(ValidationError, match="must name a file below the folder"):
        StoredFile(name=name, size=1, sha256="0" * 64)


def test_the_hash_of_a_recipe_does_not_depend_on_the_order_of_its_fields() -> None:
    shuffled = Recipe.model_validate(dict(reversed(list(recipe().model_dump().items()))))

    assert digest(shuffled) == digest(recipe())
    assert digest(recipe(2e-3)) != digest(recipe())


def test_a_worker_of_another_version_refuses_what_it_does_not_know() -> None:
    newer = {**SPEC.model_dump(mode="json"), "version": 2}

    with pytest.raises(ValidationError, match="version"):
        JobSpec.model_validate(newer)


def test_a_diverged_loss_cannot_be_written() -> None:
    with pytest.raises(ValidationError, match="finite"):
        LossPoint(step=1, loss=float("nan"))


def test_a_recipe_must_begin_by_loading_and_mapping() -> None:
    backwards = {**recipe().model_dump(), "data": recipe().model_dump()["data"][::-1]}

    with pytest.raises(ValidationError, match="must begin with load, map"):
        Recipe.model_validate(backwards)


def test_a_recipe_may_load_from_the_hub_but_only_once() -> None:
    load, *others = recipe().data
    hub = LoadHub(dataset="org/data", split="train", revision="0" * 40)
    fields = recipe().model_dump()

    assert Recipe.model_validate({**fields, "data": (hub, *others)}).data[0] == hub
    with pytest.raises(ValidationError, match="hold each once"):
        Recipe.model_validate({**fields, "data": (hub, load, *others)})
