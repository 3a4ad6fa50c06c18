"""oMeBench: reading answers, aligning mechanisms, which reactions are learnt from, the files."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.task import Item, Split
from ftbench.tasks import fixture_of
from ftbench.tasks.ome_bench.alignment import NOTHING, GoldStep, Scores, score
from ftbench.tasks.ome_bench.answers import Step, steps_in
from ftbench.tasks.ome_bench.prompt import SUBTYPES, as_answer
from ftbench.tasks.ome_bench.task import GOLD, MAX_STEPS, NAME, SILVER, TASK, TEMPLATE
from shared.errors import DataFailed, Rejected
from tests.support.benchmark import fixture_items, published_items

PROTON, ADDITION = "acid_base_proton_transfer", "nucleophilic_addition"
ALDOL = [
    GoldStep(PROTON, "[CH2-]C=O", 0.25),
    GoldStep(ADDITION, "CC([O-])CC=O", 0.55),
    GoldStep(PROTON, "CC(O)CC=O", 0.20),
]
WRITTEN = [Step("coordination", "CCO"), Step("dissociation", "CC")]


def as_json(steps: Sequence[Step]) -> str:
    return json.dumps([{"subtype": s.subtype, "intermediate_smiles": s.smiles} for s in steps])


def item_called(id: str) -> Item:
    return next(item for item in fixture_items(NAME) if item.id == id)


def percent(items: Sequence[Item], answers: Sequence[str], *, strict: bool) -> dict[str, float]:
    judged = [TASK.judge(i, a, strict=strict) for i, a in zip(items, answers, strict=True)]
    sums = total([one.counts for one in judged])
    return {
        name: round(100 * (TASK.metrics[name](sums) or 0.0), 1)
        for name in ("total", "partial", "valid", "subtype")
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fixture_of(NAME), tmp_path / NAME))


def load(folder: Path) -> list[Item]:
    return list(TASK.load(Files(NAME, TASK.source, folder)).items)


class TestAlignment:
    def test_the_published_mechanism_scores_all(self) -> None:
        assert score(ALDOL, [Step(s.subtype, s.smiles) for s in ALDOL]) == Scores(1, 1, 1, 1)

    def test_a_step_alone_earns_its_weight(self) -> None:
        scores = score(ALDOL, [Step(ADDITION, "CC([O-])CC=O")])

        assert scores == Scores(total=0.55, partial=0.55, valid=1.0, subtype=0.33)

    def test_subtypes_match_without_molecules(self) -> None:
        predicted = [Step(PROTON, "CC=C[O-]"), Step(ADDITION, "CC(O)CC=O"), Step(PROTON, "xx")]

        assert score(ALDOL, predicted) == Scores(total=0, partial=0, valid=0.67, subtype=1.0)

    def test_no_steps_score_nothing(self) -> None:
        assert score(ALDOL, []) == NOTHING

    def test_a_similar_molecule_earns_its_share(self) -> None:
        gold = [GoldStep(ADDITION, "CC(=O)Nc1ccccc1", 1.0)]

        scores = score(gold, [Step(ADDITION, "CC(=O)Nc1ccc(O)cc1")])  # similarity 0.625

        assert scores == Scores(total=0.0, partial=0.62, valid=1.0, subtype=1.0)

    def test_mirror_images_are_similar_and_not_the_same(self) -> None:
        scores = score([GoldStep(ADDITION, "C[C@H](O)F", 1.0)], [Step(ADDITION, "C[C@@H](O)F")])

        assert scores == Scores(total=0.0, partial=1.0, valid=1.0, subtype=1.0)

    def test_a_molecule_is_the_same_however_it_is_written(self) -> None:
        assert score([GoldStep(ADDITION, "CCO", 1.0)], [Step(ADDITION, "OCC")]).total == 1.0

    def test_two_invalid_molecules_are_not_the_same(self) -> None:
        assert score([GoldStep(ADDITION, "xx", 1.0)], [Step(ADDITION, "xx")]) == Scores(0, 0, 0, 1)

    def test_another_subtype_earns_nothing_for_the_right_molecule(self) -> None:
        scores = score([GoldStep(ADDITION, "CCO", 1.0)], [Step(PROTON, "CCO")])

        assert scores == Scores(total=0.0, partial=0.0, valid=1.0, subtype=0.0)

    def test_order_matters(self) -> None:
        assert score(ALDOL, [Step(s.subtype, s.smiles) for s in reversed(ALDOL)]).total == 0.55

    def test_exact_weights_come_before_similar_ones(self) -> None:
        gold = [GoldStep(ADDITION, "CCO", 0.1), GoldStep(PROTON, "C[C@H](O)F", 0.9)]
        predicted = [Step(PROTON, "C[C@@H](O)F"), Step(ADDITION, "CCO")]

        assert score(gold, predicted) == Scores(total=0.1, partial=0.1, valid=1.0, subtype=0.5)

    def test_steps_that_match_none_cost_nothing(self) -> None:
        noise = [Step("coordination", "C")] * 5
        spread = [step for s in ALDOL for step in (*noise, Step(s.subtype, s.smiles))]

        assert score(ALDOL, spread) == Scores(1, 1, 1, 1)

    def test_of_equal_alignments_one_with_more_matches_in_a_row_is_taken(self) -> None:
        gold = [GoldStep("A", "CCO", 0.5), GoldStep("A", "CCN", 0.5)]
        predicted = [Step("A", "c1ccccc1"), Step("A", "CCN"), Step("A", "CCO")]

        assert score(gold, predicted) == Scores(total=0.5, partial=0.5, valid=1.0, subtype=1.0)

    def test_of_equal_alignments_the_published_scorer_takes_the_first_not_the_fullest(self) -> None:
        gold = [
            GoldStep("A", "CCO", 0.25),
            GoldStep("C", "c1ccccc1", 0.25),
            GoldStep("B", "CCO", 0.25),
            GoldStep("A", "c1ccccc1", 0.25),
        ]
        predicted = [Step("B", "c1ccccc1"), Step("A", "c1ccccc1"), Step("B", "CCO")]

        assert score(gold, predicted) == Scores(total=0.25, partial=0.25, valid=1.0, subtype=0.25)

    def test_scores_have_two_decimals(self) -> None:
        gold = [GoldStep(ADDITION, "CCO", 1 / 3), GoldStep(PROTON, "C", 2 / 3)]

        assert score(gold, [Step(ADDITION, "CCO")]).total == 0.33


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            "{steps}",
            "  {steps}\n",
            "Here it is: [ANSWER] {steps} [/ANSWER] I hope it helps.",
            "[ANSWER]{steps}",
            "[ANSWER]{steps}[/ANSWER][ANSWER]no[/ANSWER]",
            "```json\n{steps}\n```",
            "[ANSWER]```JSON\n{steps}\n```[/ANSWER]",
            "The mechanism is : {steps}",
            '{{"mechanism": {steps}}}',
        ],
    )
    def test_a_list_is_found(self, answer: str) -> None:
        assert steps_in(answer.format(steps=as_json(WRITTEN))) == WRITTEN

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "no JSON",
            "null",
            '"text"',
            "{}",
            '{"steps": []}',
            "[1]",
            '[{"subtype": "coordination"}]',
            '[{"intermediate_smiles": "CCO"}]',
            '[{"subtype": "coordination", "intermediate_smiles": null}]',
            f"Steps: {as_json(WRITTEN)}",
            "[" * 100_000,
            '{"mechanism":' * 10_000,
            "[" + "1" * 5_000 + "]",
        ],
    )
    def test_anything_else_is_none(self, answer: str) -> None:
        assert steps_in(answer) is None

    def test_one_bad_step_spoils_all(self) -> None:
        bad = [*json.loads(as_json(WRITTEN)), {"subtype": "coordination"}]

        assert steps_in(json.dumps(bad)) is None

    def test_a_subtype_that_is_no_text_matches_nothing(self) -> None:
        nested = "[" * 400 + "]" * 400

        steps = steps_in(f'[{{"subtype": {nested}, "intermediate_smiles": "C"}}]')

        assert steps == [Step("", "C")]

    def test_an_empty_list_has_no_steps(self) -> None:
        assert steps_in("[]") == []

    def test_an_answer_survives_reading(self) -> None:
        steps = [Step("1,2-shift", r"F/C=C\F"), Step("migratory insertion", "[Pd+2]")]

        assert steps_in(as_answer(steps)) == steps


class TestJudge:
    def test_an_answer_without_a_list_scores_nothing(self) -> None:
        wrong = TASK.judge(item_called("gold/XX-002"), "It just happens.", strict=False)

        assert (wrong.value, wrong.parsed) == (0.0, None)
        assert all(wrong.counts[name] == 0.0 for name in ("total", "partial", "valid", "subtype"))

    def test_what_was_read_is_shown(self) -> None:
        judged = TASK.judge(item_called("gold/XX-002"), as_json(WRITTEN), strict=False)

        assert judged.parsed == "coordination CCO\ndissociation CC"

    @pytest.mark.parametrize(("strict", "value"), [(False, 0.0), (True, 1.0)])
    def test_more_steps_than_allowed_score_nothing_unless_strict(
        self, strict: bool, value: float
    ) -> None:
        item = item_called("gold/XX-001")
        right = Step("nucleophilic_substitution", "CCOC")

        longest = TASK.judge(item, as_json([right] * MAX_STEPS), strict=strict)
        longer = TASK.judge(item, as_json([right] * (MAX_STEPS + 1)), strict=strict)

        assert longest.value == 1.0
        assert longer.value == value
        assert longer.counts["valid"] == value

    def test_scores_are_given_by_level(self) -> None:
        judged = [
            TASK.judge(item_called("gold/XX-001"), "", strict=False),
            TASK.judge(
                item_called("gold/XX-005"), item_called("gold/XX-005").answer or "", strict=False
            ),
        ]
        sums = total([one.counts for one in judged])

        assert {name: metric(sums) for name, metric in TASK.metrics.items()} == {
            "partial": 0.5,
            "total": 0.5,
            "valid": 0.5,
            "subtype": 0.5,
            "partial_easy": 0.0,
            "partial_medium": None,
            "partial_hard": 1.0,
        }

    @pytest.mark.parametrize("strict", [False, True])
    def test_answers_of_a_hundred_thousand_characters_are_scored(self, strict: bool) -> None:
        item = item_called("gold/XX-005")
        many = as_json([Step(PROTON, "CCC(CC)=NCC")] * 1_300)
        long = as_json([Step(PROTON, "C" * 99_000)])

        assert len(many) > 90_000
        assert TASK.judge(item, many, strict=strict).value == (0.2 if strict else 0.0)
        assert TASK.judge(item, long, strict=strict).counts["valid"] == 0.0


class TestFiles:
    def test_reactions_are_divided_by_template_and_gold_is_test(self) -> None:
        splits = Counter((i.id.partition("/")[0], i.split) for i in fixture_items(NAME))

        assert splits == {
            ("template", Split.TRAIN): 4,
            ("silver", Split.TRAIN): 11,
            ("silver", Split.DEV): 3,
            ("silver", Split.CONFIRM): 3,
            ("gold", Split.TEST): 5,
        }
        assert all(i.published is (i.split is Split.TEST) for i in fixture_items(NAME))

    def test_a_reaction_that_gold_has_too_is_left_out(self) -> None:
        ids = {i.id for i in fixture_items(NAME)}

        assert "silver/XX-001_1-CCC_2-H" in ids
        assert "silver/XX-001_1-CC_2-H" not in ids  # ethoxide and methyl bromide, as gold/XX-001
        assert "template/XX-003" not in ids

    def test_a_reaction_that_cannot_be_scored_is_left_out(self) -> None:
        ids = {i.id for i in fixture_items(NAME)}

        assert "template/XX-007" not in ids  # EWG is no SMILES
        assert "template/XX-008" not in ids  # no subtype

    def test_an_id_that_is_there_twice_is_numbered(self) -> None:
        assert item_called("template/XX-002#2").group == item_called("template/XX-002").group

    def test_a_name_that_gold_never_uses_is_replaced_and_a_single_smiles_is_a_list(self) -> None:
        record = item_called("template/XX-006").record

        assert record["mechanism"][0]["subtype"] == "coordination"
        assert record["products_smiles"] == ["[O+](=C([*:1])[*:2])[B-](F)(F)F"]
        assert record["conditions"] == "not stated"

    def test_weights_are_golds_where_it_has_as_many_steps_else_equal(self) -> None:
        assert weights(item_called("silver/XX-002_1-CC")) == [0.6, 0.4]
        assert weights(item_called("silver/XX-011_1-C")) == [0.5, 0.5]

    def test_weights_are_equal_where_gold_has_another_number_of_steps(self, folder: Path) -> None:
        rows = json.loads((folder / TEMPLATE).read_text())
        rows[0]["mechanism"] *= 2
        (folder / TEMPLATE).write_text(json.dumps(rows))

        item = next(i for i in load(folder) if i.id == "template/XX-001")

        assert weights(item) == [0.5, 0.5]

    def test_without_silver_templates_are_all_there_is(self, folder: Path) -> None:
        (folder / SILVER).unlink()

        loaded = TASK.load(Files(NAME, TASK.source, folder))

        assert [i.id.partition("/")[0] for i in loaded.items] == ["template"] * 4 + ["gold"] * 5
        assert loaded.notes == (
            "oMe_Silver.jsonl is not in the folder: 4 templates are all there is to train",
        )

    def test_a_question_has_the_reaction_and_the_vocabulary_and_not_the_answer(self) -> None:
        item = item_called("gold/XX-002")
        (message,) = item.messages

        assert '"reactants_smiles": ["CCCC=O", "C#N"]' in message.content
        assert '"conditions": "KCN, H2O"' in message.content
        assert all(f"- {subtype} (" in message.content for subtype in SUBTYPES)
        assert "CCCC([O-])C#N" not in message.content

    def test_an_answer_has_the_type_of_each_subtype(self) -> None:
        answer = item_called("gold/XX-001").answer or ""

        assert answer == (
            '[ANSWER][{"step": 1, "type": "substitution", "subtype": "nucleophilic_substitution", '
            '"intermediate_smiles": "CCOC"}][/ANSWER]'
        )

    def test_every_file_is_fetched_at_a_fixed_revision(self) -> None:
        assert set(TASK.source.remotes) == {GOLD, TEMPLATE, SILVER}
        assert all(len(r.url.split("/")[5]) == 40 for r in TASK.source.remotes.values())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"reaction_id": None}, "record 1: wanted 'reaction_id'"),
            ({"mechanism": None}, "record 1: wanted 'mechanism'"),
            ({"mechanism": "SN2"}, "record 1: wanted a list of steps in 'mechanism', found str"),
            ({"mechanism": ["SN2"]}, "record 1 step 1: wanted an object, found str"),
            ({"mechanism": [{"step": 1}]}, "record 1 step 1: wanted 'intermediate_smiles'"),
            ({"reactants_smiles": [1]}, "record 1: wanted a list of SMILES in 'reactants_smiles'"),
            ({"products_smiles": ["C("]}, "record 1: wanted subtypes of the vocabulary, valid"),
            ({"mechanism": []}, "record 1: wanted subtypes of the vocabulary, valid SMILES and"),
            (
                {"mechanism": [{"subtype": "magic", "intermediate_smiles": "C", "step_weight": 1}]},
                "record 1: wanted subtypes of the vocabulary",
            ),
            (
                {
                    "mechanism": [
                        {"subtype": PROTON, "intermediate_smiles": "C", "step_weight": 0.9}
                    ]
                },
                "record 1: wanted subtypes of the vocabulary, valid SMILES and weights that sum to",
            ),
            (
                {
                    "mechanism": [
                        {"subtype": PROTON, "intermediate_smiles": "C", "step_weight": "1"}
                    ]
                },
                "record 1 step 1: wanted text in 'intermediate_smiles' and a number in",
            ),
        ],
    )
    def test_a_bad_record_of_gold_is_named(
        self, folder: Path, change: dict[str, Any], message: str
    ) -> None:
        rows = json.loads((folder / GOLD).read_text())
        rows[0] = {k: v for k, v in (rows[0] | change).items() if v is not None}
        (folder / GOLD).write_text(json.dumps(rows))

        with pytest.raises(DataFailed) as caught:
            load(folder)

        assert str(caught.value).startswith(f"{folder / GOLD} {message}")

    @pytest.mark.parametrize(
        ("file", "text", "message"),
        [
            (GOLD, "[", "wanted a JSON file, found one that cannot be parsed"),
            (TEMPLATE, "{}", "wanted a JSON list of objects, found dict"),
            (SILVER, "{\n", "line 1: wanted one JSON object a line"),
            (SILVER, "{}\n", "record 1: wanted 'reaction_id', found nothing"),
        ],
    )
    def test_a_bad_file_is_named(self, folder: Path, file: str, text: str, message: str) -> None:
        (folder / file).write_text(text)

        with pytest.raises(DataFailed) as caught:
            load(folder)

        assert str(folder / file) in str(caught.value)
        assert message in str(caught.value)

    def test_templates_are_needed(self, folder: Path) -> None:
        (folder / TEMPLATE).unlink()

        with pytest.raises(Rejected, match=r"wanted oMe_Template\.json"):
            load(folder)


class TestPublished:
    def test_the_sizes_are_those_of_the_readme(self) -> None:
        splits = Counter(i.split for i in published_items(NAME) if not i.id.startswith("silver"))

        assert splits == {Split.TRAIN: 127, Split.DEV: 10, Split.CONFIRM: 13, Split.TEST: 196}

    def test_levels_and_steps_are_those_of_the_specification(self) -> None:
        gold = [i for i in published_items(NAME) if i.published]
        lengths = [len(i.record["mechanism"]) for i in gold]

        assert Counter(i.subtask for i in gold) == {"easy": 35, "medium": 138, "hard": 23}
        assert (sum(lengths), max(lengths)) == (858, MAX_STEPS / 2)

    @pytest.mark.parametrize("strict", [False, True])
    def test_the_published_answers_score_one(self, strict: bool) -> None:
        items = published_items(NAME)

        scores = percent(items, [i.answer or "" for i in items], strict=strict)

        assert set(scores.values()) == {100.0}

    @pytest.mark.parametrize(
        ("baseline", "expected"),
        [
            ("one proton transfer to the product", (3.1, 3.2, 100.0, 8.0)),
            ("five usual steps to the product", (9.7, 11.9, 100.0, 33.5)),
            ("48 usual steps to reactant and product", (12.9, 16.0, 100.0, 30.2)),
        ],
    )
    def test_trivial_answers_score_as_with_the_published_scorer(
        self, baseline: str, expected: tuple[float, ...]
    ) -> None:
        gold = [i for i in published_items(NAME) if i.published]

        scores = percent(gold, TASK.baselines[baseline]([], gold), strict=True)

        assert tuple(scores.values()) == expected

    def test_steps_of_22_subtypes_score_as_the_readme_says(self) -> None:
        gold = [i for i in published_items(NAME) if i.published]
        train = [i for i in published_items(NAME) if i.id.startswith("template")]
        train = [i for i in train if i.split is Split.TRAIN]

        answers = TASK.baselines["22 different steps to the product"](train, gold)

        assert percent(gold, answers, strict=False) == {
            "total": 22.5,
            "partial": 23.7,
            "valid": 100.0,
            "subtype": 32.4,
        }

    def test_the_question_shows_no_reaction_of_gold(self) -> None:
        gold = [i for i in published_items(NAME) if i.published]

        assert not any(i.record["products_smiles"] == ["CCCOC"] for i in gold)


def weights(item: Item) -> list[float]:
    return [step["step_weight"] for step in item.record["mechanism"]]
