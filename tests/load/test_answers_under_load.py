"""Under load a service must give the answers that it gives without: shortened, empty and foreign ones are found."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.core.exchange import Answer, Exchange, Request, Timing
from harness.core.load import LoadResult
from harness.core.verdict import Counterexample, Status
from harness.load.judging import judge_answers, judge_errors
from harness.load.reference import CONTROL_REQUESTS, ask_reference, explain_empty_answer
from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.load.loads import locust, result_of

TEXT = "The quick brown fox jumps over the lazy dog."
CONFIG = """
[endpoint]
protocol = "{protocol}"
model = "m"
sample = {sample}
[promises]
deterministic = {promised}
[load]
rate = 40
duration = 2
warm_up = 0.5
workload = "{workload}"
[[objective]]
suite = "load"
metric = "{metric}"
limit = "<= {limit}"
"""


def answer(text: str) -> Exchange:
    return Exchange(Request("POST", "/x", (), b"{}"), Timing(0.0, 0.0, 0.1, (), 0.1), answer=Answer(text=text))


def test_a_reference_is_what_every_request_without_load_answers() -> None:
    texts = itertools.cycle([TEXT])
    reference = ask_reference(lambda: answer(next(texts)), may_reword=False)
    assert (reference.content, reference.has_text, reference.problem) == (TEXT, True, "")
    assert explain_empty_answer(reference, answer(""))
    assert not explain_empty_answer(reference, answer("x"))


def test_what_does_not_repeat_itself_is_not_compared() -> None:
    numbers = itertools.count()
    reference = ask_reference(lambda: answer(f"{next(numbers)}"), may_reword=False)
    assert reference.content is None
    assert "does not repeat itself" in reference.problem
    assert next(numbers) == CONTROL_REQUESTS


def test_a_language_model_without_the_promise_may_reword_but_not_be_silent() -> None:
    reference = ask_reference(lambda: answer(TEXT), may_reword=True)
    assert reference.content is None
    assert "deterministic" in reference.problem
    assert explain_empty_answer(reference, answer(" "))


def test_a_service_that_is_silent_without_load_may_be_silent_under_it() -> None:
    reference = ask_reference(lambda: answer(""), may_reword=True)
    assert not explain_empty_answer(reference, answer(""))
    assert "answer is empty" in reference.problem


@pytest.mark.parametrize("compares", [False, True])
def test_wrong_answers_fail_the_check_that_judges_them(compares: bool) -> None:
    wrong = LoadResult(
        "steady", "v2", 800, 800, 800, compared=800, wrong_count=98, wrong=(Counterexample("it differs"),),
        finished=True,
    )  # fmt: skip
    assert judge_answers(wrong).status is Status.FAIL
    assert "98 of 800 verified answers are wrong: it differs" in judge_answers(wrong).reason
    assert judge_errors(wrong, compares=compares).status is (Status.FAIL if compares else Status.PASS)
    none = LoadResult("steady", "v2", 800, 800, 800, finished=True, not_compared="it does not repeat itself")
    assert judge_answers(none).status is Status.INCONCLUSIVE
    assert "does not repeat itself" in judge_answers(none).reason


class Quirks:
    """What the service answers to inference number `n`, as text."""

    def __init__(self, change: Callable[[int, str], str]) -> None:
        self.change, self.count, self.lock = change, 0, threading.Lock()

    def next_text(self) -> str:
        """The text of the next answer."""
        with self.lock:
            self.count += 1
            return self.change(self.count, TEXT)


def make_handler(quirks: Quirks) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = quirks.next_text()
            if self.path == "/predict":
                return self.reply(json.dumps({"predictions": [len(text) / 7]}).encode())
            shared = {"id": "c", "created": 1, "model": "m"}
            if not body.get("stream"):
                choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
                usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
                data = {**shared, "object": "chat.completion", "choices": [choice], "usage": usage}
                return self.reply(json.dumps(data).encode())
            deltas = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in text.split()), {}]
            lines = []
            for delta in deltas:
                finish = None if delta else "stop"
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                lines.append(json.dumps({**shared, "object": "chat.completion.chunk", "choices": [choice]}))
            stream = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
            return self.reply(stream.encode(), "text/event-stream")

        def do_GET(self) -> None:
            self.reply(json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode())

        def reply(self, body: bytes, kind: str = "application/json") -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class Server(ThreadingHTTPServer):
    """With room for the connections of a load."""

    request_queue_size = 128
    daemon_threads = True


@contextmanager
def serve_changed_texts(change: Callable[[int, str], str]) -> Iterator[str]:
    """The URL of a service on loopback whose texts are changed by their number."""
    with Server(("127.0.0.1", 0), make_handler(Quirks(change))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


def judge(
    folder: Path,
    change: Callable[[int, str], str],
    protocol: str,
    *,
    promised: bool,
    objective: tuple[str, str] = ("error_rate", "30%"),
    workload: str = "auto",
) -> GateOutcome:
    sample = '"Say it"' if protocol == "openai_chat" else "{ instances = [[1.0, 2.0]] }"
    metric, limit = objective
    values = {"protocol": protocol, "sample": sample, "promised": str(promised).lower(), "workload": workload}
    (folder / "aiharness.toml").write_text(CONFIG.format(**values, metric=metric, limit=limit))
    with serve_changed_texts(change) as url:
        return run_gate(folder, f"--ai-endpoint={url}", suite="load")


def shorten(n: int, text: str) -> str:
    return text[:20] if n > 40 and n % 2 == 0 else text


def silence(n: int, text: str) -> str:
    return "" if n > 40 and n % 5 == 0 else text


def reword(n: int, text: str) -> str:
    return f"{text} {n}"


def drift(n: int, text: str) -> str:
    """Another answer after the first 30, for ever: the clock, a counter."""
    return text + "x" * (n > 30)


RATE, STREAMED = ("error_rate", "30%"), ("ttft p90", "5s")


@pytest.mark.parametrize(("metric", "limit"), sample_cases([RATE, STREAMED], STREAMED), ids=["whole", "streamed"])
def test_shortened_answers_break_the_promise_of_determinism(tmp_path: Path, metric: str, limit: str) -> None:
    objective = metric, limit
    outcome = judge(tmp_path, shorten, "openai_chat", promised=True, objective=objective, workload="sample")
    assert outcome.status == 1, outcome.out
    row = outcome.check("test_errors.py::test_repeated")
    assert row["verdict"] == "FAIL"
    assert "differs from the answer without load" in row["reason"]
    assert row["counterexamples"]
    result = result_of(outcome.run_dir)
    assert result["wrong_count"] >= 5
    assert result["compared"] == result["completed"] == 80


@pytest.mark.catalogue  # a PASS among other requests and a FAIL of the sample alone are in `make test`
def test_the_sample_among_other_requests_shows_shortened_answers(tmp_path: Path) -> None:
    outcome = judge(tmp_path, shorten, "openai_chat", promised=True)
    assert outcome.check("test_errors.py::test_repeated")["verdict"] == "FAIL", outcome.out
    result = result_of(outcome.run_dir)
    assert result["compared"] == result["repeated"] == 80 // 3
    assert 0 < result["wrong_count"] < result["compared"]


@pytest.mark.parametrize(("workload", "compared"), sample_cases([("sample", 80), ("auto", 80 // 3)], ("auto", 80 // 3)))
def test_a_healthy_stream_keeps_its_promise(tmp_path: Path, workload: str, compared: int) -> None:
    outcome = judge(tmp_path, lambda _, text: text, "openai_chat", promised=True, objective=STREAMED, workload=workload)
    row = outcome.check("test_errors.py::test_repeated")
    assert row["verdict"] == "PASS", outcome.out
    assert row["reason"] == f"each of {compared} verified answers under load is right"


@pytest.mark.parametrize(("metric", "limit"), sample_cases([RATE, STREAMED], RATE), ids=["whole", "streamed"])
def test_an_empty_success_is_invalid_without_any_promise(tmp_path: Path, metric: str, limit: str) -> None:
    outcome = judge(tmp_path, silence, "openai_chat", promised=False, objective=(metric, limit))
    assert outcome.status == 1, outcome.out
    row = outcome.check("test_errors.py::test_intact")
    assert row["verdict"] == "FAIL"
    assert "the answer is empty, and without load it is not" in row["reason"]


def test_a_model_that_words_each_answer_anew_is_no_failure(tmp_path: Path) -> None:
    outcome = judge(tmp_path, reword, "openai_chat", promised=False)
    assert outcome.check("test_errors.py::test_intact")["verdict"] == "PASS", outcome.out
    assert result_of(outcome.run_dir)["wrong_count"] == 0


def test_numbers_that_change_under_load_fail_without_a_promise(tmp_path: Path) -> None:
    """Every request is the sample: among others only a third is, and which answers are garbled would be a lottery."""

    def garble(n: int, text: str) -> str:
        return text[:20] if 40 < n <= 80 and n % 8 == 0 else text

    outcome = judge(tmp_path, garble, "plain_json", promised=False, workload="sample")
    row = outcome.check("test_errors.py::test_intact")
    assert row["verdict"] == "FAIL", f"{row['reason']} {row['notes']}\n{outcome.out}"
    assert "differs from the answer without load" in row["reason"]


def test_a_service_that_changes_by_itself_is_not_blamed_on_the_load(tmp_path: Path) -> None:
    outcome = judge(tmp_path, drift, "plain_json", promised=False)
    row = outcome.check("test_errors.py::test_intact")
    assert row["verdict"] == "PASS", outcome.out
    assert any("answers otherwise after the load than before" in note for note in row["notes"])


def test_locust_alone_finds_them_too(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text("[promises]\ndeterministic = true\n")
    options = ("--protocol=openai_chat", "--model=m", "--rate=40", "--duration=2", "--warm-up=0")
    with serve_changed_texts(shorten) as url:
        status, output = locust(tmp_path, url, *options)
    assert status == 1, output
    assert "differs from the answer without load" in " ".join(output.split())
