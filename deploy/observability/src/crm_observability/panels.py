"""What is drawn, without how: a title, a unit and questions to Prometheus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

RATE: Final = "[$__rate_interval]"
"""Grafana's own: four scrapes at least, however far out one looks."""


@dataclass(frozen=True, slots=True)
class Query:
    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """`limit`: where the line is drawn beyond which somebody hears of it. Three panels stand side by side."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Board:
    """`uid` is the dashboard's address, to which alerts link."""

    uid: str
    title: str
    rows: Sequence[Row]


def one(title: str, unit: str, expression: str, legend: str, *, limit: float | None = None) -> Panel:
    """Make a panel of one question, drawn as a line for each of its answers."""
    return Panel(title, unit, (Query(expression, legend),), limit)


def quantile(share: float, histogram: str, by: str, having: str = "") -> str:
    """Ask a histogram below what `share` of its events lie, by the labels `by`."""
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({histogram}_bucket{{{having}}}{RATE})))"
