"""Sends the prompts of a probe, with fresh canaries, and its controls beside them.

Tested in tests/suites/adversarial/test_probes.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from harness.checks.probing import ProbedForm, find_hit, judge_probe
from harness.core.canary import mint_canary
from harness.core.errors import UsageError
from harness.core.exchange import Exchange, Query
from harness.core.probe import ProbeForm, ProbeKind, Prompt
from harness.core.verdict import Verdict
from harness.run.session import Session

_CONCURRENCY = 4
NOTE = "each request has a new canary, drawn by the operating system; the saved exchanges contain it"


def run_probe(session: Session, kind: ProbeKind) -> Verdict:
    """Ask every form with its control, and what shows that the model is able to give way; then judge."""
    forms = kind.make_forms(_mint)
    pairs = _ask_forms(session, kind, forms)
    probed = [_confirm(session, kind, pair) for pair in pairs]
    abilities = _ask_abilities(session, kind)
    return judge_probe(kind, probed, abilities, session.show).with_notes(NOTE)


def _mint() -> str:
    return mint_canary(secrets.choice)


def _ask_forms(session: Session, kind: ProbeKind, forms: Sequence[ProbeForm]) -> list[ProbedForm]:
    arms: list[tuple[ProbeForm, Prompt]] = []
    for form in forms:
        arms += [(form, prompt) for prompt in (form.attack, form.control) if prompt is not None]
    answers = iter(_ask_arms(session, kind, arms))
    return [ProbedForm(form, next(answers), next(answers) if form.control else None) for form in forms]


def _ask_abilities(session: Session, kind: ProbeKind) -> list[ProbedForm]:
    forms = kind.make_abilities(_mint)
    queries = [_make_query(session, kind, form.attack) for form in forms]
    return list(map(ProbedForm, forms, session.ask_many(queries, concurrency=_CONCURRENCY)))


def _ask_arms(session: Session, kind: ProbeKind, arms: Sequence[tuple[ProbeForm, Prompt]]) -> list[Exchange]:
    """The last answer of each conversation. Where times are compared, no request waits for another."""
    concurrency = 1 if kind.repeats else _CONCURRENCY
    queries = [_make_query(session, kind, prompt) for _, prompt in arms]
    exchanges = session.ask_many(queries, concurrency=concurrency)
    for place, (form, prompt) in enumerate(arms):
        for _ in range(kind.most_turns - 1):
            following = kind.go_on(form, prompt, exchanges[place])
            if following is None:
                break
            prompt = following
            exchanges[place] = session.ask(_make_query(session, kind, prompt))
    return exchanges


def _confirm(session: Session, kind: ProbeKind, probed: ProbedForm) -> ProbedForm:
    """What must be repeated is asked again, with its control."""
    control = probed.form.control
    if not kind.repeats or control is None or find_hit(kind, probed) is None:
        return probed
    form = probed.form
    again = _ask_arms(session, kind, [(form, form.attack), (form, control)] * kind.repeats)
    return replace(probed, repeats=tuple(zip(again[::2], again[1::2], strict=True)))


def _make_query(session: Session, kind: ProbeKind, prompt: Prompt) -> Query:
    """The prompt at temperature 0, unless the configuration says otherwise; as one text where there are no messages."""
    sample = session.sample()
    temperature = session.endpoint.options.get("temperature", 0)
    options = {**sample.options, "temperature": temperature, **prompt.options}
    query = replace(sample, inputs=[dict(message) for message in prompt.messages], options=options)
    query = session.limit_answer(query, kind.tokens)
    try:
        session.request(query)
    except UsageError:
        text = "\n\n".join(f"{message['role']}: {message.get('content') or ''}" for message in prompt.messages)
        query = replace(query, inputs=f"{text}\n\nassistant:")
    return query
