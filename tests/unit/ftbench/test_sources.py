import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ftbench.sources import Files, Remote, Source, files_of
from shared.errors import Rejected, Unavailable
from shared.rows import read_rows

TABLE = b"sentence\tlabel\na fine film\t1\n"


class Originals(ThreadingHTTPServer):
    """Publishes files on loopback, and remembers what was downloaded."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.downloads: list[str] = []

    def publish(self, path: str, content: bytes) -> str:
        """Publish a file and return its address."""
        self.files[path] = content
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Originals

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self.server.downloads.append(self.path)
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def originals() -> Iterator[Originals]:
    with Originals() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is fetched away from the user's cache."""
    import datasets

    folder = tmp_path / "cache"
    downloads = folder / "downloads"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", downloads)
    monkeypatch.setattr(datasets.config, "EXTRACTED_DATASETS_PATH", str(downloads / "extracted"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    return folder


def source(**remotes: Remote) -> Source:
    by_path = {name.replace("__", "/").replace("_", "."): at for name, at in remotes.items()}
    return Source(folder="toy_data", homepage="https://toy.example", licence="MIT", remotes=by_path)


def fetched(path: str, remote: Remote) -> Path:
    return Files("toy", Source("toy_data", "https://toy.example", "MIT", {path: remote}), None).get(
        path
    )


def zipped(**files: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"toy-main/data/{name}.txt", text)
    return raw.getvalue()


def nobody() -> str:
    """Return an address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/toy.tsv"


def test_the_users_file_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "toy_data"
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "a.tsv").write_bytes(TABLE)
    files = files_of("toy", source(text__a_tsv=Remote(nobody())), tmp_path)

    assert files.are_local
    assert files.get("text/a.tsv") == folder / "text" / "a.tsv"
    assert files.get("text") == folder / "text"


def test_a_file_that_the_user_lacks_is_not_fetched_behind_his_back(tmp_path: Path) -> None:
    (tmp_path / "toy_data").mkdir()
    files = files_of("toy", source(toy_tsv=Remote("https://toy.example/raw/toy.tsv")), tmp_path)

    with pytest.raises(Rejected) as refused:
        files.get("toy.tsv")

    assert str(refused.value) == (
        f"toy: wanted toy.tsv, found that {tmp_path}/toy_data/toy.tsv does not exist; get it from "
        "https://toy.example/raw/toy.tsv, licence MIT, and put it at DATA_DIR/toy_data/toy.tsv, "
        "where DATA_DIR is --data-dir or FTBENCH_DATA"
    )


def test_a_missing_part_of_an_archive_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "toy_data").mkdir()
    remote = Remote("https://toy.example/main.zip", inside="toy-main/data")
    files = files_of("toy", source(data=remote), tmp_path)

    with pytest.raises(Rejected) as refused:
        files.get("data")

    assert "get it from https://toy.example/main.zip (toy-main/data inside it), licence MIT" in str(
        refused.value
    )


@pytest.mark.parametrize("local", [True, False])
def test_a_file_without_address_is_to_be_had_from_the_homepage(tmp_path: Path, local: bool) -> None:
    files = Files("toy", source(), tmp_path if local else None)
    found = f"{tmp_path}/toy.tsv does not exist" if local else "it cannot be fetched"

    with pytest.raises(Rejected) as refused:
        files.get("toy.tsv")

    assert str(refused.value).startswith(
        f"toy: wanted toy.tsv, found that {found}; get it from https://toy.example, licence MIT,"
    )


def test_a_data_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        files_of("toy", source(), tmp_path / "daat")

    assert str(refused.value) == (
        f"wanted a data folder with a folder a task, found none at {tmp_path}/daat; check "
        "--data-dir or FTBENCH_DATA, or leave both out to fetch what is needed"
    )


def test_a_data_folder_without_the_task_leaves_it_to_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "toy_data").write_text("no folder")

    assert not files_of("toy", source(), tmp_path).are_local
    assert not files_of("toy", source(), None).are_local


def test_a_file_that_a_task_can_do_without_is_found_or_not(tmp_path: Path) -> None:
    (tmp_path / "toy_data").mkdir()
    (tmp_path / "toy_data" / "extra.tsv").write_bytes(TABLE)
    remotes = source(extra_tsv=Remote(nobody()), other_tsv=Remote(nobody()))

    here, nowhere = (files_of("toy", remotes, folder) for folder in (tmp_path, None))

    assert here.find("extra.tsv") == tmp_path / "toy_data" / "extra.tsv"
    assert here.find("other.tsv") is None
    assert nowhere.find("extra.tsv") is None


def test_a_fetched_file_keeps_its_name_so_that_readers_know_its_kind(
    originals: Originals, cache: Path
) -> None:
    address = originals.publish("/raw/0123abcd", TABLE)

    path = fetched("text/toy.tsv", Remote(address))

    assert path.parts[-2:] == ("text", "toy.tsv")
    assert path.is_relative_to(cache)
    assert [row.columns for row in read_rows(path)] == [{"sentence": "a fine film", "label": "1"}]


def test_a_file_is_downloaded_once(originals: Originals, cache: Path) -> None:
    remote = Remote(originals.publish("/toy.tsv", TABLE))

    first, second = fetched("toy.tsv", remote), fetched("toy.tsv", remote)

    assert first == second
    assert second.read_bytes() == TABLE
    assert originals.downloads == ["/toy.tsv"]


def test_another_revision_is_another_file(originals: Originals, cache: Path) -> None:
    old, new = (originals.publish(f"/{name}/toy.tsv", name.encode()) for name in ("old", "new"))

    first, second = fetched("toy.tsv", Remote(old)), fetched("toy.tsv", Remote(new))

    assert (first.read_text(), second.read_text()) == ("old", "new")


def test_a_file_and_a_folder_inside_an_archive_are_found(originals: Originals, cache: Path) -> None:
    address = originals.publish("/main.zip", zipped(a="yes", b="no"))

    file = fetched("a.txt", Remote(address, inside="toy-main/data/a.txt"))
    folder = fetched("data", Remote(address, inside="toy-main/data"))

    assert (file.name, file.read_text()) == ("a.txt", "yes")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a.txt": "yes",
        "b.txt": "no",
    }
    assert originals.downloads == ["/main.zip"]


def test_a_missing_page_is_unavailable_and_says_where_to_look(
    originals: Originals, cache: Path
) -> None:
    address = originals.publish("/toy.tsv", TABLE).replace("toy.tsv", "gone.tsv")

    with pytest.raises(Unavailable) as away:
        fetched("toy.tsv", Remote(address))

    told = str(away.value)
    assert told.startswith(f"toy: wanted toy.tsv, found that fetching {address} failed: ")
    assert told.endswith(
        f"; get it from {address}, licence MIT, and put it at DATA_DIR/toy_data/toy.tsv, where "
        "DATA_DIR is --data-dir or FTBENCH_DATA"
    )
    assert "\n" not in told


def test_a_refused_connection_is_unavailable_and_says_where_to_look(cache: Path) -> None:
    address = nobody()

    with pytest.raises(Unavailable) as away:
        fetched("toy.tsv", Remote(address))

    told = str(away.value)
    assert told.startswith(f"toy: wanted toy.tsv, found that fetching {address} failed: ")
    assert f"; get it from {address}, licence MIT, and put it at" in told


def test_what_could_not_be_fetched_is_fetched_when_it_is_there(
    originals: Originals, cache: Path
) -> None:
    address = originals.publish("/toy.tsv", TABLE)
    del originals.files["/toy.tsv"]
    with pytest.raises(Unavailable):
        fetched("toy.tsv", Remote(address))

    originals.publish("/toy.tsv", TABLE)

    assert fetched("toy.tsv", Remote(address)).read_bytes() == TABLE


@pytest.mark.usefixtures("cache")
def test_what_was_fetched_once_is_there_when_the_server_is_not() -> None:
    with Originals() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        remote = Remote(server.publish("/toy.tsv", TABLE))
        first = fetched("toy.tsv", remote)
        server.shutdown()
        thread.join()

    assert fetched("toy.tsv", remote) == first
    assert first.read_bytes() == TABLE


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("content", [zipped(a="text")[:-30], b"<html>no archive</html>"])
def test_an_archive_that_is_damaged_or_none_is_unavailable(
    originals: Originals, content: bytes
) -> None:
    remote = Remote(originals.publish("/main.zip", content), inside="toy-main/data")

    with pytest.raises(Unavailable, match=r"toy: wanted data, found that .*main\.zip"):
        fetched("data", remote)


@pytest.mark.usefixtures("cache")
def test_an_archive_without_the_wanted_folder_is_unavailable(originals: Originals) -> None:
    remote = Remote(originals.publish("/main.zip", zipped(a="text")), inside="toy-main/texts")

    with pytest.raises(Unavailable, match=r"main\.zip does not hold it"):
        fetched("data", remote)


def test_an_address_on_the_hub_is_shown_as_one_that_a_browser_opens() -> None:
    remote = Remote("hf://datasets/nyu-mll/glue@bcdcba7/sst2/train.parquet")

    assert remote.page == (
        "https://huggingface.co/datasets/nyu-mll/glue/resolve/bcdcba7/sst2/train.parquet"
    )
    assert Remote("https://toy.example/a@b/c").page == "https://toy.example/a@b/c"
