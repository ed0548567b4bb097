"""Generate requests from what the endpoint announces, and find the smallest failing one of each kind.

Hypothesis draws the requests and simplifies a failing one first; a deterministic pass of our own then tries every
single removal and simplification. Hypothesis and jsonschema are loaded only when a search begins.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

from harness.checks.bad_input.generated_requests import (
    Announcement,
    GeneratedRequest,
    Outcome,
    OutcomeKind,
    RequestSearch,
    classify_outcome,
    find_row_outputs,
    learn_number_outputs,
)
from harness.core.errors import BudgetExhausted
from harness.core.exchange import Exchange, Query
from harness.core.noise import may_be_noise
from harness.generation.input_form import MOST_GENERATED, count_elements, find_input_form
from harness.generation.large_numbers import list_large_inputs, widen_form
from harness.generation.shrink import SearchStopped, minimise_value
from harness.io.clock import read_monotonic
from harness.run.confirmation import MOST_CONFIRMING, ask_confirmed
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_DRAWS = 3
"""Values that may be drawn for each request that is sent: a value that was drawn before is not sent again."""
_SIMPLIFYING, _SIMPLIFYING_BY_HYPOTHESIS = 70, 25
"""Requests that simplifying one failing request may cost, and how many of them Hypothesis may use."""
_SECONDS = 20.0
"""Seconds after which nothing more is drawn; simplifying may take as long again."""
_SECONDS_IN_ALL = 90.0
"""Seconds after which no further request is begun, but for confirming and repeating one that failed."""
_REPEATS = 2
"""How often the smallest failing request is sent again."""
_CONFIRMING = 24
"""Requests that may be spent on asking again after a failure that noise explains; one failure takes at most six."""
SEARCH_REQUESTS = 3 + MOST_GENERATED + 2 * (_SIMPLIFYING + _REPEATS) + _CONFIRMING
"""The most requests that a search sends."""
_MOST_NUMBERS = 200_000
"""Numbers in one row above which no request is generated."""


def search_failures(session: Session) -> RequestSearch:
    """Send generated requests, and find the smallest failing one of each kind.

    Raises `BudgetExhausted` where a ceiling of the run ends the search before any request failed.
    """
    return _Search(session).run()


class _Search:
    """One search. Equal requests are sent once, so that simplifying meets the same answers again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._form = find_input_form(session)
        self._rows = Rows(session)
        self._announced = Announcement()
        self._generated: dict[str, GeneratedRequest] = {}
        self._failing: GeneratedRequest | None = None
        self._smallest: dict[OutcomeKind, GeneratedRequest] = {}
        self._minimal: set[OutcomeKind] = set()
        self._requests_left = SEARCH_REQUESTS - 3 - _CONFIRMING
        self._confirming_left, self._strays = _CONFIRMING, 0
        self._phase_requests_left, self._phase_end = 0, 0.0
        self._end = read_monotonic() + _SECONDS_IN_ALL
        self._stopped: BudgetExhausted | None = None
        self._has_drawn_all = False

    def run(self) -> RequestSearch:
        """Search for each kind of failure in turn."""
        if any(count_elements(spec["shape"]) > _MOST_NUMBERS for spec in self._form.tensors):
            return RequestSearch(
                problem=f"a row of an input has over {_MOST_NUMBERS} numbers: no requests are generated"
            )
        from harness.generation import strategies

        try:
            with strategies.isolate_hypothesis():
                strategy = strategies.make_input_strategy(self._form)
                self._learn_outputs()
                for kind in (OutcomeKind.BROKEN, OutcomeKind.FAILED):
                    self._find_smallest(kind, strategy)
        except strategies.HypothesisException as problem:
            why = f"{type(problem).__name__}: {problem}"[:200]
            return RequestSearch(problem=f"no request can be made from {self._form.source}: {why}")
        if self._stopped and not self._smallest:
            raise self._stopped
        return RequestSearch(
            generated=tuple(self._generated.values()),
            smallest=self._smallest,
            failures={kind: self._count_failures(kind) for kind in self._smallest},
            minimal_kinds=frozenset(self._minimal),
            notes=(f"valid by {self._form.source}, seed {self._session.settings.seed}", *self._describe_strays()),
            after=self._ask_after(),
        )

    def _ask_after(self) -> Exchange | None:
        """The plain request once more, if a generated one failed."""
        if RequestSearch(tuple(self._generated.values())).find_first_failed() is None:
            return None
        with contextlib.suppress(BudgetExhausted):
            return self._session.ask(repeat=True)
        return None

    def _describe_strays(self) -> tuple[str, ...]:
        return (f"{self._strays} failures were not repeated and do not count",) if self._strays else ()

    def _learn_outputs(self) -> None:
        """Ask for one row and for two rows: which outputs have one entry for each row?"""
        answers = []
        if self._rows.batches:
            rows = self._rows.draw_distinct(2)
            for batch in (rows[:1], rows):
                answers.append((len(batch), self._session.ask(self._rows.query(batch))))
        elif not self._rows.text:
            answers.append((1, self._session.ask()))
        outputs = {str(spec["name"]): spec for spec in self._session.facts.inputs.get("outputs") or []}
        numbers = learn_number_outputs([exchange for _, exchange in answers])
        self._announced = Announcement(find_row_outputs(answers), numbers, outputs, self._form.is_bounded)

    def _find_smallest(self, kind: OutcomeKind, strategy: Any) -> None:
        """Find the smallest request that fails in this way, and send it again."""
        from harness.generation import strategies, validity

        if self._has_drawn_all and not any(request.outcome.kind is kind for request in self._generated.values()):
            return
        self._start_phase(self._form.most)

        def fails(value: Any) -> bool:
            request = self._send_once(value)
            if request.outcome.kind is not kind:
                return False
            if self._failing is None:  # every further value is a simpler one
                self._start_phase(_SIMPLIFYING_BY_HYPOTHESIS)
            self._failing = request
            return True

        seed = f"{self._session.settings.seed} property"
        with contextlib.suppress(SearchStopped):
            if not any(map(fails, list_large_inputs(self._form, self._rows, validity.make_validator))):
                strategies.draw_smallest(strategy, fails, seed=seed, most=_DRAWS * self._form.most)
        if self._failing is None:
            self._has_drawn_all = True
            return
        is_valid = validity.make_validator(widen_form(self._form), self._failing.value)
        self._phase_requests_left += _SIMPLIFYING - _SIMPLIFYING_BY_HYPOTHESIS
        with contextlib.suppress(SearchStopped):
            minimise_value(self._failing.value, lambda value: is_valid(value) and fails(value))
            self._minimal.add(kind)
        self._smallest[kind] = self._repeat(self._failing, kind)
        self._failing = None

    def _start_phase(self, requests: int) -> None:
        self._phase_requests_left = requests
        self._phase_end = min(read_monotonic() + _SECONDS, self._end)

    def _send_once(self, value: Any) -> GeneratedRequest:
        """Send a generated request, or return the result of an equal one sent before. Raises `SearchStopped`."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._generated:
            if self._phase_requests_left <= 0 or read_monotonic() > self._phase_end:
                raise SearchStopped
            self._phase_requests_left -= 1
            exchange = self._send(value, confirmed=True)
            self._generated[key] = GeneratedRequest(value, exchange, self._classify(value, exchange))
        return self._generated[key]

    def _send(self, value: Any, *, confirmed: bool) -> Exchange:
        inputs = value["inputs"]
        if len(self._form.tensors) == 1:
            inputs = next(iter(inputs.values()))
        # The sample's options are what the service needs; without its limit a model may generate until the deadline.
        query = Query(inputs, options={**self._session.sample().options, **value["options"]})
        if self._requests_left <= 0:
            raise SearchStopped
        self._requests_left -= 1
        try:
            exchange = self._session.ask(query)
            return self._confirm(query, exchange) if confirmed else exchange
        except BudgetExhausted as problem:
            self._stopped = problem
            raise SearchStopped from None

    def _confirm(self, query: Query, exchange: Exchange) -> Exchange:
        """A failure that noise explains, asked again; one after the other is no noise, and is taken as it is."""
        if not may_be_noise(exchange) or self._confirming_left < MOST_CONFIRMING:
            return exchange
        before = self._session.sent_requests
        confirmed = ask_confirmed(self._session, query, exchange)
        self._confirming_left -= self._session.sent_requests - before
        self._strays += confirmed is not exchange
        return confirmed

    def _classify(self, value: Any, exchange: Exchange) -> Outcome:
        return classify_outcome(exchange, value, self._count_rows(value["inputs"]), self._announced)

    def _count_rows(self, inputs: Any) -> int | None:
        """The rows of an input, None where inputs are not made of rows."""
        if not self._rows.batches:
            return None
        rows = next(iter(inputs.values()), None) if isinstance(inputs, dict) else inputs
        return len(rows) if isinstance(rows, list) else None

    def _repeat(self, request: GeneratedRequest, kind: OutcomeKind) -> GeneratedRequest:
        """Send a failing request again, and count how often it fails again; once where the time is used up.

        A failure that noise explains was confirmed before, and may cost a whole deadline each time.
        """
        for number in range(_REPEATS):
            if number and read_monotonic() > self._end:
                break
            try:
                exchange = self._send(request.value, confirmed=not may_be_noise(request.exchange))
            except SearchStopped:
                break
            fails_again = self._classify(request.value, exchange).kind is kind
            request = replace(request, tries=request.tries + 1, failures=request.failures + fails_again)
        return request

    def _count_failures(self, kind: OutcomeKind) -> int:
        """All failures of this kind, with those of the smallest request when it was sent again."""
        distinct = sum(request.outcome.kind is kind for request in self._generated.values())
        return distinct + self._smallest[kind].failures - 1
