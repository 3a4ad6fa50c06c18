"""LawBench: how each subtask reads and marks an answer."""

from dataclasses import replace

import pytest

from ftbench.metrics.lcs import rouge_l
from ftbench.task import Judged
from ftbench.tasks.law_bench.approximate import count_edits_roughly
from ftbench.tasks.law_bench.correction import CorpusFHalf
from ftbench.tasks.law_bench.labels import CHARGES, DISPUTES, EVENTS, MARITAL, TOPICS
from ftbench.tasks.law_bench.spans import entities_in, rc_f1
from ftbench.tasks.law_bench.task import TASK
from ftbench.tasks.law_bench.words import words
from tests.support.benchmark import fixture_items

SHORT = 5e-5  # of vectors given to four digits


def judged(
    subtask: str, gold: str, answer: str, question: str = "", strict: bool = False
) -> Judged:
    """Return what an answer earns from an item of that subtask with that published answer."""
    some = next(item for item in fixture_items("law_bench") if item.subtask == subtask)
    row = {"instruction": "", "question": question, "answer": gold}
    return TASK.judge(replace(some, record=row), answer, strict=strict)


def value(subtask: str, gold: str, answer: str) -> float:
    return judged(subtask, gold, answer).value


class TestProse:
    def test_words_are_jiebas_and_shared_in_order(self) -> None:
        gold, answer = "人民法院应当依法受理案件", "法院应当受理该案件"

        assert words(gold) == ["人民法院", "应当", "依法", "受理", "案件"]
        assert words(answer) == ["法院", "应当", "受理", "该", "案件"]
        assert value("3-2", gold, answer) == pytest.approx(0.6, abs=SHORT)

    def test_word_order_matters(self) -> None:
        assert rouge_l(["a", "b", "c"], ["c", "b", "a"]) == pytest.approx(1 / 3)

    def test_nothing_shared_scores_zero_however_long(self) -> None:
        assert rouge_l([], ["a"]) == rouge_l(["a"], []) == rouge_l(["a"], ["b"] * 1000) == 0.0

    def test_smoothing_lowers_the_score(self) -> None:
        assert rouge_l(["a"], ["a"], smoothing=2.0) == 0.5

    @pytest.mark.parametrize(
        ("text", "divided"),
        [
            ("原告。\n\n被告", ["原告", "。", "", "", "被告"]),
            ("\n原告 \n被告\n", ["原告", "被告"]),
            ("原告.............被告", ["原告", "......", ".......", "被告"]),
            ("  \n ", []),
        ],
    )
    def test_a_blank_between_two_line_ends_is_a_word(self, text: str, divided: list[str]) -> None:
        assert words(text) == divided

    def test_an_empty_answer_scores_zero(self) -> None:
        assert judged("3-2", "被告", " \n") == Judged(0.0, {"3-2.score": 0.0, "3-2.n": 1.0}, None)

    def test_what_comes_after_20000_characters_does_not_count(self) -> None:
        rambling = "原告" * 10_000

        assert value("3-2", "原告被告", rambling) == value("3-2", "原告被告", rambling + "被告")

    def test_the_gold_prefix_is_left_out_for_1_1_alone(self) -> None:
        assert value("1-1", "答案:应当更换", "应当更换") == pytest.approx(1.0)
        assert value("3-8", "回答:应当更换", "应当更换") < 1.0


class TestOptions:
    @pytest.mark.parametrize(
        ("answer", "right"),
        [
            ("[正确答案]B<eoa>", 1.0),
            ("B。B", 1.0),
            ("B, because of A", 0.0),
            ("A", 0.0),
            ("b", 0.0),
            ("", 0.0),
        ],
    )
    def test_a_choice_is_right_when_no_other_letter_occurs(self, answer: str, right: float) -> None:
        assert value("1-2", "正确答案：B。", answer) == right
        assert value("3-6", "正确答案:B。", answer) == right

    def test_argument_mining_has_a_fifth_letter(self) -> None:
        assert value("2-8", "[正确答案]B<eoa>", "B E") == 0.0
        assert value("1-2", "正确答案：B。", "B E") == 1.0

    def test_a_label_may_stand_anywhere(self) -> None:
        assert value("2-2", "争议焦点类别：利息。", "本句争议的是利息问题") == 1.0
        assert value("2-4", "劳动纠纷", "劳动纠纷、合同纠纷") == 0.0

    def test_no_label_is_an_abstention(self) -> None:
        assert judged("2-2", "争议焦点类别：利息。", "不清楚").parsed is None

    def test_several_labels_earn_the_f1_of_the_sets(self) -> None:
        gold = "类别:婚后有子女、支付抚养费、准予离婚。"

        assert value("2-3", gold, "[类别]准予离婚<eoa>") == pytest.approx(0.5)
        assert value("2-9", "支付/给付;卖出", "卖出；买入") == pytest.approx(0.5)
        assert value("2-9", "支付/给付;卖出", "没有") == 0.0

    def test_a_charge_within_another_counts_as_well(self) -> None:
        assert value("3-3", "罪名:职务侵占", "[罪名]职务侵占<eoa>") == pytest.approx(2 / 3)

    def test_a_charge_that_the_scorer_lacks_cannot_be_hit(self) -> None:
        assert value("3-3", "罪名:爆炸", "[罪名]爆炸<eoa>") == 0.0

    def test_the_lists_have_the_published_lengths(self) -> None:
        lists = (DISPUTES, MARITAL, TOPICS, EVENTS, CHARGES)

        assert [len(set(labels)) for labels in lists] == [16, 20, 20, 20, 189]


class TestSpans:
    def test_rc_f1_compares_multisets_of_letters(self) -> None:
        assert rc_f1("21万元借款,律师费4000元", "律师费4000元") == pytest.approx(0.7273, abs=SHORT)
        assert rc_f1("A，b", "Ba!") == 1.0

    @pytest.mark.parametrize(("gold", "answer", "score"), [("，", "", 1.0), ("，", "a", 0.0)])
    def test_texts_without_letters_agree(self, gold: str, answer: str, score: float) -> None:
        assert rc_f1(gold, answer) == score

    def test_reading_strips_the_prefix_from_the_gold_only(self) -> None:
        assert value("2-5", "回答:三条木船", "三条木船") == 1.0
        assert value("2-5", "回答:三条木船", "回答:三条木船") == pytest.approx(0.8)

    def test_entities_stand_one_a_line(self) -> None:
        gold = "受害人:张某某;地点:某商场;时间:2020年"

        assert value("2-6", gold, "受害人:张某某\n地点:某市场") == pytest.approx(2 / 3, abs=SHORT)
        assert entities_in(gold)["受害人"] == "张某某;地点:某商场;时间:2020年"

    @pytest.mark.parametrize(
        ("answer", "found"),
        [
            ("时间：  三月 五日", {"时间": "三月"}),
            ("时间:三月\n时间:五月", {"时间": "五月"}),
            ("时间:三月\n时间:无\n地点:未提及", {"时间": "三月"}),
            ("作案时间:三月", {"时间": "三月"}),
            ("时间是三月", {}),
            ("时间:三", {}),
            ("时间:三月", {"时间": "三月"}),
            ("时间:   ", {"时间": ""}),
            ("天气:晴天晴天", {}),
        ],
    )
    def test_an_entity_is_what_follows_its_type(self, answer: str, found: dict[str, str]) -> None:
        assert entities_in(answer) == found

    def test_a_type_too_close_to_the_end_is_passed_over_for_an_earlier_one(self) -> None:
        assert entities_in("时间:三月\n时间:五") == {"时间": "三月"}

    def test_where_the_text_has_no_entity_an_answer_without_any_is_right(self) -> None:
        assert value("2-6", "", "无") == value("2-6", "", "") == 1.0
        assert value("2-6", "", "时间:三月") == 0.0

    def test_trigger_words_are_compared_place_by_place(self) -> None:
        assert value("2-10", "查扣;退还;扣押", "查扣;退给") == pytest.approx(0.6, abs=SHORT)
        assert value("2-10", "查扣;退还", "退还;查扣") == 0.0
        assert value("2-10", "查扣;退还", "查扣；退还") < 1.0


class TestNumbers:
    @pytest.mark.parametrize(
        ("answer", "score"),
        [
            ("[法条]刑法第二百六十四条、刑法第52条<eoa>", 2 / 3),
            ("[法条]刑法第264条<eoa>", 1.0),
            ("第264条第2款", 0.0),
            ("第264条第2款、第264条", 1.0),
            ("根据第2款和第3款，刑法264条，第4款", 1.0),
            ("刑法264条和52条", 1.0),
            ("刑法第52条，刑法第264条", 0.0),
            ("3万元，第264条", 0.0),
            ("", 0.0),
        ],
    )
    def test_an_article_is_the_first_number_of_its_part(self, answer: str, score: float) -> None:
        assert value("3-1", "法条:刑法第264条", answer) == pytest.approx(score)

    def test_a_numeral_is_read_without_the_signs_around_it(self) -> None:
        assert value("3-1", "法条:刑法第2条", "两条") == 1.0
        assert value("3-1", "法条:刑法第2条", "第两条") == 0.0
        assert value("3-1", "法条:刑法第3条", "罚金三万元") == 1.0

    def test_two_articles_are_a_set(self) -> None:
        gold = "法条:刑法第266、159条"

        assert value("3-1", gold, "[法条]刑法第159条、刑法第266条<eoa>") == 1.0
        assert judged("3-1", gold, "第159条、第159条").parsed == "159"

    @pytest.mark.parametrize(
        ("answer", "score"),
        [
            ("[刑期]18月<eoa>", 1.0),
            ("12月", 0.9294),
            ("三年", 0.8760),
            ("拘役四个月", 0.7516),
            ("有期徒刑一年六个月", 0.8142),
            ("5月，改判18个月", 1.0),
            ("无期徒刑", 0.0),
            ("18", 0.0),
        ],
    )
    def test_a_prison_term_is_near_on_a_log_scale(self, answer: str, score: float) -> None:
        for subtask in ("3-4", "3-5"):
            assert value(subtask, "刑期:18个月", answer) == pytest.approx(score, abs=SHORT)

    def test_a_term_that_is_far_off_is_worse_than_none(self) -> None:
        assert value("3-4", "刑期:0个月", "999999月") < 0.0

    @pytest.mark.parametrize("gold", ["刑期:死刑", "刑期:无期"])
    def test_death_and_life_count_for_nothing(self, gold: str) -> None:
        assert judged("3-4", gold, "18月").counts == {}

    @pytest.mark.parametrize(
        ("answer", "right"),
        [
            ("[金额]8500元<eoa>", 1.0),
            ("先是200元，共8500.00元", 1.0),
            ("共计8,500元", 0.0),
            ("8500.5", 0.0),
            ("八千五百元", 0.0),
        ],
    )
    def test_an_amount_is_right_when_among_the_numbers(self, answer: str, right: float) -> None:
        assert value("3-7", "上文涉及到的犯罪金额:8500.0元。", answer) == right

    @pytest.mark.parametrize("numeral", ["一", "廿", "9", "点一", "负", "万亿", "三分之", "第"])
    def test_a_long_run_of_numerals_ends_soon_and_warns_of_nothing(self, numeral: str) -> None:
        for subtask, gold in (("3-1", "法条:刑法第264条"), ("3-4", "刑期:18个月")):
            assert value(subtask, gold, numeral * 50_000 + "月") == 0.0


class TestProofreading:
    GOLD = "被告应当支付货款。"
    SOURCE = "被告应当支付活款。"

    def mark(self, answer: str) -> Judged:
        return judged("2-1", self.GOLD, answer, self.SOURCE)

    def test_the_corrected_sentence_hits_and_the_copied_one_misses(self) -> None:
        assert self.mark(self.GOLD).value == 1.0
        assert self.mark(self.GOLD).counts == {
            f"{key}.{count}": float(count in ("hits", "n"))
            for key in ("2-1", "2-1.difflib")
            for count in ("hits", "spurious", "missed", "n")
        }
        assert self.mark(self.SOURCE).value == 0.0
        assert self.mark(self.SOURCE).counts["2-1.missed"] == 1.0

    def test_difflib_counts_the_passages_it_would_replace(self) -> None:
        wrong, right = "当事人的合同解除被认可", "合同的当事人解除被认可"

        assert count_edits_roughly(wrong, right, right) == (2, 0, 0)
        assert count_edits_roughly(wrong, right, wrong) == (0, 0, 2)
        assert count_edits_roughly("甲乙丙", "甲丁丙", "甲戊丙") == (0, 1, 1)
        assert count_edits_roughly("甲乙丙", "甲乙丙", "甲丙") == (0, 1, 0)

    def test_line_ends_are_removed_and_the_tail_is_cut(self) -> None:
        assert self.mark("被告应当\n支付\t货款。") == self.mark(self.GOLD)
        assert self.mark(self.GOLD + "一二三四五六七").parsed == self.GOLD + "一二三四五"

    def test_an_empty_answer_is_read_as_no_content(self) -> None:
        assert self.mark("\n").parsed == "无内容"

    def test_f_half_is_of_all_sentences_together(self) -> None:
        corpus = CorpusFHalf("2-1")
        sums = {"2-1.hits": 3.0, "2-1.spurious": 1.0, "2-1.missed": 3.0, "2-1.n": 4.0}

        # 1.25 * 0.75 * 0.5 / (0.25 * 0.75 + 0.5)
        assert corpus(sums) == pytest.approx(0.681818, abs=SHORT)
        assert corpus({}) is None

    def test_nothing_to_change_and_nothing_changed_is_perfect(self) -> None:
        counts = {"2-1.hits": 0.0, "2-1.spurious": 0.0, "2-1.missed": 0.0, "2-1.n": 1.0}

        assert CorpusFHalf("2-1")(counts) == 1.0
