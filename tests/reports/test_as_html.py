from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from harness.core.errors import RunDirError
from harness.core.report import Report
from harness.core.verdict import Level, Status
from harness.core.waiver import Waiver, describe_waivers, judge_waivers
from harness.io.rundir import read_gate

if TYPE_CHECKING:
    from tests.reports.conftest import Render

VOID = {"meta", "input", "br", "img", "link"}


class Page(HTMLParser):
    """Elements, text and the balance of tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.by_tag: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.by_tag.setdefault(self.open[-1] if self.open else "", []).append(data)
        if not {"style", "script"} & set(self.open):
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())


@pytest.fixture(scope="module")
def html(sample: Report, render: Render) -> str:
    return render("html", sample)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_verdict_comes_first(page: Page) -> None:
    text = page.text
    assert text.index("FAIL") < text.index("A malformed body is refused")
    for words in (
        "19 of 23 checks judged, 1 not applicable",
        "95 % per bound",
        "7 min 23 s",
        "1 (FAIL)",
        "http://127.0.0.1:8080",
        "--ai-accept-first",
        "2026.1.4",
    ):
        assert text.index(words) < text.index("What to do next Suites"), words


def test_every_failure_has_its_replay_lines(html: str) -> None:
    page = Page(html)
    commands = page.by_tag["code"]
    curl = "curl -sS -i -X POST http://127.0.0.1:8080/v1/chat/completions"
    assert any(text.startswith(curl) for text in commands)
    check = "'ai-suite/integration/test_errors.py::test_malformed[truncated]'"
    assert f"aiharness rerun 20260131T120000Z-7f3a {check}" in commands
    assert f"pytest --ai-suite=integration --ai-endpoint=http://127.0.0.1:8080 {check}" in commands
    assert "A new run needs about 4,100 samples to decide this; this run had 1,600." in page.text


def test_failures_of_one_cause_are_one_card_with_the_answer_and_a_hint(sample: Report, render: Render) -> None:
    row = next(row for row in sample.checks if row.counterexamples)
    response = {"status": 500, "headers": {}, "body": "Object of type int64 is not JSON serializable " + "x" * 400}
    example = replace(row.counterexamples[0], response=response)
    rows = tuple(
        replace(row, id=f"ai-suite/smoke/test_answer.py::test_{n}", counterexamples=(example,)) for n in range(9)
    )
    for name in ("html", "markdown"):
        text = render(name, replace(sample, checks=rows))
        assert text.count("8 more checks have the same cause") == 1
        assert text.count(".tolist") == 1 + (name == "html")
        assert text.count("aiharness rerun") == 1
        assert len(re.findall("x{154}…", text)) == 1
    assert render("html", replace(sample, checks=rows)).count('<article class="card') == 1


def test_causes_contents_and_next_steps_stand_before_the_figures(html: str) -> None:
    top = Page(html[: html.index('<section aria-labelledby="h-next"')].replace("<main>", "") + "</body></html>").text
    for words in ("What to do next: 7 open checks", "Suites", "Objectives", "Not judged (2)", "All checks"):
        assert words in top
    assert "load 41 of 1200 requests took longer than 800 ms" in top
    text = Page(html).text
    for words in ("Blockers that hold 16 of 21", "Latency of single requests p50", "20,753 requests, 598 failed"):
        assert text.index("Send this request again") < text.index(words) < text.index("Objectives and estimates")


def test_links_from_the_causes_lead_to_their_cards(html: str) -> None:
    linked = re.findall(r'<a href="#(cause-\d+)">', html)
    cards = dict(re.findall(r'<article class="card (\w+)" id="(cause-\d+)">', html)[::-1])
    assert linked == ["cause-1", "cause-2", "cause-3", "cause-4", cards["warned"]]
    assert set(linked) <= set(re.findall(r'<article class="card \w+" id="(cause-\d+)">', html))


def test_a_comparison_shows_the_difference_against_the_margin(sample: Report, render: Render) -> None:
    part = render("html", sample).partition('id="h-compared"')[2].partition("</section>")[0]
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", part))
    assert "against 20260117T090000Z-11aa" in text
    assert "2.82 % (1.9 % to 3.8 %)" in text
    assert "estimate 2.82 %, bounds 1.9 % to 3.8 %, limit ≤ 0.5 %, baseline 0 %" in part
    row = next(row for row in sample.checks if row.baseline)
    difference = replace(row, kind="comparison", estimate=row.baseline.delta if row.baseline else None)
    page = render("html", replace(sample, checks=(difference,)))
    assert 'id="h-estimates"' not in page
    assert page.count("difference from the baseline</title>") == 1


@pytest.mark.parametrize(
    ("today", "verdict", "state"),
    [
        (date(2026, 3, 2), Status.FAIL, "expired: ignored: it expired on 2026-03-01"),
        (date(2026, 3, 1), Status.FAIL, "active: waives FAIL"),
        (date(2026, 3, 1), Status.PASS, "active: without effect: nothing that it names is open"),
    ],
)
def test_waivers_say_whether_they_are_in_force(
    today: date, verdict: Status, state: str, sample: Report, render: Render
) -> None:
    described = describe_waivers([Waiver("smoke/test_a.py", "known", "team-a", date(2026, 3, 1))], today)
    waivers = judge_waivers(described, {"ai-suite/smoke/test_a.py": verdict})
    text = Page(render("html", replace(sample, waivers=waivers))).text
    assert f"{state}" in text
    assert "smoke/test_a.py known team-a 2026-03-01" in text


def test_a_baseline_without_a_difference_is_named_by_its_figure(full: Report, render: Render) -> None:
    page = render("html", full)
    assert re.search(r"20260124T090000Z-58c1 had 40\s%", page)
    assert "margin –" not in page


def test_rows_are_sorted_from_the_worst(html: str) -> None:
    table = html[html.index('id="h-checks"') : html.index('<details class="group')]
    chips = re.findall(r'class="chip (\w+)"(?:(?!</td>).)*?(?:class="level">(\w+)<)?/?span></td>', table, re.DOTALL)
    order = [f"{status}{level}" for status, level in chips]
    assert order == ["fail", "fail", "error", "inconclusive", "inconclusive", "warnedwarn", "inconclusiveinfo"]


def test_nothing_is_fetched(page: Page) -> None:
    for tag, attrs in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}, tag
        for name in ("src", "srcset", "action", "style"):
            assert name not in attrs, f"{tag} {name}"
        assert (attrs.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attrs)


def test_the_policy_allows_this_style_and_script_alone(page: Page) -> None:
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        text = page.by_tag[tag][-1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_every_image_says_what_it_shows_and_charts_have_tables(html: str, page: Page) -> None:
    images = [attrs for tag, attrs in page.elements if tag == "svg" and attrs.get("role") == "img"]
    assert len(images) >= 9
    assert all(attrs.get("aria-label") for attrs in images)
    assert html.count("<title>") == len(images) + 1
    assert html.count("<summary>Data</summary>") == 4
    silent = [
        a for tag, a in page.elements if tag == "svg" and a.get("role") != "img" and a.get("aria-hidden") != "true"
    ]
    assert not silent


def test_ids_are_unique_and_references_resolve(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for name in ("href", "aria-labelledby"):
            if name in attrs:
                assert (attrs[name] or "").lstrip("#") in ids


def test_the_embedded_report_reads_back(html: str, sample: Report, tmp_path: Path) -> None:
    saved = tmp_path / "elsewhere.html"
    saved.write_text(html)
    assert msgspec.to_builtins(read_gate(saved)) == msgspec.to_builtins(sample)


@pytest.mark.parametrize("damage", ["lost", "cut", "changed"])
def test_a_page_without_a_whole_report_is_refused(damage: str, html: str, tmp_path: Path) -> None:
    element = re.search(r'id="gate">([^<]+)<', html)
    assert element is not None
    packed = element[1]
    damaged = {"lost": "", "cut": packed[:-400], "changed": "AAAA" + packed}[damage]
    saved = tmp_path / "report.html"
    saved.write_text(html.replace(packed, damaged))
    with pytest.raises(RunDirError, match=r"report\.html is not a gate\.json of this version"):
        read_gate(saved)


def test_hostile_text_is_inert(hostile: Report, render: Render) -> None:
    page = Page(render("html", hostile))
    assert sum(tag == "script" for tag, _ in page.elements) == 2
    assert not any(tag == "img" for tag, _ in page.elements)
    assert "<script>document.title='owned'</script>" in page.text


def test_a_huge_report_stays_small_and_says_what_it_leaves_out(huge: Report, render: Render) -> None:
    html = render("html", huge)
    page = Page(html)
    assert len(html.encode()) < 3_000_000
    assert "more open check" in page.text
    assert "of one test" in page.text
    assert "Each point covers 9 s" in page.text


def test_a_report_too_large_to_embed_is_left_out(sample: Report, render: Render) -> None:
    note = secrets.token_hex(300_000)
    html = render("html", replace(sample, notes=(note,)))
    assert note[:500] not in html
    assert "too large to be embedded" in Page(html).text


@pytest.mark.parametrize(
    ("status", "level", "headline"),
    [(Status.FAIL, Level.WARN, "PASS with 1 warning"), (Status.INCONCLUSIVE, Level.INFO, "PASS")],
)
def test_a_pass_does_not_hide_its_warnings(
    status: Status, level: Level, headline: str, sample: Report, render: Render
) -> None:
    rows = (sample.checks[0], replace(sample.checks[1], verdict=status, level=level))
    run = replace(sample.run, verdict=Status.PASS, loosened=(), exit_status=0)
    text = Page(render("html", replace(sample, run=run, checks=rows, waivers=()))).text
    assert f"Release gate {headline} A malformed" in text, text[:200]


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_a_contrast_of_four_and_a_half(theme: int, html: str) -> None:
    block = re.findall(r":root \{(.*?)\}", html, re.DOTALL)[theme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    tones = ("pass", "fail", "inconclusive", "error", "skipped")
    pairs = [(tone, ground) for tone in tones for ground in (f"{tone}-bg", "paper")]
    pairs += [
        (ink, ground) for ink in ("ink", "soft") for ground in ("paper", "sheet", "faint", *(f"{t}-bg" for t in tones))
    ]
    for ink, ground in pairs:
        dark, light = sorted((_luminance(colours[ink]), _luminance(colours[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{ink} on {ground}"


def test_commands_keep_every_space(sample: Report, render: Render) -> None:
    row = next(row for row in sample.checks if row.counterexamples)
    curl = 'curl -d \'{"a":  1,   "b": 2}\''
    row = replace(row, counterexamples=(replace(row.counterexamples[0], curl=curl),))
    report = replace(sample, checks=(row,))
    assert curl in Page(render("html", report)).by_tag["code"]
    for name in ("terminal", "markdown"):
        assert curl in render(name, report)
