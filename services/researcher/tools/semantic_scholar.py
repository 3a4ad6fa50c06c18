"""Looks for publications with Semantic Scholar."""

import re

from pydantic import BaseModel, SecretStr

from services.researcher.tools.research import Paper
from services.researcher.tools.web import Service, Web
from shared.one_line import one_line

SEMANTIC_SCHOLAR = Service("Semantic Scholar", "https://api.semanticscholar.org", gap_s=1.1)
"""A key allows one request a second; without one, a pool is shared with everybody."""


def semantic_scholar(
    web: Web,
    query: str,
    most: int,
    *,
    key: SecretStr | None = None,
    service: Service = SEMANTIC_SCHOLAR,
) -> tuple[Paper, ...]:
    """Return what it finds most relevant.

    Raises:
        Silent: it gave nothing.
    """
    params = {
        "query": query.replace("-", " "),  # its manual: hyphenated words find nothing
        "limit": str(most),
        "fields": "title,abstract,year,externalIds",
    }
    headers = {} if key is None else {"x-api-key": key.get_secret_value()}
    return web.ask(service, "graph/v1/paper/search", params, _papers, headers=headers)


class _Paper(BaseModel):
    paperId: str  # noqa: N815  # its spelling
    title: str | None = None
    abstract: str | None = None
    year: int | None = None
    externalIds: dict[str, str | int] | None = None  # noqa: N815


class _Answer(BaseModel):
    total: int
    data: list[_Paper] = []  # left out when there is none


def _papers(text: str) -> tuple[Paper, ...]:
    """Source: "Academic Graph API", paper relevance search."""
    return tuple(
        Paper(
            title=one_line(paper.title or "Untitled", 300),
            abstract=one_line(paper.abstract or "", 2000),
            where=_address(paper),
            year=paper.year,
        )
        for paper in _Answer.model_validate_json(text).data
        if re.fullmatch(r"[0-9a-f]{40}", paper.paperId)
    )


def _address(paper: _Paper) -> str:
    arxiv = str((paper.externalIds or {}).get("ArXiv", ""))
    if re.fullmatch(r"\d{4}\.\d{4,5}", arxiv):
        return f"https://arxiv.org/abs/{arxiv}"
    return f"https://www.semanticscholar.org/paper/{paper.paperId}"
