"""Looks for publications on arXiv."""

import re
import xml.etree.ElementTree as ET

from services.researcher.tools.research import Paper
from services.researcher.tools.web import Service, Web
from shared.one_line import one_line

ARXIV = Service("arXiv", "https://export.arxiv.org", gap_s=3.0)
"""Source: "Terms of Use for arXiv APIs": one request every three seconds."""

_ATOM = "{http://www.w3.org/2005/Atom}"
_ID = re.compile(r"arxiv\.org/abs/([a-z.-]+/\d{7}|\d{4}\.\d{4,5})(?:v\d+)?$", re.IGNORECASE)


def arxiv(web: Web, query: str, most: int, *, service: Service = ARXIV) -> tuple[Paper, ...]:
    """Return what fits all words of a query best.

    Raises:
        Silent: arXiv gave nothing.
    """
    words = re.findall(r"\w+", query)[:8]
    params = {
        "search_query": " AND ".join(f"all:{word}" for word in words),
        "sortBy": "relevance",
        "max_results": str(most),
    }
    return web.ask(service, "api/query", params, _papers)


def _papers(text: str) -> tuple[Paper, ...]:
    """Source: "arXiv API User's Manual", section 3.3: an Atom feed, an entry each."""
    if "<!DOCTYPE" in text:
        raise ValueError("a feed defines no entities")
    try:
        feed = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(str(error)) from None
    if feed.tag != f"{_ATOM}feed":
        raise ValueError("no Atom feed")
    found = (_paper(entry) for entry in feed.iter(f"{_ATOM}entry"))
    return tuple(paper for paper in found if paper is not None)


def _paper(entry: ET.Element) -> Paper | None:
    """Return a paper; None of what is none: arXiv puts its errors into entries too."""
    said = {name: entry.findtext(_ATOM + name) or "" for name in ("title", "summary", "published")}
    number = _ID.search(entry.findtext(f"{_ATOM}id") or "")
    if number is None or not said["title"].strip():
        return None
    year = said["published"][:4]
    return Paper(
        title=one_line(said["title"], 300),
        abstract=one_line(said["summary"], 2000),
        where=f"https://arxiv.org/abs/{number[1]}",
        year=int(year) if year.isdecimal() else None,
    )
