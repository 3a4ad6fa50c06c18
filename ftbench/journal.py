"""The file that a run writes its answers to as they arrive, so that it can be taken up again.

One JSON object a line, ``{"id", "prediction", "cut"}``, in any order. Beside it stands
``<file>.run.json``: what was asked, of which model, and how. Only the same run may go on with it.
"""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from ftbench.outcome import Prediction
from shared.errors import Rejected


@dataclass(frozen=True, slots=True)
class Run:
    """What two runs must have in common for their answers to stand in one file."""

    task: str
    scope: str
    model: str
    max_new_tokens: int
    sampling: Mapping[str, Any]
    items: int
    """How many are asked."""

    items_sha256: str
    """As `ftbench.scoring.digest_of`."""


class Journal:
    """A file of predictions, open for more. See `open_journal`."""

    def __init__(
        self, file: IO[bytes], record: Path, run: Run, cut: dict[str, bool], engines: list[str]
    ) -> None:
        self.cut = cut
        """Of every answered item, by id, whether the answer was cut."""
        self._file = file
        self._record = record
        self._run = run
        self._engines = engines

    def write(self, prediction: Prediction) -> None:
        """Append a prediction. From here on the end of this process cannot undo it."""
        text = prediction.text.encode(errors="replace").decode()  # half characters have no UTF-8
        row = {"id": prediction.id, "prediction": text, "cut": prediction.cut}
        self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self.cut[prediction.id] = prediction.cut

    def answered_by(self, engine: str) -> None:
        """Record what generates: an address, or a library with version and device.

        A run may be taken up with another one: servers move. All are recorded.
        """
        self._engines = list(dict.fromkeys([*self._engines, engine]))
        new = self._record.with_name(self._record.name + ".new")
        row = {**asdict(self._run), "engines": self._engines}
        new.write_text(json.dumps(row, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        new.replace(self._record)


@contextmanager
def open_journal(path: Path, run: Run, *, say: Callable[[str], None]) -> Iterator[Journal]:
    """Open a file of predictions for a run, new or to be gone on with; nobody else writes to it.

    Args:
        path: the file; its folder is made if need be.
        run: what is about to be asked.
        say: told when the last line was cut off, by a kill or a full disk.

    Raises:
        Rejected: another process writes to the file, it holds something else than answers of this
            run, or it cannot be opened.
    """
    record = path.with_name(path.name + ".run.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+b")
    except OSError as error:
        raise Rejected(
            f"wanted to write predictions to {path}, found that it cannot be opened "
            f"({error.strerror}); give another file"
        ) from None
    with opened as file:
        _lock(file, path)
        file.seek(0)
        whole, newline, torn = file.read().rpartition(b"\n")
        engines = _engines_of_same(run, record, path) if whole else []
        cut = dict(_read(whole, path))
        if torn:
            file.truncate(len(whole + newline))
            say(f"{path}: the last line was cut off while it was written; its item is asked again")
        yield Journal(file, record, run, cut, engines)


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Rejected(
            f"wanted to write predictions to {path}, found another process writing there; wait "
            "for it, or give another file"
        ) from None


def _engines_of_same(run: Run, record: Path, path: Path) -> list[str]:
    try:
        found = json.loads(record.read_bytes())
        engines = [str(engine) for engine in found.pop("engines")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Rejected(
            f"wanted to go on with {path}, found no record of its run at {record}; give another "
            "file, or delete this one to start over"
        ) from None
    wanted = json.loads(json.dumps(asdict(run)))
    other = [name for name in wanted if wanted[name] != found.get(name)]
    if other:
        raise Rejected(
            f"wanted to go on with {path}, found answers of another run: "
            + ", ".join(f"{name} {found.get(name)!r} and not {wanted[name]!r}" for name in other)
            + "; ask for the same again, or give another file"
        )
    return engines


def _read(whole: bytes, path: Path) -> Iterator[tuple[str, bool]]:
    for number, line in enumerate(whole.split(b"\n") if whole else (), start=1):
        try:
            row = json.loads(line)
            yield row["id"], bool(row["cut"])
        except (ValueError, KeyError, TypeError):
            raise Rejected(
                f"{path} line {number}: wanted a line that `ftbench run` wrote, found "
                f"{line[:60].decode(errors='replace')!r}; delete that line, or give another file"
            ) from None
