"""Times scoring on this machine: adapters that take turns in a server, lm-eval, a plain loop.

``python -m benchmarks.evaluation`` needs ``make vllm lm-eval``. It answers 500 questions with a
nano model, greedily, at most 32 tokens each, and compares

- adapters that are loaded into one vLLM server with a server started anew for each,
- answers and likelihoods a second with lm-evaluation-harness, which asks the same server; of its
  ways to ask the faster one counts, and neither its start nor its chat template is timed,
- the scorer in the evaluator's process with ``model.generate`` called question by question.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.training import nano_base
from services.evaluator.in_process import TransformersScorer
from services.evaluator.scorer import Conversation, Scorer
from services.evaluator.vllm.pool import Pool
from services.evaluator.vllm.scorer import Ready, VllmScorer
from services.evaluator.vllm.server import Served
from tests.support.nano import make_adapter

TOKENS = 32
"""Of an answer at most; these adapters seldom end one earlier."""

RANK = 8
"""Of the adapters, and the highest that the server takes: on a CPU vLLM computes every adapter as
if it had that one, and gathers its weights anew for each token."""

RELOADS = 2
"""Servers started anew; each takes as long as the next."""

WAYS = ({"num_concurrent": 32, "batch_size": 1}, {"num_concurrent": 8, "batch_size": 32})
"""How lm-eval asks: one prompt a request, as its manual has it, and as many as the scorer here."""

THEIRS = """
import json, sys, time
from lm_eval.api.instance import Instance
from lm_eval.models.openai_completions import LocalCompletionsAPI
asked = json.load(sys.stdin)
told = {}
for kind, arguments in asked["kinds"].items():
    requests = [Instance(kind, {}, tuple(one), number) for number, one in enumerate(arguments)]
    for number, way in enumerate(asked["ways"]):
        model = LocalCompletionsAPI(**asked["model"], **way)
        began = time.monotonic()
        getattr(model, kind)(requests)
        told[f"{kind} {number}"] = time.monotonic() - began
print(json.dumps(told))
"""
"""Run by lm-eval's own interpreter."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    ours: float
    """Seconds for all items."""
    theirs: float
    """Seconds for the same."""
    wanted: float
    """Least ratio of theirs to ours."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=500, help="questions (default: 500)")
    parser.add_argument("--adapters", type=int, default=10, help="default: 10")
    parser.add_argument("--rounds", type=int, default=3, help="of lm-eval and ours (default: 3)")
    asked = parser.parse_args()
    print(f"| {asked.items} items | ours | other | ratio | wanted |")
    print("|---|---|---|---|---|")
    for row in measured(questions_of(asked.items), asked.adapters, asked.rounds):
        print(line(row, asked.items), flush=True)


def measured(questions: Sequence[Conversation], adapters: int, rounds: int) -> Iterator[Row]:
    """Yield the rows of the table, which take a quarter of an hour on two cores."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        base = nano_base(scratch)
        made = [make_adapter(base, scratch / f"adapter-{n}", seed=n) for n in range(adapters)]
        yield in_process(base, made[0], questions)
        options = ("--gpu-memory-utilization", "0.1", "--dtype", "float32")
        served = Served(Path(".venv-vllm/bin/python").absolute(), RANK, options, scratch)
        with closing(Pool(served)) as pool:
            scorer = VllmScorer(pool)
            yield reloading(pool, scorer, base, made, questions)
            yield from against_lm_eval(scorer, base, made[0], questions, rounds)


def reloading(
    pool: Pool,
    scorer: Scorer,
    base: Path,
    adapters: Sequence[Path],
    questions: Sequence[Conversation],
) -> Row:
    """Time a checkpoint that is swapped in, and one that gets a server of its own."""

    def score(one: Path) -> float:
        return timed(lambda: answer(scorer, base, one, questions))

    reloaded = []
    for one in adapters[:RELOADS]:
        pool.close()
        reloaded.append(score(one))
    swapped = [score(one) for one in adapters]
    what = f"a checkpoint of {len(adapters)}, in one server against a server each"
    return Row(what, statistics.median(swapped), statistics.median(reloaded), 5.0)


def against_lm_eval(
    scorer: VllmScorer,
    base: Path,
    checkpoint: Path,
    questions: Sequence[Conversation],
    rounds: int,
) -> list[Row]:
    """Time answers and likelihoods of both, in turn; whatever compiles at first is not counted."""
    said = [f"number {n}" for n in range(len(questions))]

    def weigh() -> None:
        for _ in scorer.weigh(str(checkpoint), str(base), questions, said):
            pass

    def ours() -> dict[str, float]:
        # What was written out before is written out again, as lm-eval does it.
        scorer.lend(str(checkpoint), str(base), lambda ready: ready.api.known.clear())
        return {
            "generate_until": timed(lambda: answer(scorer, base, checkpoint, questions)),
            "loglikelihood": timed(weigh),
        }

    def theirs() -> dict[str, float]:
        use = theirs_of(base, questions, said)
        found = scorer.lend(str(checkpoint), str(base), use)
        return {
            kind: min(found[f"{kind} {way}"] for way in range(len(WAYS)))
            for kind in ("generate_until", "loglikelihood")
        }

    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return [
        Row(
            f"{what} against lm-eval, the same server",
            statistics.median(one[kind] for one, _ in pairs),
            statistics.median(other[kind] for _, other in pairs),
            1.0,
        )
        for kind, what in (("generate_until", "answers"), ("loglikelihood", "likelihoods"))
    ]


def theirs_of(
    base: Path, questions: Sequence[Conversation], said: Sequence[str]
) -> Callable[[Ready], Mapping[str, float]]:
    """Return what has lm-eval ask a server, and returns its seconds by kind and way."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    prompts = [
        tokenizer.apply_chat_template(list(one), add_generation_prompt=True, tokenize=False)
        for one in questions
    ]
    until = {"until": [tokenizer.eos_token], "max_gen_toks": TOKENS}

    def use(ready: Ready) -> Mapping[str, float]:
        asked = {
            "model": {
                "model": ready.model,
                "base_url": ready.api.completions,
                "tokenizer": str(base),
                "tokenizer_backend": "huggingface",
                "max_length": ready.api.context(),
                "header": {"Authorization": f"Bearer {ready.api.key}"},
            },
            "ways": WAYS,
            "kinds": {
                "generate_until": [[prompt, until] for prompt in prompts],
                "loglikelihood": list(zip(prompts, said, strict=True)),
            },
        }
        found = subprocess.run(
            [".venv-lm-eval/bin/python", "-P", "-c", THEIRS],
            input=json.dumps(asked),
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        told: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
        return told

    return use


def in_process(base: Path, checkpoint: Path, questions: Sequence[Conversation]) -> Row:
    """Time the scorer and the plain loop, each with a model that is loaded already."""
    scorer = TransformersScorer()
    answer(scorer, base, checkpoint, questions[:1])
    ours = timed(lambda: answer(scorer, base, checkpoint, questions))
    what = "answers of transformers against one by one"
    return Row(what, ours, one_by_one(base, checkpoint, questions), 3.0)


def one_by_one(base: Path, checkpoint: Path, questions: Sequence[Conversation]) -> float:
    """Return the seconds of the loop that everybody writes first."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, str(checkpoint)).merge_and_unload().eval()

    def loop() -> None:
        for one in questions:
            ids = tokenizer.apply_chat_template(
                list(one), add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            with torch.inference_mode():
                whole = model.generate(**ids, max_new_tokens=TOKENS, do_sample=False)
            tokenizer.decode(whole[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)

    return timed(loop)


def answer(scorer: Scorer, base: Path, checkpoint: Path, questions: Sequence[Conversation]) -> None:
    """Answer every question."""
    for _ in scorer.answer(str(checkpoint), str(base), questions, max_new_tokens=TOKENS):
        pass


def timed(work: Callable[[], None]) -> float:
    """Return the seconds that it takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def questions_of(count: int) -> list[Conversation]:
    """Return questions of one to sixteen numbers."""
    return [
        [{"role": "user", "content": " ".join(f"after {n + k}?" for k in range(1 + n % 16))}]
        for n in range(count)
    ]


def line(row: Row, items: int) -> str:
    """Return a line of the table: seconds, items a second and their ratio."""
    ours, theirs = (f"{s:.1f} s, {items / s:.0f} items/s" for s in (row.ours, row.theirs))
    ratio = row.theirs / row.ours
    return f"| {row.what} | {ours} | {theirs} | {ratio:.2f} | ≥ {row.wanted:g} |"


if __name__ == "__main__":
    main()
