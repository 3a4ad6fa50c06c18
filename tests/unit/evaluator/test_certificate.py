"""How far what serves may be from what trained."""

from dataclasses import dataclass

import pytest

from services.evaluator.certificate import FOUR_BITS, SIXTEEN_BITS, judge
from services.evaluator.scorer import Answer, Weighed
from shared.contracts.score import Certificate
from shared.errors import NotCertified
from shared.parity import Parity, Witness


@dataclass(frozen=True)
class Served:
    """How an engine differs from training, which found each of four tokens half likely."""

    off: float = 0.0
    """Nats a token, up and down in turn."""
    tokens: int = 4
    equal: int = 10
    """Answers of ten that are those of training."""


def shown(served: Served, *, four_bits: bool = False) -> Certificate:
    one = Witness(
        messages=({"role": "user", "content": "red"},),
        prompt=(1, 2),
        reference="brown",
        tokens=4,
        logprob=-0.7,
        answer="brown",
    )
    parity = Parity(
        weights_sha256="0" * 64,
        template_sha256="1" * 64,
        four_bits=four_bits,
        witnesses=(one,) * 10,
    )
    logprobs = [-0.7 + served.off * (-1) ** number for number in range(10)]
    weighed = [Weighed(served.tokens * logprob, served.tokens) for logprob in logprobs]
    said = [Answer("brown" if number < served.equal else "blue", False) for number in range(10)]
    return judge(parity, weighed, said, "engine 1")


def test_small_differences_are_written_down_and_do_not_cancel_out() -> None:
    found = shown(Served(off=0.04, equal=9))

    assert found.logprob_gap == pytest.approx(0.04)
    assert (found.answers_equal, found.prompts) == (0.9, 10)


@pytest.mark.parametrize(
    ("served", "found"),
    [
        (Served(off=0.06), r"at most 0\.05 nats off, found 0\.060 with engine 1"),
        (Served(equal=5), r"at least 60% of the greedy answers of training, found 50% of 10"),
        (Served(tokens=5), "answers of as many tokens as in training, found another number in 10"),
        (Served(off=float("inf")), "found inf"),
    ],
)
def test_larger_ones_are_refused(served: Served, found: str) -> None:
    with pytest.raises(NotCertified, match=found):
        shown(served)


def test_a_base_model_trained_on_in_four_bits_may_be_further_off() -> None:
    served = Served(off=2 * SIXTEEN_BITS.logprob_gap, equal=4)

    assert shown(served, four_bits=True).answers_equal == 0.4
    with pytest.raises(NotCertified, match="nats off"):
        shown(Served(off=1.1 * FOUR_BITS.logprob_gap), four_bits=True)
