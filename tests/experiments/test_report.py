"""The page in a real browser, offline: no error, videos play, agents stand side by side."""

from __future__ import annotations

import shutil

import pytest

from experiments.compare import CompareConfig
from experiments.compare import main as compare

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare")
    config = CompareConfig("expert,random", "reach", "190060:190062", str(out), threads=1)
    compare(config)
    return out


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser, folder):
    context = browser.new_context(offline=True)
    tab, problems = context.new_page(), []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda r: problems.append(r.url) if r.url.startswith("http") else None)
    tab.goto((folder / "index.html").as_uri())
    yield tab
    assert problems == []
    context.close()


def clocks(page):
    return page.eval_on_selector_all("video", "all => all.map(v => v.currentTime)")


def test_agents_play_side_by_side(page):
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState > 1)")
    captions = page.eval_on_selector_all("figcaption", "all => all.map(c => c.textContent)")
    assert captions == ["expert success", "random failure"]
    page.select_option("#speed", "4")
    page.click("#play")
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.currentTime > 0)")
    page.wait_for_function("document.getElementById('play').textContent === 'Play'")
    ended = page.eval_on_selector_all("video", "all => all.map(v => v.ended)")
    assert ended == [True, True]


def test_the_slider_moves_all_clips_together(page):
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState > 1)")
    page.eval_on_selector("#time", "s => { s.value = 0.2; s.dispatchEvent(new Event('input')); }")
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => !v.seeking)")
    first, second = clocks(page)
    assert first == pytest.approx(second, abs=0.05)
    assert first > 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_can_read_it(browser, folder, scheme):
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    text, ground = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert text != ground
    dark = sum(int(part) for part in ground[4:-1].split(",")) < 300
    assert dark == (scheme == "dark")
    context.close()
