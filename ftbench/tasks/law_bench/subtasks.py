"""The twenty subtasks: how each states its gold, what it asks for, and how it marks an answer."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from ftbench.metrics.sums import Metric, Ratio
from ftbench.tasks.law_bench.correction import CorpusFHalf, proofread
from ftbench.tasks.law_bench.labels import CHARGES, DISPUTES, EVENTS, MARITAL, TOPICS
from ftbench.tasks.law_bench.marks import Case, Mark
from ftbench.tasks.law_bench.numbers import amount, articles, prison_term
from ftbench.tasks.law_bench.options import choice, several
from ftbench.tasks.law_bench.spans import entities, reading, triggers
from ftbench.tasks.law_bench.words import prose


@dataclass(frozen=True, slots=True)
class Subtask:
    """One of the twenty."""

    title: str

    gold: str
    """Pattern of a published answer; its one group is the gold."""

    mark: Callable[[Case, str], Mark]

    constant: str
    """An answer that scores well on every item, without reading it."""

    written: Callable[[str], str] = "{}".format
    """From the gold to the answer that the instruction asks for."""

    def read_gold(self, answer: str) -> str | None:
        """Return the gold of a published answer; None if it does not look like one."""
        found = re.fullmatch(self.gold, answer, re.DOTALL)
        return found[1] if found else None


def _articles(gold: str) -> str:
    return f"[法条]{'、'.join(f'刑法第{number}条' for number in gold.split('、'))}<eoa>"


def _term(gold: str) -> str:
    return f"[刑期]{gold.replace('个月', '月')}<eoa>"


def _amount(gold: str) -> str:
    return f"[金额]{gold.removesuffix('.0')}元<eoa>"


def _entities(gold: str) -> str:
    return gold.replace(";", "\n") or "无"  # the scorer reads one a line


def _one_of(labels: Iterable[str]) -> str:
    return f"({'|'.join(labels)})"


def _some_of(labels: Iterable[str], separator: str) -> str:
    label = f"(?:{'|'.join(labels)})"
    return f"({label}(?:{separator}{label})*)"


_TEXT = "(.+)"
_ENTITIES = "(|[^:;]+:[^:;]+(?:;[^:;]+:[^:;]+)*)"
_LETTER = "[正确答案]{}<eoa>".format
_LAW = "根据《中华人民共和国民法典》的规定，当事人应当依法承担相应的法律责任。"

_TERM = r"刑期:(\d+个月|无期|死刑)"
_AMOUNT = r"上文涉及到的犯罪金额:(\d+(?:\.\d+)?)元。"

SUBTASKS: Mapping[str, Subtask] = {
    "1-1": Subtask("article recitation", gold="答案:(.+)", mark=prose, constant=_LAW),
    "1-2": Subtask(
        "knowledge questions",
        gold="正确答案：([A-D])。",
        mark=partial(choice, options="ABCD"),
        constant="C",
        written=_LETTER,
    ),
    "2-1": Subtask("proofreading", gold=_TEXT, mark=proofread, constant=""),
    "2-2": Subtask(
        "dispute focus",
        gold=f"争议焦点类别：{_one_of(DISPUTES)}。",
        mark=partial(choice, options=DISPUTES),
        constant="责任认定",
        written="[争议焦点]{}<eoa>".format,
    ),
    "2-3": Subtask(
        "marital disputes",
        gold=f"类别:{_some_of(MARITAL, '、')}。",
        mark=partial(several, options=MARITAL, separator="、"),
        constant="婚后有子女、有夫妻共同财产、限制行为能力子女抚养",
        written="[类别]{}<eoa>".format,
    ),
    "2-4": Subtask(
        "issue topic",
        gold=_one_of(TOPICS),
        mark=partial(choice, options=TOPICS),
        constant="婚姻家庭",
        written="[类别]{}<eoa>".format,
    ),
    "2-5": Subtask(
        "reading comprehension", gold="回答:(.+)", mark=reading, constant="2012年10月12日"
    ),
    "2-6": Subtask(
        "named entities", gold=_ENTITIES, mark=entities, constant="无", written=_entities
    ),
    "2-7": Subtask("opinion summarisation", gold=_TEXT, mark=prose, constant=_LAW),
    "2-8": Subtask(
        "argument mining",
        gold=r"\[正确答案\]([A-E])<eoa>",
        mark=partial(choice, options="ABCDE"),
        constant="A",
        written=_LETTER,
    ),
    "2-9": Subtask(
        "event detection",
        gold=_some_of(EVENTS, ";"),
        mark=partial(several, options=EVENTS, separator=";"),
        constant="支付/给付;拘捕;搜查/扣押;鉴定",
    ),
    "2-10": Subtask("trigger words", gold=_TEXT, mark=triggers, constant="收受"),
    "3-1": Subtask(
        "article prediction",
        gold=r"法条:刑法第(\d+(?:、\d+)*)条",
        mark=articles,
        constant="234、264、383、266",
        written=_articles,
    ),
    "3-2": Subtask("article prediction by scene", gold=_TEXT, mark=prose, constant=_LAW),
    "3-3": Subtask(
        "charge prediction",
        gold="罪名:(.+)",
        mark=partial(several, options=CHARGES, separator=";"),
        constant="盗窃;故意伤害;诈骗",
        written="[罪名]{}<eoa>".format,
    ),
    "3-4": Subtask("prison term", gold=_TERM, mark=prison_term, constant="18月", written=_term),
    "3-5": Subtask(
        "prison term given the article",
        gold=_TERM,
        mark=prison_term,
        constant="18月",
        written=_term,
    ),
    "3-6": Subtask(
        "case analysis",
        gold="正确答案:([A-D])。",
        mark=partial(choice, options="ABCD"),
        constant="D",
        written=_LETTER,
    ),
    "3-7": Subtask(
        "criminal damages", gold=_AMOUNT, mark=amount, constant="20000", written=_amount
    ),
    "3-8": Subtask("consultation", gold=_TEXT, mark=prose, constant=_LAW),
}


def metric_of(id: str) -> Metric:
    """Return a subtask's metric, a function of sums whose keys begin with the subtask's id."""
    return CorpusFHalf(id) if id == "2-1" else Ratio(f"{id}.score", f"{id}.n")
