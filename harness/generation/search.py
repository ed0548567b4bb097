"""Requests generated from what the endpoint announces, the smallest failing one, and how it was found.

Hypothesis draws them and makes a failing one simpler; a deterministic pass of our own ends that, which tries every
single removal and simplification. What draws is loaded by name when a search begins.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import time
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
)
from harness.core.errors import BudgetExhausted
from harness.core.exchange import Exchange, Query
from harness.generation.input_form import MOST_GENERATED, count_elements, find_input_form
from harness.generation.shrink import SearchStopped, minimise_value
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_DRAWS = 3
"""Values that may be drawn for each request that is sent: what was drawn before is not sent again."""
_SIMPLER = 70
"""Requests that making one failing request simpler may cost; Hypothesis has the first `DRAWN_SIMPLER` of them."""
_DRAWN_SIMPLER = 25
_SECONDS = 20.0
"""After so long nothing more is drawn; making it simpler may take as long again."""
_AGAIN = 2
SEARCH_REQUESTS = 2 + MOST_GENERATED + 2 * (_SIMPLER + _AGAIN)
_LARGEST = 200_000
"""Numbers in one row above which no request is generated."""


def search_failures(session: Session) -> RequestSearch:
    """Draw requests, ask them, and find the smallest failing one of each kind.

    Raises `BudgetExhausted` where a ceiling of the run ends it before anything failed.
    """
    return _Search(session).run()


class _Search:
    """One search: what was asked is asked once, so that simplifying meets the same answers again."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.form = find_input_form(session)
        self.seen: dict[str, GeneratedRequest] = {}
        self.known = Announcement()
        self.rows = Rows(session)
        self.last: GeneratedRequest | None = None
        self.unspent, self.left, self.until = SEARCH_REQUESTS - 2, 0, 0.0
        self.stopped: BudgetExhausted | None = None
        self.drawn = False

    def run(self) -> RequestSearch:
        if any(count_elements(each["shape"]) > _LARGEST for each in self.form.tensors):
            return RequestSearch(unable=f"a row of an input has over {_LARGEST} numbers: no requests are generated")
        drawing = importlib.import_module("harness.generation.strategies")
        try:
            with drawing.isolate_hypothesis():
                made = self._strategy(drawing)
                self._get_to_know()
                found = {kind: self._of_kind(kind, made, drawing) for kind in (OutcomeKind.BROKEN, OutcomeKind.FAILED)}
        except drawing.HypothesisException as problem:
            why = f"{type(problem).__name__}: {problem}"[:200]
            return RequestSearch(unable=f"no request can be made from {self.form.source}: {why}")
        smallest = {kind: each[0] for kind, each in found.items() if each is not None}
        if self.stopped and not smallest:
            raise self.stopped
        generated = tuple(self.seen.values())
        return RequestSearch(
            generated,
            smallest,
            {kind: self._failures(kind, smallest.get(kind)) for kind in smallest},
            frozenset(kind for kind, each in found.items() if each is not None and each[1]),
            (f"valid by {self.form.source}, seed {self.session.settings.seed}",),
        )

    def _strategy(self, drawing: Any) -> Any:
        form = self.form
        inputs = drawing.draw_tensors(form.tensors) if form.tensors else drawing.make_strategy(form.schema)
        return drawing.combine_options(inputs, form.options)

    def _get_to_know(self) -> None:
        """Ask the sample alone and twice in one request: which outputs have one entry for each row?"""
        answers = []
        if self.rows.batches:
            row = self.rows.distinct(2)
            answers = [(len(given), self.session.ask(self.rows.query(given))) for given in (row[:1], row)]
        outputs = {str(each["name"]): each for each in self.session.facts.inputs.get("outputs") or []}
        self.known = Announcement(find_row_outputs(answers), outputs, self.form.bounded)

    def _of_kind(self, kind: OutcomeKind, made: Any, drawing: Any) -> tuple[GeneratedRequest, bool] | None:
        """The smallest request that fails so, asked again, and whether it is proved minimal; None: there is none."""
        if (
            kind is OutcomeKind.FAILED
            and OutcomeKind.FAILED not in {each.outcome.kind for each in self.seen.values()}
            and self.drawn
        ):
            return None  # all were drawn, and none failed so
        self.last, self.left = None, self.form.most
        self.until = time.monotonic() + _SECONDS
        minimal = False

        def fails(value: Any) -> bool:
            asked = self._asked(value)
            if asked.outcome.kind is not kind:
                return False
            if self.last is None:  # from here on it is made simpler
                self.left, self.until = _DRAWN_SIMPLER, time.monotonic() + _SECONDS
            self.last = asked
            return True

        seed = f"{self.session.settings.seed} property"
        with contextlib.suppress(SearchStopped):
            drawing.draw_smallest(made, fails, seed=seed, most=_DRAWS * self.form.most)
        if self.last is None:
            self.drawn = True
            return None
        valid = importlib.import_module("harness.generation.validity").make_validator(self.form, self.last.value)
        self.left += _SIMPLER - _DRAWN_SIMPLER
        try:
            minimise_value(self.last.value, lambda value: valid(value) and fails(value))
            minimal = True
        except SearchStopped:
            pass
        return self._again(self.last, kind), minimal

    def _asked(self, value: Any) -> GeneratedRequest:
        text = json.dumps(value, sort_keys=True)
        if text in self.seen:
            return self.seen[text]
        if self.left <= 0 or time.monotonic() > self.until:
            raise SearchStopped
        self.left -= 1
        exchange = self._exchange(value)
        self.seen[text] = GeneratedRequest(value, exchange, self._outcome(value, exchange))
        return self.seen[text]

    def _exchange(self, value: Any) -> Exchange:
        inputs = value["inputs"]
        if self.form.tensors and len(self.form.tensors) == 1:
            inputs = next(iter(inputs.values()))
        # The sample's options are what the service needs; without its limit a model may run on into the deadline.
        query = Query(inputs, options={**self.session.sample().options, **value["options"]})
        try:
            return self._send(query)
        except BudgetExhausted as spent:
            self.stopped = spent
            raise SearchStopped from None

    def _send(self, query: Query) -> Exchange:
        if self.unspent <= 0:
            raise SearchStopped
        self.unspent -= 1
        return self.session.ask(query)

    def _outcome(self, value: Any, exchange: Exchange) -> Outcome:
        return classify_outcome(exchange, value, self._rows(value["inputs"]), self.known)

    def _rows(self, inputs: Any) -> int | None:
        """The rows of an input whose sample is one of rows."""
        if not self.rows.batches:
            return None
        first = next(iter(inputs.values()), None) if isinstance(inputs, dict) else inputs
        return len(first) if isinstance(first, list) else None

    def _again(self, found: GeneratedRequest, kind: OutcomeKind) -> GeneratedRequest:
        """Ask the smallest request again; a failure that does not come back is said to be so."""
        for _ in range(_AGAIN):
            try:
                exchange = self._exchange(found.value)
            except SearchStopped:
                break
            same = self._outcome(found.value, exchange)
            found = replace(found, asked=found.asked + 1, failed=found.failed + (same.kind is kind))
        return found

    def _failures(self, kind: OutcomeKind, found: GeneratedRequest | None) -> int:
        others = sum(each.outcome.kind is kind for each in self.seen.values())
        return others + (found.failed - 1 if found else 0)
