"""The fixtures of users' own tests: every example of the page, and what a failing test leaves as evidence."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import GateOutcome, run_gate
from tests.services import serving

PAGE = Path(__file__).parents[2] / "docs" / "user-tests.md"
CHAT, PLAIN = "--ai-protocol=openai_chat", "--ai-protocol=plain_json"
HEAD = "import pytest\npytestmark = pytest.mark.ai_suite('integration')\n"


def own(folder: Path, url: str, text: str, *args: str, protocol: str = CHAT) -> GateOutcome:
    """A run of the user's own tests alone."""
    (folder / "test_mine.py").write_text(HEAD + textwrap.dedent(text))
    options = ("-k", "test_mine", "--ai-allow-partial", f"--ai-endpoint={url}", "--ai-model=m", protocol)
    return run_gate(folder, *options, *args, suite="integration")


def examples() -> list[str]:
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE.read_text(), re.MULTILINE)
    return [text for block in blocks if (text := textwrap.dedent(block).strip()).startswith("import pytest")]


def test_every_example_of_the_page_passes(tmp_path: Path, reference: str) -> None:
    texts = examples()
    assert len(texts) == 10
    for protocol, folder in ((CHAT, tmp_path / "chat"), (PLAIN, tmp_path / "plain")):
        folder.mkdir()
        tests = 0
        for number, text in enumerate(texts):
            if "def ai_sample" in text:
                (folder / "conftest.py").write_text(text)
            elif ("ai_predict" in text) == (protocol == PLAIN):
                (folder / f"test_mine_{number}.py").write_text(text)
                tests += text.count("def test_") + 2 * text.count("parametrize")
        options = ("-k", "test_mine", "--ai-allow-partial", f"--ai-endpoint={reference}", protocol)
        outcome = run_gate(folder, *options, suite="integration")
        assert outcome.status == 0, outcome.out
        assert outcome.gate is not None
        mine = [check for check in outcome.gate["checks"] if check["id"].startswith("test_mine")]
        assert {check["verdict"] for check in mine} == {"PASS"}
        assert len(mine) == tests
        if protocol == CHAT:
            assert outcome.check("::test_cost")["level"] == "warn"
            assert outcome.check("::test_fast")["n"] > 20
            assert outcome.check("::test_long_prompts_begin_soon")["n"] == 320


def answering(text: str = "hello", status: int = 200) -> Callable[[str, Any], tuple[int, Any]]:
    def answer(path: str, body: Any) -> tuple[int, Any]:
        if body is None:
            return (200, {"object": "list", "data": [{"id": "m"}]}) if path == "/v1/models" else (404, {})
        if status != 200:
            return status, {"error": {"message": "not now"}}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return 200, {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}

    return answer


def test_a_failed_assertion_shows_what_was_asked_last(tmp_path: Path) -> None:
    text = """
        def test_assertion(ai_chat):
            for number in range(30):
                reply = ai_chat(f"question {number}")
            assert reply.text == "goodbye", "it never says goodbye"

        @pytest.mark.ai_suite('integration', level='warn')
        def test_warning(ai_client):
            assert not ai_client.ask().ok

        def test_nothing_was_asked():
            assert 0
    """
    with serving(answering()) as url:
        outcome = own(tmp_path, url, text)
    assert outcome.status == 1, outcome.out
    row = outcome.check("::test_assertion")
    assert (row["verdict"], row["level"], row["kind"]) == ("FAIL", "blocker", "user")
    assert "it never says goodbye" in row["reason"]
    asked = [example["request"]["body"] for example in row["counterexamples"]]
    assert [re.search(r"question \d+", body)[0] for body in asked] == [f"question {n}" for n in (29, 28, 27)]  # type: ignore[index]
    first = row["counterexamples"][0]
    assert "hello" in first["response"]["body"]
    assert first["curl"].startswith("curl ")
    assert first["pytest"] == "test_mine.py::test_assertion"
    assert first["seed"] is not None
    assert "question 29" in (outcome.run_dir / "report.html").read_text()
    warned = outcome.check("::test_warning")
    assert (warned["verdict"], warned["level"], len(warned["counterexamples"])) == ("FAIL", "warn", 1)
    assert outcome.check("::test_nothing_was_asked")["counterexamples"] == []


def test_a_failed_exchange_is_the_counterexample(tmp_path: Path) -> None:
    text = """
        @pytest.fixture
        def greeting(ai_chat):
            return ai_chat("Say hello.")

        def test_asked(ai_chat):
            ai_chat("Say hello.")

        def test_in_a_fixture(greeting):
            pass

        def test_caught(ai_chat):
            with pytest.raises(AssertionError, match="did not answer validly.*500"):
                ai_chat("Say hello.")

        @pytest.mark.xfail
        def test_expected(ai_chat):
            ai_chat("Say hello.")
    """
    with serving(answering(status=500)) as url:
        outcome = own(tmp_path, url, text)
    assert outcome.status == 1, outcome.out
    for name in ("::test_asked", "::test_in_a_fixture"):
        row = outcome.check(name)
        assert row["verdict"] == "FAIL"
        [example] = row["counterexamples"]
        assert example["response"]["status"] == 500
        assert example["curl"] in outcome.out
    assert outcome.check("::test_caught")["verdict"] == "PASS"
    assert outcome.check("::test_expected")["verdict"] == "INCONCLUSIVE"
    assert 'ai_chat("Say hello.")' in outcome.out  # where in the test it was asked


def test_what_says_nothing_of_the_service_is_no_fail(tmp_path: Path) -> None:
    text = """
        def test_declined(ai_chat):
            ai_chat("Say hello.")

        def test_no_such_input(ai_predict):
            ai_predict([[1.0, 2.0]])
    """
    with serving(answering(status=429)) as url:
        outcome = own(tmp_path, url, text)
    assert outcome.check("::test_declined")["verdict"] == "INCONCLUSIVE"
    assert outcome.check("::test_declined")["counterexamples"][0]["response"]["status"] == 429
    assert outcome.check("::test_no_such_input")["verdict"] == "ERROR"
    assert "takes a prompt" in outcome.check("::test_no_such_input")["reason"]
    assert outcome.status == 21, outcome.out


def test_a_ceiling_is_no_fail(tmp_path: Path) -> None:
    text = """
        def test_many(ai_chat):
            for _ in range(50):
                ai_chat("Say hello.")
    """
    with serving(answering()) as url:
        outcome = own(tmp_path, url, text, "--ai-max-requests=20")
    assert outcome.check("::test_many")["verdict"] == "INCONCLUSIVE"
    assert outcome.status == 20, outcome.out


def test_text_is_not_asked_of_a_classifier(tmp_path: Path, reference: str) -> None:
    text = """
        def test_chat(ai_chat):
            ai_chat("Say hello.")

        def test_stream(ai_stream):
            ai_stream("Say hello.")
    """
    outcome = own(tmp_path, reference, text, protocol=PLAIN)
    assert "ai_chat needs text" in outcome.check("::test_chat")["reason"]
    assert "ai_stream needs streaming" in outcome.check("::test_stream")["reason"]
    assert outcome.status == 21, outcome.out


def test_objectives_in_every_end(tmp_path: Path, reference: str) -> None:
    text = """
        def ask(ai_chat):
            return lambda: ai_chat("Say hello.", max_tokens=2)

        def test_refuted(ai_chat, ai_objective):
            return ai_objective("latency p95 <= 1us", ask(ai_chat))

        def test_forgotten(ai_chat, ai_objective):
            ai_objective("latency p95 <= 1us", ask(ai_chat))

        def test_refuted_over_its_own(ai_client, ai_objective):
            ai_client.ask_many([ai_client.sample()] * 12, concurrency=4)
            return ai_objective("latency p95 <= 1us")

        def test_too_few(ai_chat, ai_objective):
            ask(ai_chat)()
            return ai_objective("latency p95 <= 9s")

        def test_none(ai_objective):
            return ai_objective("latency p95 <= 9s")

        def test_failing(ai_client, ai_objective):
            from harness.core.exchange import Query
            return ai_objective("error_rate <= 1%", lambda: ai_client.ask(Query("x", options={"max_tokens": -1})))

        def test_ttft_of_a_whole_answer(ai_chat, ai_objective):
            return ai_objective("ttft p95 <= 9s", ask(ai_chat))

        def test_twice(ai_chat, ai_objective):
            ai_objective("latency p95 <= 9s", ask(ai_chat))
            ai_objective("latency p95 <= 8s", ask(ai_chat))

        def test_asks_nothing(ai_objective):
            return ai_objective("latency p95 <= 9s", lambda: None)

        def test_misspelt(ai_objective):
            return ai_objective("latencies p95 <= 9s")
    """
    outcome = own(tmp_path, reference, text, "--ai-model=tiny-chat")
    for name in ("refuted", "forgotten", "refuted_over_its_own", "failing"):
        row = outcome.check(f"::test_{name}")
        assert row["verdict"] == "FAIL", row["reason"]
        assert row["estimate"] == 1.0
        assert row["counterexamples"][0]["request"]
    assert outcome.check("::test_refuted_over_its_own")["n"] == 12
    too_few = outcome.check("::test_too_few")
    assert (too_few["verdict"], too_few["n"]) == ("INCONCLUSIVE", 1)
    assert too_few["n_needed"] > 20
    assert outcome.check("::test_none")["verdict"] == "INCONCLUSIVE"
    for name, words in (
        ("ttft_of_a_whole_answer", "ai_stream"),
        ("twice", "one objective a test"),
        ("asks_nothing", "sent 0 inferences"),
        ("misspelt", "latencies"),
    ):
        row = outcome.check(f"::test_{name}")
        assert row["verdict"] == "ERROR"
        assert words in row["reason"]
