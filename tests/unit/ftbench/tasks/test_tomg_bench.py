"""TOMG-Bench: molecules, answers, the nine rules, the files."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem

from ftbench.metrics.molecules import MAX_SMILES, canonical, parse, similarity
from ftbench.metrics.sums import total
from ftbench.sources import Files
from ftbench.task import Item, Judged, Loaded, Split
from ftbench.tasks import fixture_of
from ftbench.tasks.tomg_bench.answers import as_answer, smiles_in
from ftbench.tasks.tomg_bench.properties import BONDS, ELEMENTS, GROUPS, atoms, bonds, groups, value
from ftbench.tasks.tomg_bench.rows import FILES, SOURCED, TRAIN_FILE
from ftbench.tasks.tomg_bench.rules import RULES
from ftbench.tasks.tomg_bench.task import NAME, TASK
from shared.errors import DataFailed, Rejected
from tests.support.benchmark import fixture_items, published_items

ANILIDE = "CC(=O)Nc1ccccc1"


def molecule(smiles: str) -> Chem.Mol:
    read = parse(smiles)
    assert read is not None
    return read


def succeeds(subtask: str, smiles: str, row: Mapping[str, Any]) -> bool:
    return RULES[subtask](molecule(smiles), row)


def asked(columns: tuple[str, ...] | Mapping[str, int], **counts: int) -> dict[str, str]:
    """Return a row of counts as CSV gives it: text."""
    return {column: str(counts.get(column, 0)) for column in columns}


def item_of(subtask: str) -> Item:
    return next(i for i in fixture_items(NAME) if i.published and i.subtask == subtask)


def judged(item: Item, smiles: str) -> Judged:
    return TASK.judge(item, as_answer(smiles), strict=False)


def measured(name: str, judgements: list[Judged]) -> float | None:
    return TASK.metrics[name](total([one.counts for one in judgements]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fixture_of(NAME), tmp_path / NAME))


def load(folder: Path) -> Loaded:
    return TASK.load(Files(NAME, TASK.source, folder))


class TestMolecules:
    def test_what_is_no_molecule_is_none(self) -> None:
        for smiles in ("", " ", "C(", "None", "nan", "CCO, ethanol", "C\ud800", "C\0C"):
            assert parse(smiles) is None
            assert canonical(smiles) is None

    def test_several_fragments_are_a_molecule(self) -> None:
        assert parse("C.C") is not None

    def test_what_follows_white_space_is_a_name(self) -> None:
        assert canonical("OCC is ethanol") == "CCO"

    def test_a_smiles_that_would_crash_rdkit_is_none(self) -> None:
        assert parse("C" * MAX_SMILES) is not None
        assert parse("C" * (MAX_SMILES + 1)) is None
        assert parse("C" * 100_000) is None
        assert parse("C(" * 50_000) is None

    def test_canonical_smiles_tell_charges_and_mirror_images_apart(self) -> None:
        assert canonical("OC(=O)C") == canonical("CC(O)=O") != canonical("CC([O-])=O")
        assert canonical("C[C@H](F)Cl") != canonical("C[C@@H](F)Cl")

    def test_similarity_ignores_mirror_images(self) -> None:
        assert similarity("C[C@H](F)Cl", "C[C@@H](F)Cl") == 1.0

    def test_nothing_is_similar_to_no_molecule(self) -> None:
        assert similarity("CCO", "C(") == 0.0

    def test_invalid_smiles_print_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        parse("C1CCCCC invalid")
        parse("c1cccc1C(F)(F)(F)(F)F")

        assert capfd.readouterr() == ("", "")


class TestAnswers:
    def test_the_first_object_counts_whatever_is_around_it(self) -> None:
        answer = 'Sure, here:\n```json\n{"molecule": "CCO"}\n``` or {"molecule": "C"}'

        assert smiles_in(answer, strict=False) == "CCO"

    def test_doubled_quotes_are_single_ones(self) -> None:
        assert smiles_in('{""why"": ""so"", ""molecule"": ""CCO""}', strict=False) == "CCO"

    def test_an_object_that_is_no_json_is_read_between_its_first_two_colons(self) -> None:
        assert smiles_in('{molecule: "CCO"}', strict=False) == "CCO"
        assert smiles_in("{molecule: [CH3:1]O}", strict=False) == "[CH3"

    def test_an_object_without_a_molecule_is_read_as_a_whole(self) -> None:
        assert smiles_in('{"smiles": "CCO"}', strict=False) == '{"smiles": "CCO"}'

    def test_a_molecule_that_is_no_text_is_none(self) -> None:
        for given in ("null", "1", '["CCO"]', "1e999", "1" * 5_000, "[" * 50_000 + "}"):
            smiles = smiles_in('{"molecule": ' + given + "}", strict=False)
            assert smiles is None or parse(smiles) is None

    def test_braces_without_a_colon_are_none(self) -> None:
        assert smiles_in("{CCO}", strict=False) is None

    def test_the_part_after_the_last_arrow_counts(self) -> None:
        assert smiles_in("CC => CCC -> CCN -> CCO", strict=False) == "CCO"
        assert smiles_in('{"molecule": "CC -> CCO"}', strict=False) == "CCO"

    def test_without_an_object_the_whole_answer_counts_less_its_brackets(self) -> None:
        assert smiles_in(" [CCO]\n", strict=False) == "CCO"
        assert smiles_in("[", strict=False) == "["
        assert smiles_in("C\nO", strict=False) == "C O"

    def test_a_leading_molecule_is_stripped_unless_strict(self) -> None:
        for answer in ("Molecule: CCO", "molecule : [CCO]"):
            assert smiles_in(answer, strict=False) == "CCO"
            assert parse(smiles_in(answer, strict=True) or "") is None

    def test_a_sentence_is_no_iodine_unless_strict(self) -> None:
        assert smiles_in("I cannot do that", strict=False) is None
        assert smiles_in("I", strict=False) == "I"
        assert canonical(smiles_in("I cannot do that", strict=True) or "") == "I"

    def test_an_answer_survives_reading(self) -> None:
        for smiles in (r"F/C=C\F", "[NH3+]C", "C%10CC%10"):
            assert smiles_in(as_answer(smiles), strict=True) == smiles

    def test_endless_braces_are_read_at_once(self) -> None:
        assert smiles_in("{" * 100_000, strict=False) == "{" * 100_000


class TestCounts:
    def test_atoms_bonds_and_groups_of_the_specification(self) -> None:
        assert {e: n for e, n in atoms(molecule("CCNCCO")).items() if n} == {
            "carbon": 4,
            "oxygen": 1,
            "nitrogen": 1,
        }
        assert bonds(molecule("C#CC=C")) == {
            "single": 1,
            "double": 1,
            "triple": 1,
            "rotatable": 0,
            "aromatic": 0,
        }
        acid, anhydride, thioether = map(molecule, ("CC(=O)O", "CC(=O)OC(C)=O", "CSC"))
        assert (groups(acid, "hydroxyl"), groups(acid, "carboxyl")) == (1, 1)
        assert groups(anhydride, "ester") == 2
        assert (groups(thioether, "thioether"), groups(thioether, "sulfide")) == (2, 1)

    @pytest.mark.parametrize(
        ("group", "smiles", "count"),
        [
            ("benzene_ring", "c1ccccc1-c1ccccc1", 2),
            ("benzene_ring", "c1ccc2ccccc2c1", 0),  # its atoms are in two rings
            ("anhydride", "CC(=O)OC(C)=O", 1),
            ("aldehyde", "CC=O", 1),
            ("ketone", "CC(C)=O", 1),
            ("amide", "CC(=O)NC", 1),
            ("amine", "CNC(=O)CN", 1),
            ("nitro", "C[N+](=O)[O-]", 1),
            ("halo", "FC(Cl)(Br)I", 4),
            ("nitrile", "CC#N", 1),
            ("thiol", "CCS", 1),
            ("sulfide", "CSSC", 1),
            ("disulfide", "CSSC", 1),
            ("sulfoxide", "CS(C)=O", 1),
            ("sulfone", "CS(C)(=O)=O", 1),
            ("borane", "CB(C)C", 1),
        ],
    )
    def test_a_group_is_counted(self, group: str, smiles: str, count: int) -> None:
        assert groups(molecule(smiles), group) == count

    def test_properties_of_the_specification(self) -> None:
        chain, sorbitol = molecule("C" * 40), molecule("OCC(O)C(O)C(O)C(O)CO")
        drug = molecule("COc1ccc2c(c1)CCN(C(=O)c1cccnc1)C2")

        assert value(chain, "LogP") == pytest.approx(15.9, abs=0.1)
        assert value(chain, "MR") == pytest.approx(187, abs=0.5)
        assert value(molecule("C"), "MR") == pytest.approx(6.7, abs=0.05)
        assert value(sorbitol, "LogP") == pytest.approx(-3.6, abs=0.05)
        assert value(drug, "QED") == pytest.approx(0.84, abs=0.005)
        assert value(chain, "QED") == pytest.approx(0.07, abs=0.005)


class TestRules:
    def test_elements_that_are_not_mentioned_must_be_absent(self) -> None:
        row = asked(ELEMENTS, carbon=4, oxygen=1, nitrogen=1)

        assert succeeds("AtomNum", "CCNCCO", row)
        assert not succeeds("AtomNum", "CCNCCOF", row)
        assert not succeeds("AtomNum", "CCNCO", row)

    def test_bonds_that_are_not_mentioned_are_free(self) -> None:
        row = asked(BONDS, triple=1)

        assert succeeds("BondNum", "C#CC=C", row)
        assert not succeeds("BondNum", "C=C", row)

    def test_an_aromatic_bond_is_neither_single_nor_double(self) -> None:
        assert succeeds("BondNum", "Cc1ccccc1", asked(BONDS, single=1, aromatic=6))
        assert not succeeds("BondNum", "Cc1ccccc1", asked(BONDS, double=3))

    def test_groups_that_are_not_mentioned_must_be_absent(self) -> None:
        row = asked(GROUPS, hydroxyl=1, carboxyl=1)

        assert succeeds("FunctionalGroup", "CC(=O)O", row)
        assert not succeeds("FunctionalGroup", "NCC(=O)O", row)

    def test_thioethers_are_asked_for_and_never_counted(self) -> None:
        assert succeeds("FunctionalGroup", "CSC", asked(GROUPS, sulfide=1, thioether=1))
        assert succeeds("FunctionalGroup", "CSC", asked(GROUPS, sulfide=1, thioether=5))

    @pytest.mark.parametrize("column", ["benzene rings", "benzene_ring"])
    def test_the_column_of_benzene_has_two_names(self, column: str) -> None:
        row = asked(tuple(g for g in GROUPS if g != "benzene_ring"), nitrile=1) | {column: "1"}

        assert succeeds("FunctionalGroup", "N#Cc1ccccc1", row)
        assert not succeeds("FunctionalGroup", "CC#N", row)

    def test_an_edit_changes_a_group_by_one_and_may_change_all_else(self) -> None:
        row = {"molecule": ANILIDE, "added_group": "hydroxyl"}

        assert succeeds("AddComponent", "CC(=O)Nc1ccc(O)cc1", row)
        assert succeeds("AddComponent", "CO", row)
        assert not succeeds("AddComponent", ANILIDE, row)
        assert not succeeds("AddComponent", "OCCO", row)

    @pytest.mark.parametrize("group", ["benzene_ring", "benzene ring"])
    def test_a_group_is_named_with_or_without_an_underscore(self, group: str) -> None:
        row = {"molecule": "CCOc1ccccc1", "removed_group": group}

        assert succeeds("DelComponent", "CCO", row)
        assert not succeeds("DelComponent", "CCOc1ccccc1", row)

    def test_a_substitution_needs_both_halves(self) -> None:
        row = {"molecule": "CCCCCl", "removed_group": "halo", "added_group": "nitrile"}

        assert succeeds("SubComponent", "CCCCC#N", row)
        assert not succeeds("SubComponent", "CCCC", row)
        assert not succeeds("SubComponent", "N#CCCCCCl", row)

    @pytest.mark.parametrize("wish", ["to have a lower MR value", "to decrease its MR value"])
    def test_less_is_asked_for_in_two_ways(self, wish: str) -> None:
        row = {"molecule": "CCC", "Instruction": f"Modify the molecule CCC {wish}."}

        assert succeeds("MR", "CC", row)
        assert not succeeds("MR", "CCC", row)
        assert not succeeds("MR", "CCCC", row)

    @pytest.mark.parametrize("wish", ["to have a higher MR value", "to increase its MR value"])
    def test_anything_else_asks_for_more(self, wish: str) -> None:
        row = {"molecule": "CCC", "Instruction": f"Modify the molecule CCC {wish}."}

        assert succeeds("MR", "CCCC", row)
        assert not succeeds("MR", "CCC", row)
        assert not succeeds("MR", "CC", row)

    def test_nothing_improves_on_a_source_that_is_no_molecule(self) -> None:
        row = {"molecule": "C(", "Instruction": "Modify C( to increase it.", "added_group": "halo"}

        assert not succeeds("QED", "CCO", row)
        assert not succeeds("AddComponent", "CF", row)


class TestJudge:
    def test_the_edit_of_the_specification_is_right_and_similar(self) -> None:
        right = judged(item_of("AddComponent"), "CC(=O)Nc1ccc(O)cc1")

        assert right.value == 1.0
        assert right.parsed == "CC(=O)Nc1ccc(O)cc1"
        assert right.counts["AddComponent.similarity"] == pytest.approx(0.625)

    def test_an_invalid_molecule_is_wrong_and_counted_as_invalid(self) -> None:
        for answer in ("", "I do not know", as_answer("C(("), as_answer("")):
            wrong = TASK.judge(item_of("AddComponent"), answer, strict=False)
            assert wrong.value == 0.0
            assert wrong.parsed is None
            assert wrong.counts["AddComponent.valid"] == 0.0

    def test_in_train_only_the_published_molecule_is_right(self) -> None:
        item = next(i for i in fixture_items(NAME) if i.id == "train/0")

        assert judged(item, "OCCC").value == 1.0
        assert judged(item, "CC(C)O").value == 0.0

    def test_a_leading_molecule_is_wrong_only_when_strict(self) -> None:
        item = item_of("AtomNum")

        assert TASK.judge(item, "Molecule: CCNCCO", strict=False).value == 1.0
        assert TASK.judge(item, "Molecule: CCNCCO", strict=True).value == 0.0

    def test_the_headline_is_the_plain_mean_of_nine_rates(self) -> None:
        answers = [
            *(judged(i, "C(") for i in fixture_items(NAME) if i.published),
            judged(item_of("AtomNum"), "CCNCCO"),
        ]

        assert measured("AtomNum", answers) == pytest.approx(1 / 3)
        assert measured("success_rate", answers) == pytest.approx(1 / 27)

    def test_the_weighted_rate_is_each_rate_times_the_similarity_of_valid_answers(self) -> None:
        others = [judged(item_of(s), item_of(s).record["molecule"]) for s in SOURCED[1:]]
        edited = judged(item_of("AddComponent"), "CC(=O)Nc1ccc(O)cc1")
        invalid = judged(item_of("AddComponent"), "C(")

        weighted = measured("weighted_success_rate_edit_opt", [edited, invalid, *others])

        assert weighted == pytest.approx(0.5 * 0.625 / 6)

    def test_without_a_valid_answer_the_weighted_rate_is_zero(self) -> None:
        invalid = [judged(item_of(subtask), "C(") for subtask in SOURCED]

        assert measured("weighted_success_rate_edit_opt", invalid) == 0.0

    def test_a_part_of_the_benchmark_has_no_headline(self) -> None:
        assert measured("success_rate", [judged(item_of("AtomNum"), "CCNCCO")]) is None

    def test_constants_win_molopt_and_copies_win_nothing(self) -> None:
        items = [i for i in fixture_items(NAME) if i.published]
        rates = {
            name: [
                TASK.judge(item, answer, strict=True)
                for item, answer in zip(items, baseline([], items), strict=True)
            ]
            for name, baseline in TASK.baselines.items()
        }

        constants = rates["constants that suit MolOpt"]
        copies = rates["copy the source molecule"]
        assert [measured(s, constants) for s in ("LogP", "MR", "QED")] == [1.0, 1.0, 1.0]
        assert measured("success_rate", copies) == 0.0
        assert measured("similarity_edit_opt", copies) == 1.0

    def test_copies_do_not_give_away_the_answers_of_train(self) -> None:
        train = [i for i in fixture_items(NAME) if not i.published]

        answers = TASK.baselines["copy the source molecule"](train, train)

        assert set(answers) == {as_answer("C")}


class TestFiles:
    def test_train_lacks_what_is_about_a_molecule_of_the_benchmark(self, folder: Path) -> None:
        loaded = load(folder)

        assert [i.id for i in loaded.items if not i.published] == [f"train/{n}" for n in range(9)]
        assert loaded.notes == (
            "1 rows of OpenMolIns left out, because they are about items of the benchmark",
        )

    def test_scoring_needs_no_training_rows(self, folder: Path) -> None:
        (folder / TRAIN_FILE).unlink()

        loaded = load(folder)

        assert all(item.published for item in loaded.items)
        assert loaded.notes == (f"{TRAIN_FILE} is not in the folder: there is nothing to train on",)

    def test_train_lacks_the_instructions_of_the_benchmark(self, folder: Path) -> None:
        same = item_of("BondNum").record["Instruction"]
        with (folder / TRAIN_FILE).open("a") as file:
            file.write(f'BondNum,"{same}",C#CC=C\n')

        loaded = load(folder)

        assert same not in [i.group for i in loaded.items if not i.published]
        assert loaded.notes[0].startswith("2 rows")

    def test_the_benchmark_is_divided_by_source_molecule(self, folder: Path) -> None:
        with (folder / FILES["LogP"]).open("a") as file:
            file.write(
                "13,Modify the molecule CCSCCCCC#N to have a lower LogP value.,CCSCCCCC#N,2\n"
            )

        twice = [i for i in load(folder).items if i.group == "CCSCCCCC#N"]

        assert [(i.id, i.split) for i in twice] == [("LogP/2", Split.DEV), ("MR/0", Split.DEV)]

    def test_a_prompt_asks_for_json(self) -> None:
        system, user = item_of("AddComponent").messages

        assert system.role == "system"
        assert '{"molecule": "[SMILES_STRING]"}' in system.content
        assert user.content == f"Please add a hydroxyl to the molecule {ANILIDE}."

    def test_every_file_has_an_address(self) -> None:
        assert set(TASK.source.remotes) == {*FILES.values(), TRAIN_FILE}

    @pytest.mark.parametrize(
        ("file", "text", "message"),
        [
            ("MolCustom_BondNum.csv", "Instruction,single\nx,1\n", "record 1: wanted 'double'"),
            (
                "MolCustom_BondNum.csv",
                "Instruction,single,double,triple,rotatable,aromatic\nx,1,0,two,0,0\n",
                "record 1: wanted a count in 'triple', found 'two'",
            ),
            (
                "MolCustom_BondNum.csv",
                "Instruction,single,double,triple,rotatable,aromatic\n ,1,0,0,0,0\n",
                "record 1: wanted text in 'Instruction', found ' '",
            ),
            ("MolEdit_AddComponent.csv", "Instruction,molecule\nx,C\n", "wanted 'added_group'"),
            (
                "MolEdit_AddComponent.csv",
                "Instruction,molecule,added_group\nx,C,phenol\n",
                "record 1: wanted a functional group in 'added_group', one of benzene_ring,",
            ),
            ("MolOpt_QED.csv", "Instruction,QED\nx,1\n", "record 1: wanted 'molecule'"),
            ("MolOpt_QED.csv", 'Instruction,molecule\n"x,C\n', "wanted a row of CSV"),
            (TRAIN_FILE, "SubTask,Instruction\nQED,x\n", "record 1: wanted 'molecule'"),
            (
                TRAIN_FILE,
                "SubTask,Instruction,molecule\nqed,x,C\n",
                "record 1: wanted a SubTask, one of AtomNum,",
            ),
        ],
    )
    def test_a_bad_file_is_named_with_its_record(
        self, folder: Path, file: str, text: str, message: str
    ) -> None:
        (folder / file).write_text(text)

        with pytest.raises(DataFailed) as caught:
            load(folder)

        assert str(folder / file) in str(caught.value)
        assert message in str(caught.value)

    def test_a_missing_file_is_asked_for_with_its_address(self, folder: Path) -> None:
        (folder / "MolOpt_MR.csv").unlink()

        with pytest.raises(Rejected, match=r"S2-TOMG-Bench/resolve/main/MolOpt_MR\.csv"):
            load(folder)


class TestPublished:
    def test_there_are_5000_items_of_each_subtask(self) -> None:
        items = [i for i in published_items(NAME) if i.published]

        assert Counter(i.subtask for i in items) == dict.fromkeys(FILES, 5_000)

    def test_every_published_answer_of_train_is_right(self) -> None:
        train = [i for i in published_items(NAME) if i.split is Split.TRAIN][:1_000]

        assert all(TASK.judge(i, i.answer or "", strict=True).value == 1.0 for i in train)

    @pytest.mark.parametrize("subtask", ["LogP", "MR"])
    def test_constants_win_nearly_always(self, subtask: str) -> None:
        items = [i for i in published_items(NAME) if i.subtask == subtask and i.published][:500]
        answers = TASK.baselines["constants that suit MolOpt"]([], items)

        won = [TASK.judge(i, a, strict=True).value for i, a in zip(items, answers, strict=True)]

        assert sum(won) / len(won) > 0.97


def test_numbers_of_a_row_may_be_numbers() -> None:
    row = json.loads(json.dumps(dict.fromkeys(ELEMENTS, 0) | {"carbon": 1}))

    assert succeeds("AtomNum", "C", row)
