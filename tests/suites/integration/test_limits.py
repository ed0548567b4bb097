"""Services whose limits are each wrong in one way fail; clear limits pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.checks.bad_input.limits import (
    PROMPT_KIND,
    SizeSearch,
    SizeTrial,
    find_cut_prompt,
    judge_sizes_over_limit,
)
from harness.checks.control import Control
from harness.core.endpoint import Deadlines, Endpoint, Template
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.settings import Settings
from harness.core.verdict import Counterexample, Status, Verdict
from tests.services import Answered, asking, serving
from tests.suites.integration.wireservice import Asked, Bad, Service, Wire
from tests.suites.integration.wireservice import run_checks as on_wire

SHORT = Deadlines(connect=2.0, first_byte=1.0, inter_token=1.0, total=2.0)
suite = import_module("harness.suites.integration.test_limits")
PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def sums(path: str, body: Any) -> Answered:
    rows: Any = body.get("instances") if isinstance(body, dict) else None
    return (200, {"sums": [sum(row) for row in rows]}) if isinstance(rows, list) else (400, {"error": "rows"})


def over(most: int, then: Callable[[list[Any]], Answered]) -> Callable[[str, Any], Answered]:
    """Sums of at most this many rows; `then` answers larger batches."""

    def answer(path: str, body: Any) -> Answered:
        rows = body["instances"]
        return sums(path, body) if len(rows) <= most else then(rows)

    return answer


def run_checks(answer: Callable[[str, Any], Answered], folder: Path, *tests: str, **more: Any) -> list[Verdict]:
    sample, protocol = more.pop("sample", [[0.0, 0.5, 2.0]]), more.pop("protocol", "plain_json")
    with serving(answer) as url:
        endpoint = Endpoint(url, protocol, sample=sample, **more)
        with asking(Settings(endpoint, ("integration",)), folder) as session:
            session.is_reached = True
            verdicts = [getattr(suite, f"test_{name}")(session) for name in tests]
            assert session.sent_requests <= suite.SIZE_COST + 2 * suite.SINGLES
            return verdicts


def test_a_clear_limit_is_found_and_passes(tmp_path: Path) -> None:
    for limit in (1, 37, 64):
        answer = over(limit, lambda rows: (413, {"error": "too many"}))
        for verdict in run_checks(answer, tmp_path, "rows", "rows_refused"):
            assert verdict.status is PASS, verdict.reason
            assert f"answered has {limit} rows" in verdict.reason
            assert f"not answered has {limit + 1} and is refused (413)" in verdict.reason


SENTENCE = "The film was long and good."


def judge_texts(folder: Path, over_limit: Answered, *, limit: int = 600) -> Verdict:
    """The verdict on a service that answers texts up to a limit of characters."""

    def answer(path: str, body: Any) -> Answered:
        return (200, {"label": "POSITIVE"}) if len(body["text"]) <= limit else over_limit

    template = Template(body='{"text": {{input}}}', answer="$.label")
    return run_checks(answer, folder, "text_lengths", sample=SENTENCE, template=template)[0]


@pytest.mark.parametrize(
    ("over_limit", "status"),
    [
        ((500, {"error": "index out of range"}), FAIL),
        ((502, {"error": "bad gateway"}), FAIL),
        ((200, {"error": "token indices sequence length is longer"}), FAIL),
        ((400, {"error": "at most 600 characters"}), PASS),
        ((413, {"error": "too long"}), PASS),
        ((200, {"label": "NEGATIVE"}), PASS),
        ((503, {"error": "busy"}), INCONCLUSIVE),
    ],
)
def test_texts_of_ordinary_length_are_answered_or_refused(tmp_path: Path, over_limit: Answered, status: Status) -> None:
    verdict = judge_texts(tmp_path, over_limit)
    assert verdict.status is status, verdict.reason
    assert (status is not FAIL) or "a text of 1,000 characters is neither answered nor refused" in verdict.reason


def test_a_service_without_a_limit_is_reported_so(tmp_path: Path) -> None:
    for verdict in run_checks(sums, tmp_path, "rows", "rows_refused"):
        assert verdict.status is PASS, verdict.reason
        assert "4,096 rows: no limit up to this size" in verdict.reason


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (lambda rows: (200, {"sums": [sum(row) for row in rows[:64]]}), "has 64 entries for a batch of 256 rows"),
        (lambda rows: (200, {"sums": [sum(rows[0])] * len(rows)}), "of a batch of 256 rows differs"),
        (lambda rows: (200, {"sums": [sum(row) for row in rows][::-1]}), "of a batch of 256 rows differs"),
        (lambda rows: (200, {"sums": [sum(row) for row in rows[:-1]] + [0.0]}), "place 255"),
        (lambda rows: (200, {"sums": [*map(sum, rows[32:]), *map(sum, rows[:32])]}), "of a batch of 256 rows differs"),
    ],
    ids=["cut", "first row for all", "reversed", "last lost", "parts exchanged"],
)
def test_an_answer_to_less_or_other_than_was_asked_fails(tmp_path: Path, then: Any, reason: str) -> None:
    verdicts = run_checks(over(64, then), tmp_path, "rows", "rows_refused")
    assert [verdict.status for verdict in verdicts] == [FAIL, FAIL]
    assert reason in verdicts[0].reason
    assert len(verdicts[0].counterexamples) == 1


def test_a_limit_answered_with_a_5xx_only_warns(tmp_path: Path) -> None:
    verdicts = run_checks(over(64, lambda rows: (500, {"error": "no room"})), tmp_path, "rows", "rows_refused")
    assert [verdict.status for verdict in verdicts] == [PASS, FAIL]
    assert "refused as broken (500)" in verdicts[0].reason
    declined = run_checks(over(64, lambda rows: (429, {})), tmp_path, "rows", "rows_refused")
    assert [verdict.status for verdict in declined] == [PASS, INCONCLUSIVE]


def test_a_service_that_hangs_or_drops_over_its_limit_fails(tmp_path: Path) -> None:
    never = threading.Event()

    def drop(rows: list[Any]) -> Answered:
        raise ConnectionAbortedError

    def wait(rows: list[Any]) -> Answered:
        never.wait(1.3)
        return 200, {"sums": []}

    for then, reason in ((drop, "crashed"), (wait, "hung")):
        verdicts = run_checks(over(64, then), tmp_path, "rows", "rows_refused", deadlines=SHORT)
        assert [verdict.status for verdict in verdicts] == [FAIL, FAIL]
        assert reason in verdicts[0].reason
        assert "64 rows" in verdicts[0].reason


def test_a_service_that_dies_of_a_large_batch_fails(tmp_path: Path) -> None:
    dead = threading.Event()

    def then(rows: list[Any]) -> Answered:
        dead.set()
        return 500, {"error": "out of memory"}

    alive = over(64, then)
    answer = lambda path, body: (500, {"error": "dead"}) if dead.is_set() else alive(path, body)  # noqa: E731
    verdict = run_checks(answer, tmp_path, "rows")[0]
    assert verdict.status is FAIL
    assert "afterwards a valid request is not answered" in verdict.reason


def test_a_service_that_is_slow_by_size_is_not_driven_into_its_deadline(tmp_path: Path) -> None:
    never, asked = threading.Event(), []

    def answer(path: str, body: Any) -> Answered:
        asked.append(len(body["instances"]))
        never.wait(0.0025 * len(body["instances"]))
        return sums(path, body)

    verdict = run_checks(answer, tmp_path, "rows", deadlines=SHORT)[0]
    assert verdict.status is PASS, verdict.reason
    assert "larger ones were not tried" in verdict.reason
    assert max(asked) <= 256


def test_a_repeat_that_passes_the_deadline_after_a_slow_answer_is_no_harm(tmp_path: Path) -> None:
    never, asked = threading.Event(), []

    def answer(path: str, body: Any) -> Answered:
        asked.append(len(body["instances"]))
        if asked[-1] == 64:
            never.wait(0.4 if asked.count(64) == 1 else 1.3)
        return sums(path, body)

    verdict = run_checks(answer, tmp_path, "rows", deadlines=SHORT)[0]
    assert asked.count(64) == 2
    assert verdict.status is PASS, verdict.reason
    assert "the largest batch answered has 64 rows" in verdict.reason
    assert "and then passed the deadline" in verdict.reason


def test_of_a_service_with_one_answer_for_the_whole_batch_only_survival_is_judged(tmp_path: Path) -> None:
    verdict = run_checks(lambda path, body: (200, {"rows": len(body["instances"])}), tmp_path, "rows")[0]
    assert verdict.status is PASS, verdict.reason
    assert any("only survival is judged" in note for note in verdict.notes)


def test_a_service_that_refuses_everything_shows_nothing(tmp_path: Path) -> None:
    for verdict in run_checks(lambda path, body: (400, {}), tmp_path, "rows", "rows_refused", "body", "body_refused"):
        assert verdict.status is INCONCLUSIVE


def test_blanks_in_a_body_change_nothing_up_to_its_limit(tmp_path: Path) -> None:
    verdicts = run_checks(sums, tmp_path, "body", "body_refused")
    assert [verdict.status for verdict in verdicts] == [PASS, PASS]
    assert "8,388,608 bytes: no limit" in verdicts[0].reason


class Bounded(Service):
    """Reads bodies of at most 100,000 bytes; `then` says what happens to longer ones."""

    def __init__(self, then: str) -> None:
        self.then = then

    def content(self, wire: Wire, asked: Asked) -> bytes:
        if int(asked.headers["content-length"]) <= 100_000 or self.then == "cut":
            return super().content(wire, asked)
        raise EOFError if self.then == "drop" else Bad(self.then)

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        status, value = super().answer(asked, wire)
        return status, {"sums": [0.0]} if self.then == "cut" and len(asked.body) > 100_000 else value


@pytest.mark.parametrize(
    ("then", "statuses", "reason"),
    [
        ("413 Content Too Large", [PASS, PASS], "is refused (413)"),
        ("500 Internal Server Error", [PASS, FAIL], "refused as broken (500)"),
        ("drop", [FAIL, FAIL], "crashed"),
        ("cut", [FAIL, FAIL], "differs from that to the same request without the blanks"),
    ],
)
def test_bodies_over_the_limit(tmp_path: Path, then: str, statuses: Any, reason: str) -> None:
    """The small service refuses early and closes the connection without reading the body."""
    tests = (suite.test_body, suite.test_body_refused)
    verdicts = on_wire(Bounded(then), tmp_path, *tests, deadlines=SHORT)
    assert [verdict.status for verdict in verdicts] == statuses, verdicts[0].reason
    assert reason in verdicts[0].reason


CHAT = "openai_chat"


def chat(most: int, *, then: Answered | None = None, counted: int | None = None) -> Callable[[str, Any], Answered]:
    """Reads prompts of at most this many characters; its token counts are right up to `counted`."""

    def answer(path: str, body: Any) -> Answered:
        length = sum(len(message["content"]) for message in body["messages"])
        if length > most and then is not None:
            return then
        tokens = min(length, counted or length) // 4
        message = {"role": "assistant", "content": "Hello."}
        usage = {"prompt_tokens": tokens, "completion_tokens": 2, "total_tokens": tokens + 2}
        return 200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}

    return answer


def test_the_longest_prompt(tmp_path: Path) -> None:
    refused = run_checks(
        chat(10_000, then=(400, {"error": {"message": "context"}})),
        tmp_path,
        *("prompt", "prompt_refused"),
        protocol=CHAT,
        sample=None,
        model="m",
    )
    assert [verdict.status for verdict in refused] == [PASS, PASS]
    assert "is refused (400)" in refused[0].reason
    largest = int(refused[0].reason.split(" has ")[1].split()[0].replace(",", ""))
    assert 9_700 <= largest <= 10_000


def test_a_cached_prefix_does_not_hide_what_a_prompt_costs(tmp_path: Path) -> None:
    """A prompt that begins as the one before takes no time: the time of a repeat must be that of reading it anew."""
    plain, last, never = chat(10**6), [""], threading.Event()

    def answer(path: str, body: Any) -> Answered:
        prompt = "".join(message["content"] for message in body["messages"])
        if prompt[:60] != last[0][:60] or len(prompt) > len(last[0]):
            never.wait(len(prompt) / 12_800)
        last[0] = prompt
        return plain(path, body)

    verdict = run_checks(answer, tmp_path, "prompt", protocol=CHAT, sample=None, model="m", deadlines=SHORT)[0]
    assert verdict.status is PASS, verdict.reason
    assert "larger ones were not tried" in verdict.reason


def test_a_silently_cut_prompt_is_detected_by_its_tokens(tmp_path: Path) -> None:
    verdicts = run_checks(
        chat(10**6, counted=4_000), tmp_path, "prompt", "prompt_refused", protocol=CHAT, sample=None, model="m"
    )
    assert [verdict.status for verdict in verdicts] == [PASS, FAIL]
    assert "12,800 characters seems silently cut: it counts" in verdicts[1].reason


def test_a_longer_prompt_with_an_empty_answer_fails(tmp_path: Path) -> None:
    empty = {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}
    verdict = run_checks(chat(5_000, then=(200, empty)), tmp_path, "prompt", protocol=CHAT, sample=None, model="m")[0]
    assert verdict.status is FAIL
    assert "its answer is empty" in verdict.reason


def make_trial(size: int, tokens: int | None) -> SizeTrial:
    answer = Answer("hi", usage=Usage(prompt_tokens=tokens))
    return SizeTrial(size, Exchange(Request("POST", "/"), Timing(0.0), Response(200), answer))


def test_a_prompt_whose_tokens_grow_with_it_is_not_cut() -> None:
    assert (
        find_cut_prompt([make_trial(800, 210), make_trial(3200, 810), make_trial(12800, 3200), make_trial(12900, 3210)])
        is None
    )
    assert find_cut_prompt([make_trial(800, None), make_trial(3200, None)]) is None
    last = make_trial(12800, 900)
    cut = find_cut_prompt([make_trial(800, 210), make_trial(3200, 810), last])
    assert cut is not None
    assert cut[0] is last
    assert "900 tokens" in cut[1]
    small = make_trial(3200, 131)
    assert find_cut_prompt([make_trial(800, 128), small, make_trial(12800, 131)]) == (
        small,
        "it counts 131 tokens, and one of 800 characters 128",
    )


@pytest.mark.parametrize("length", [10, 399, 401, 1_810, 3_970, 9_010, 60_000, 250_000])
@pytest.mark.parametrize("unit", ["ab ", "\u4e1c"])
def test_a_long_sample_is_no_sign_of_a_cut(tmp_path: Path, length: int, unit: str) -> None:
    """Two prompts that both have the whole sample differ only in what comes before it."""
    verdicts = run_checks(
        chat(10**7), tmp_path, "prompt", "prompt_refused", protocol=CHAT, sample=(unit * length)[:length], model="m"
    )
    assert [verdict.status for verdict in verdicts] == [PASS, PASS]


def test_a_service_that_cuts_is_found_with_a_long_sample(tmp_path: Path) -> None:
    verdicts = run_checks(
        chat(10**7, counted=1_200), tmp_path, "prompt_refused", protocol=CHAT, sample="words " * 500, model="m"
    )
    assert verdicts[0].status is FAIL
    assert "seems silently cut" in verdicts[0].reason


def test_counts_without_what_a_cache_holds_show_no_cut() -> None:
    first, again = make_trial(800, 210).exchange, make_trial(800, 1).exchange
    trials = [make_trial(800, 210), make_trial(3200, 610), make_trial(12800, 640)]
    assert find_cut_prompt(trials) is not None
    for repeated, status in ((first, FAIL), (again, PASS)):
        search = SizeSearch(PROMPT_KIND, "characters", 12800, trials, Control([first], [repeated]), first)
        assert judge_sizes_over_limit(search, lambda summary, exchange: Counterexample(summary)).status is status
