"""Text of models and strangers in a Markdown document."""

import re

from shared.one_line import one_line

MOST = 4000
"""Characters of a text that are shown."""


def plain(text: str) -> str:
    """Return text on one line that Markdown shows as it is: no heading, link, picture or table."""
    line = re.sub(r"[\\`*\[\]<>|~@&]", r"\\\g<0>", one_line(text, MOST))
    line = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)  # within a word it does nothing
    line = re.sub(r":(?=//)|(?i:(?<=\bwww))\.", r"\\\g<0>", line)  # bare addresses become links
    return re.sub(r"^(\d*)([#+=.)-])", r"\1\\\2", line)
