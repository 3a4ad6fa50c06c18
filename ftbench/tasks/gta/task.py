"""GTA, step by step: given the right steps so far, what is the next one?

Nothing is executed and no image is looked at: what the tools returned is part of the data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftbench.metrics.sums import Ratio
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.gta.react import (
    FILE_TYPES,
    FINAL_ANSWER,
    SUMMARISE,
    THOUGHT,
    Call,
    Finish,
    instructions,
    read_step,
    write_call,
)
from ftbench.tasks.gta.samples import Sample, Turn, Wanted, read_samples
from ftbench.tasks.gta.summary import has_the_words, token_f1

NAME = "gta"
SHARES = {Split.DEV: 0.2, Split.CONFIRM: 0.2, Split.TEST: 0.6}

_HUB = "hf://datasets/Jize1/GTA@9ef3b2df0f35cdadcc345b154fa2cf84dc2291a7"


def load(files: Files) -> Loaded:
    """Return every step of every published conversation, one an item, grouped by conversation."""
    samples = read_samples(files.get("dataset.json"))
    return Loaded([item for sample in samples for item in _items(sample)])


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Compare the step an answer takes with the published one.

    The counts are those of ``GTABenchEvaluator``, whose faults are kept, so ``strict`` changes
    nothing. A tool is right by its name alone, whether or not its call would work; ``aligned`` asks
    that it works, or that there is a final answer where one belongs. The divisor ``steps`` has
    each tool call, and one step for each conversation with an answer to compare with: a final
    answer where there is none counts above the line and not below.
    """
    call, wanted = item.record["call"], item.record["wanted"]
    step = read_step(answer, item.record["tools"], item.record["paths"])
    value, counts = _judge_call(step, call) if call else _judge_answer(step, wanted)
    if item.record["closes"] and wanted:
        counts["steps"] = counts.get("steps", 0.0) + 1.0
        counts[f"{_kind(wanted)}.n"] = 1.0
    return Judged(value, counts, step.text.strip() if isinstance(step, Finish) else step.tool)


def _judge_call(step: Finish | Call, call: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    counts = {"calls": 1.0, "steps": 1.0}
    if isinstance(step, Finish):
        return 0.0, counts
    tool = step.tool == call["name"]
    argument = tool and step.arguments == call["arguments"]
    counts |= {"tool": float(tool), "argument": float(argument), "aligned": float(step.works)}
    return float(tool), counts


def _judge_answer(step: Finish | Call, wanted: Wanted) -> tuple[float, dict[str, float]]:
    if isinstance(step, Call):
        return 0.0, {}
    if not wanted:
        return 1.0, {"aligned": 1.0}
    score = (
        float(has_the_words(step.text, wanted))
        if isinstance(wanted, Mapping)
        else token_f1(step.text, wanted)
    )
    return score, {"aligned": 1.0, f"{_kind(wanted)}.score": score}


def _kind(wanted: Wanted) -> str:
    return "objective" if isinstance(wanted, Mapping) else "subjective"


def _items(sample: Sample) -> Iterator[Item]:
    """Yield an item for each turn of the assistant, with all turns before it as its history."""
    last = max((i for i, turn in enumerate(sample.turns) if turn.role == "assistant"), default=-1)
    messages = instructions(sample.tools, sample.paths)
    paths = list(sample.paths)
    number = 0
    for i, turn in enumerate(sample.turns):
        if turn.role == "assistant":
            number += 1
            paths += _files_of(turn, sample)
            asked = [Message("user", SUMMARISE)] if i == last else []
            yield Item(
                id=f"{sample.id}/{number}",
                split=split_by_hash(NAME, sample.id, SHARES),
                published=True,
                group=sample.id,
                messages=(*messages, *asked),
                answer=_answer(turn),
                record={
                    "tools": sample.tools,
                    "paths": tuple(paths),
                    "call": turn.call,
                    "wanted": sample.wanted,
                    "closes": i == last,
                },
            )
        if turn.file:
            paths.append(turn.file)
        if turn.text:
            messages.append(Message("system" if turn.role == "tool" else turn.role, turn.text))


def _files_of(turn: Turn, sample: Sample) -> list[str]:
    """Return the files that a published call takes, so that it never fails for want of one."""
    if turn.call is None:
        return []
    types = {
        argument["name"]: argument["type"]
        for tool in sample.tools
        if tool["name"] == turn.call["name"]
        for argument in tool["inputs"]
    }
    arguments = turn.call["arguments"].items()
    return [value for name, value in arguments if types.get(name) in FILE_TYPES]


def _answer(turn: Turn) -> str:
    step = turn.text if turn.call else f"{FINAL_ANSWER} {turn.text}"
    return f"{THOUGHT} {turn.thought}\n{step}" if turn.thought else step


def _commonest_tool(train: Sequence[Item], items: Sequence[Item]) -> list[str]:
    """Call the item's tool that most items call. There is no train: counted on the items."""
    counts = Counter(item.record["call"]["name"] for item in items if item.record["call"])
    names = [[tool["name"] for tool in item.record["tools"]] for item in items]
    return [
        write_call(max(some, key=lambda name: (counts[name], name), default=""), {})
        for some in names
    ]


TASK = Task(
    name=NAME,
    title="GTA",
    measures="choosing the next tool, its arguments and the final answer, English",
    source=Source(
        folder="gta",
        homepage="https://github.com/open-compass/GTA",
        licence="Apache-2.0",
        remotes={"dataset.json": Remote(f"{_HUB}/dataset.json")},
    ),
    load=load,
    judge=judge,
    metric="tool",
    metrics={
        "tool": Ratio("tool", "calls"),
        "instruction": Ratio("aligned", "steps"),
        "argument": Ratio("argument", "calls"),
        "summary_objective": Ratio("objective.score", "objective.n"),
        "summary_token_f1": Ratio("subjective.score", "subjective.n"),
    },
    baselines={
        "commonest of the tools": _commonest_tool,
        "always a final answer": lambda _, items: [f"{FINAL_ANSWER} yes"] * len(items),
    },
    max_new_tokens=512,
    references={"GPT-4o": 0.704, "Qwen3-235B-A22B": 0.332, "Qwen3-8B": 0.262},
    trex=0.652,
)
