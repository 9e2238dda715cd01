"""Draws the answers to the guide's questions as a BI tool would lay them out, two by three."""

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

Rows = Sequence[Mapping[str, Any]]

BLUE, ORANGE, GREEN, PALE = "#2f6da8", "#e8833a", "#4f9d69", "#b9d0e6"
BY_REP: Final = (BLUE, ORANGE, GREEN, "#8c6bb1", "#c44e52", "#64748b")
INK: Final = "#334155"
# Text stays text, with what stands between two dollars too, and the same answers make the same file.
STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none", "svg.hashsalt": "crm", "text.parse_math": False, "font.family": "sans-serif",
    "font.size": 9, "text.color": INK,
    "axes.edgecolor": "#cbd5e1", "axes.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlelocation": "left", "axes.titleweight": "bold", "axes.titlesize": 10, "axes.axisbelow": True,
    "xtick.color": INK, "ytick.color": INK, "legend.frameon": False, "legend.fontsize": 8,
}  # fmt: skip


def _money(value: float, _place: object = None) -> str:
    return f"{value / 1000:,.0f} k" if abs(value) >= 1000 else f"{value:,.0f}"  # noqa: PLR2004 - what k stands for


def _draw_bars(axes: Axes, names: Sequence[str], wide: Sequence[float], narrow: Sequence[float] | None) -> None:
    places = range(len(names))
    axes.barh(places, wide, color=PALE if narrow else BLUE, height=0.7, label="amount")
    if narrow:
        axes.barh(places, narrow, color=BLUE, height=0.35, label="weighted")
        axes.legend(loc="lower right")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(_money))
    axes.grid(axis="x", color="#e2e8f0")


def _draw_stages(axes: Axes, rows: Rows) -> None:
    names = [f"{row['stage']} ({row['deals']})" for row in rows]
    _draw_bars(axes, names, [float(row["amount"]) for row in rows], [float(row["weighted"]) for row in rows])


def _draw_forecast(axes: Axes, rows: Rows) -> None:
    months = [row["month"] for row in rows]
    committed = [float(row["committed"]) for row in rows]
    axes.bar(months, committed, color=GREEN, width=0.6, label="committed")
    axes.bar(
        months, [float(row["weighted"]) for row in rows], bottom=committed, color=PALE, width=0.6, label="weighted"
    )
    axes.yaxis.set_major_formatter(FuncFormatter(_money))
    axes.grid(axis="y", color="#e2e8f0")
    axes.legend(loc="upper right")


def _draw_winners(axes: Axes, rows: Rows) -> None:
    _draw_bars(
        axes, [f"{row['owner']} ({row['won']})" for row in rows], [float(row["amount"] or 0) for row in rows], None
    )


def _draw_win_rate(axes: Axes, rows: Rows) -> None:
    months = [row["month"] for row in rows]
    bars = axes.bar(months, [float(row["rate"]) for row in rows], color=BLUE, width=0.6)
    axes.bar_label(bars, [f"{row['won']} of {row['won'] + row['lost']}" for row in rows], padding=2, fontsize=8)
    axes.set_ylim(0, 1.1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", color="#e2e8f0")


def _draw_weeks(axes: Axes, rows: Rows) -> None:
    weeks = [f"{row['week']:%m-%d}" for row in rows]
    amounts = [float(row["amount"]) for row in rows]
    axes.fill_between(weeks, amounts, color=PALE, step="mid")
    axes.step(weeks, amounts, color=BLUE, where="mid")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(_money))
    axes.tick_params(axis="x", rotation=45)
    axes.grid(axis="y", color="#e2e8f0")


def _draw_acts(axes: Axes, rows: Rows) -> None:
    weeks = sorted({row["week"] for row in rows})
    done: defaultdict[str, dict[Any, int]] = defaultdict(dict)
    for row in rows:
        done[row["rep"] or "nobody"][row["week"]] = row["calls"] + row["emails"] + row["meetings"]
    below = [0] * len(weeks)
    for number, (rep, by_week) in enumerate(sorted(done.items())):
        counts = [by_week.get(week, 0) for week in weeks]
        names = [f"{week:%m-%d}" for week in weeks]
        axes.bar(names, counts, bottom=below, width=0.6, color=BY_REP[number % len(BY_REP)], label=rep)
        below = [low + count for low, count in zip(below, counts, strict=True)]
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="x", rotation=45)
    axes.grid(axis="y", color="#e2e8f0")
    if done:
        axes.legend(loc="upper left")


PANELS: Final[Mapping[str, Callable[[Axes, Rows], None]]] = {
    "Open pipeline by stage": _draw_stages,
    "Forecast by month": _draw_forecast,
    "Who won how much": _draw_winners,
    "Win rate by month": _draw_win_rate,
    "The open pipeline as it was, week by week": _draw_weeks,
    "What reps did, week by week": _draw_acts,
}


def draw_dashboard(answers: Mapping[str, Rows], *, title: str) -> bytes:
    """Return the dashboard as SVG: a panel for each of PANELS, from its question's rows.

    Raises KeyError if a question is missing, or a column of one.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 9), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        for axes, (question, draw) in zip(figure.subplots(3, 2).flat, PANELS.items(), strict=True):
            axes.set_title(question)
            draw(axes, answers[question])
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    return picture.getvalue()
