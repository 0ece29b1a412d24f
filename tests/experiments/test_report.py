"""The page in a real browser, offline: no error, videos play, phones, paper and the dark."""

from __future__ import annotations

import shutil

import pytest

from experiments.compare import main as compare
from experiments.options.compare import CompareConfig
from experiments.report.page import page as html
from experiments.runs.arms import compare_arms, load_arms
from experiments.runs.spec import RunSpec

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare")
    compare(CompareConfig("expert,random", "reach", "190060:190062", str(out), workers=1))
    return out


@pytest.fixture
def long_names(tmp_path, finished):
    """A page of agents whose names and facts are as long as they come."""
    for agent, facts in (
        ("octo-like", {"label": "Octo-like, from scratch, no OXE pretraining"}),
        ("sac-her", {"label": "sac-her with 300 demonstrations", "environment_steps": 1_234_567}),
    ):
        spec = RunSpec(agent, "pick-place", options={"model": "a-folder-of-weights"})
        finished(tmp_path / "runs" / agent, spec, [1, 0], facts=facts)
    arms = load_arms(tmp_path / "runs")
    text = html(arms, compare_arms(arms), [], "worldsim compare", tmp_path / "videos")
    (tmp_path / "index.html").write_text(text)
    return tmp_path / "index.html"


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
    tab.set_default_timeout(120_000)
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
    captions = page.eval_on_selector_all(".videos figcaption", "all => all.map(c => c.textContent)")
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


def test_videos_come_first(page):
    tops = page.eval_on_selector_all("section", "all => all.map(s => s.id)")
    assert tops[0] == "videos"
    assert page.eval_on_selector("#videos", "v => v.getBoundingClientRect().top") < 600


def test_starts_can_be_filtered_by_who_failed_them_and_lead_to_their_videos(page):
    assert "0 of 2" in page.text_content("#starts-note")  # the expert failed none
    page.select_option("#starts-agent", "random")
    assert "2 of 2" in page.text_content("#starts-note")
    kinds = page.eval_on_selector_all(".starts i", "all => all.map(i => i.className)")
    assert kinds == ["solved", "solved", "failed", "failed"]
    page.click(".starts thead th:last-child")
    assert page.eval_on_selector("#seed", "s => s.value") == "190061"
    page.check("#failed")
    assert page.eval_on_selector("#seed", "s => s.options.length") == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen(browser, folder, scheme, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text, ground = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert text != ground
    dark = sum(int(part) for part in ground[4:-1].split(",")) < 300
    assert dark == (scheme == "dark")
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('main *, section *')]"
        ".filter(e => e.childNodes.length && e.getBoundingClientRect().width && !e.closest('svg'))"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 11
    context.close()


def test_paper_has_no_controls_and_no_cut_tables(browser, folder):
    context = browser.new_context(viewport={"width": 794, "height": 1123})
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    page.emulate_media(media="print")
    shown = page.eval_on_selector_all(
        "#videos, .controls", "all => all.some(e => getComputedStyle(e).display !== 'none')"
    )
    assert shown is False
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    context.close()


def test_long_names_fit_a_phone(browser, long_names):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(long_names.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_no_word_or_number_is_broken_on_paper(browser, long_names):
    page = browser.new_page(viewport={"width": 700, "height": 1000})
    page.goto(long_names.as_uri())
    page.emulate_media(media="print")
    broken = page.eval_on_selector_all(
        ".facts td, .facts thead th",
        """all => all.flatMap(cell => [...cell.childNodes].flatMap(node => {
          const range = document.createRange(), words = [...node.textContent.matchAll(/[^\\s-]+/g)];
          return words.filter(word => {
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            return range.getClientRects().length > 1;
          }).map(word => word[0]);
        }))""",
    )
    assert broken == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    page.close()
