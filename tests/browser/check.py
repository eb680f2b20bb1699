"""Reads reports in headless Chromium: no complaint, no missing file, no page wider than a phone, all without scripts.

    python tests/browser/check.py [REPORT ...]

Without arguments it makes one report from synthetic runs and one from an empty folder. As root on Debian it installs
the package chromium where it is missing; where no browser can be had it says so and ends well: what needs no browser
is tested by tests/lab/test_report.py.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import chromium
import synthetic

from dlnotes.lab.report import build
from dlnotes.lab.verdicts import VERDICTS

SIZES = ((1280, 900), (390, 844))
BAD = {
    "Log.entryAdded": lambda p: f"{p['entry']['level']}: {p['entry']['text']} {p['entry'].get('url', '')}",
    "Runtime.consoleAPICalled": lambda p: f"console.{p['type']}",
    "Runtime.exceptionThrown": lambda p: p["exceptionDetails"]["text"],
    "Network.loadingFailed": lambda p: f"not loaded: {p['errorText']}",
}
BADGES = """[...document.querySelectorAll('.verdict')].map(e => [e.innerText.trim(), getComputedStyle(e).color,
  getComputedStyle(e).backgroundColor, getComputedStyle(e).visibility, e.getBoundingClientRect().width])"""
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.href)"


def install() -> str | None:
    """The browser's path, installed by apt-get where that is possible."""
    if chromium.find() or not shutil.which("apt-get") or os.geteuid() != 0:
        return chromium.find()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False, "timeout": 480}
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
    ):
        try:
            subprocess.run(["apt-get", *command], env=environment, **quiet)
        except (OSError, subprocess.TimeoutExpired):
            break
    return chromium.find()


def complaints(browser: chromium.Browser, page: Path, report: Path) -> list[str]:
    """What is wrong with one page as the browser now looks at it."""
    found = []
    for event in browser.open(page.as_uri()):
        name, facts = event["method"], event["params"]
        if name in BAD:
            found.append(BAD[name](facts))
        if name == "Network.requestWillBeSent":
            asked = urlsplit(facts["request"]["url"])
            inside = asked.scheme == "file" and Path(unquote(asked.path)).is_relative_to(report)
            found += [] if inside or asked.scheme == "data" else [f"asks for {facts['request']['url']}"]
    wide, view = browser.value("document.documentElement.scrollWidth"), browser.value("innerWidth")
    found += [f"is {wide} px wide in a view of {view} px"] if wide > view else []
    return found + [f"badge {text!r} has contrast {ratio:.1f}" for text, ratio in badges(browser) if ratio < 4.5]


def badges(browser: chromium.Browser) -> list[tuple[str, float]]:
    """The words of all verdicts that can be seen, with their contrast."""
    seen = [badge for badge in browser.value(BADGES) if badge[3] == "visible" and badge[4] > 40]
    return [(text, contrast(color, ground)) for text, color, ground, _, _ in seen]


def contrast(*colors: str) -> float:
    """The ratio of two colors 'rgb(r, g, b)' as WCAG defines it."""
    light = []
    for color in colors:
        parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(light) / min(light)


def broken_links(browser: chromium.Browser, page: Path) -> list[str]:
    """Links of a page that lead to no file, or to no place in it."""
    browser.open(page.as_uri())
    broken = []
    for link in browser.value(LINKS):
        to = urlsplit(link)
        file = Path(unquote(to.path))
        lost = to.fragment and f'id="{to.fragment}"' not in (file.read_text() if file.is_file() else "")
        if to.scheme != "file" or not file.is_file() or lost:
            broken.append(f"links to {link}, which is not there")
    return broken


def spoken_rows(browser: chromium.Browser) -> list[str]:
    """The rows of all tables as a screen reader is given them."""
    nodes = {node["nodeId"]: node for node in browser.call("Accessibility.getFullAXTree")["nodes"]}

    def words(node: dict) -> str:
        if node.get("role", {}).get("value") in ("StaticText", "image", "img", "graphics-document"):
            return str(node.get("name", {}).get("value", ""))
        return " ".join(words(nodes[child]) for child in node.get("childIds", []) if child in nodes)

    return [words(node) for node in nodes.values() if node.get("role", {}).get("value") == "row"]


def control(browser: chromium.Browser, folder: Path) -> list[str]:
    """That the check can fail: a page with every fault must be complained of."""
    page = folder / "bad.html"
    page.write_text(
        '<!doctype html><link rel=icon href="data:,"><p class=verdict style="width:2000px;color:#777;background:#888">'
        'supported</p><img src="missing.png"><a href="nowhere.html">x</a><script>console.error("bad")</script>'
    )
    found = complaints(browser, page, folder) + broken_links(browser, page)
    wanted = ("console.error", "not loaded", "px wide", "contrast", "nowhere.html")
    return [f"the check does not notice: {fault}" for fault in wanted if not any(fault in each for each in found)]


def check(browser: chromium.Browser, report: Path) -> list[str]:
    """Everything wrong with a report."""
    found = []
    pages = sorted(report.rglob("*.html"))
    for (width, height), dark, scripts in itertools.product(SIZES, (False, True), (True, False)):
        browser.look(width, height, dark, scripts)
        look = f"{width} px, {'dark' if dark else 'light'}, scripts {'on' if scripts else 'off'}"
        for page in pages:
            found += [f"{page.relative_to(report)} ({look}): {each}" for each in complaints(browser, page, report)]
        browser.open((report / "index.html").as_uri())
        shown, told = len(badges(browser)), browser.value("document.querySelectorAll('.verdicts .verdict').length")
        rows = [row for row in spoken_rows(browser) if any(word in row for word in VERDICTS)]
        if shown != told or len(rows) < told:
            found.append(f"index.html ({look}): {told} verdicts, {shown} seen, {len(rows)} spoken")
    for page in pages:
        found += [f"{page.relative_to(report)}: {each}" for each in broken_links(browser, page)]
    print(f"browser: {report.name}: {len(pages)} pages in 8 looks, {len(found)} complaints", flush=True)
    return found


def main(reports: list[str]) -> int:
    """Check the reports; 0 where nothing is wrong or no browser can be had."""
    path = install()
    if path is None:
        print(
            "browser: NOT CHECKED, there is no Chromium here and it cannot be installed (apt-get and root are needed)"
        )
        return 0
    with tempfile.TemporaryDirectory() as scratch, chromium.start(path) as browser:
        folder = Path(scratch).resolve()
        if not reports:
            full = build(synthetic.make(folder), folder / "report", note=lambda text: None)
            empty = build(folder / "nothing", folder / "empty", note=lambda text: None)
            reports = [str(full.parent), str(empty.parent)]
        browser.look(1280, 900)
        found = control(browser, folder) + [each for name in reports for each in check(browser, Path(name).resolve())]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
