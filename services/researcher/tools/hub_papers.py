"""Looks for publications among the papers of Hugging Face."""

import re

from pydantic import BaseModel, TypeAdapter

from services.researcher.tools.research import Paper
from services.researcher.tools.web import Service, Web
from shared.one_line import one_line

HUGGING_FACE = Service("Hugging Face", "https://huggingface.co", gap_s=0.5)


def hub_papers(
    web: Web, query: str, most: int, *, service: Service = HUGGING_FACE
) -> tuple[Paper, ...]:
    """Return what it finds first.

    Raises:
        Silent: it gave nothing.
    """
    params = {"q": query, "limit": str(most)}
    return web.ask(service, "api/papers/search", params, _papers)[:most]


class _Paper(BaseModel):
    id: str
    title: str
    summary: str | None = None
    publishedAt: str | None = None  # noqa: N815  # its spelling


class _Entry(BaseModel):
    paper: _Paper


_ENTRIES = TypeAdapter(list[_Entry])


def _papers(text: str) -> tuple[Paper, ...]:
    """Source: the Hub API's ``/api/papers/search``; an id is that of arXiv."""
    return tuple(
        Paper(
            title=one_line(found.title, 300),
            abstract=one_line(found.summary or "", 2000),
            where=f"https://arxiv.org/abs/{found.id}",
            year=_year(found.publishedAt or ""),
        )
        for found in (entry.paper for entry in _ENTRIES.validate_json(text))
        if re.fullmatch(r"\d{4}\.\d{4,5}", found.id)
    )


def _year(date: str) -> int | None:
    return int(date[:4]) if date[:4].isdecimal() else None
