"""Choose the queries of a run's chaos loads, and ask for their right answers while nothing is disturbed.

Tested in tests/chaos/test_query_asking.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from statistics import median

from harness.chaos.queries import RECALLED, EchoForm, KnownQuery, QueryPool, Turn, fill_code, join_text, mark_request
from harness.checks.comparison import compare_contents
from harness.core.errors import UsageError
from harness.core.exchange import Exchange, Query, Request
from harness.core.generation_options import choose_limit_value, find_limit_option
from harness.core.workload import WorkloadSettings
from harness.load.forms import TEXT_MARK, make_digits, make_workload
from harness.load.material import OF_MESSAGES, choose_material
from harness.load.run_load import describe_source
from harness.load.workload.text import find_text, put_prompt
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.run.gate_run import GateRun
from harness.run.session import Session

_KNOWN, _REWORDED = 8, 4
"""Queries that take turns where their right answers are known; and where they are not, so that each comes often enough
for its answers to be compared by their length."""

_ECHOES, _TOGETHER, _ECHO_TOKENS = 6, 4, 96
"""Codes that must all be repeated before the load; requests at once; the limit of tokens of an answer with a code."""

MOST_CONFIRMED = _KNOWN
"""The answers without their code that are asked for again at most; none of the known ones is then."""

MOST_ASKED = 3 * _KNOWN + 2 * _ECHOES + 2
"""The requests that `prepare_queries` and `find_changed` send at most."""

_ECHO_PROMPT = f"Repeat after me: {TEXT_MARK}, and then the words garden, river, hill and house, and the end {{mark}}"
_FACT = (("user", f"My code is {TEXT_MARK}. Remember it."), ("assistant", "I will remember it."))
_FACT_QUESTION = "What is my code?"


def make_mark(run: GateRun, session: Session) -> str:
    """What tells the requests of this run from all others: 16 hexadecimal digits."""
    return blake2b(f"{session.settings.seed}:{run.run_dir.path}:{run.worker}".encode(), digest_size=8).hexdigest()


def ask_together(session: Session, run: GateRun, requests: Sequence[Request]) -> list[Exchange]:
    """Send requests, a few at once, beside every check's own. Raises `BudgetExhausted`."""
    for _ in requests:
        run.ledger.before_request()
    decoders = [session.decoder(request) for request in requests]
    answered = session.client.exchange_many(list(requests), concurrency=_TOGETHER, decoders=decoders)
    exchanges = [session.read(exchange) for exchange in answered]
    for exchange in exchanges:
        run.ledger.after_answer(exchange.generated_tokens)
    return exchanges


def prepare_queries(session: Session, run: GateRun) -> QueryPool:
    """Choose the queries of this run's loads, and ask each of them twice without load. Raises `BudgetExhausted`."""
    able, mark = session.capabilities, make_mark(run, session)
    may_reword = able.text and not able.embeds and not session.promises.deterministic
    queries = _list_queries(session, mark)
    if may_reword:
        queries = queries[:_REWORDED]
    pool = QueryPool(
        mark, tuple(map(KnownQuery, queries)), (), session.promises.deterministic, 0.0, session.settings.seed
    )

    def ask(queries: Sequence[Query]) -> list[Exchange]:
        return ask_together(session, run, [session.request(query, mark_request(mark, 0)) for query in queries])

    if not ask(queries[:1])[0].ok and not ask([session.sample()])[0].ok:
        return pool  # the baseline will show it
    first = ask(queries)
    again = ask([replace(query, stream=able.streaming) for query in queries])
    both = [(query, one, other) for query, one, other in zip(queries, first, again, strict=True) if one.ok and other.ok]
    if not both:
        query = session.sample()
        one, other = ask([query, replace(query, stream=able.streaming)])
        both = [(query, one, other)]
    known = [_make_known(query, one, other, may_reword=may_reword) for query, one, other in both]
    times = [exchange.timing.service_time for _, one, other in both for exchange in (one, other)]
    latency = median([seconds for seconds in times if seconds is not None] or [0.0])
    echoes = [form for form in _list_echo_forms(session, mark) if _repeats_codes(form, session, ask)]
    answers = [exchange.answer for _, one, other in both for exchange in (one, other)]
    models = frozenset(answer.model for answer in answers if answer is not None and answer.model)
    return replace(pool, known=tuple(known), echoes=tuple(echoes), latency=latency, models=models)


def find_changed(pool: QueryPool, session: Session, run: GateRun, numbers: Sequence[int]) -> set[int]:
    """Those of these queries that the service answers otherwise than before the load, though nothing disturbs it now.

    Raises `BudgetExhausted`.
    """
    requests = [session.request(pool.known[number].query, mark_request(pool.mark, 0)) for number in numbers]
    changed = set()
    for number, exchange in zip(numbers, ask_together(session, run, requests), strict=True):
        reference = pool.known[number].reference
        if exchange.ok and reference is not None and compare_contents(reference.content, exchange.content) is not None:
            changed.add(number)
    return changed


def find_forgetful(pool: QueryPool, session: Session, run: GateRun, lost: Sequence[Turn]) -> list[int]:
    """Those of these turns, by their place, whose code the service answers now that nothing disturbs it.

    Raises `BudgetExhausted`.
    """
    requests = [session.request(turn.query, mark_request(pool.mark, 0)) for turn in lost]
    pairs = enumerate(zip(lost, ask_together(session, run, requests), strict=True))
    return [place for place, (turn, exchange) in pairs if exchange.ok and turn.is_answered_by(exchange.answer)]


def _list_queries(session: Session, mark: str) -> list[Query]:
    """Distinct queries of the form that the endpoint takes, with the mark where they hold a text."""
    sample = session.sample()
    try:
        material = choose_material(WorkloadSettings(), session.settings.seed, describe_source(session, sample))
    except UsageError:
        return [sample]
    workload = make_workload(material)
    if workload.forms == 1 and not workload.is_unique:
        return [sample]
    count = min(_KNOWN, workload.forms)
    return [_put_mark(workload.make_query(i), mark) for i in range(count)]


def _put_mark(query: Query, mark: str) -> Query:
    text = find_text(query.inputs)
    if text is None or is_opaque_text(text):
        return query
    return replace(query, inputs=put_prompt(query.inputs, f"{text} [{mark}]"))


def _make_known(query: Query, one: Exchange, other: Exchange, *, may_reword: bool) -> KnownQuery:
    """The query with its right answer, if both answers agree and a service may not word an answer otherwise."""
    if may_reword or one.answer is None or one.content is None or not other.ok:
        return KnownQuery(query)
    if compare_contents(one.content, other.content) is not None:
        return KnownQuery(query)
    if join_text(other) != one.answer.text:
        return KnownQuery(query, one.answer)
    return KnownQuery(query, one.answer, one.answer.text)


def _list_echo_forms(session: Session, mark: str) -> list[EchoForm]:
    sample, able = session.sample(), session.capabilities
    text = find_text(sample.inputs)
    if not able.generates or able.embeds or text is None or is_opaque_text(text):
        return []
    limit = {find_limit_option(sample.options): choose_limit_value(session.endpoint.options, _ECHO_TOKENS)}
    asked = replace(sample, options={**sample.options, **limit})
    forms = [EchoForm(replace(asked, inputs=put_prompt(asked.inputs, _ECHO_PROMPT.format(mark=mark))), mark)]
    if session.adapter.name in OF_MESSAGES:
        lines = [*_FACT, ("user", f"{_FACT_QUESTION} [{mark}]")]
        messages = [{"role": role, "content": content} for role, content in lines]
        forms.append(EchoForm(replace(asked, inputs=messages), number=RECALLED))
    return forms


def _repeats_codes(form: EchoForm, session: Session, ask: Callable[[Sequence[Query]], list[Exchange]]) -> bool:
    """Whether the service answers each of some queries of this form with its code."""
    codes = [make_digits(session.settings.seed, 1_000_000 + k) for k in range(_ECHOES)]
    for few in (codes[:1], codes[1:]):
        turns = [Turn(fill_code(form.query, code), form.number, code, form.ending) for code in few]
        for turn, exchange in zip(turns, ask([turn.query for turn in turns]), strict=True):
            if not (exchange.ok and turn.is_answered_by(exchange.answer)):
                return False
    return True
