"""Looks for data sets on the hub of Hugging Face, and into their first rows."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, TypeAdapter

from services.researcher.tools.hub_papers import HUGGING_FACE
from services.researcher.tools.research import Dataset, Found
from services.researcher.tools.web import Service, Silent, Web
from shared.one_line import one_line

DATASETS_SERVER = Service(
    "The data set viewer", "https://datasets-server.huggingface.co", gap_s=0.5
)

SAMPLES = 5
"""Rows of a data set that are looked at."""


def hub_datasets(
    web: Web,
    query: str,
    most: int,
    *,
    hub: Service = HUGGING_FACE,
    viewer: Service = DATASETS_SERVER,
) -> Found[Dataset]:
    """Return the first that everybody may read, with their sizes, columns and first rows.

    What the viewer does not show of a data set stays unknown, and is a fault.

    Raises:
        Silent: the hub gave nothing.
    """
    params = {"search": query, "limit": str(2 * most), "full": "true"}
    listed = web.ask(hub, "api/datasets", params, _LISTED.validate_json)
    readable = [one for one in listed if one.is_open][:most]
    faults: list[str] = []
    found = tuple(_looked_into(web, one, viewer, faults.append) for one in readable)
    return Found(found, tuple(faults))


class _Listed(BaseModel):
    id: str
    tags: list[str] = []
    description: str | None = None
    private: bool = False
    gated: bool | str = False
    disabled: bool | None = False

    @property
    def is_open(self) -> bool:
        name = re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.id, re.ASCII)
        return bool(name) and not (self.private or self.gated or self.disabled)

    @property
    def licence(self) -> str | None:
        """As its card says; several are joined."""
        said = [tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")]
        return one_line(", ".join(said), 100) or None


_LISTED = TypeAdapter(list[_Listed])


class _Split(BaseModel):
    config: str
    split: str
    num_rows: int


class _Splits(BaseModel):
    splits: list[_Split]


class _Size(BaseModel):
    size: _Splits


class _Feature(BaseModel):
    name: str


class _Row(BaseModel):
    row: dict[str, Any]


class _FirstRows(BaseModel):
    features: list[_Feature]
    rows: list[_Row]


def _looked_into(web: Web, listed: _Listed, viewer: Service, say: Callable[[str], None]) -> Dataset:
    """Source: "Dataset viewer" of the Hub's documentation: ``/size`` and ``/first-rows``."""
    splits: list[_Split] = []
    shown = _FirstRows(features=[], rows=[])
    try:
        asked = {"dataset": listed.id}
        splits = web.ask(viewer, "size", asked, _Size.model_validate_json).size.splits
        if splits:
            asked |= {"config": _train(splits).config, "split": _train(splits).split}
            shown = web.ask(viewer, "first-rows", asked, _FirstRows.model_validate_json)
    except Silent as why:  # it shows only some: the hub's own words stand alone
        say(f"{listed.id} was not looked into: {why}")
    return Dataset(
        name=listed.id,
        where=f"https://huggingface.co/datasets/{listed.id}",
        licence=listed.licence,
        description=one_line(listed.description or "", 500),
        splits=tuple(dict.fromkeys(one_line(split.split, 40) for split in splits)),
        rows=_train(splits).num_rows if splits else None,
        columns=tuple(one_line(feature.name, 60) for feature in shown.features[:50]),
        samples=tuple(row.row for row in shown.rows[:SAMPLES]),
    )


def _train(splits: list[_Split]) -> _Split:
    """Return the split that would be trained on: the first called so, or else the first."""
    return next((split for split in splits if split.split == "train"), splits[0])
