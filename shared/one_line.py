"""Text of others as one line."""


def one_line(text: str, most: int) -> str:
    """Return a text without line breaks and control characters, cut to ``most`` characters."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(printable.split())
    return line if len(line) <= most else line[: most - 1] + "…"
