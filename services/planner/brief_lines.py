"""The brief as a part of the report. Pure."""

from shared.contracts.brief import Brief
from shared.markdown import plain


def brief_lines(brief: Brief | None) -> list[str]:
    """Return the brief's document with its headings one level lower.

    That is its summary where there is no document, and nothing before there is a brief. In a
    document of the researcher no text of others makes a heading; see `shared.markdown.plain`.
    """
    if brief is None:
        return []
    if not brief.document:
        return ["## The brief", "", plain(brief.summary), ""]
    lines = brief.document.splitlines()
    return [*(f"#{line}" if line.startswith("#") else line for line in lines), ""]
