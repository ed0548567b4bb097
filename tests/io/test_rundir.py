"""The run directory: no secret in any file, whatever its spelling; no file broken by taking one out; the ledger."""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.commands.report import saved_report
from harness.core.endpoint import Credentials, Endpoint, Secret
from harness.core.errors import BudgetExhausted, RunDirError
from harness.core.gate import Policy
from harness.core.plan import Plan, PlannedCheck
from harness.core.settings import Ceilings
from harness.core.verdict import Counterexample, Level, Status, Verdict
from harness.io.ledger import MOST_COUNTED_TOKENS, REQUESTS_FILE, TOKENS_FILE, Ledger
from harness.io.rundir import EVIDENCE, FAULTS, GATE, PLAN, SERIES, EvidenceLine, RunDir, count_runs_of_plan, read_run
from harness.io.sanitize import Cleaner, encode_line
from harness.run.report_building import build_report
from harness.run.report_files import write_reports
from harness.run.series import Meter

SECRET = "p\"ä<&>\\'s s/0123456789"
MARK = b"0123456789"
HEAD = {"id": "r", "target": {"url": "http://h", "protocol": "v2"}}


def endpoint(secret: str = SECRET) -> Endpoint:
    return Endpoint("http://h", credentials=Credentials("basic", Secret(secret), username="u"))


def list_spellings() -> dict[str, str]:
    return {
        "plain": SECRET,
        "json": json.dumps(SECRET),
        "json, not ascii": json.dumps(SECRET, ensure_ascii=False),
        "json in json": json.dumps(json.dumps({"a": SECRET})),
        "url": quote(SECRET, safe=""),
        "html": html.escape(SECRET),
        "html in json": json.dumps(html.escape(SECRET)),
        "python": repr(SECRET),
        "basic": base64.b64encode(f"u:{SECRET}".encode()).decode(),
    }


def save_failed_run(folder: Path, hidden: tuple[str, ...], reason: str) -> RunDir:
    """A run of one failed check, written by every way there is to write."""
    run = RunDir.create(folder, hidden)
    example = Counterexample(reason, request={"body": reason}, response={"headers": {"x": reason}}, curl=reason)
    verdict = Verdict(Status.FAIL, reason, n=3, estimate=0.1234, counterexamples=(example,), notes=(reason,))
    run.write_plan(Plan(("smoke",), (PlannedCheck("c0", "smoke", Level.BLOCKER, f"title {reason}"),)), HEAD)
    run.append(EVIDENCE, EvidenceLine("c0", verdict, 12.1234, 0.1234))
    run.append(SERIES, {"t": 1234, "requests": 1234, "errors": 0, "hist": {}})
    run.append(FAULTS, {"kind": reason, "target": "t", "applied_at": 1.5, "lifted_at": None, "confirmed": "none"})
    run.write_exchanges("c0", [{"request": {"body": reason}}])
    write_reports(run, build_report(read_run(folder), policy=Policy()), (("markdown", None), ("terminal", None)))
    return run


@pytest.mark.parametrize("way", list_spellings())
def test_no_file_holds_a_secret_in_any_spelling(tmp_path: Path, way: str) -> None:
    run = save_failed_run(tmp_path / "run", endpoint().list_secrets(), f"before {list_spellings()[way]} after")
    files = [file for file in run.path.rglob("*") if file.is_file()]
    assert {EVIDENCE, PLAN, GATE, "report.html", "junit.xml", "report.md", "c0.json"} <= {file.name for file in files}
    for file in files:
        data = file.read_bytes()
        assert MARK not in data, file.name
        assert list_spellings()["basic"].encode() not in data, file.name
        if file.suffix == ".json":
            json.loads(data)
    assert "***" in saved_report(run.path).checks[0].reason


WORDS = ("1234", "12.1", "true", "null", "false", "check", "verdict", "status", "FAIL", "smoke", "blocker", "requests")


@pytest.mark.parametrize(
    "word", [*WORDS, "hist", "c0c0", "pytest", "test", "nope", '"kind"', ": {}", "},{", '","', "\\n"]
)
def test_a_secret_like_an_ordinary_word_breaks_no_file(tmp_path: Path, word: str) -> None:
    """A key of `1234` once tore the line that held the number 12.1234, and the verdict on it was lost."""
    run = save_failed_run(
        tmp_path / "run", endpoint(f"{word:4}").list_secrets(), f'said {word:4}, "kind": {{}},{{"a","b" \n nope'
    )
    saved_run = read_run(run.path)
    assert not saved_run.notes, "no torn line"
    report = build_report(saved_run, policy=Policy())
    assert report.run.verdict is Status.FAIL
    assert report.checks[0].estimate == 0.1234
    assert report.series[0].t == 1234
    assert saved_run.gate is not None
    assert saved_run.gate.checks[0].n == 3


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    st.text(min_size=4, max_size=8),
)
def test_cleaned_json_is_json_of_the_same_shape_without_the_secret(value: object, secret: str) -> None:
    cleaner = Cleaner(Endpoint("http://h", credentials=Credentials("bearer", Secret(secret))).list_secrets())
    whole = {"value": value, "said": f"<{secret}>"}
    for data in (json.dumps(whole).encode(), json.dumps(whole, ensure_ascii=False).encode()):
        cleaned = json.loads(cleaner.clean(data))
        assert list(cleaned) == ["value", "said"]
        assert type(cleaned["value"]) is type(value)
        assert secret not in cleaned["said"] or secret in ("***", "said")


def test_text_that_only_looks_like_json_is_cleaned_all_over() -> None:
    cleaner = Cleaner(("secret-0",))
    assert cleaner.clean(b"[INFO] sent secret-0 and {secret-0}") == b"[INFO] sent *** and {***}"
    assert cleaner.clean(b'{"a": "secret-0"} secret-0') == b'{"a": "***"} ***'
    assert cleaner.clean(b"[" * 100_000 + b"secret-0") == b"[" * 100_000 + b"***"
    assert Cleaner().clean(b"secret-0") == b"secret-0"


def test_what_other_plugins_wrote_is_scrubbed(tmp_path: Path) -> None:
    (tmp_path / "allure").mkdir()
    files = {"a.json": json.dumps({"t": 1234, "x": SECRET}), "b.xml": f"<p>{html.escape(SECRET)}</p>", "c.txt": SECRET}
    for name, content in files.items():
        (tmp_path / "allure" / name).write_text(content)
    (tmp_path / "allure" / "bytes").write_bytes(b"\xff\x00" + SECRET.encode())
    RunDir(tmp_path, endpoint().list_secrets()).scrub(tmp_path / "allure")
    for file in (tmp_path / "allure").iterdir():
        assert MARK not in file.read_bytes(), file.name
    assert json.loads((tmp_path / "allure" / "a.json").read_text()) == {"t": 1234, "x": "***"}


def test_a_lone_surrogate_of_a_service_is_written_as_a_question_mark(tmp_path: Path) -> None:
    run = save_failed_run(tmp_path / "run", (), "the service said \ud800")
    assert saved_report(run.path).checks[0].reason == "the service said ?"
    assert json.loads(encode_line({"\udcff": ["\ud800", float("nan"), 1]})) == {"?": ["?", None, 1]}


def test_an_existing_run_or_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    for name in (PLAN, EVIDENCE, GATE):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / name).write_text("")
        with pytest.raises(RunDirError, match="already holds a run; give another"):
            RunDir.create(tmp_path / name / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirError, match="is a file: give a folder as --ai-run-dir"):
        RunDir.create(tmp_path / "file")
    with pytest.raises(RunDirError, match=r"cannot be written \(.+\); give another"):
        RunDir.create(tmp_path / "file" / "below")
    run = RunDir.create(tmp_path / "run")
    for write in (lambda: run.append("no/folder.jsonl", 1), lambda: run.write("no/folder.json", b"1")):
        with pytest.raises(RunDirError, match="cannot be written"):
            write()
    assert not list(run.path.glob(".*.part"))


def test_a_run_without_a_name_gets_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = RunDir.create(None), RunDir.create(None)
    assert first.path != second.path
    assert first.path.parent == tmp_path / ".aiharness" / "runs"


FULL = """
import resource, sys
from pathlib import Path
from harness.core.errors import RunDirError
from harness.io.rundir import EVIDENCE, RunDir
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = RunDir.create(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    for number in range(100):
        run.append(EVIDENCE, {"line": "x" * 90})
except RunDirError as error:
    print(error)
"""


def test_a_full_disk_is_said_and_not_passed_over(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "evidence.jsonl cannot be written" in done.stdout


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (EVIDENCE, b'{"x": 1}\n'),
        (EVIDENCE, b'{"check": "c0", "verdict": {"status": "GREEN", "reason": ""}}\n'),
        (PLAN, b"[]"),
        (PLAN, b'{"suites": 3}'),
        (PLAN, b'{"suites": [], "checks": [], "run": 3}'),
        (PLAN, b"\xff"),
        (GATE, b"{}"),
        (GATE, b""),
    ],
)
def test_files_of_something_else_are_one_clear_error(tmp_path: Path, name: str, data: bytes) -> None:
    RunDir.create(tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(data)
    with pytest.raises(RunDirError, match=name):
        read_run(tmp_path / "run")


@given(st.binary(max_size=80))
def test_whatever_a_torn_file_holds_is_passed_over(tmp_path_factory: pytest.TempPathFactory, torn: bytes) -> None:
    folder = tmp_path_factory.mktemp("torn")
    run = RunDir.create(folder / "run")
    Meter(run, "main").flush()
    line = msgspec.json.encode(EvidenceLine("c0", Verdict(Status.PASS, "", n=1)))
    torn = torn.replace(b"{", b"[")
    (run.path / EVIDENCE).write_bytes(torn + b"\n" + line + b"\n" + line[: len(line) // 2])
    saved_run = read_run(run.path)
    assert [entry.check for entry in saved_run.evidence] == ["c0"]
    assert any("torn" in note for note in saved_run.notes)


def test_a_file_of_the_run_names_its_run(tmp_path: Path) -> None:
    run = save_failed_run(tmp_path / "run", (), "x")
    assert read_run(run.path / EVIDENCE).plan is not None
    assert saved_report(run.path / GATE).run.verdict is Status.FAIL


def test_a_ceiling_of_requests_counts_over_all_processes(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path, Ceilings(requests=5), 0.0) for _ in range(3)]
    for number in range(5):
        ledgers[number % 3].before_request()
    for ledger in ledgers:
        with pytest.raises(BudgetExhausted, match="--ai-max-requests=5"):
            ledger.before_request()
    assert ledgers[0].requests == 5


def test_a_ceiling_of_tokens_is_reached_by_what_the_service_states(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Ceilings(tokens=100), 0.0)
    for stated in (60, 0, -5, 39):
        ledger.before_request()
        ledger.after_answer(stated)
    ledger.before_request()
    ledger.after_answer(1)
    with pytest.raises(BudgetExhausted, match="--ai-max-tokens=100"):
        ledger.before_request()


@pytest.mark.parametrize("ceiling", [None, 10, 10**15])
def test_an_absurd_token_count_costs_neither_memory_nor_disk(tmp_path: Path, ceiling: int | None) -> None:
    ledger = Ledger(tmp_path, Ceilings(tokens=ceiling), 0.0)
    ledger.after_answer(10**18)
    size = (tmp_path / TOKENS_FILE).stat().st_size if (tmp_path / TOKENS_FILE).exists() else 0
    assert size == (0 if ceiling is None else min(ceiling, MOST_COUNTED_TOKENS))


def test_time_is_over_when_it_is_over(tmp_path: Path) -> None:
    with pytest.raises(BudgetExhausted, match="--ai-max-time=1 s is over"):
        Ledger(tmp_path, Ceilings(seconds=1.0), -1e9).before_request()
    assert not (tmp_path / REQUESTS_FILE).exists(), "a refused request is not counted"
    Ledger(tmp_path, Ceilings(), 0.0).before_request()
    assert os.path.getsize(tmp_path / REQUESTS_FILE) == 1


def test_runs_of_the_same_plan_in_the_same_folder_are_counted(tmp_path: Path) -> None:
    same, other = Plan(("smoke",), ()), Plan(("load",), ())
    for name, plan in (("one", same), ("two", other), ("three", same), ("four", same)):
        RunDir.create(tmp_path / name).write_plan(plan, {})
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "plan.json").write_text("{")
    (tmp_path / "latest").symlink_to(tmp_path / "one")
    assert count_runs_of_plan(tmp_path / "four", same.hash) == 2
    assert count_runs_of_plan(tmp_path / "two", other.hash) == 0
    assert count_runs_of_plan(tmp_path / "new", same.hash) == 3


def test_the_folder_of_the_runs_is_ignored_by_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    run = RunDir.create(None)
    assert run.path.parent.parent == tmp_path / ".aiharness"
    shown = subprocess.run(["git", "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True).stdout
    assert shown == ""
    ignore = tmp_path / ".aiharness" / ".gitignore"
    ignore.write_text("mine\n")
    RunDir.create(None)
    assert ignore.read_text() == "mine\n"


def test_a_folder_that_the_user_chose_gets_no_gitignore(tmp_path: Path) -> None:
    RunDir.create(tmp_path / "results" / "run")
    assert not list(tmp_path.rglob(".gitignore"))
