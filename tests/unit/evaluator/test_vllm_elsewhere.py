"""A server that somebody else runs, played by a small real one that can lack things and go away."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from services.evaluator.scorer import Answer
from services.evaluator.vllm.elsewhere import Elsewhere
from services.evaluator.vllm.scorer import VllmScorer, parts
from shared.errors import ScoringFailed

PATHS: dict[str, Any] = {
    "/health": {},
    "/version": {"version": "0.32.0"},
    "/v1/models": {"data": [{"id": "llama", "root": "org/base", "max_model_len": 100}]},
    "/tokenizer_info": {"eos_token": "<end>"},
    "/tokenize": {"tokens": [7]},
    "/v1/completions": {"choices": [{"index": 0, "text": "fine", "finish_reason": "stop"}]},
}


class Playing(ThreadingHTTPServer):
    """Answers what `PATHS` says, to those who show the key."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lacks: set[str] = set()
        self.fails: set[str] = set()
        """Paths that end in an error although the engine is alive."""
        self.down_for = 0
        """Requests for completions that find the engine dead."""
        self.asked: Counter[str] = Counter()
        self.models: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Playing

    def do_GET(self) -> None:
        told = self.server
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        told.asked[self.path] += 1
        told.models.add(body.get("model", "llama"))
        if self.headers["Authorization"] != "Bearer secret":
            self._say(401, {"error": "Unauthorized"})
        elif self.path in told.lacks or self.path not in PATHS:
            self._say(404, {"detail": "Not Found"})
        elif self.path in told.fails:
            self._say(500, {"error": {"message": "the sizes do not match"}})
        elif told.down_for and self.path in ("/health", "/v1/completions"):
            told.down_for -= 1
            self._say(503, {"error": {"message": "EngineDeadError"}})
        else:
            self._say(200, PATHS[self.path])

    do_POST = do_GET  # noqa: N815 - as the library wants it

    def _say(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def playing() -> Iterator[Playing]:
    with Playing() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def answer(url: str, checkpoint: str = "org/base", key: str | None = "secret") -> Answer:
    conversation = [{"role": "user", "content": "well?"}]
    with closing(Elsewhere(url, key, max_lora_rank=64, answer_s=5.0, wait_s=1.0)) as theirs:
        [batch] = VllmScorer(theirs).answer(
            checkpoint, "org/base", [conversation], max_new_tokens=8
        )
        return batch[0]


def test_its_model_is_called_what_it_calls_it(playing: Playing) -> None:
    assert answer(playing.url) == Answer("fine", cut=False)
    assert playing.models == {"llama"}


def test_prompts_that_begin_alike_are_asked_next_to_each_other() -> None:
    prompts = [[1, 2, 3], [5, 6], [1, 2, 4], [5, 7], [1, 2]] * 20

    asked = parts(range(100), prompts)

    assert [len(one) for one in asked] == [32, 32, 32, 4]
    in_turn = [prompts[i] for one in asked for i in one]
    assert in_turn == sorted(prompts)
    assert sorted(i for one in asked for i in one) == list(range(100))


def test_what_it_does_not_serve_is_refused_and_never_started(playing: Playing) -> None:
    with pytest.raises(
        ScoringFailed, match=r"org/other: wanted it or adapters of it .* found 'org/base' there"
    ):
        answer(playing.url, "org/other")


def test_a_server_started_without_what_is_needed_is_told_how_to_be(playing: Playing) -> None:
    playing.lacks = {"/tokenizer_info"}

    with pytest.raises(ScoringFailed, match="start it with --enable-tokenizer-info-endpoint"):
        answer(playing.url)


def test_a_server_that_loads_no_adapters_while_it_runs_is_told_how_to(
    playing: Playing, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path)

    with pytest.raises(ScoringFailed, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"):
        answer(playing.url, str(adapter))


def make_adapter(folder: Path) -> Path:
    import numpy as np
    from safetensors.numpy import save_file

    config = {"peft_type": "LORA", "r": 1, "base_model_name_or_path": "org/base"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file({"x.lora_A.weight": np.ones((1, 2))}, folder / "adapter_model.safetensors")
    return folder


def test_a_server_that_is_not_vllm_is_said(
    playing: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATHS, "/v1/models", {"data": [{"id": "llama3:8b"}]})

    with pytest.raises(ScoringFailed, match=r"found another server, whose models are .*llama3:8b"):
        answer(playing.url)


def test_the_same_question_is_written_out_once_and_answered_each_time(playing: Playing) -> None:
    question = [{"role": "user", "content": "well?"}]
    with closing(Elsewhere(playing.url, "secret", max_lora_rank=8, answer_s=5.0)) as theirs:
        for _ in range(3):
            list(VllmScorer(theirs).answer("org/base", "org/base", [question], max_new_tokens=8))

    # What ends an answer is written out, too.
    assert (playing.asked["/tokenize"], playing.asked["/v1/completions"]) == (2, 3)


def test_a_wrong_key_is_said(playing: Playing) -> None:
    with pytest.raises(ScoringFailed, match=r"found that it refused: .*Unauthorized"):
        answer(playing.url, key=None)


def test_an_error_of_a_server_that_is_alive_is_what_it_says_and_nothing_is_repeated(
    playing: Playing,
) -> None:
    playing.fails = {"/v1/completions"}

    with pytest.raises(ScoringFailed, match="found that it refused: the sizes do not match"):
        answer(playing.url)
    assert playing.asked["/v1/completions"] == 1


def test_a_server_that_comes_back_is_asked_once_more(playing: Playing) -> None:
    playing.down_for = 3  # the answer, and twice whether it is alive

    assert answer(playing.url).text == "fine"
    assert playing.asked["/v1/completions"] == 2


def test_a_server_that_stays_away_fails_the_score_and_is_no_zero(playing: Playing) -> None:
    playing.down_for = 1000

    with pytest.raises(
        ScoringFailed, match=f"found that it went away twice, .* see to the server at {playing.url}"
    ):
        answer(playing.url)


def test_a_server_that_is_not_there_fails_the_score(playing: Playing) -> None:
    playing.server_close()

    with pytest.raises(ScoringFailed, match=r"found that it went away twice, .* \(ConnectError"):
        answer(playing.url)
    with (
        closing(Elsewhere(playing.url, None, max_lora_rank=1, answer_s=5, wait_s=0)) as theirs,
        pytest.raises(ScoringFailed, match=r"wanted a vLLM server at .*, found none that answers"),
    ):
        _ = theirs.engine


def test_a_server_that_was_started_anew_for_another_model_writes_questions_out_itself(
    playing: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = [{"role": "user", "content": "well?"}]
    with closing(Elsewhere(playing.url, "secret", max_lora_rank=8, answer_s=5.0)) as theirs:
        for model in ("org/base", "org/other"):
            served = {"data": [{"id": "llama", "root": model, "max_model_len": 100}]}
            monkeypatch.setitem(PATHS, "/v1/models", served)
            list(VllmScorer(theirs).answer(model, model, [question], max_new_tokens=8))

    assert playing.asked["/tokenize"] == 4
