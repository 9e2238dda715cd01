"""Grafana's dashboards, drawn from `boards`: three panels a line, limits dashed, the data source to be chosen."""

from itertools import count
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from crm_observability.boards import list_boards
from crm_observability.panels import Board, Panel

PER_LINE: Final = 3
WIDTH: Final = 24 // PER_LINE
HEIGHT: Final = 8
SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${source}")


def make_dashboards() -> dict[str, str]:
    """Return each dashboard's JSON by its file's name."""
    return {f"{board.uid}.json": _encode(board) for board in list_boards()}


def _encode(board: Board) -> str:
    return JSONEncoder(sort_keys=True, indent=1).encode(_draw(board).build()) + "\n"


def _draw(board: Board) -> dashboard.Dashboard:
    drawn = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["crm"])
        .refresh("30s")
        .time("now-1h", "now")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("CRM")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["crm"])
            .as_dropdown(as_dropdown=True)
        )
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    numbers = count(1)
    for row in board.rows:
        drawn.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            drawn.with_panel(_draw_panel(panel).id(next(numbers)))
    return drawn


def _draw_panel(panel: Panel) -> timeseries.Panel:
    drawn = (
        timeseries.Panel()
        .title(panel.title)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(WIDTH)
        .height(HEIGHT)
        .legend(
            common_builders.VizLegendOptions().show_legend(show_legend=True).placement(common.LegendPlacement.BOTTOM)
        )
    )
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        drawn.with_target(
            prometheus.Dataquery().expr(query.expression).legend_format(query.legend).range().ref_id(letter)
        )
    if panel.limit is not None:
        steps = [models.Threshold(value=None, color="green"), models.Threshold(value=panel.limit, color="red")]
        drawn.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        drawn.thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    return drawn
