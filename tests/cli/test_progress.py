"""Progress: few plain lines where nobody watches, a bar that goes away where somebody does."""

import io

import pytest
from rich.console import Console

from dlnotes.cli.progress import LiveProgress, PlainProgress, watch


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def paper(width=80, terminal=False):
    return Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, legacy_windows=False, _environ={}
    )


def text_of(console):
    return console.file.getvalue()


def test_plain_lines_come_at_most_every_pause():
    console, clock = paper(), Clock()
    with PlainProgress(console, clock, pause=5.0) as progress:
        progress.program("training", "training, depth=10", 32, 200)
        progress.compiled(3.21)
        for done in range(10, 201, 10):
            clock.now += 1.0
            progress.advance(done, 200)
        progress.finished(20.04)
        progress.note("something else")
    assert text_of(console).splitlines() == [
        "training, depth=10: step 50 of 200, about 15 s left",
        "training, depth=10: step 100 of 200, about 10 s left",
        "training, depth=10: step 150 of 200, about 5 s left",
        "training, depth=10: 32 trials of 200 steps, compiled in 3.2 s, ran 20.0 s",
        "something else",
    ]


def test_what_a_resumed_run_had_done_before_does_not_shorten_its_estimate():
    console, clock = paper(), Clock()
    progress = PlainProgress(console, clock)
    progress.program("training", "training", 1, 1000)
    progress.advance(900, 1000)
    clock.now += 10.0
    progress.advance(910, 1000)
    assert text_of(console) == "training: step 910 of 1000, about 90 s left\n"


def test_a_program_without_steps_names_none():
    console = paper()
    progress = PlainProgress(console)
    progress.program("theory", "theory", 16, 0)
    progress.finished(0.5)
    assert text_of(console) == "theory: 16 trials, compiled in 0.0 s, ran 0.5 s\n"


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_live_display_fits_its_width_and_leaves_only_lines(width):
    console = paper(width, terminal=True)
    with LiveProgress(console) as progress:
        progress.note("[1/4] begins")
        progress.program("training", "training, depth=10, method=a_rather_long_word", 32, 200)
        progress.live.refresh()
        progress.compiled(3.0)
        progress.advance(100, 200)
        progress.live.refresh()
        assert "100/200" in text_of(console) or width == 20
        progress.finished(9.0)
        assert not progress.live.tasks
    shown = text_of(console)
    assert "[1/4] begins" in shown  # brackets are words, not markup
    assert "ran 9.0 s" in shown or width < 80
    assert max(len(line.split("\r")[-1]) for line in shown.replace("\x1b[2K", "\r").splitlines()) <= width + 20


def test_calls_without_a_program_are_harmless():
    with LiveProgress(paper(terminal=True)) as progress:
        progress.compiled(1.0)
        progress.advance(1, 2)
        progress.finished(1.0)


def test_a_terminal_is_watched_live_and_a_file_is_not():
    assert isinstance(watch(paper(terminal=True)), LiveProgress)
    assert isinstance(watch(paper(terminal=False)), PlainProgress)
