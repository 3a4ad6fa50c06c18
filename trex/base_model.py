"""What a base model must bring along before a job with it makes sense."""

import json
import re
from pathlib import Path

from shared.errors import Rejected

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


def resolve_base_model(name: str, folder: Path, *, field: str = "base_model") -> str:
    """Return the absolute path of a model's folder, or the hub id as it stands.

    Args:
        name: as the user wrote it.
        folder: what a relative path is relative to.
        field: of the job that names it, for messages.

    Raises:
        Rejected: neither an existing folder nor a hub id, or a folder that cannot be fine-tuned.
    """
    path = folder / Path(name).expanduser()
    if path.is_dir():
        _check_folder(path, field)
        return str(path.resolve())
    if path.exists() or not _HUB_ID.fullmatch(name):
        raise Rejected(
            f"{field}: wanted an existing folder or a hub id such as org/name, found {name!r}; "
            "correct the path"
        )
    return name


def _check_folder(path: Path, field: str) -> None:
    tokenizer_config = path / "tokenizer_config.json"
    if not (path / "config.json").is_file():
        raise _lacking(
            field, path, "config.json", "save the whole model there, an adapter is not enough"
        )
    if not any(path.glob("*.safetensors")):
        raise _lacking(
            field, path, "weights in *.safetensors", "save them with safe_serialization=True"
        )
    if not (path / "tokenizer.json").is_file() and not tokenizer_config.is_file():
        raise _lacking(
            field, path, "tokenizer.json or tokenizer_config.json", "save the tokenizer there"
        )
    if not (path / "chat_template.jinja").is_file() and not _has_template(tokenizer_config, field):
        raise _lacking(
            field,
            path,
            "a chat template (chat_template.jinja or chat_template in tokenizer_config.json)",
            "take the model's instruction-tuned variant or add a template",
        )


def _has_template(tokenizer_config: Path, field: str) -> bool:
    if not tokenizer_config.is_file():
        return False
    try:
        found = json.loads(tokenizer_config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Rejected(
            f"{field}: wanted JSON in {tokenizer_config}, found something else ({error}); "
            "save the tokenizer again"
        ) from None
    return isinstance(found, dict) and bool(found.get("chat_template"))


def _lacking(field: str, path: Path, what: str, change: str) -> Rejected:
    return Rejected(f"{field}: wanted {what} in {path}, found none; {change}")
