"""Every value that is announced for a field of the input is one that the service knows."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.bad_input.ordinary_inputs import judge_ordinary_inputs, shows_hang
from harness.core.exchange import Exchange
from harness.protocols.shared.named_fields import list_choices
from harness.suite import Session, Verdict, check

from .bad_input_trials import CONTROL_COST, ask_control

_MOST = 24
"""Values that are asked at most, of all fields together."""


@check(
    "every announced value of a field is answered, or refused with a clear 4xx",
    needs=("categories",),
    requests=CONTROL_COST + _MOST + 1,
)
def test_announced_values(ai_client: Session) -> Verdict:
    control, sample = ask_control(ai_client), ai_client.sample()
    values = list_choices(sample.inputs, ai_client.facts.inputs.get("valid", {}).get("input", {}))
    asked: list[tuple[str, Exchange]] = []
    for name, inputs in () if control.problem else values[:_MOST]:
        exchange = ai_client.ask(replace(sample, inputs=inputs))
        asked.append((f"the input with {name}", exchange))
        if shows_hang(exchange):
            break
    return judge_ordinary_inputs(control, asked, ai_client.ask(), ai_client.show)
