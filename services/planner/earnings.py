"""Who proposed what, and what it earned, as views and in the report. Pure."""

from services.planner.crediting import Record, llm_share, records
from services.planner.state import JobState
from shared.contracts.views import ProposerView

NAMES = {"rules": "rules", "llm": "language model"}


def proposer_views(state: JobState) -> tuple[ProposerView, ...]:
    """Return what each proposer earned; none where the researcher has no language model."""
    found = records(state)
    if not found:
        return ()
    share = llm_share(state)
    return tuple(
        _view(record, share if record.proposer == "llm" else 1.0 - share) for record in found
    )


def _view(record: Record, share: float) -> ProposerView:
    gain, stderr = record.gain or (None, None)
    return ProposerView(
        proposer=record.proposer,
        asked=record.asked,
        recipes=record.recipes,
        dropped=record.dropped,
        gain=gain,
        gain_stderr=stderr,
        best=record.best,
        share=share,
    )


def proposer_lines(views: tuple[ProposerView, ...]) -> list[str]:
    """Return the report's words about proposers; none where rules proposed everything."""
    if not views:
        return []
    return [
        "## Who proposed what, and what it earned",
        "",
        "A gain is a score minus what is now believed of the parent, or of a usual fresh start. "
        "Rules also propose where the model has nothing of use.",
        "",
        "| proposer | asked for | recipes | dropped | mean gain | best | share of the next |",
        "|---|---|---|---|---|---|---|",
        *[_row(view) for view in views],
        "",
    ]


def _row(view: ProposerView) -> str:
    doubt = "" if view.gain_stderr is None else f" ± {view.gain_stderr:.3f}"
    gain = "–" if view.gain is None else f"{view.gain:+.3f}{doubt}"
    best = "–" if view.best is None else f"{view.best:.3f}"
    return (
        f"| {NAMES[view.proposer]} | {view.asked} | {view.recipes} | {view.dropped} | {gain} "
        f"| {best} | {view.share:.0%} |"
    )
