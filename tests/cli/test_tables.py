"""Tables: aligned lines for files, drawn on terminals, paragraphs where a terminal is narrow; color is never needed."""

import io

import pytest
from rich.console import Console

from dlnotes.cli.tables import Column, counted, print_table

COLUMNS = (Column("claim", wide=True), Column("effect", right=True), Column("verdict"))
ROWS = [
    ("xavier_vs_he", "", "3.1"),
    (
        "at thirty layers He ends at a lower training loss than Xavier, whatever its rate",
        "0.5\n[0.4, 0.6]",
        "supported",
    ),
    ("alike", "-12", "refuted"),
]


def printed(width=80, environment=None, **more):
    console = Console(file=io.StringIO(), width=width, legacy_windows=False, _environ=environment or {}, **more)
    print_table(console, COLUMNS, ROWS)
    return console.file.getvalue()


def test_a_file_gets_one_line_for_each_row_the_wide_column_last():
    assert printed(width=20).splitlines() == [
        "        effect  verdict    claim",
        "                3.1        xavier_vs_he",
        f"0.5 [0.4, 0.6]  supported  {ROWS[1][0]}",
        "           -12  refuted    alike",
    ]


def test_a_terminal_gets_a_table_that_wraps_only_the_wide_column():
    out = printed(width=70, force_terminal=True, color_system=None)
    assert "\x1b[3" not in out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 70
    assert any("0.5  supported" in line for line in lines)
    assert any("[0.4, 0.6]" in line for line in lines)
    assert "".join(line[:40] for line in lines).count("Xavier") == 1


def test_color_goes_where_it_is_wanted():
    assert "\x1b[32m" in printed(force_terminal=True, color_system="standard")
    assert "\x1b[32m" not in printed(force_terminal=True, environment={"NO_COLOR": "1"})


def test_a_narrow_terminal_gets_a_paragraph_for_each_row():
    text = " ".join(printed(width=40, force_terminal=True, color_system=None).split())
    assert "verdict 3.1" in text
    assert f"{ROWS[1][0]}; effect 0.5 [0.4, 0.6]; verdict supported" in text
    assert "alike; effect -12; verdict refuted" in text


@pytest.mark.parametrize(("count", "text"), [(0, "0 seeds"), (1, "1 seed"), (2, "2 seeds")])
def test_counted(count, text):
    assert counted(count, "seed") == text
