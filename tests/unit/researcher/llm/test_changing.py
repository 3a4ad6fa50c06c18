import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from services.researcher.factors import replaced, value_of, with_value
from shared.contracts import operators
from shared.contracts.base import digest
from shared.contracts.job import Limits, MetricName
from shared.contracts.mapping import Judged, Messages, Preference
from shared.contracts.method import Dpo, Grpo, Kto, Lora, Qlora, Sft
from shared.contracts.operators import Deduplicate, Extract, Matching, Sample, Tokens, Where
from shared.contracts.recipe import Recipe
from tests.unit.researcher.llm.idea_examples import GPU, asked, idea, on_rows, proposed, turned
from tests.unit.researcher.researcher_examples import (
    brief,
    context,
    finding,
    recipe,
)

LEVELS = [
    {"question": "1?", "answer": "so #### 1", "level": "easy"},
    {"question": "2?", "answer": "so #### 2", "level": "hard"},
]


def made(*changes: dict[str, Any], **rest: Any) -> Recipe:
    done = proposed(asked(**rest), [idea(*changes)])
    assert not done.dropped
    return done.proposals[0].recipe


def wrong(*changes: dict[str, Any], **rest: Any) -> str:
    done = proposed(asked(**rest), *([idea(*changes)] for _ in range(3)))
    assert not done.proposals
    return done.dropped[0]


def operator(made: Recipe, kind: str) -> Any:
    return next(one for one in made.data if one.kind == kind)


def test_the_learning_rate_goes_with_another_kind_of_adapter() -> None:
    full = made({"kind": "adapter", "to": "full"})

    assert (full.adapter.kind, full.method.learning_rate) == ("full", 1.5e-5)


def test_a_base_model_is_held_in_4_bits_only_where_a_machine_can() -> None:
    change = {"kind": "adapter", "to": "qlora"}

    assert isinstance(made(change, context=context(machines=(GPU,))).adapter, Qlora)
    assert "wanted one that this job allows (lora, full), found qlora" in wrong(change)


def test_an_adapter_can_be_scaled_by_the_root_of_its_rank() -> None:
    assert made({"kind": "use_rslora", "on": True}).adapter == Lora(
        r=16, lora_alpha=32, use_rslora=True
    )


def test_the_loss_can_weigh_tokens_by_their_likelihood() -> None:
    method = made({"kind": "method", "to": "dft"}).method

    assert method == Sft.model_validate(recipe().method.model_dump() | {"loss_type": "dft"})


def test_a_model_is_rewarded_by_the_jobs_own_metric() -> None:
    method = made({"kind": "method", "to": "grpo"}).method

    assert isinstance(method, Grpo)
    assert (method.reward, method.max_completion_length) == ("exact_match", 64)
    assert method.learning_rate == pytest.approx(2e-4 / 20)


def test_what_a_reward_cannot_be_computed_from_is_not_rewarded() -> None:
    change = {"kind": "method", "to": "grpo"}

    graded = context(metric=MetricName.GRADER)
    assert "(sft, dft), found grpo" in wrong(change, context=graded)
    no_room = context(limits=Limits(max_length=64, max_new_tokens=64))
    assert "(sft, dft), found grpo" in wrong(change, context=no_room)


def test_preferences_are_learned_where_rows_hold_them_alone() -> None:
    pairs = context(mapping=Preference(prompt="{q}", chosen="{good}", rejected="{bad}"))
    change = {"kind": "method", "to": "dpo"}

    assert isinstance(made(change, context=pairs).method, Dpo)
    assert "(sft, dft, grpo), found dpo" in wrong(change)


def test_judged_answers_are_learned_by_the_method_for_them_alone() -> None:
    judged = context(mapping=Judged(prompt="{q}", completion="{a}", label="good"))

    assert isinstance(made({"kind": "method", "to": "kto"}, context=judged).method, Kto)
    assert "(kto), found dft" in wrong({"kind": "method", "to": "dft"}, context=judged)


def test_training_goes_on_from_the_parents_weights_while_they_are_kept() -> None:
    parent = finding(1, recipe())
    change = {"kind": "continues", "on": True}

    assert made(change, findings=[parent]).continues == digest(parent.recipe)
    gone = parent.model_copy(update={"kept": False})
    assert "left no weights" in wrong(change, findings=[gone])


def test_training_goes_on_with_the_adapter_as_it_is() -> None:
    said = wrong(
        {"kind": "continues", "on": True},
        {"kind": "use_rslora", "on": True},
        findings=[finding(1, recipe())],
    )

    assert "wanted the adapter as the parent has it" in said


def test_rows_are_kept_by_the_value_of_a_column(tmp_path: Path) -> None:
    change = {"kind": "where", "column": "level", "values": ["hard"], "fate": "keep"}

    kept = made(change, **on_rows(tmp_path, *LEVELS))

    assert operator(kept, "where") == Where(column="level", values=("hard",))
    assert [one.kind for one in kept.data] == ["load", "where", "map", "hold_out"]


def test_a_column_that_the_rows_lack_is_refused_with_those_they_have(tmp_path: Path) -> None:
    change = {"kind": "where", "column": "stage", "values": ["hard"], "fate": "keep"}

    said = wrong(change, **on_rows(tmp_path, *LEVELS))

    assert "wanted a column that every row has" in said
    assert "found stage; there are question, answer, level" in said


def test_a_column_that_no_answer_is_written_from_is_refused_with_those_that_are(
    tmp_path: Path,
) -> None:
    change = {"kind": "extract", "column": "level", "after": "a", "before": ""}

    said = wrong(change, **on_rows(tmp_path, *LEVELS))

    assert "found level; there are question, answer [end" in said


@pytest.mark.parametrize("values", [["none such"], ["easy", "hard"]])
def test_values_that_no_row_or_every_row_has_are_refused(tmp_path: Path, values: list[str]) -> None:
    change = {"kind": "where", "column": "level", "values": values, "fate": "drop"}

    assert "take other values" in wrong(change, **on_rows(tmp_path, *LEVELS))


def test_a_change_that_needs_a_look_at_rows_is_refused_where_there_are_none() -> None:
    change = {"kind": "where", "column": "level", "values": ["hard"], "fate": "keep"}

    assert "found none that can be read here" in wrong(change)


def test_of_a_column_what_stands_behind_a_mark_is_kept(tmp_path: Path) -> None:
    change = {"kind": "extract", "column": "answer", "after": "#### ", "before": ""}

    extract = operator(made(change, **on_rows(tmp_path, *LEVELS)), "extract")

    assert isinstance(extract, Extract)
    found = re.search(extract.pattern, "so #### 17")
    assert found is not None
    assert found.groupdict() == {"answer": "17"}


def test_a_mark_may_be_a_line_break_and_is_still_told_in_one_line(tmp_path: Path) -> None:
    rows = [{"question": "1?", "answer": "first\n=> 1\nlast"}]
    change = {"kind": "extract", "column": "answer", "after": "\n=> ", "before": "\n"}

    done = proposed(asked(**on_rows(tmp_path, *rows)), [idea(change)]).proposals[0]

    found = re.search(operator(done.recipe, "extract").pattern, rows[0]["answer"])
    assert found is not None
    assert found["answer"] == "1"
    assert done.expects.isprintable()


@pytest.mark.parametrize(
    ("column", "after", "said"),
    [
        ("level", "a", "that prompts or answers are written from"),
        ("answer", "", "found neither"),
        ("answer", "=>", "found them in 0"),
    ],
)
def test_marks_that_cut_nothing_are_refused(
    tmp_path: Path, column: str, after: str, said: str
) -> None:
    change = {"kind": "extract", "column": column, "after": after, "before": ""}

    assert said in wrong(change, **on_rows(tmp_path, *LEVELS))


@pytest.mark.parametrize("before", ["</think>", ""])
def test_text_in_which_an_end_is_missing_is_soon_given_up(tmp_path: Path, before: str) -> None:
    rows = [{"question": "1?", "answer": "<think>1</think>"}]
    change = {"kind": "extract", "column": "answer", "after": "<think>", "before": before}
    pattern = operator(made(change, **on_rows(tmp_path, *rows)), "extract").pattern

    began = time.perf_counter()
    found = re.search(pattern, "<think>" * 4000 + "\n" * 4000)

    assert time.perf_counter() - began < 0.3
    assert (found is None) == bool(before)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a[1]b[2]", "1"),
        ("a[]b]", "]b"),
        ("a[[1]", "[1"),
        ("]a[1]", "1"),
        ("a[1", None),
        ("a]1", None),
    ],
)
def test_what_stands_between_the_first_two_marks_is_kept(
    tmp_path: Path, said: str, kept: str | None
) -> None:
    rows = [{"question": "1?", "answer": "[1]"}]
    change = {"kind": "extract", "column": "answer", "after": "[", "before": "]"}

    extract = operator(made(change, **on_rows(tmp_path, *rows)), "extract")

    found = re.search(extract.pattern, said)
    assert (found and found["answer"]) == kept


def test_marks_that_most_rows_lack_are_refused_with_how_many_have_them(tmp_path: Path) -> None:
    others: list[dict[str, Any]] = [{"question": "?", "answer": one} for one in "abc"]
    rows = [*LEVELS, *others]
    change = {"kind": "extract", "column": "answer", "after": "#### ", "before": ""}

    assert "of the first 5 rows or more" in wrong(change, **on_rows(tmp_path, *rows))
    assert made(change, **on_rows(tmp_path, *rows[:4]))


def test_marks_are_looked_for_in_numbers_as_they_are_written(tmp_path: Path) -> None:
    change = {"kind": "extract", "column": "answer", "after": "", "before": "."}

    assert made(change, **on_rows(tmp_path, {"question": "1?", "answer": 17.5}))


def test_a_conversation_is_not_cut(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "1?"}, {"role": "assistant", "content": "#### 1"}]
    change = {"kind": "extract", "column": "answer", "after": "#### ", "before": ""}

    assert "found them in 0" in wrong(
        change, **on_rows(tmp_path, {"answer": said}, mapping=Messages(column="answer"))
    )


def test_a_row_without_a_value_has_none_of_the_values(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [*LEVELS, {"question": "3?", "answer": "3", "level": None}]
    change = {"kind": "where", "column": "level", "values": ["None"], "fate": "drop"}

    assert "found them in 0" in wrong(change, **on_rows(tmp_path, *rows))


@pytest.mark.parametrize(
    ("texts", "of", "held"),
    [(["easy"], "sample", 0), (["####"], "prompt", 0), (["####"], "completion", 2)],
)
def test_texts_that_no_sample_or_every_sample_holds_where_they_are_looked_for_are_refused(
    tmp_path: Path, texts: list[str], of: str, held: int
) -> None:
    change = {"kind": "matching", "texts": texts, "of": of, "fate": "drop"}

    said = wrong(change, **on_rows(tmp_path, *LEVELS))

    assert f"some of the first 2 samples hold in their {of}, found them in {held}" in said


def test_texts_are_not_looked_for_in_rows_that_become_no_samples(tmp_path: Path) -> None:
    change = {"kind": "matching", "texts": ["1"], "of": "sample", "fate": "drop"}

    assert "that the mapping can read" in wrong(change, **on_rows(tmp_path, {"question": "1?"}))


def test_a_filter_that_lets_everything_pass_is_refused() -> None:
    change = {"kind": "filter", "prompts": "any", "completions": "any"}

    assert "wanted a length to cut at, found any twice" in wrong(change)


def test_texts_are_looked_for_as_they_are_written_in_any_case(tmp_path: Path) -> None:
    rows = [*LEVELS, {"question": "(a+)+$ ?", "answer": "x", "level": "hard"}]
    change = {"kind": "matching", "texts": ["(a+)+$"], "of": "prompt", "fate": "drop"}

    matching = operator(made(change, **on_rows(tmp_path, *rows)), "matching")

    assert isinstance(matching, Matching)
    assert matching.pattern == r"(?i)\(a\+\)\+\$"
    change["texts"] = ["not there"]
    assert "found them in 0" in wrong(change, **on_rows(tmp_path, *rows))


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"kind": "language", "languages": ["en"], "of": "prompt"}, {"languages": ("en",)}),
        ({"kind": "quality", "of": "prompt", "numbers": True}, {"min_letters": 0.0}),
        (
            {"kind": "filter", "prompts": "p95", "completions": "half_p95"},
            {"max_prompt_chars": 200, "max_completion_chars": 6},
        ),
        ({"kind": "tokens", "most": "half_max_length"}, {"max_tokens": 256, "tokenizer": "base"}),
        ({"kind": "deduplicate", "by": "sample"}, {"by": "sample"}),
        (
            {"kind": "near_duplicates", "by": "prompt", "alike": "very_much"},
            {"threshold": 0.9},
        ),
        ({"kind": "balance", "most": "twice_equal"}, {"max_share": 0.5}),
        ({"kind": "sample", "by": "label"}, {"share": 0.5, "by": "label"}),
        ({"kind": "augment", "rule": "casing", "copies": 2}, {"copies": 2}),
        ({"kind": "curriculum"}, {"first": "short"}),
    ],
)
def test_an_operator_says_what_the_model_chose(
    change: dict[str, Any], fields: dict[str, Any]
) -> None:
    found = operator(made(change, brief=brief(labels=4)), change["kind"])

    assert {name: getattr(found, name) for name in fields} == fields


def test_variants_are_worded_around_the_prompt() -> None:
    change = {"kind": "augment", "rule": "templates", "templates": ["Please answer: {prompt}"]}

    rule = operator(made(change), "augment").rule

    assert rule.templates == ("Please answer: {prompt}",)
    change["templates"] = ["Please answer: {path}"]
    assert "must hold {prompt}" in wrong(change)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "balance", "most": "equal"},
        {"kind": "sample", "by": "label"},
    ],
)
def test_answers_that_are_no_labels_are_not_balanced(change: dict[str, Any]) -> None:
    assert "no labels" in wrong(change)


def test_rows_without_repetitions_are_not_deduplicated() -> None:
    change = {"kind": "deduplicate", "by": "prompt"}

    assert "no prompt comes twice" in wrong(change, brief=brief(duplicate_share=0.0))


def test_an_operator_that_is_there_can_be_removed() -> None:
    parent = finding(1, recipe(deduplicate="prompt"))
    change = {"kind": "remove", "operator": "deduplicate"}

    assert not any(isinstance(one, Deduplicate) for one in made(change, findings=[parent]).data)
    assert "there is no deduplicate to remove" in wrong(change)


def test_a_change_that_makes_no_difference_is_refused() -> None:
    assert "that is so already" in wrong({"kind": "lr_scheduler_type", "to": "cosine"})


def test_the_changes_of_another_experiment_are_made_here_as_well() -> None:
    findings = [
        finding(1, recipe(), value=0.5),
        finding(2, recipe(num_train_epochs=4.0), value=0.6, parent=1),
        finding(3, recipe(deduplicate="prompt", lr_scheduler_type="linear"), value=0.6, parent=1),
    ]

    done = proposed(asked(findings, parent=2), [idea(join=[3])]).proposals[0]

    assert done.recipe == recipe(
        num_train_epochs=4.0, deduplicate="prompt", lr_scheduler_type="linear"
    )


def test_numbers_of_another_adapter_are_not_joined() -> None:
    full = with_value(recipe(adapter="full"), "learning_rate", 1e-5)
    findings = [
        finding(1, recipe(), value=0.5),
        finding(2, full, value=0.5),
        finding(3, with_value(with_value(full, "learning_rate", 3e-5), "batch_size", 32), parent=2),
    ]

    joined = proposed(asked(findings), [idea(join=[3])]).proposals[0].recipe

    assert joined.method.learning_rate == recipe().method.learning_rate
    assert value_of(joined, "batch_size") == 32


@pytest.mark.parametrize("rate", [1e-5, 2e-4])
def test_an_adapter_is_joined_with_its_learning_rate(rate: float) -> None:
    findings = [
        finding(1, recipe(learning_rate=5e-4, num_train_epochs=5.0), value=0.5),
        finding(2, recipe(learning_rate=2e-4), value=0.5),
        finding(3, recipe(adapter="full", learning_rate=rate), value=0.7, parent=2),
    ]

    joined = proposed(asked(findings), [idea(join=[3])]).proposals[0].recipe

    assert joined == recipe(num_train_epochs=5.0, adapter="full", learning_rate=rate)


@pytest.mark.parametrize("number", [1, 9])
def test_an_experiment_that_is_unknown_or_the_parent_is_not_joined(number: int) -> None:
    findings = [finding(1, recipe()), finding(2, recipe(r=32), parent=1)]

    done = proposed(asked(findings), *([idea(join=[number])] for _ in range(3)))

    assert f"another experiment that has a score (2), found {number}" in done.dropped[0]


def test_the_share_of_a_sample_stays_when_it_is_drawn_otherwise() -> None:
    parent = finding(1, recipe(sample=0.25))
    change = {"kind": "sample", "by": "label"}

    sampled = operator(made(change, findings=[parent], brief=brief(labels=3)), "sample")

    assert sampled == Sample(share=0.25, by="label")


def test_a_tokenizer_is_the_base_models_wherever_the_parent_came_from() -> None:
    load, mapping, hold_out = recipe().data
    foreign = replaced(
        recipe(), data=(load, mapping, Tokens(tokenizer="elsewhere", max_tokens=9), hold_out)
    )

    done = proposed(asked([finding(1, foreign)]), [turned("num_train_epochs")]).proposals[0].recipe

    assert operator(done, "tokens").tokenizer == "base"
    assert json.dumps(done.model_dump(mode="json")).count("elsewhere") == 0
    assert isinstance(operator(done, "load"), operators.Load)
