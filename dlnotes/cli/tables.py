"""Tables: drawn on a terminal, plain aligned lines elsewhere."""

from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

VERDICT_STYLES = {"supported": "green", "refuted": "red", "inconclusive": "yellow"}
NARROW = 60  # columns of a terminal below which a table is given up for paragraphs


class Column(NamedTuple):
    """One column. Only a wide one wraps on a terminal; `right` aligns numbers."""

    title: str
    wide: bool = False
    right: bool = False


def screen(stderr: bool = False, quiet: bool = False) -> Console:
    """Where to print: knows whether it is a terminal, how wide, and whether color is wanted."""
    return Console(stderr=stderr, quiet=quiet, highlight=False)


def is_live(console: Console) -> bool:
    """Whether a person reads this on a terminal that can be drawn on."""
    return console.is_terminal and not console.is_dumb_terminal


def say(console: Console, text: str = "", style: str = "") -> None:
    """One paragraph: wrapped on a terminal, one line elsewhere."""
    console.print(Text(text, style=style), soft_wrap=not is_live(console))


def counted(count: int, word: str) -> str:
    """'1 seed', '2 seeds'."""
    return f"{count} {word}" + ("" if count == 1 else "s")


def print_table(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of words. A row with only its first cell filled is a heading; a last, wide column reads best."""
    if is_live(console) and console.width >= NARROW:
        console.print(drawn(columns, rows))
        return
    for line in stacked(columns, rows) if is_live(console) else plain(columns, rows):
        say(console, line)


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    """The table of a terminal."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=not column.wide)
    for row in rows:
        heading = not any(row[1:-1])
        table.add_row(*(Text(cell, style="bold" if heading else VERDICT_STYLES.get(cell, "")) for cell in row))
    return table


def stacked(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """The same for a narrow terminal: a paragraph for each row, its wide cells first."""
    order = sorted(range(len(columns)), key=lambda index: not columns[index].wide)
    titles = ["" if column.wide else f"{column.title} " for column in columns]
    return ["; ".join(titles[i] + " ".join(row[i].split()) for i in order if row[i]) for row in rows]


def plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """The same as lines: wide columns last, the others padded."""
    order = sorted(range(len(columns)), key=lambda index: columns[index].wide)
    cells = [[column.title for column in columns], *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [0 if columns[i].wide else max(len(row[i]) for row in cells) for i in range(len(columns))]
    padded = [
        [f"{row[i]:>{widths[i]}}" if columns[i].right else f"{row[i]:<{widths[i]}}" for i in order] for row in cells
    ]
    return ["  ".join(row).rstrip() for row in padded]
