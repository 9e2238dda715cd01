"""Prints a sheet. Without a terminal there is no colour, and 80 columns unless COLUMNS says otherwise."""

import sys
from typing import Final, TextIO

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crm_local.reports.bars import draw, share_room
from crm_local.reports.sheets import Column, Grid, Sheet

MOST_BARS: Final = 20
LONGEST_BAR: Final = 40
SHORTEST_BAR: Final = 4
LONGEST_LABEL: Final = 28
LONGEST_WORD: Final = 20
GAP: Final = 2
BETWEEN: Final = "  "


def open_console(file: TextIO, width: int | None) -> Console:
    """Return a console on `file`. What its encoding lacks is shown as a question mark."""
    if file is sys.stdout and hasattr(file, "reconfigure"):
        file.reconfigure(errors="replace")
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def print_sheet(sheet: Sheet, console: Console) -> None:
    """Print the title, the warnings, the tables, the chart and where the figures are from."""
    console.print(Text(sheet.title, "bold"))
    for warning in sheet.warnings:
        console.print(Text(f"! {warning}", "yellow"))
    if not sheet.grids:
        console.print("Nothing to report: no record counts. --from and --to may ask for other days.")
    for grid in sheet.grids:
        _print_grid(grid, console)
    if any(bar.length for bar in sheet.bars):
        _print_bars(sheet, console)
    if sheet.footer:
        console.print(Text(sheet.footer, "dim"))


def _print_grid(grid: Grid, console: Console) -> None:
    widths = _share_width(grid, console.width)
    if widths is None:
        _print_records(grid, console)
        return
    style = box.SIMPLE_HEAD if _is_utf(console) else box.ASCII
    table = Table(box=style, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column, width in zip(grid.columns, widths, strict=True):
        table.add_column(Text(column.heading), justify="left" if column.is_text else "right", width=width)
    for row in grid.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    console.print()


def _share_width(grid: Grid, room: int) -> list[int] | None:
    """Return the columns' widths, None where their words and figures have not room enough beside each other.

    What is left goes to words, then to headings.
    """
    cells = [[row[at] for row in grid.rows] for at in range(len(grid.columns))]
    widths = [_measure(column, texts) for column, texts in zip(grid.columns, cells, strict=True)]
    spare = room - sum(widths) - GAP * (len(widths) - 1)
    if spare < 0:
        return None
    for at in sorted(range(len(widths)), key=lambda at: not grid.columns[at].is_text):
        wanted = max(map(cell_len, [grid.columns[at].heading, *cells[at]])) - widths[at]
        widths[at] += min(spare, wanted)
        spare -= min(spare, wanted)
    return widths


def _measure(column: Column, cells: list[str]) -> int:
    """Return the least width: words wrap, figures don't, as one that is broken in two is read as two."""
    of_heading = max(map(cell_len, column.heading.split()))
    if not column.is_text:
        return max(of_heading, *map(cell_len, cells))
    longest = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return max(of_heading, min(LONGEST_WORD, longest))


def _print_records(grid: Grid, console: Console) -> None:
    """Print what is too wide for a table row by row, a line for each figure."""
    widest = max(cell_len(column.heading) for column in grid.columns)
    for row in grid.rows:
        for column, cell in zip(grid.columns, row, strict=True):
            console.print(Text(f"{set_cell_size(column.heading, widest)}  {cell}"))
        console.print()


def _print_bars(sheet: Sheet, console: Console) -> None:
    bars = sheet.bars[:MOST_BARS]
    labels = [_shorten(bar.label) for bar in bars]
    widest_label, widest_figure = max(map(cell_len, labels)), max(cell_len(bar.shown) for bar in bars)
    left = console.width - widest_label - widest_figure - 2 * len(BETWEEN)
    scale = share_room([bar.length for bar in bars], max(SHORTEST_BAR, min(LONGEST_BAR, left)), full=sheet.full)
    console.print(Text(sheet.caption, "bold"))
    for label, bar in zip(labels, bars, strict=True):
        line = Text(set_cell_size(label, widest_label) + BETWEEN + bar.shown.rjust(widest_figure) + BETWEEN)
        line.append(draw(bar.length, scale, is_utf=_is_utf(console)), "red" if (bar.length or 0) < 0 else "cyan")
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ellipsis")
    if len(sheet.bars) > MOST_BARS:
        console.print(f"and {len(sheet.bars) - MOST_BARS:,} more, in the table")
    console.print()


def _is_utf(console: Console) -> bool:
    return console.encoding.startswith("utf")


def _shorten(text: str) -> str:
    return text if cell_len(text) <= LONGEST_LABEL else set_cell_size(text, LONGEST_LABEL - 1).rstrip() + "…"
