"""The report's pages as HTML: well-formed, spoken, standing alone on disk."""

import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from dlnotes.lab.report import build

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "synthetic.py"))
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of good and damaged runs."""
    folder = tmp_path_factory.mktemp("report")
    return build(SYNTHETIC["make"](folder), folder / "report", note=lambda text: None).parent


class Page(HTMLParser):
    """Collects what matters of a page, and that its elements are closed in order."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.tags: list[tuple[str, dict]] = []
        self.loose_styles = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        facts = dict(attrs)
        self.tags.append((tag, facts))
        self.loose_styles += tag == "style" and "svg" not in self.open  # a figure may move by rules of its own
        self.ids += [facts["id"]] if facts.get("id") else []
        self.links += [facts[name] for name in ("href", "src") if facts.get(name)]
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> does not close what is open"
        self.open.pop()


def test_every_page_is_well_formed_and_speaks(report):
    for path in report.rglob("*.html"):
        html = path.read_text()
        seen = Page(html)
        tags = [tag for tag, _ in seen.tags]
        assert not seen.open, path
        assert html.startswith('<!doctype html>\n<html lang="en">'), path
        assert len(set(seen.ids)) == len(seen.ids), path
        assert seen.headings[0] == 1, path
        assert seen.headings.count(1) == 1, path
        assert all(after - before <= 1 for before, after in zip(seen.headings, seen.headings[1:], strict=False)), path
        assert tags.count("table") == tags.count("caption"), path
        assert tags.count("main") == 1, path
        assert all(facts.get("scope") for tag, facts in seen.tags if tag == "th"), path
        assert all(facts.get("role") == "img" for tag, facts in seen.tags if tag == "svg"), path
        assert "script" not in tags, path
        assert not seen.loose_styles, path
        assert 'class="skip" href="#main"' in html, path


def test_links_resolve_and_nothing_is_fetched_from_elsewhere(report):
    for path in report.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text), path
        for link in Page(text).links if path.suffix == ".html" else ():
            to = urlsplit(link)
            if to.scheme == "data":
                continue
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            assert target.is_file(), (path, link)
            assert target.is_relative_to(report), (path, link)
            assert not to.fragment or to.fragment in Page(target.read_text()).ids, (path, link)
