"""A nano base model and a data set it can learn in seconds, made once for all tests."""

import json
import warnings
from pathlib import Path

from services.executor.nano import make_nano_base

ROOT = Path(__file__).parents[2]

WORDS = ["red", "blue", "green", "black", "white", "brown"]


def make_base(folder: Path) -> Path:
    """Pre-train for a few steps on sentences about colours and return the model's folder."""
    text = folder / "text.txt"
    lines = [f"the {a} fox saw a {b} bird" for a in WORDS for b in WORDS] * 5
    text.write_text("\n".join(lines) + "\n")
    base = folder / "base"
    make_nano_base(
        text, base, progress=lambda _: None, steps=5, batch_size=4, hidden_size=32, layers=2
    )
    return base


def make_talking_base(folder: Path) -> Path:
    """Pre-train until the model answers a colour with any colour; return its folder."""
    text = folder / "text.txt"
    text.write_text("".join(f"{asked}\t{said}\n" for asked in WORDS for said in WORDS) * 5)
    base = folder / "base"
    make_nano_base(
        text, base, progress=lambda _: None, steps=100, batch_size=4, hidden_size=32, layers=2
    )
    return base


def make_silly_model(folder: Path) -> Path:
    """Pre-train on a text that stays as it is: the model takes long prompts and writes nonsense."""
    text = folder / "licence.txt"
    text.write_text((ROOT / "LICENSE").read_text() * 5)
    silly = folder / "silly"
    make_nano_base(
        text, silly, progress=lambda _: None, steps=20, batch_size=4, hidden_size=64, layers=2
    )
    config = json.loads((silly / "config.json").read_text())
    (silly / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 12_288}))
    return silly


def make_adapter(base: Path, folder: Path, *, seed: int) -> Path:
    """Save an adapter that nobody trained and that changes every answer; return its folder."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    # Not the usual beginning, which changes nothing.
    lora = LoraConfig(r=4, lora_alpha=64, target_modules="all-linear", init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of a name that PEFT itself uses
        get_peft_model(model, lora).save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(base).save_pretrained(str(folder))
    return folder


def write_rows(path: Path, *, rows: int) -> Path:
    """Write rows of one colour and its opposite in a fixed table."""
    opposite = dict(zip(WORDS, reversed(WORDS), strict=True))
    with path.open("w") as file:
        for number in range(rows):
            word = WORDS[number % len(WORDS)]
            row = {"text": f"{word} {number // len(WORDS)}", "answer": opposite[word]}
            file.write(json.dumps(row) + "\n")
    return path
