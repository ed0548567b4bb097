"""Every PASS sentence of every packaged check, held against what really happened in runs in which little did.

The services of `degenerate_services.py` count what they send. A sentence may claim only what they sent; a sentence
without a rule fails, so that the author of a new check adds one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.wrong_verdicts.degenerate_services import SERVICES, Degenerate, Sent

pytestmark = pytest.mark.slow
_PROMISES = """
[endpoint.deadlines]
first_byte = 2.0
total = 10.0
[promises]
deterministic = true
idempotency = "Idempotency-Key"
choices = true
"""
SAMPLE = ("never errs", "one answer for all", "ends each connection", "chat without text")
"""Of the services, in `make test`; the others are in the catalogue."""
_FEWEST = 10
"""Sentences that every run must bring: else the test has read nothing."""


@dataclass(frozen=True)
class Run:
    """What happened: what the service counted, and the exchanges that the check saved (none if another check asked)."""

    sent: Sent
    exchanges: list[dict[str, Any]]

    def count_statuses(self, first: int, last: int) -> int:
        """The saved answers with a status in this range."""
        statuses = [exchange["response"]["status"] for exchange in self.exchanges if exchange["response"]]
        return sum(first <= status <= last for status in statuses)

    def has_errors(self, count: int) -> bool:
        """Whether so many saved answers are errors; of a check for which another one asked, whether so many were."""
        if not self.exchanges:
            return self.sent.errors >= count
        return self.count_statuses(400, 599) == count

    def count_overlaps(self) -> int:
        """The saved exchanges during which another one was sent."""
        times = [exchange["timing"] for exchange in self.exchanges]
        spans = [(time["sent"], time["done"]) for time in times if time["sent"] is not None and time["done"]]
        return sum(any(sent < other < done for other, _ in spans) for sent, done in spans)


def is_number(match: re.Match[str], count: int) -> bool:
    """Whether the number in a sentence is this one."""
    return int(match[1].replace(",", "")) == count


Rule = Callable[[re.Match[str], Run], bool]
CLAIMS: Mapping[str, Rule] = {
    # A number is the number of exchanges that it counts.
    r"^(\d+) of \d+ wrong requests were answered with an error": lambda match, run: is_number(
        match, run.count_statuses(400, 599)
    ),
    r"^(\d+) (?:wrong requests are each refused|errors share)": lambda match, run: run.has_errors(int(match[1])),
    r"^all (\d+) warm requests": lambda match, run: is_number(match, run.count_statuses(200, 200) - 1),
    # What is spoken of occurred.
    r"refused|declined|\berrors?\b|is not carried out": lambda _, run: run.sent.errors > 0,
    r"own answer|own vector|own version|in their order": lambda _, run: len(run.sent.contents) > 1,
    r"had carried another|over one connection": lambda _, run: run.sent.later_requests > 0,
    r"ends each connection": lambda _, run: run.sent.later_requests == 0,
    r"rounds, up to (\d+) at once": lambda match, run: int(match[1]) > 1 and run.count_overlaps() > 0,
    r"after (\d+) clients disconnected": lambda match, run: int(match[1]) > 0,
    (
        r"prediction succeeds|a complete answer|same text|of one value|of one form|of one kind|one version|same answer"
        r"|answered validly|as before|changes no answer|as the plain request|legal forms|trace headers|invalid bytes"
    ): lambda _, run: run.sent.filled > 0,
    r"echoed": lambda _, run: run.sent.filled > 0 or run.sent.errors > 0,
    r"at start, middle and end": lambda _, run: run.sent.filled > 0,
    r"right after one with|reaches the model|earlier reasoning is|no hidden prompt shows": lambda _, run: (
        run.sent.filled > 0
    ),
    r"right after a pause of .* answered as before|is repeated byte for byte|as each option": lambda _, run: (
        run.sent.filled > 0
    ),
    r"answered as in the plain one|none of \d+ texts holds": lambda _, run: run.sent.filled > 0,
    r"^(\d+) of (\d+) plain valid requests failed": lambda match, _: int(match[1]) < int(match[2]),
    # What any answer shows, even an empty one.
    (
        r"^accepted: .*; nothing internal is shown|^accepted: .*; afterwards the service answers$"
        r"|the largest \w+ answered|answered up to \d+ at a time"
        r"|^an empty batch (gets|is answered) \d+|is what the metadata"
        r"|kinds of message is answered"
        r"|texts are accepted|is read as one request|accepts a connection$|^127.0.0.1 is|^localhost is"
    ): lambda _, run: True,
}


@pytest.fixture(scope="module", params=sample_cases(SERVICES, *SAMPLE), ids=lambda name: name.replace(" ", "_"))
def degenerate_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, GateOutcome, Sent]:
    name: str = request.param
    service: Degenerate = SERVICES[name]
    folder = tmp_path_factory.mktemp("degenerate")
    args = ["--ai-protocol=plain_json"]
    sample = "[endpoint]\nsample = [[1, 2]]\n"
    if service.is_chat:
        args, sample = ["--ai-protocol=openai_chat", "--ai-model=tiny-chat"], ""
    (folder / "aiharness.toml").write_text(sample + _PROMISES)
    with service.serve() as (url, sent):
        outcome = run_gate(folder, f"--ai-endpoint={url}", *args, suite="smoke,integration", timeout=300)
    return name, outcome, sent


def read_exchanges(outcome: GateOutcome, id_: str) -> list[dict[str, Any]]:
    """The exchanges that a check saved; none if it sent none itself."""
    slug = re.sub(r"[\[\]/]|::", lambda part: "" if part[0] == "]" else "-", id_.removeprefix("ai-suite/"))
    path = Path(outcome.run_dir) / "exchanges" / f"{slug}.json"
    return json.loads(path.read_text()) if path.exists() else []


def find_false_claims(sentence: str, run: Run) -> list[str]:
    """The rules that a sentence breaks; that it has none, if so."""
    rules = [(pattern, re.search(pattern, sentence), rule) for pattern, rule in CLAIMS.items()]
    broken = [pattern for pattern, match, rule in rules if match and not rule(match, run)]
    return broken if any(match for _, match, _ in rules) else ["no rule in CLAIMS says when this may be claimed"]


def test_no_sentence_claims_what_did_not_occur(degenerate_run: tuple[str, GateOutcome, Sent]) -> None:
    name, outcome, sent = degenerate_run
    assert outcome.gate is not None, outcome.out + outcome.err
    passed = [check for check in outcome.gate["checks"] if check["verdict"] == "PASS"]
    assert len(passed) >= _FEWEST, f"{name}: {outcome.out}"
    false = {}
    for check in passed:
        if broken := find_false_claims(check["reason"], Run(sent, read_exchanges(outcome, check["id"]))):
            false[check["id"]] = (check["reason"], broken)
    assert not false, "\n".join(f"{id_}: {sentence!r}: {broken}" for id_, (sentence, broken) in false.items())


VACUOUS = {
    "never errs": ("test_nothing_leaks", "test_errors.py::test_refused", "test_one_shape", "test_own_answers"),
    "refuses all but its sample": ("test_own_answers", "test_same_form", "test_one_connection", "test_rows"),
    "takes single rows": ("test_equals_singles", "test_same_in_any_batch"),
    "one answer for all": (
        "test_own_answers",
        "test_equals_singles",
        "test_one_connection",
        "test_cache.py::test_rows",
    ),
    "ends each connection": ("test_pipelined",),
    "empty outputs": ("test_predicts", "test_valid", "test_same_form", "test_own_answers", "test_one_version"),
    "chat that never errs": ("test_nothing_leaks", "test_text_kept", "test_prompts", "test_own_answers"),
    "chat without text": ("test_predicts", "test_valid", "test_same_text", "test_text_kept", "test_repeatable"),
}
"""Checks that must not PASS, because what they are about did not occur."""


def test_a_check_whose_subject_did_not_occur_does_not_pass(degenerate_run: tuple[str, GateOutcome, Sent]) -> None:
    name, outcome, _ = degenerate_run
    assert outcome.gate is not None, outcome.out + outcome.err
    for check in outcome.gate["checks"]:
        if check["id"].endswith(VACUOUS[name]):
            assert check["verdict"] != "PASS", f"{check['id']}: {check['reason']}"


def test_requests_sent_at_once_are_skipped_where_each_answer_ends_its_connection(
    degenerate_run: tuple[str, GateOutcome, Sent],
) -> None:
    name, outcome, _ = degenerate_run
    if name == "ends each connection":
        row = outcome.check("test_pipelined")
        assert (row["verdict"], row["reason"]) == ("SKIPPED", "plain_json at this endpoint offers no kept connections")


def test_a_false_claim_and_a_new_sentence_are_seen() -> None:
    nothing = Run(Sent(), [])
    for sentence in ("3 errors share the shape {error}", "8 requests each got their own answer", "a new check holds"):
        assert find_false_claims(sentence, nothing), sentence
    assert not find_false_claims("4 errors share the shape {error}", Run(Sent(errors=4), [make_saved(400)] * 4))


def make_saved(status: int) -> dict[str, Any]:
    """A saved exchange with this status."""
    return {"response": {"status": status}, "timing": {"sent": 0.0, "done": 1.0}}
