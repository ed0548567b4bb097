"""Services that each damage text in one way do not pass; correct services do not fail."""

from __future__ import annotations

import html
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import cycle, repeat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Status, Verdict
from tests.services import asking
from tests.suites.integration.wireservice import Asked, Service, Wire, serve_wire

suite = import_module("harness.suites.integration.test_unicode")
PASS, FAIL, INCONCLUSIVE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE
Change = Callable[[str], str]


def same(text: str) -> str:
    return text


class Echo(Service):
    """A chat that repeats what follows "Repeat after me:", streamed a few characters at a time.

    `hear` changes the prompt that it reads, `say` what it answers, `pieces` each streamed piece; `raw` the body before
    it is read. `counts`: it states usage.
    """

    def __init__(
        self,
        hear: Change = same,
        say: Change = same,
        pieces: Change = same,
        raw: Callable[[bytes], bytes] = lambda body: body,
        counts: bool = True,
    ) -> None:
        self.hear, self.say, self.pieces, self.raw, self.counts = hear, say, pieces, raw, counts
        self.streaming = False

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        try:
            body = json.loads(self.raw(asked.body).decode("utf-8", "replace"))
            text = self.hear(body["messages"][-1]["content"])
        except (ValueError, TypeError, KeyError):
            return "400 Bad Request", {"error": {"message": "no messages"}}
        if any(0xD800 <= ord(letter) < 0xE000 for letter in text):
            return self.surrogate()
        echo = self.say(text.partition("Repeat after me: ")[2] or "Hello!")
        self.streaming = body.get("stream") is True
        tokens = len(text.encode())
        usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1} if self.counts else None
        return "200 OK", (echo, usage)

    def surrogate(self) -> tuple[str, Any]:
        return "400 Bad Request", {"error": {"message": "a lone surrogate"}}

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        if not status.startswith("200"):
            return super().render(asked, status, value)
        content, usage = value
        if not self.streaming:
            choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
            return self.frame(status, json.dumps({"choices": [choice], "usage": usage}).encode())
        pieces = [{"delta": {"content": self.pieces(content[at : at + 3])}} for at in range(0, len(content), 3)]
        events: list[dict[str, Any]] = [{"choices": [{"index": 0, "finish_reason": None, **piece}]} for piece in pieces]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return self.frame(status, data.encode()).replace(b"application/json", b"text/event-stream")


def run_checks(service: Service, folder: Path, deterministic: bool = False) -> list[Verdict]:
    with serve_wire(service) as url:
        given = Settings(
            Endpoint(url, "openai_chat", model="m"), ("integration",), promises=Promises(deterministic=deterministic)
        )
        with asking(given, folder) as session:
            session.is_reached = True
            return [suite.test_text_kept(session), suite.test_text_accepted(session)]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize(
    "service",
    [
        Echo(),
        Echo(counts=False),
        Echo(hear=lambda text: unicodedata.normalize("NFC", text).replace("\0", "").replace("\ufeff", "")),
        Echo(say=lambda _: "I would rather not."),
        Echo(say=lambda text: " ".join(re.findall(r"\d+", text))),
        Echo(say=str.upper),
        Echo(say=lambda text: f"```\n{text}\n```"),
        Echo(say=lambda text: text.replace("words", "mots")),
        Echo(say=lambda text: re.sub(r"[^\x00-\x7f]+", "some words in English", text.replace("\0", " "))),
        Echo(say=lambda text: text[:20]),
    ],
    ids=[
        "right",
        "uncounted",
        "normalising",
        "refusing in words",
        "numbers only",
        "capitals",
        "fences",
        "French",
        "translating",
        "cut short",
    ],
)
def test_a_right_service_passes(tmp_path: Path, service: Echo, deterministic: bool) -> None:
    for verdict in run_checks(service, tmp_path, deterministic):
        assert verdict.status is PASS, verdict.reason


class Chance(Echo):
    """Repeats the text, or one answer in `odds` as `say` has it."""

    def __init__(self, say: Change, odds: int, seed: int, counts: bool = True) -> None:
        super().__init__(say=self.draw, counts=counts)
        self.habit, self.odds, self.random = say, odds, random.Random(seed)

    def draw(self, text: str) -> str:
        return self.habit(text) if self.random.randrange(self.odds) == 0 else text


def drop_middle(text: str) -> str:
    return re.sub(r"(48213765).*(90314276)", r"\1 \2", text)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("habit", "odds"),
    [(drop_middle, 2), (drop_middle, 5), (lambda _: "", 5), (lambda _: "I can't.", 3)],
)
def test_a_model_that_repeats_a_text_now_and_then_is_not_failed(
    tmp_path: Path, habit: Change, odds: int, seed: int
) -> None:
    for verdict in run_checks(Chance(habit, odds, seed), tmp_path):
        assert verdict.status is not FAIL, verdict.reason


@pytest.mark.parametrize("habit", [lambda _: "I would rather not.", drop_middle, lambda _: "OK."])
def test_what_nothing_shows_is_not_judged(tmp_path: Path, habit: Change) -> None:
    """Neither an echo nor token counts nor a promise: the reason says what the model did."""
    [text_kept, accepted] = run_checks(Echo(say=habit, counts=False), tmp_path)
    assert text_kept.status is INCONCLUSIVE
    assert "the model answered" in text_kept.reason
    assert accepted.status is PASS


def test_a_pass_claims_only_what_was_shown(tmp_path: Path) -> None:
    [text_kept, _] = run_checks(Echo(say=drop_middle), tmp_path)
    assert text_kept.status is PASS
    assert "repeated" not in text_kept.reason
    assert "as many prompt tokens in raw UTF-8" in text_kept.reason
    assert "the model answered '48213765 90314276 11827364'" in " ".join(text_kept.notes)
    [text_kept, _] = run_checks(
        Echo(say=lambda text: text.replace("\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "peace, hello")),
        tmp_path,
    )
    assert text_kept.status is PASS
    assert "right to left" not in text_kept.reason.partition("repeated as it was sent")[2].partition(";")[0]
    assert "not judged: whether text with right to left is kept" in " ".join(text_kept.notes)


def latin(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (Echo(say=latin), "read as latin-1"),
        (Echo(hear=latin), "read as latin-1"),
        (Echo(say=lambda text: text.encode("ascii", "replace").decode()), "question marks"),
        (Echo(say=lambda text: text.encode("ascii", "ignore").decode()), "is lost"),
        (Echo(say=lambda text: text.encode("ascii", "backslashreplace").decode()), "instead of the character"),
        (Echo(say=lambda text: json.dumps(text)[1:-1]), "instead of the character"),
        (Echo(say=lambda text: text.encode("ascii", "xmlcharrefreplace").decode()), "instead of the character"),
        (Echo(hear=html.escape), "escaped once more (HTML)"),
        (Echo(hear=lambda text: text.replace("<", "&lt;").replace(">", "&gt;")), "escaped once more (HTML)"),
        (Echo(say=lambda text: text.replace("\\", "\\\\")), "escaped once more (JSON)"),
        (Echo(say=lambda text: text.replace("%", "%25")), "escaped once more (percent)"),
        (Echo(say=lambda text: re.sub(r"[^\x00-\x7f]", "#", text)), "came back as"),
        (Echo(say=lambda text: re.sub(r"[^\x00-\x7f]", "\u25a1", text)), "came back as"),
        (Echo(say=lambda text: re.sub(r"[\U00010000-\U0010ffff]", "", text)), "is lost"),
        (Echo(say=lambda text: re.sub(r"[\U00010000-\U0010ffff]", "", text).upper()), "is lost"),
        (Echo(pieces=lambda piece: piece.encode("ascii", "ignore").decode()), "is lost"),
        (Echo(hear=lambda text: text.partition("\0")[0]), "it was cut"),
        (Echo(raw=lambda body: body.decode().encode("ascii", "ignore")), "in raw UTF-8"),
        (Echo(raw=lambda body: body.decode("latin-1").encode()), "in raw UTF-8"),
        (
            Echo(pieces=lambda piece: piece.encode()[:-1].decode("utf-8", "replace") if not piece.isascii() else piece),
            "U+FFFD",
        ),
    ],
)
def test_damaged_text_fails(tmp_path: Path, service: Echo, reason: str) -> None:
    verdict = run_checks(service, tmp_path)[0]
    assert verdict.status is FAIL, verdict.reason
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("service", "status", "reason"),
    [
        (Echo(), PASS, "byte for byte"),
        (Echo(say=str.upper), INCONCLUSIVE, "does not repeat"),
        (Echo(say=lambda _: "I would rather not."), INCONCLUSIVE, "does not repeat"),
        (Echo(hear=html.unescape), FAIL, "its escape was decoded (HTML)"),
        (Echo(hear=lambda text: text.replace("\\n", "\n")), FAIL, "its escape was decoded (JSON)"),
        (Echo(hear=unquote), FAIL, "its escape was decoded (percent)"),
        (Echo(hear=lambda text: unicodedata.normalize("NFC", text)), FAIL, "normal form NFC"),
        (Echo(say=lambda text: unicodedata.normalize("NFKC", text)), FAIL, "normal form"),
        (Echo(hear=lambda text: text.replace("\u200d", "")), FAIL, "characters that are not seen are lost"),
    ],
)
def test_what_a_model_may_do_too_is_a_warning(tmp_path: Path, service: Echo, status: Status, reason: str) -> None:
    with serve_wire(service) as url:
        given = Settings(Endpoint(url, "openai_chat", model="m"), ("integration",))
        with asking(given, tmp_path) as session:
            session.is_reached = True
            text_kept, exact = suite.test_text_kept(session), suite.test_text_exact(session)
    assert text_kept.status is PASS, text_kept.reason
    assert exact.status is status, exact.reason
    assert reason in exact.reason


class Copy(Service):
    """Gives texts back, which it was not asked for: no model of language is between."""

    def __init__(self, change: Change = same) -> None:
        self.change = change

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        try:
            texts = json.loads(asked.body)["instances"]
            return "200 OK", {"copies": [self.change(text.encode("utf-8", "replace").decode()) for text in texts]}
        except (ValueError, TypeError, KeyError, AttributeError):
            return "400 Bad Request", {"error": "no texts"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (same, PASS),
        (lambda text: unicodedata.normalize("NFC", text), FAIL),
        (html.unescape, FAIL),
        (html.escape, FAIL),
        (lambda text: text.replace("\u200d", ""), FAIL),
    ],
)
def test_a_service_that_repeats_unasked_must_do_so_byte_for_byte(
    tmp_path: Path, change: Change, status: Status
) -> None:
    with serve_wire(Copy(change)) as url:
        given = Settings(Endpoint(url, "plain_json", sample=["a text of some words"]), ("integration",))
        with asking(given, tmp_path) as session:
            session.is_reached = True
            verdict = suite.test_text_kept(session)
    assert verdict.status is status, verdict.reason


def test_raw_bytes_read_wrongly_fail_without_a_count_where_answers_repeat(tmp_path: Path) -> None:
    mute = Echo(raw=lambda body: body.decode("latin-1").encode(), say=lambda text: f"{len(text)} letters", counts=False)
    verdict = run_checks(mute, tmp_path, deterministic=True)[0]
    assert verdict.status is FAIL
    assert "has a different answer in raw UTF-8" in verdict.reason


class Losing(Echo):
    """Loses the last piece of a stream that is not ASCII."""

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        if self.streaming and not value[0].isascii():
            value = (value[0][:-3], value[1])
        return super().render(asked, status, value)


def test_a_stream_that_is_not_the_whole_fails_where_answers_repeat(tmp_path: Path) -> None:
    assert run_checks(Losing(), tmp_path, deterministic=True)[0].status is FAIL


class HoldingBack(Echo):
    """Never sends the last characters of a stream if they are not ASCII, or only now and then."""

    def __init__(self, times: Iterator[bool]) -> None:
        super().__init__()
        self.times = times

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        if status.startswith("200") and self.streaming and next(self.times):
            value = (re.sub(r"[^\x00-\x7f]+$", "", value[0]), value[1])
        return super().render(asked, status, value)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_stream_that_loses_its_last_characters_fails(tmp_path: Path, deterministic: bool) -> None:
    verdict = run_checks(HoldingBack(repeat(True)), tmp_path, deterministic)[0]
    assert verdict.status is FAIL
    assert "a stream that ends in an emoji loses characters: '48213765 ' in place of" in verdict.reason


def test_a_model_that_leaves_the_end_out_now_and_then_is_not_failed(tmp_path: Path) -> None:
    verdict = run_checks(HoldingBack(cycle((True, False))), tmp_path)[0]
    assert verdict.status is PASS, verdict.reason


class Dropping(Echo):
    def surrogate(self) -> tuple[str, Any]:
        raise EOFError


class Broken(Echo):
    def surrogate(self) -> tuple[str, Any]:
        return "500 Internal Server Error", {"error": {"message": "UnicodeEncodeError"}}


class Failing(Echo):
    """Answers emoji with 500."""

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        emoji = "\U0001f44d" in json.loads(asked.body)["messages"][-1]["content"]
        return ("500 Internal Server Error", {"error": {}}) if emoji else super().answer(asked, wire)


class Plain(Echo):
    """Refuses ordinary text as well as invalid text."""

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        emoji = "\U0001f44d" in json.loads(asked.body)["messages"][-1]["content"]
        return ("400 Bad Request", {"error": {"message": "no emoji"}}) if emoji else super().answer(asked, wire)


@pytest.mark.parametrize(
    ("service", "statuses", "reason"),
    [
        (Dropping(), [FAIL, FAIL], "harms the service"),
        (Broken(), [PASS, FAIL], "neither answered nor clearly refused"),
        (Plain(), [PASS, FAIL], "which is ordinary text, is refused"),
        (Failing(), [FAIL, FAIL], "which is ordinary text, breaks the service"),
    ],
)
def test_odd_text(tmp_path: Path, service: Echo, statuses: list[Status], reason: str) -> None:
    verdicts = run_checks(service, tmp_path)
    assert [verdict.status for verdict in verdicts] == statuses
    assert reason in next(verdict.reason for verdict in verdicts if verdict.status is FAIL)


class Tensors(Service):
    """V2 sums with an id."""

    def __init__(self, back: Callable[[str], Any] = same, spoilt: bool = False, error: str = "") -> None:
        self.back, self.spoilt, self.error = back, spoilt, error

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        body = json.loads(asked.body)
        if self.error and not body.get("id", "").isascii():
            return self.error, {"error": "the id cannot be written into a header line"}
        data = [sum(body["inputs"][0]["data"]) + (self.spoilt and "id" in body)]
        answered = {"outputs": [{"name": "sum", "shape": [1], "datatype": "FP64", "data": data}]}
        return "200 OK", {**answered, "id": self.back(body.get("id", "own-id"))}


@pytest.mark.parametrize(
    ("service", "status"),
    [
        (Tensors(), PASS),
        (Tensors(back=lambda _: "0f3c-77"), PASS),
        (Tensors(back=lambda _: None), PASS),
        (Tensors(back=latin), FAIL),
        (Tensors(back=lambda given: given.encode("ascii", "replace").decode()), FAIL),
        (Tensors(back=lambda given: given[:10]), FAIL),
        (Tensors(back=lambda given: given[:64]), FAIL),
        (Tensors(back=lambda given: given if given.isprintable() else None), FAIL),
        (Tensors(back=lambda given: given.replace("\r\n", " ")), FAIL),
        (Tensors(spoilt=True), FAIL),
        (Tensors(error="500 Internal Server Error"), FAIL),
        (Tensors(error="400 Bad Request"), PASS),
    ],
)
def test_ids(tmp_path: Path, service: Service, status: Status) -> None:
    with serve_wire(service) as url:
        endpoint = Endpoint(url, "v2", model="m", sample=[[0.25, 0.5, 2.0]])
        with asking(Settings(endpoint, ("integration",)), tmp_path) as session:
            session.is_reached = True
            verdict = suite.test_id(session)
    assert verdict.status is status, verdict.reason
