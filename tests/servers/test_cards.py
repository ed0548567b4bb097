"""Server cards: the pages are those of the data, and the data names rows, checks and findings that exist."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

import pytest

from docs.server_cards import (
    CARDS,
    DOCS,
    MODES,
    ServerFinding,
    format_server_card,
    list_card_titles,
    list_server_findings,
    load_cards,
    make_card_pages,
)
from tests.servers import cards
from tests.servers.cards import condense_gate, condense_refusal
from tests.servers.row import rows

PAGES = ("findings", "servers", "servers-llm")


def read_page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text("utf-8")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {path.stem: text for path, text in make_card_pages().items()}


def test_the_pages_are_those_of_the_data(pages: dict[str, str]) -> None:
    assert {path.stem: path.read_text("utf-8") for path in CARDS.glob("*.md")} == pages, "run: make generate"


def test_the_data_names_rows_and_checks_that_exist() -> None:
    shown = load_cards()
    assert shown.keys() <= {row.name for row in rows()}
    for name, data in shown.items():
        for run in data["runs"].values():
            named = {*run["passed"], *(other["check"] for other in run["others"])}
            assert named - list_card_titles().keys() == set(), f"{name}: run make cards ARGS={name}"


def test_each_verdict_of_a_run_stands_on_its_card(pages: dict[str, str]) -> None:
    for name, data in load_cards().items():
        for mode in MODES:
            run = data["runs"][mode]
            assert f"| `{mode}` | **{run['verdict']}** (exit {run['exit_status']}) |" in pages[name]
            for other in run["others"]:
                shown = f"{other['check'].rpartition('::')[2]}[{other['case']}]".removesuffix("[]").replace("|", "\\|")
                assert f"`{shown}`" in pages[name], f"{name}: {other}"


def test_links_of_the_cards_lead_somewhere(pages: dict[str, str]) -> None:
    anchors = {(page, anchor) for page in PAGES for anchor in re.findall(r'<a id="(\w+)"></a>', read_page(page))}
    assert {(finding.page, finding.id.lower()) for finding in list_server_findings()} <= anchors
    for text in pages.values():
        assert set(re.findall(r"\(\.\./([\w-]+)\.md#([a-z]+\d*)\)", text)) <= anchors
    assert set(re.findall(r"\(servers/([\w-]+)\.md\)", read_page("servers"))) == pages.keys()


def test_findings_have_ids_of_their_own_and_name_rows_and_checks() -> None:
    findings = list_server_findings()
    assert len({finding.id for finding in findings}) == len(findings)
    numbers = re.findall(r"\*\*S(\d+)\.\*\*", read_page("findings"))
    assert sorted(map(int, numbers)) == list(range(1, len(numbers) + 1))
    names = {check.rpartition("::")[2] for check in list_card_titles()}
    servers = [row.name for row in rows()]
    for finding in findings:
        assert {check.partition("[")[0] for check in finding.checks} <= names, finding
        assert all(any(fnmatch(name, pattern) for name in servers) for pattern in finding.rows), finding


def test_a_finding_covers_a_check_on_its_rows_alone() -> None:
    finding = ServerFinding("S1", "findings", ("ollama-*",), ("test_stop", "test_refused[nan]"))
    assert finding.covers("ollama-anthropic", "ai-suite/integration/test_options.py::test_stop", "")
    assert finding.covers("ollama-ollama", "ai-suite/integration/test_bad_inputs.py::test_refused", "nan")
    assert not finding.covers("ollama-ollama", "ai-suite/integration/test_bad_inputs.py::test_refused", "null")
    assert not finding.covers("vllm", "ai-suite/integration/test_options.py::test_stop", "")


def make_gate_check(id_: str, verdict: str, reason: str = "") -> dict[str, Any]:
    return {"id": id_, "verdict": verdict, "level": "warn", "reason": reason, "missing": False}


GATE = {
    "run": {"verdict": "FAIL", "exit_status": 1, "reason": "/tmp/row-1/log at http://127.0.0.1:43210/x is shown"},
    "plan": {"not_judged": ["the same text: [promises] deterministic is not set"]},
    "checks": [
        make_gate_check("ai-suite/integration/test_bad_inputs.py::test_survives[nan]", "PASS"),
        make_gate_check("ai-suite/integration/test_bad_inputs.py::test_survives[null]", "PASS"),
        make_gate_check("ai-suite/integration/test_bad_inputs.py::test_survives[a|b]", "FAIL", "it <dies>"),
        make_gate_check("ai-suite/integration/test_options.py::test_stop", "INCONCLUSIVE", "nobody answers"),
        make_gate_check("ai-suite/smoke/test_answer.py::test_valid", "INCONCLUSIVE") | {"missing": True},
    ],
}


def test_a_run_is_condensed_and_drawn() -> None:
    run = condense_gate(GATE)
    assert run["reason"] == "…/log at http://127.0.0.1:PORT/x is shown"
    assert run["passed"] == {"ai-suite/integration/test_bad_inputs.py::test_survives": 2}
    strict = {**run, "missing": 0, "others": [], "not_judged": [], "command": "gate"}
    data = {"row": "one", "software": "one==1", "description": "One.", "protocol": "v2", "detected": ["v2"]}
    runs = {"default": {**run, "command": "gate"}, "strict": strict}
    page = format_server_card({**data, "promises": {"deterministic": True}, "runs": runs})
    assert r"| `test_survives[a\|b]` | warn | holds | it &lt;dies&gt; |  |" in page
    assert "| 1 that did not run | `default` | …/log at" in page
    assert "| `test_stop` | `default` | nobody answers |" in page
    assert r"deterministic is not set | the same text | `default` |" in page
    assert "| a bad input is survived | `test_survives` | 2 | 2 |" in page
    assert "| `default` | **FAIL** (exit 1) | 2 | 1 | 1 | 0 |" in page


def test_runs_that_ended_in_silence_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(row for row in rows() if row.silenced)
    leaving = make_gate_check(f"ai-suite/integration/test_disconnect.py::{row.silenced}", "FAIL", "not answered")
    silent = condense_gate({**GATE, "checks": [leaving]})
    turns = iter([silent, condense_gate(GATE), *[silent] * 5])
    monkeypatch.setattr(cards, "_judge_anew", lambda *args: {**next(turns), "command": "gate"})
    data = cards.measure_card(row)
    assert [run["silenced"] for run in data["runs"].values()] == [1, 4]
    page = format_server_card(data)
    assert "Of `default`, the run before this one ended with a server that no longer answered" in page
    assert "Of `strict`, 4 runs before this one ended" in page


def test_a_run_that_was_refused_is_drawn() -> None:
    refused = condense_refusal("asking what it is\nERROR: no sample of a valid input for POST /predict\n\n")
    strict = {**condense_gate(GATE), "command": "gate"}
    data = {"row": "one", "software": "one==1", "description": "One.", "protocol": "v2", "detected": ["v2"]}
    page = format_server_card(
        {**data, "promises": {}, "runs": {"default": {**refused, "command": "gate"}, "strict": strict}}
    )
    assert (
        "| `default` | **NOT BEGUN** (exit 4) | 0 | 0 | 0 | 0 | no sample of a valid input for POST /predict |" in page
    )
    assert r"| `test_survives[a\|b]` | did not run | warn |" in page
