"""Says where rows came from: which file or commit, under which licence."""

from pathlib import Path

import yaml

from shared.contracts.job import stored_rows
from shared.contracts.operators import Load, LoadHub
from shared.contracts.run import Origin

_CARD = "README.md"
_FENCE = "---\n"


def origin_of(loaded: Load | LoadHub) -> Origin:
    """Return where the rows of an operator come from.

    The licence is the one that the data set's own card states: beside the file, or on the hub.
    """
    if isinstance(loaded, Load) and stored_rows(loaded.path):
        return Origin(name=loaded.path, version=loaded.sha256, licence=None)
    if isinstance(loaded, Load):
        card = Path(loaded.path).parent / _CARD
        return Origin(name=loaded.path, version=loaded.sha256, licence=_licence(card))
    part = [loaded.config] if loaded.config else []
    name = ", ".join([loaded.dataset, *part, loaded.split])
    return Origin(name=name, version=loaded.revision, licence=_licence(_card_on_hub(loaded)))


def _card_on_hub(loaded: LoadHub) -> Path | None:
    from huggingface_hub import hf_hub_download

    name, revision = loaded.dataset, loaded.revision
    if Path(name).is_dir():
        return Path(name) / _CARD
    try:
        return Path(hf_hub_download(name, _CARD, repo_type="dataset", revision=revision))
    except (OSError, ValueError):
        return None  # it has none, or is out of reach, which reading its rows will say


def _licence(card: Path | None) -> str | None:
    """Return the field ``license`` of the YAML that a card begins with; None without."""
    try:
        text = "" if card is None else card.read_text(errors="replace")
        before, _, rest = text.partition(_FENCE)
        front, fence, _ = rest.partition(_FENCE)
        fields = yaml.safe_load(front) if fence and not before else None
    except (OSError, yaml.YAMLError):
        return None
    found = fields.get("license") if isinstance(fields, dict) else None
    several = found if isinstance(found, list) else [found]
    return ", ".join(str(one) for one in several if one) or None
