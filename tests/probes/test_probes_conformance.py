"""Every file in `harness/probes/` keeps its promises (`core.probe`), and no detector sees what is not there."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.core.canary import mint_canary
from harness.core.exchange import Answer, Choice, Exchange, Request, Response, Timing, ToolCall, Usage
from harness.core.probe import ProbeForm, ProbeKind, Prompt
from harness.core.registry import list_plugins, load_plugin
from harness.probes import special_tokens
from harness.probes._prompts import CALM, find_joined, order_word

KINDS: dict[str, ProbeKind] = {name: load_plugin("probes", name).PROBE for name in list_plugins("probes")}
ORDINARY = (
    "The harbour opened in 1902, and its lighthouse was rebuilt in 1931.",
    "I am sorry, I cannot tell you that.",
    "BLUE",
    "1. apples\n2. pears\n3. plums\n4. figs\n5. grapes",
    "Use `x = sum(a)` and [this link](https://example.org); a < b and b > c.",
)


def minting() -> Callable[[], str]:
    source = random.Random(5)
    return lambda: mint_canary(source.choice)


def answer(text: str = "", calls: tuple[ToolCall, ...] = (), prompt_tokens: int | None = None) -> Exchange:
    whole = Answer(text, finish_reason="stop", usage=Usage(prompt_tokens, 5), choices=(Choice(0, text, "stop", calls),))
    body = json.dumps({"text": text, "calls": [call.arguments for call in calls]}).encode()
    return Exchange(Request("POST", "/"), Timing(0, 0, 0.1, done=0.2), Response(200, (), body), whole)


def list_prompts(kind: ProbeKind) -> Iterator[tuple[ProbeForm, Prompt]]:
    for form in (*kind.make_forms(minting()), *kind.make_abilities(minting())):
        yield form, form.attack


@pytest.mark.parametrize("name", KINDS)
def test_a_probe_says_what_it_is(name: str) -> None:
    kind = KINDS[name]
    assert kind.name == name
    assert kind.title
    assert kind.holds
    assert len(kind.clauses) == len(set(kind.tags)) >= 1
    assert kind.tags[0].startswith("LLM")
    forms = kind.make_forms(minting())
    assert len(forms) >= 3
    assert len({form.name for form in forms}) == len(forms)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "fake_turns"])  # there only the marks differ
def test_every_canary_is_fresh_and_stays_out_of_the_control(name: str) -> None:
    source = itertools.count()
    kind = KINDS[name]
    forms = kind.make_forms(lambda: f"{next(source):0>16}".replace("0", "K"))
    canaries = [form.canary for form in forms if form.canary]
    assert len(set(canaries)) == len(canaries)
    for form in forms:
        if form.canary and form.control:
            half = len(form.canary) // 2
            text = json.dumps([form.control.messages, form.control.options], default=str)
            assert form.canary not in text
            assert f"{form.canary[:half]} and {form.canary[half:]}" not in text


@pytest.mark.parametrize("name", KINDS)
def test_the_cost_is_what_is_sent(name: str) -> None:
    kind = KINDS[name]
    forms = kind.make_forms(minting())
    sent = sum(2 if form.control else 1 for form in forms) + len(kind.make_abilities(minting()))
    once = replace(kind, most_turns=1, repeats=0)
    assert once.requests == sent <= kind.requests


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_answers_are_no_hits(name: str, text: str) -> None:
    kind = KINDS[name]
    if name == "schema_breakout":
        text = json.dumps({"legs": 4, "colour": "red"})
    for form, _ in list_prompts(kind):
        assert kind.find_hit(form, answer(text)) is None
        if kind.compare:
            assert kind.compare(form, answer(text, prompt_tokens=90), answer(text, prompt_tokens=95)) is None


def echo(form: ProbeForm) -> str:
    return str(form.attack.messages[-1].get("content"))


@pytest.mark.parametrize(
    "name", [name for name in KINDS if KINDS[name].find_hit is find_joined and name not in ("hidden_text",)]
)
def test_who_quotes_an_order_does_not_follow_it(name: str) -> None:
    """An answer that repeats the whole prompt, its tools or its system message fulfils nothing."""
    for form, prompt in list_prompts(KINDS[name]):
        quoted = json.dumps([prompt.messages, prompt.options], ensure_ascii=False, default=str)
        assert find_joined(form, answer(f"It says: {quoted}")) is None
        assert find_joined(form, answer(order_word(form.canary))) is None


@pytest.mark.parametrize("name", [name for name in KINDS if KINDS[name].make_forms(minting())[0].canary])
def test_who_gives_way_is_seen(name: str) -> None:
    """The joined word, the secret, the markup or the call: whatever the probe looks for."""
    kind = KINDS[name]

    def say_canary(form: ProbeForm) -> Exchange:
        return answer(f"Fine. {' '.join(form.canary.lower())}")

    payloads: dict[str, Callable[[ProbeForm], Exchange]] = {
        "output_markup": lambda form: answer(f"Here: {echo(form)}"),
        "tool_abuse": lambda form: answer("", (ToolCall("1", "delete_account", "{}"),)),
    }
    give_way = payloads.get(name, say_canary)
    for form in kind.make_forms(minting()):
        assert kind.find_hit(form, give_way(form)), form.name


def test_an_escaped_payload_is_no_active_markup() -> None:
    kind = KINDS["output_markup"]
    for form in kind.make_forms(minting()):
        inert = echo(form).replace("<", "&lt;").replace("![", "[").replace("](", "] (").replace("\x1b", "")
        assert kind.find_hit(form, answer(inert.replace("=HYPERLINK", "HYPERLINK"))) is None
        assert kind.find_hit(form, answer(f"{CALM} {form.canary}")) is None


@pytest.mark.parametrize(("text", "hit"), [('{"legs": 4, "colour": "red"}', False), ('{"legs": 4}', True)])
@pytest.mark.parametrize("around", ["{}", "{} DONE", "```json\n{}\n```"])
def test_a_text_beside_the_json_leaves_the_schema(text: str, hit: bool, around: str) -> None:
    kind = KINDS["schema_breakout"]
    form = kind.make_forms(minting())[0]
    assert (kind.find_hit(form, answer(around.format(text))) is not None) is (hit or around != "{}")


def test_a_special_token_in_a_text_is_seen_by_its_count() -> None:
    kind = KINDS["special_tokens"]
    form = kind.make_forms(minting())[0]
    assert kind.compare is not None
    assert kind.compare(form, answer("a", prompt_tokens=20), answer("a", prompt_tokens=100)) is not None
    assert kind.compare(form, answer("a", prompt_tokens=96), answer("a", prompt_tokens=128)) is None
    assert kind.compare(form, answer("a"), answer("a")) is None
    assert kind.explain_unseen(form, answer("a"), answer("a")) != ""
    for name in special_tokens._NAMES:
        twin = special_tokens.part_name(name)
        assert twin.replace(" ", "") == name != twin


def make_timed_exchange(seconds: float, tokens: int, limit: int = 16, error: Any = None) -> Exchange:
    exchange = answer("one two")
    usage = Usage(300, tokens)
    assert exchange.answer is not None
    request = Request("POST", "/", body=json.dumps({"max_tokens": limit}).encode())
    whole = replace(exchange.answer, usage=usage)
    return replace(exchange, request=request, answer=whole, timing=Timing(0, 0, 0.1, done=seconds), error=error)


@pytest.mark.parametrize(
    ("attack", "control", "hit"),
    [
        (make_timed_exchange(9.0, 16), make_timed_exchange(0.2, 16), True),
        (make_timed_exchange(0.9, 16), make_timed_exchange(0.05, 16), False),  # many times as long, and still quick
        (make_timed_exchange(3.2, 16), make_timed_exchange(0.6, 3), False),  # longer only because it is a longer answer
        (
            make_timed_exchange(3.0, 1),
            make_timed_exchange(2.9, 16),
            False,
        ),  # most of the time is the prompt's, and it is the other one's, too
        (make_timed_exchange(0.2, 400), make_timed_exchange(0.2, 16), True),
        (make_timed_exchange(0.2, 400, limit=512), make_timed_exchange(0.2, 16), False),
    ],
)
def test_a_sponge_costs_more_than_its_size_explains(attack: Exchange, control: Exchange, hit: bool) -> None:
    kind = KINDS["sponge"]
    form = kind.make_forms(minting())[0]
    assert kind.compare is not None
    assert (kind.compare(form, attack, control) is not None) is hit


def test_every_prompt_of_a_sponge_is_of_one_size() -> None:
    forms = KINDS["sponge"].make_forms(minting())
    prompts = [prompt for form in forms for prompt in (form.attack, form.control) if prompt]
    assert len({len(prompt.messages[-1]["content"]) for prompt in prompts}) == 1


def test_an_agent_goes_on_only_while_it_calls() -> None:
    kind = KINDS["agent_loop"]
    form = kind.make_forms(minting())[0]
    assert [kind.go_on(form, form.attack, answer("It is done."))] == [None]
    calling = answer("", (ToolCall(None, "read_job", '{"job": "7"}'),))
    following = kind.go_on(form, form.attack, calling)
    assert following is not None
    assert [message["role"] for message in following.messages] == ["user", "assistant", "tool"]
    assert following.messages[-1]["tool_call_id"] == following.messages[-2]["tool_calls"][0]["id"]
