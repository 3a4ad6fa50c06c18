"""Which family of models a base model belongs to, told without loading it."""

import json
import re
from pathlib import Path

UNKNOWN = "unknown"
"""Of a base model whose family cannot be told."""

# The first that fits: names such as DeepSeek-R1-Distill-Qwen-1.5B say what was distilled before
# they say into what. Families are named as transformers' ``model_type`` has them.
_BY_NAME = (
    (r"qwen-?3", "qwen3"),
    (r"qwen|qwq", "qwen2"),
    (r"smollm-?3", "smollm3"),
    (r"llama|smollm|vicuna|alpaca", "llama"),
    (r"gemma-?3", "gemma3"),
    (r"gemma-?2", "gemma2"),
    (r"gemma", "gemma"),
    (r"mixtral", "mixtral"),
    (r"mi[ns]i?stral", "mistral"),
    (r"(?<![a-z])phi-?[34]", "phi3"),
    (r"(?<![a-z])phi", "phi"),
    (r"olmo-?2", "olmo2"),
    (r"olmo", "olmo"),
    (r"granite", "granite"),
    (r"falcon", "falcon"),
    (r"pythia|gpt-?neox", "gpt_neox"),
    (r"gpt-?2", "gpt2"),
    (r"deepseek", "deepseek"),
)


def base_family(folder_or_id: str) -> str:
    """Return a base model's architecture, such as ``qwen3``; `UNKNOWN` when it cannot be told.

    Read from ``config.json`` of a folder, else told by the last part of the name.
    """
    said = _model_type(Path(folder_or_id) / "config.json")
    if said is not None:
        return said.lower().removesuffix("_text")
    name = folder_or_id.rstrip("/").rpartition("/")[2].lower()
    return next((family for sign, family in _BY_NAME if re.search(sign, name)), UNKNOWN)


def _model_type(config: Path) -> str | None:
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no folder, or one that says nothing
        return None
    found = said.get("model_type") if isinstance(said, dict) else None
    return found if isinstance(found, str) and found else None
