"""What a model in memory says of answers."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from services.executor.trainers.answering import weigh

PROMPTS, ANSWERS = [[3, 4, 5, 6, 7], [8, 9]], [[10, 11], [12, 13, 14]]


def test_answers_are_weighed_with_logits_of_their_own_tokens_alone(nano_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(nano_base)
    shapes: list[tuple[int, ...]] = []
    model.lm_head.register_forward_hook(lambda *seen: shapes.append(tuple(seen[2].shape[:2])))

    weighed = weigh(model, PROMPTS, ANSWERS)

    assert shapes == [(1, 3), (1, 4)]
    for prompt, said, found in zip(PROMPTS, ANSWERS, weighed, strict=True):
        whole = torch.tensor([prompt + said])
        with torch.no_grad():
            log = torch.log_softmax(model(input_ids=whole).logits[0], dim=-1)
        each = [log[len(prompt) - 1 + place, token].item() for place, token in enumerate(said)]
        assert found == pytest.approx(sum(each) / len(each), abs=1e-5)
