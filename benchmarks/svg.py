"""Parts of drawings as SVG. Text stays text; there is no background.

Colours stand out from a light page and from a dark one.
"""

from collections.abc import Sequence
from html import escape

COLOURS = ("#0a7fc2", "#c9560a", "#0d8f6b", "#b65f92", "#8a7400", "#7b6ad6")
"""Blue, vermilion, green, purple, ochre and violet, after Okabe
and Ito, "Color Universal Design", 2008, each made to stand out from white and from near black."""

_STYLE = """<style>
text { fill: #1f2328; font: 13px system-ui, sans-serif }
.title { font-size: 15px; font-weight: 600 }
.faint { fill: #59636e }
.grid { stroke: #d1d9e0 }
.zero { stroke: #1f2328 }
.other { stroke: #8b949e; stroke-opacity: .45; fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.faint { fill: #9198a1 }
.grid { stroke: #3d444d }
.zero { stroke: #f0f6fc }
}
</style>"""


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Return words at a place; ``kind`` is a class of the style."""
    style = f' class="{kind}"' if kind else ""
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {where}{style}>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a line; ``kind`` is a class of the style."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def drawing(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """Return a whole drawing of its parts, the first drawn first."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", _STYLE, *parts, "</svg>\n"])
