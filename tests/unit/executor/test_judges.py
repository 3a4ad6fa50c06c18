import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.fingerprint import fingerprint
from ftbench.task import Split
from services.executor.operators.decontaminate import decontaminate
from services.executor.operators.deduplicate import deduplicate
from services.executor.operators.judging import MAX_NAMED, Tally, judged, naming
from services.executor.operators.language import language
from services.executor.operators.matching import matching
from services.executor.operators.near_duplicates import bands, near_duplicates
from services.executor.operators.quality import quality
from shared.contracts.operators import Fate, Part, Quality
from shared.errors import DataFailed
from shared.fingerprint import Fingerprint, hashed, tokens
from shared.rows import Sample, sha256_of
from shared.turns import Turn
from tests.support.benchmark import fixture_items

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"
SHORT = "the cat sat on the mat"


def prompt(text: str) -> Sample:
    return Sample(text, "answer")


def words(count: int, seed: int) -> list[str]:
    draw = random.Random(seed).random
    return [f"w{int(draw() * 10**6)}" for _ in range(count)]


def test_the_same_last_prompt_after_another_conversation_is_not_the_same() -> None:
    judge = deduplicate()
    said = [Sample("yes", "a", history=(Turn("user", text),)) for text in ("tea?", "milk?", "Tea?")]

    assert [judge(one) for one in said] == [None, None, "seen before"]


@pytest.mark.parametrize(
    ("of", "fate", "kept"),
    [
        ("prompt", "keep", ["see http://x"]),
        ("prompt", "drop", ["plain", "other"]),
        ("completion", "keep", ["other"]),
        ("sample", "keep", ["see http://x", "other"]),
    ],
)
def test_a_pattern_keeps_or_drops_where_it_is_found(of: Part, fate: Fate, kept: list[str]) -> None:
    samples = [Sample("see http://x", "a"), Sample("plain", "b"), Sample("other", "http://y")]

    found = judged(samples, matching("https?://", of=of, fate=fate), Tally("matching"))

    assert [one.prompt for one in found] == kept


def test_samples_in_another_language_are_dropped_and_counted_by_language() -> None:
    english = prompt("Please tell me where the nearest railway station is.")
    german = prompt("Bitte sagen Sie mir, wo sich der nächste Bahnhof befindet.")
    chinese = prompt("请告诉我最近的火车站在哪里。")
    tally = Tally("language")

    kept = list(judged([english, german, chinese], language(["en", "zh"], of="prompt"), tally))

    assert kept == [english, chinese]
    assert tally.dropped == {"in de": 1}


def test_a_language_nobody_knows_is_refused() -> None:
    with pytest.raises(DataFailed, match="found 'english'"):
        language(["english"], of="prompt")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A sentence as people write them, number 7 of 9.", None),
        ("", None),
        ("1 2 3 4 five", "few letters"),
        ("read more… and more… and more...", "many symbols"),
        ("buy now\nbuy now\nbuy now\nlast line", "lines repeated"),
        ("I do not know the answer. " * 9, "words repeated"),
    ],
)
def test_a_broken_text_is_dropped_for_its_first_fault(text: str, why: str | None) -> None:
    assert quality(Quality())(prompt(text)) == why


def test_each_bound_of_quality_can_be_loosened_to_nothing() -> None:
    loose = Quality(min_letters=0, max_symbols=99, max_repeated_lines=1, max_repeated_words=1)

    for text in ("1 2 3", "... # ...", "buy now\n" * 9, "I do not know the answer. " * 9):
        assert quality(loose)(prompt(text)) is None


def test_a_prompt_nearly_seen_before_is_dropped_and_a_different_one_kept() -> None:
    first = " ".join(words(40, seed=0))
    nearly = first.replace(first.split()[20], "changed").upper()
    judge = near_duplicates(threshold=0.7, num_perm=128)

    assert [judge(prompt(text)) for text in (first, nearly, " ".join(words(40, seed=1)))] == [
        None,
        "nearly seen before",
        None,
    ]


def test_nearly_all_pairs_of_enough_resemblance_are_found_and_few_others() -> None:
    judge = near_duplicates(threshold=0.7, num_perm=256)
    found = {1: 0, 20: 0}
    for seed in range(100):
        text = words(40, seed)
        assert judge(prompt(" ".join(text))) is None
        for changed in found:
            other = [*words(changed, seed + 1000), *text[changed:]]
            found[changed] += judge(prompt(" ".join(other))) is not None

    assert found[1] >= 99
    assert found[20] == 0


@settings(deadline=None)
@given(st.floats(0.5, 1.0), st.integers(1, 64).map(lambda n: 16 * n))
def test_bands_find_a_pair_at_the_threshold(threshold: float, num_perm: int) -> None:
    count = bands(threshold, num_perm)

    assert num_perm % count == 0
    assert 1 - (1 - threshold ** (num_perm // count)) ** count >= 0.9


def sealed(folder: Path, *texts: str) -> tuple[Path, str]:
    found = [tokens(text) for text in texts]
    path = folder / "sealed.json"
    path.write_text(
        Fingerprint(
            task="toy",
            splits=("test",),
            items=len(texts),
            ngrams=tuple(hashed(some[:13]) for some in found if len(some) >= 13),
            texts=tuple(hashed(some) for some in found if len(some) < 13),
        ).model_dump_json()
    )
    return path, sha256_of(path)


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (prompt(f"Translate: {LONG.upper()}!"), "part of a sealed text"),
        (Sample("q", LONG), "part of a sealed text"),
        (Sample("q", "a", history=(Turn("user", LONG),)), "part of a sealed text"),
        (Sample("q", "a", rejected=f"So {SHORT}."), "a sealed text"),
        (prompt(f"Sentiment of: {SHORT}"), "a sealed text"),
        (prompt(LONG.removesuffix(" thirteen")), None),
        (prompt("the cat sat on a mat"), None),
    ],
)
def test_a_copy_of_sealed_text_is_dropped_wherever_it_stands(
    tmp_path: Path, sample: Sample, why: str | None
) -> None:
    judge = decontaminate(*sealed(tmp_path, LONG, SHORT))

    assert judge(sample) == why


def test_another_fingerprint_than_the_recipes_is_refused(tmp_path: Path) -> None:
    path, sha256 = sealed(tmp_path, LONG)
    path.write_text("{}")

    with pytest.raises(DataFailed, match="wanted the fingerprint with SHA-256"):
        decontaminate(path, sha256)
    with pytest.raises(DataFailed, match="wanted a fingerprint, found another file"):
        decontaminate(path, sha256_of(path))


def test_reasons_are_counted_and_the_most_frequent_comes_first() -> None:
    tally = Tally("quality")
    whys = {"a": "rare", "b": "frequent", "c": "frequent", "d": None}

    kept = list(judged([prompt(name) for name in whys], lambda one: whys[one.prompt], tally))

    counted = tally.count()
    assert (counted.rows_in, counted.rows_out) == (4, len(kept)) == (4, 1)
    assert [(one.why, one.samples) for one in counted.dropped] == [("frequent", 2), ("rare", 1)]


def test_dropped_samples_are_named_by_file_and_row_up_to_a_thousand() -> None:
    tally = Tally("decontaminate")
    samples = [Sample("x", "y", source="f.csv", row=row) for row in range(MAX_NAMED + 5)]
    judge = naming(lambda one: "leaks" if one.row != 1 else None, tally)

    assert [one.row for one in judged(samples, judge, tally)] == [1]
    assert tally.named[:2] == ["f.csv:0", "f.csv:2"]
    assert len(tally.named) == MAX_NAMED
    assert tally.dropped == {"leaks": MAX_NAMED + 4}


def test_what_a_task_seals_is_found_and_what_it_gives_away_is_not(tmp_path: Path) -> None:
    items = fixture_items("econ_logic_qa")
    path = tmp_path / "sealed.json"
    path.write_text(fingerprint("econ_logic_qa", items).model_dump_json())
    judge = decontaminate(path, sha256_of(path))

    leaks = {one.id: judge(prompt(one.messages[-1].content)) is not None for one in items}

    assert leaks == {one.id: one.split is not Split.TRAIN for one in items}
    assert set(leaks.values()) == {True, False}
