"""Bad requests sent one by one, each with a valid request after it, until too many of them hang."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.checks.bad_input.outcomes import BadInputTrial, Reaction, classify_reaction
from harness.checks.bad_input.parameters import BAD_PARAMETERS, LIMIT_OPTION
from harness.checks.bad_input.requests import INPUT_MARK, BadRequest, fill_mark
from harness.checks.common import TOO_MANY_REQUESTS
from harness.checks.control import Control
from harness.core.errors import TIMEOUT_ERRORS
from harness.core.exchange import Exchange
from harness.core.generation_options import find_limit_option
from harness.suite import Session, once

CONTROL_COST, TRIAL_COST = 2, 4
"""The valid requests sent first, and the most that one bad request costs."""
_MAX_HANGS = 3
"""Hangs after which no more bad requests are sent: each hang costs a full deadline."""
_PROMPT = "Say hello."


@dataclass
class _Damage:
    """What the bad requests of this process have done to the service."""

    hangs: int = 0
    lost_after: str = ""


@once
def ask_control(ai_client: Session) -> Control:
    """The valid request and its answers, asked before the first bad one."""
    able = ai_client.capabilities
    may_reword = able.text and not able.embeds and not ai_client.promises.deterministic
    return Control([ai_client.ask()], [ai_client.ask()], may_reword=may_reword)


def make_bad_parameter(ai_client: Session, name: str) -> BadRequest:
    """A request to generate text with this bad parameter."""
    parameter, sample = BAD_PARAMETERS[name], ai_client.sample()
    option = find_limit_option(sample.options) if parameter.option == LIMIT_OPTION else parameter.option
    # The answer to this prompt ends by itself: some services take a limit of -1 or 0 as no limit.
    options = {**sample.options, **parameter.beside, option: INPUT_MARK}
    query = replace(sample, inputs=_PROMPT, options=options)
    request = ai_client.request(query)
    filled = replace(request, body=fill_mark(request.body, parameter.raw))
    able = ai_client.capabilities
    has_option = {"seed": able.seeds, "n": able.chat_options or able.echoes}
    # What is no option of this protocol is one more unknown key.
    return BadRequest(name, filled, parameter.may_accept or not has_option.get(parameter.option, True))


def try_bad_request(ai_client: Session, bad: BadRequest) -> BadInputTrial:
    """Send one bad request and a valid one after it, once in a process."""
    return ai_client.once(f"bad inputs: {bad.name}", lambda: _try(ai_client, bad))


def try_bad_requests(ai_client: Session, requests: Iterable[BadRequest]) -> list[BadInputTrial]:
    """Try several bad requests in turn."""
    return [try_bad_request(ai_client, bad) for bad in requests]


def _try(ai_client: Session, bad: BadRequest) -> BadInputTrial:
    control, damage = ask_control(ai_client), ai_client.once("bad inputs: damage", _Damage)
    if control.problem:
        return BadInputTrial(bad, why=control.problem)
    if damage.hangs >= _MAX_HANGS:
        why = f"not sent: the service hung {_MAX_HANGS} times, and each hang costs a full deadline"
        return BadInputTrial(bad, why=why)
    if damage.lost_after:
        again = ai_client.ask()
        damage.hangs += again.error in TIMEOUT_ERRORS
        if not again.ok:
            why = f"not sent: the service has answered no valid request since {damage.lost_after}"
            return BadInputTrial(bad, why=why)
        damage.lost_after = ""
    exchange = _send(ai_client, bad)
    after = ai_client.ask()
    damage.hangs += (classify_reaction(exchange) is Reaction.HUNG) + (after.error in TIMEOUT_ERRORS)
    if not after.ok and after.status != TOO_MANY_REQUESTS:
        damage.lost_after = bad.name
    return BadInputTrial(bad, exchange, after, has_answer=_has_outputs(ai_client.read(exchange), control))


def _has_outputs(decoded: Exchange, control: Control) -> bool:
    """Whether an answer is one of the kind that a valid request has, with any of its outputs."""
    valid = control.first[0].answer
    if not decoded.ok or decoded.answer is None or valid is None:
        return False
    return valid.text is not None or not valid.outputs.keys().isdisjoint(decoded.answer.outputs)


def _send(ai_client: Session, bad: BadRequest) -> Exchange:
    exchange = ai_client.send(bad.request)
    if not bad.keeps_meaning:
        return exchange
    decoded = ai_client.read(exchange)
    return decoded if decoded.ok else replace(exchange, answer=None)
