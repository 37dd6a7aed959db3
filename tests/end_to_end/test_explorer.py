"""The explorer and the report in a real browser: by keyboard, without scripts, narrow, and dark."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fl_chain.cli.main import run
from tests.gallery import Gallery, Visitor

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]
NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1200, "height": 800}
MOST_KEYS = 150

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Debian's package chromium: apt-get install chromium"
)

LOW_CONTRAST = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!text.length || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? parse(style.fill) : parse(style.color);
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(element.outerHTML.slice(0, 120));
  }
  return poor;
}"""
"""WCAG 2.2, success criterion 1.4.3: text has a contrast of 4.5 to what is behind it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def noted() -> dict[str, list[str]]:
    """What pages asked for, and what the browser complained about."""
    return {"requests": [], "complaints": []}


def open_page(browser: Browser, noted: dict[str, list[str]], **options: Any) -> Page:
    page = browser.new_context(**{"viewport": WIDE, **options}).new_page()
    page.on("request", lambda request: noted["requests"].append(request.url))
    page.on("console", lambda message: noted["complaints"].append(message.text))
    page.on("pageerror", lambda error: noted["complaints"].append(str(error)))
    return page


@pytest.fixture
def paths(gallery: Gallery, visitor: Visitor) -> list[str]:
    """One page of each kind, with the most on it."""
    whole, wrong = f"/task/{gallery.whole.address}", f"/task/{gallery.wrong.address}"
    update = visitor.ask(f"{whole}/update/3/0.json").json["rows"][0]
    last = visitor.ask(f"{whole}/round/3.json").json["rows"][0]
    model, proposer = last["model"], last["proposer"]
    return [
        *("/", "/words", "/search?q=nothing", whole, wrong, f"/task/{gallery.missing.address}"),
        *(f"/task/{gallery.listed.address}", f"/task/{gallery.sampled.address}"),
        *(f"{whole}/round/1", f"{whole}/round/3", f"{wrong}/round/2", f"{whole}/update/3/0"),
        f"{whole}/participant/{update['participant']}",
        *(f"{whole}/participants", f"{whole}/disputes", f"{whole}/model/{model}"),
        f"{whole}/transaction/{update['transaction']}",
        *(f"{whole}/aggregators", f"{whole}/aggregator/{proposer}"),
    ]


@pytest.fixture(scope="module")
def report(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory, visitor: Visitor) -> Path:
    """The report of the task with the wrong model."""
    folder = tmp_path_factory.mktemp("report")
    world, path = gallery.world, folder / "report.html"
    place = ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]
    task = ["--task", gallery.wrong.address, "--html", str(path)]
    assert run(["--state", str(folder), "audit", "run", *task, *place]) == 1
    return path


def press_tab_until(page: Page, wanted: str) -> None:
    """Go to the link with an address, as somebody without a mouse does."""
    for _ in range(MOST_KEYS):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and focused.get_attribute("href") == wanted:
            outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline == "solid"
            return
    raise AssertionError(f"no key leads to {wanted}")


def test_the_finding_that_failed_is_reached_by_keyboard_alone(
    browser: Browser, gallery: Gallery, visitor: Visitor, noted: dict[str, list[str]]
) -> None:
    page = open_page(browser, noted)
    page.goto(visitor.url)
    task = f"/task/{gallery.wrong.address}"
    for wanted in (task, f"{task}/round/2"):
        press_tab_until(page, wanted)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{wanted}")
    failed = page.locator("tr.fail")
    assert failed.count() == 1
    assert "FAIL" in failed.inner_text()
    assert "aggregate" in failed.inner_text()


def test_the_first_key_offers_to_skip_to_the_content(
    browser: Browser, visitor: Visitor, noted: dict[str, list[str]]
) -> None:
    page = open_page(browser, noted)
    page.goto(visitor.url)
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href") == "#content"
    assert page.locator(":focus").bounding_box()["x"] >= 0  # type: ignore[index]


def test_everything_can_be_read_without_scripts(
    browser: Browser, visitor: Visitor, paths: list[str], noted: dict[str, list[str]]
) -> None:
    page = open_page(browser, noted, java_script_enabled=False)
    for path in paths:
        page.goto(visitor.url.rstrip("/") + path)
        assert page.locator("h1").count() == 1
        assert page.locator("main").inner_text().strip()


def test_no_request_leaves_this_machine_and_the_browser_has_no_complaint(
    browser: Browser, visitor: Visitor, paths: list[str], noted: dict[str, list[str]]
) -> None:
    page = open_page(browser, noted)
    for path in paths:
        page.goto(visitor.url.rstrip("/") + path)
    assert noted["complaints"] == []
    assert len(noted["requests"]) >= len(paths)
    for url in noted["requests"]:
        assert url.startswith((visitor.url, "data:,")), url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(
    browser: Browser,
    visitor: Visitor,
    paths: list[str],
    report: Path,
    noted: dict[str, list[str]],
    scheme: str,
) -> None:
    page = open_page(browser, noted, color_scheme=scheme)
    for url in [*(visitor.url.rstrip("/") + path for path in paths), report.as_uri()]:
        page.goto(url)
        assert page.evaluate(LOW_CONTRAST) == [], url


def test_dark_pages_are_dark(
    browser: Browser, visitor: Visitor, noted: dict[str, list[str]]
) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page = open_page(browser, noted, color_scheme=scheme)
        page.goto(visitor.url)
        back = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        colours.append(sum(page.evaluate(back)))
    assert colours[0] > 600
    assert colours[1] < 150


def test_nothing_is_wider_than_a_narrow_window(
    browser: Browser,
    visitor: Visitor,
    paths: list[str],
    report: Path,
    noted: dict[str, list[str]],
) -> None:
    page = open_page(browser, noted, viewport=NARROW)
    for url in [*(visitor.url.rstrip("/") + path for path in paths), report.as_uri()]:
        page.goto(url)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW["width"], url


def test_a_report_is_one_file_that_says_the_verdict_first(
    browser: Browser, report: Path, noted: dict[str, list[str]]
) -> None:
    page = open_page(browser, noted)
    page.goto(report.as_uri())
    assert noted == {"requests": [report.as_uri()], "complaints": []}
    text = page.locator("main").inner_text()
    assert 0 <= text.index("FAIL") < text.index("What this means") < text.index("How to reproduce")
    assert "Length of updates" in text
    assert "digits_mlp" in text
    source = report.read_text(encoding="utf-8")
    assert "<script" not in source
    assert "http://" not in source.replace("http://www.w3.org/", "")


def test_ctrl_c_ends_it_at_once_and_cleanly(gallery: Gallery, tmp_path: Path) -> None:
    world = gallery.world
    place = ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]
    command = [sys.executable, "-m", "fl_chain.cli", "--state", str(tmp_path), "web", "--port", "0"]
    with subprocess.Popen(
        [*command, *place], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        assert Visitor(url).ask("/words").status == 200
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert (process.returncode, rest) == (0, "stopped\n")
