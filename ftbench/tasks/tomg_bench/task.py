"""TOMG-Bench, also S2-Bench: make, edit and improve molecules as an instruction says."""

from dataclasses import dataclass
from typing import Any

from ftbench.metrics.molecules import canonical, parse, similarity
from ftbench.metrics.sums import MeanOf, Ratio, Sums
from ftbench.sources import Files, Remote, Source
from ftbench.splits import split_by_hash
from ftbench.task import Item, Judged, Loaded, Message, Split, Task
from ftbench.tasks.tomg_bench.answers import as_answer, smiles_in
from ftbench.tasks.tomg_bench.baselines import constants, copies
from ftbench.tasks.tomg_bench.rows import FILES, SOURCED, TRAIN_FILE, read_benchmark, read_train
from ftbench.tasks.tomg_bench.rules import RULES

NAME = "tomg_bench"
SHARES = {Split.DEV: 0.05, Split.CONFIRM: 0.05, Split.TEST: 0.90}

# The variant of run_query.bash, which asks for JSON; query_*.py without --json_check do not.
SYSTEM = (
    "You are working as an assistant of a chemist user. Please follow the instruction of the "
    "chemist and generate a molecule that satisfies the requirements of the chemist user. Your "
    "final response should be a JSON object with the key 'molecule' and the value as a SMILES "
    'string. For example, {"molecule": "[SMILES_STRING]"}.'
)

_HUB = "hf://datasets/phenixace"


def load(files: Files) -> Loaded:
    """Return the benchmark, divided by source molecule or else instruction, and OpenMolIns-light.

    OpenMolIns is a publication of its own and optional in a folder of the user's.
    A row of OpenMolIns is left out when it repeats an instruction of the benchmark's, or is about
    a molecule that one is about.
    """
    benchmark = [
        _benchmark_item(f"{subtask}/{number}", subtask, row)
        for subtask, name in FILES.items()
        for number, row in enumerate(read_benchmark(files.get(name), subtask))
    ]
    known = {item.group for item in benchmark}
    train_path = files.find(TRAIN_FILE) if files.are_local else files.get(TRAIN_FILE)
    if train_path is None:
        return Loaded(
            benchmark, (f"{TRAIN_FILE} is not in the folder: there is nothing to train on",)
        )
    rows = list(enumerate(read_train(train_path)))
    train = [
        _train_item(f"train/{number}", row)
        for number, row in rows
        if known.isdisjoint([row["Instruction"], *row["Instruction"].removesuffix(".").split()])
    ]
    left_out = len(rows) - len(train)
    note = f"{left_out} rows of OpenMolIns left out, because they are about items of the benchmark"
    return Loaded([*train, *benchmark], (note,) if left_out else ())


def judge(item: Item, answer: str, *, strict: bool) -> Judged:
    """Check the molecule by the rule of its subtask; an answer without a valid one is wrong.

    Items of train have no targets that could be checked: there only the published molecule is
    right. ``strict`` changes how an answer without JSON is read, and nothing else.
    """
    smiles = smiles_in(answer, strict=strict)
    molecule = None if smiles is None else parse(smiles)
    if smiles is None or molecule is None:
        return Judged(0.0, _counts(item.subtask, valid=0.0, right=0.0, kept=None), None)
    if item.published:
        right = float(RULES[item.subtask](molecule, item.record))
        source = item.record["molecule"] if item.subtask in SOURCED else None
    else:
        right = float(canonical(smiles) == canonical(item.record["molecule"]))
        source = None
    kept = None if source is None else similarity(source, smiles)
    return Judged(right, _counts(item.subtask, valid=1.0, right=right, kept=kept), smiles)


@dataclass(frozen=True, slots=True)
class WeightedSuccess:
    """A subtask's success rate times the mean similarity of its valid answers to their sources."""

    subtask: str

    def __call__(self, sums: Sums) -> float | None:
        """Return it, in [0, 1]; None when no item of the subtask was counted."""
        rate = Ratio(f"{self.subtask}.correct", f"{self.subtask}.n")(sums)
        kept = Ratio(f"{self.subtask}.similarity", f"{self.subtask}.valid")(sums)
        return None if rate is None else rate * (kept or 0.0)


def _counts(subtask: str, *, valid: float, right: float, kept: float | None) -> dict[str, float]:
    counts = {"n": 1.0, "valid": valid}
    counts |= {f"{subtask}.n": 1.0, f"{subtask}.valid": valid, f"{subtask}.correct": right}
    if kept is not None:
        counts |= {"kept": kept, "kept.n": 1.0, f"{subtask}.similarity": kept}
    return counts


def _benchmark_item(id: str, subtask: str, row: Any) -> Item:
    group = row["molecule"] if subtask in SOURCED else row["Instruction"]
    return Item(
        id=id,
        split=split_by_hash(NAME, group, SHARES),
        published=True,
        group=group,
        messages=_messages(row["Instruction"]),
        answer=None,
        record=row,
        subtask=subtask,
    )


def _train_item(id: str, row: Any) -> Item:
    return Item(
        id=id,
        split=Split.TRAIN,
        published=False,
        group=row["Instruction"],
        messages=_messages(row["Instruction"]),
        answer=as_answer(row["molecule"]),
        record=row,
        subtask=row["SubTask"],
    )


def _messages(instruction: str) -> tuple[Message, ...]:
    return Message("system", SYSTEM), Message("user", instruction)


_RATES = {subtask: Ratio(f"{subtask}.correct", f"{subtask}.n") for subtask in FILES}

TASK = Task(
    name=NAME,
    title="TOMG-Bench",
    measures="open-ended generation of molecules from instructions, English",
    source=Source(
        folder=NAME,
        homepage="https://huggingface.co/datasets/phenixace/S2-TOMG-Bench",
        licence="Apache-2.0",
        remotes={name: Remote(f"{_HUB}/S2-TOMG-Bench@main/{name}") for name in FILES.values()}
        | {TRAIN_FILE: Remote(f"{_HUB}/OpenMolIns-light@main/train.csv")},
    ),
    load=load,
    judge=judge,
    metric="success_rate",
    metrics={
        "success_rate": MeanOf(tuple(_RATES.values())),
        **_RATES,
        # MolCustom's weight is novelty against ZINC250k, which the benchmark does not ship.
        "weighted_success_rate_edit_opt": MeanOf(tuple(WeightedSuccess(s) for s in SOURCED)),
        "similarity_edit_opt": Ratio("kept", "kept.n"),
        "validity": Ratio("valid", "n"),
    },
    baselines={"constants that suit MolOpt": constants, "copy the source molecule": copies},
    max_new_tokens=512,
    references={
        "Llama-3.1-8B tuned on OpenMolIns-xlarge": 0.5879,
        "Gemini-1.5-pro": 0.5225,
        "Claude-3.5": 0.5110,
        "GPT-4o": 0.4908,
        "Llama-3.1-8B tuned on OpenMolIns-large": 0.4310,
        "Llama-3.1-8B-Instruct": 0.2626,
        "Llama-3.2-1B tuned on OpenMolIns-large": 0.1411,
    },
    trex=0.681,
    g_trex=1.08,
)
