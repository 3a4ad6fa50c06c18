"""A whole search whose runs leave real folders, removed as an executor removes them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.executor.making_room import make_room
from shared.contracts.discard import DiscardRequest
from shared.contracts.job import Fidelity, Search
from shared.contracts.run import RunRequest, Trained
from shared.contracts.score import ScoreRequest
from shared.contracts.work import Request, Result
from tests.support.artifacts import artifacts_at
from tests.support.planning import Bench, good_news, trained, with_search


@dataclass
class Disk:
    """Answers as `good_news`, but with folders: a run makes them, whoever needs one opens it."""

    home: Path
    most: int = 0
    """Folders that there were at once."""

    def __call__(self, request: Request) -> Result:
        match request:
            case RunRequest(resume_from=resume):
                assert resume is None or Path(resume, "state").is_file()
                return self.ran(request)
            case ScoreRequest(checkpoint=checkpoint):
                assert checkpoint == "base" or Path(checkpoint, "state").is_file()
                return good_news(request)
            case DiscardRequest():
                return make_room(request, artifacts_at(self.home))
            case _:
                return good_news(request)

    def ran(self, request: RunRequest) -> Trained:
        run = trained(request)
        names = {"checkpoint": run.checkpoint, "resume": run.resume}
        made = {what: str(self.home / name) for what, name in names.items() if name is not None}
        for folder in made.values():
            Path(folder).mkdir(parents=True)
            Path(folder, "state").write_bytes(b"0" * 100)
        self.most = max(self.most, len(self.folders()))
        return run.model_copy(update=made)

    def folders(self) -> set[str]:
        return {str(file.parent) for file in self.home.rglob("state")}


@pytest.mark.parametrize("fidelity", Fidelity)
@pytest.mark.parametrize("deliver", ["checkpoint", "recipe"])
def test_a_search_finds_all_it_asks_for_and_leaves_the_best_checkpoints_alone(
    tmp_path: Path, fidelity: Fidelity, deliver: str
) -> None:
    search = Search.model_validate({"fidelity": fidelity, "deliver": deliver, "smallest_gain": 0})
    spec = with_search(search, confirm=True, experiments=16)
    limits = spec.limits.model_copy(update={"checkpoints": 3})
    disk = Disk(tmp_path)
    bench = Bench(spec.model_copy(update={"limits": limits}), disk, executors=2)

    state = bench.run_to_the_end()

    runs = sum(isinstance(request, RunRequest) for request in state.ordered.values())
    best = state.best()
    assert best is not None
    assert best.made is not None
    assert best.made.checkpoint in disk.folders()
    assert disk.folders() == set(state.folders.there)
    assert len(disk.folders()) == 3
    assert disk.most < runs
    assert state.folders.left == []
    assert state.folders.freed > 0
