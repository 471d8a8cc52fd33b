"""The report in a real browser: silent, offline, readable at every width, in the dark, on paper, without scripts.

With JUNCTURE_SCREENSHOTS=1 the screenshots of the documentation are taken as well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages import made_up
from tests.pages.test_report import hostile_report

pytestmark = pytest.mark.browser

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
#: Text and its background by WCAG 2: elements with text of their own, on the nearest background that is not clear.
CONTRASTS = """() => {
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const lum = c => { const [r, g, b] = c.map(linear); return .2126 * r + .7152 * g + .0722 * b; };
  const found = [];
  for (const e of document.querySelectorAll('body, body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (['title', 'desc'].includes(e.tagName.toLowerCase()) || e.closest('.sr') || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), inSvg = e instanceof SVGElement;
    const text = rgb(inSvg ? style.fill : style.color);
    let behind = e, ground = [0, 0, 0, 0];
    if (inSvg && e.closest('.flow') && !e.classList.contains('by')) {
      ground = rgb(getComputedStyle(e.closest('svg').querySelector('.box')).fill);
    } else while (behind && (ground[3] ?? 1) === 0) {
      ground = rgb(getComputedStyle(behind).backgroundColor); behind = behind.parentElement;
    }
    const [a, b] = [lum(text), lum(ground)].sort((x, y) => y - x);
    found.push([(a + .05) / (b + .05), e.tagName, e.getAttribute('class'), e.textContent.trim().slice(0, 30)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium on the path")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(made_up.report(), encoding="utf-8")
    return path


def opened(browser: Any, file: Path, width: int = 1280, **context: Any) -> tuple[Any, list[str]]:
    """A page with ``file``, and what it said or asked for."""
    page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.on("request", lambda request: heard.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    return page, heard


def open_details(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


@pytest.mark.parametrize("scripts", [True, False])
def test_nothing_is_said_and_nothing_is_asked_for(browser: Any, file: Path, scripts: bool) -> None:
    page, heard = opened(browser, file, java_script_enabled=scripts)
    page.get_by_text("The curves as a table").click()
    assert page.get_by_text("Crises a person by day of follow-up").is_visible()
    assert heard == []


def test_the_style_is_in_force(browser: Any, file: Path) -> None:
    page, _ = opened(browser, file)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(253, 252, 249)"


def test_hostile_text_runs_nothing(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(hostile_report(), encoding="utf-8")
    page, heard = opened(browser, path)
    assert heard == []
    assert page.evaluate("document.querySelectorAll('script, img').length") == 0


@pytest.mark.parametrize("width", [360, 700, 768, 1280])
def test_nothing_hangs_over_the_edge(browser: Any, file: Path, width: int) -> None:
    page, _ = opened(browser, file, width)
    open_details(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    edges = page.evaluate(
        "[...document.querySelectorAll('svg')].filter(e => e.getClientRects().length)"
        ".map(e => e.getBoundingClientRect()).map(b => [b.left, b.right])"
    )
    assert len(edges) >= 20
    assert all(left >= 0 and right <= width for left, right in edges)


def test_text_in_charts_stays_readable_on_a_telephone(browser: Any, file: Path) -> None:
    page, _ = opened(browser, file, 360)
    heights = page.evaluate(
        "[...document.querySelectorAll('svg.chart text')].filter(t => t.getClientRects().length)"
        ".map(t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)"
    )
    assert min(heights) >= 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_contrast(browser: Any, file: Path, scheme: str, width: int) -> None:
    page, _ = opened(browser, file, width, color_scheme=scheme)
    open_details(page)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 300
    assert [part for part in found if part[0] < 4.5] == []


def test_keyboard_and_landmarks(browser: Any, file: Path) -> None:
    page, _ = opened(browser, file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    focused = "getComputedStyle(document.activeElement)"
    assert page.evaluate(f"{focused}.outlineStyle + ' ' + parseFloat({focused}.outlineWidth)") == "solid 3"
    assert [page.locator(tag).count() for tag in ("main", "body > header", "nav", "body > footer")] == [1, 1, 1, 1]
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0 && e.getAttribute('role') === 'region')"
    )


def test_every_picture_has_a_name(browser: Any, file: Path) -> None:
    page, _ = opened(browser, file)
    for svg in page.get_by_role("img").all():
        name = svg.locator("title").first.text_content()
        assert name and len(name) > 10
    for name in (
        "Crises a person, added up over the follow-up",
        "Co-response with no follow-up within 7 days: from every opening to a crisis",
        "How much more in women than in men",
        "How far contacts fell after people were chosen, and how far they would have fallen by themselves",
    ):
        assert page.get_by_role("img", name=name, exact=True).count() == 1


def test_print_opens_the_tables(browser: Any, file: Path) -> None:
    page, _ = opened(browser, file)
    assert page.pdf(format="Letter").startswith(b"%PDF-")
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    cell = page.get_by_text("Crises a person by day of follow-up")
    assert cell.bounding_box()["height"] > 0


@pytest.mark.skipif(os.environ.get("JUNCTURE_SCREENSHOTS") != "1", reason="JUNCTURE_SCREENSHOTS is not 1")
def test_screenshots(browser: Any, file: Path) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, width, height, scheme, anchor in (
        ("report", 1280, 1600, "light", "main"),
        ("report-funnel", 1280, 1600, "light", "funnel"),
        ("report-junctures", 1280, 1600, "light", "junctures"),
        ("report-falls", 1280, 1600, "light", "falls"),
        ("report-women-and-men", 1280, 1600, "light", "rates"),
        ("report-dark", 1280, 1600, "dark", "junctures"),
        ("report-phone", 360, 1400, "light", "junctures"),
    ):
        page, _ = opened(browser, file, width, color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        if anchor != "main":
            page.evaluate(f"document.getElementById('{anchor}').scrollIntoView({{behavior: 'instant'}})")
        page.screenshot(path=IMAGES / f"{name}.png")
    page, _ = opened(browser, file, 645)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 645, "height": 900})
    page.screenshot(path=IMAGES / "report-print.png")
