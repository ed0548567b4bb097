"""The reference's chat over a real socket, with its requests and answers altered, and the checks of generation."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import change_answers, is_inference
from detection.change_request import change_pairs
from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Verdict
from harness.reference.backend import create_app
from harness.reference.server import listen
from harness.reference.settings import ServiceSettings as Backend
from tests.services import QUICK, asking

Change = Callable[[dict[str, Any]], Any]
ChangePair = Callable[[dict[str, Any], dict[str, Any]], None]
USAGE, PARAMETERS, TOOLS, STRUCTURED = (
    import_module(f"harness.suites.integration.test_{name}") for name in ("usage", "parameters", "tools", "structured")
)
ALL = Promises(deterministic=True, tools=True, structured_output=True, choices=True, logprobs=True)
CHECKS = {
    f"{stem}.{name}": (getattr(module, name), ("flat",) if name == "test_obeys" else ())
    for stem, module in (("usage", USAGE), ("parameters", PARAMETERS), ("tools", TOOLS), ("structured", STRUCTURED))
    for name in vars(module)
    if name.startswith("test_") and name != "test_output_limit"  # which needs a limit to be promised
}


def asked_for(app: ASGIApp, change: Change) -> ASGIApp:
    """Let `change` alter each request in place before the service reads it."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if not is_inference(scope):
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked = json.loads(body)
        change(asked)
        data = json.dumps(asked).encode()
        headers = [(k, v) for k, v in scope["headers"] if k != b"content-length"]
        length = (b"content-length", str(len(data)).encode())
        sent = iter([{"type": "http.request", "body": data}])

        async def replay() -> Any:
            return next(sent, None) or await receive()

        await app({**scope, "headers": [*headers, length]}, replay, send)

    return around


@contextmanager
def chat(request: Change | None = None, answer: Change | None = None, pair: ChangePair | None = None) -> Iterator[str]:
    """The reference's chat, whose requests and answers (each chunk of a stream) are altered."""
    app: ASGIApp = create_app(Backend(token_ms=0))
    app = change_answers(app, answer) if answer else app
    app = change_pairs(app, pair) if pair else app
    app = asked_for(app, request) if request else app
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_level="critical",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
            server_header=False,
        )
    )
    listening = listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    ends = time.monotonic() + 30
    while not server.started and time.monotonic() < ends:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def judge_service(
    name: str,
    folder: Path,
    request: Change | None = None,
    answer: Change | None = None,
    promises: Promises = ALL,
) -> Verdict:
    with chat(request, answer) as url:
        return run_check(url, name, folder, promises)


def run_check(url: str, name: str, folder: Path, promises: Promises = ALL, protocol: str = "openai_chat") -> Verdict:
    test, args = CHECKS[name]
    endpoint = Endpoint(url, protocol, model="tiny-chat", deadlines=QUICK)
    with asking(Settings(endpoint, ("integration",), promises=promises), folder) as session:
        session.begin_check()
        verdict: Verdict = test(session, *args)
        assert session.sent_requests <= test.__aicheck__.requests
        return verdict


def without(*names: str) -> Change:
    return lambda body: [body.pop(name, None) for name in names]


def each_choice(change: Change) -> Change:
    return lambda answer: [change(choice) for choice in answer["choices"]]


def finish(reason: str, *instead_of: str) -> Change:
    def change(choice: dict[str, Any]) -> None:
        if choice["finish_reason"] in (instead_of or ("length", "stop", "tool_calls")):
            choice["finish_reason"] = reason

    return each_choice(change)


def counts(change: Change, *, streamed: bool = True, whole: bool = True) -> Change:
    def apply(answer: dict[str, Any]) -> None:
        wanted = streamed if answer["object"] == "chat.completion.chunk" else whole
        if wanted and answer.get("usage"):
            change(answer["usage"])

    return apply


def part_of(choice: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = choice.get("message") or choice.get("delta") or {}
    return part


def change_text(change: Callable[[str], str]) -> Change:
    def apply(choice: dict[str, Any]) -> None:
        if part_of(choice).get("content"):
            part_of(choice)["content"] = change(part_of(choice)["content"])

    return each_choice(apply)


def calls(change: Change) -> Change:
    return each_choice(lambda choice: [change(call) for call in part_of(choice).get("tool_calls") or ()])


def arguments(change: Callable[[str], str]) -> Change:
    def apply(call: dict[str, Any]) -> None:
        call["function"]["arguments"] = change(call["function"]["arguments"])

    return calls(apply)


def tokens(change: Callable[[list[dict[str, Any]]], Any]) -> Change:
    return each_choice(
        lambda choice: (choice.get("logprobs") or {}).get("content") and change(choice["logprobs"]["content"])
    )


def token(change: Change) -> Change:
    return tokens(lambda entries: [change(entry) for entry in entries])


def set_to(**values: Any) -> Change:
    return lambda part: part.update(values)


def shift_logprobs(entries: list[dict[str, Any]]) -> None:
    """Each token gets the numbers of the next one (in a stream of single tokens, of a token that is not there)."""
    names = ["token", "bytes"]
    values = [{name: entry[name] for name in names} for entry in entries]
    for entry, value in zip(entries, [*values[1:], {"token": "x", "bytes": None}], strict=True):
        entry.update(value)


def one_choice(answer: dict[str, Any]) -> None:
    answer["choices"] = [choice for choice in answer["choices"] if choice["index"] == 0]


def usage_less(answer: dict[str, Any]) -> None:
    answer.pop("usage", None)


def streamed_only(change: Change) -> Change:
    return lambda answer: change(answer) if answer["object"] == "chat.completion.chunk" else None


def raise_count(name: str, by: int) -> Change:
    return lambda used: used.update({name: used[name] + by, "total_tokens": used["total_tokens"] + by})


def in_short(change: Change) -> Change:
    """Change the whole answers that count 8 tokens: those that a limit cut."""
    return lambda answer: (answer.get("usage") or {}).get("completion_tokens") == 8 and change(answer)


def whole_only(change: Change) -> Change:
    return lambda answer: answer["object"] == "chat.completion" and change(answer)


def choice(index: int, change: Change) -> Change:
    return each_choice(lambda part: part["index"] == index and change(part))


def count(**stated: int) -> Change:
    """State these counts, with a total that adds up."""

    def apply(used: dict[str, Any]) -> None:
        used.update(stated)
        used["total_tokens"] = used["prompt_tokens"] + used["completion_tokens"]

    return counts(apply)


def where(name: str, change: Change) -> Change:
    """Change the requests that have this parameter."""
    return lambda body: body.get(name) and change(body)


def prompt(text: str) -> Change:
    return set_to(messages=[{"role": "user", "content": text}])


def drop_named_choice(body: dict[str, Any]) -> None:
    if isinstance(body.get("tool_choice"), dict):
        body.update(tool_choice="required", messages=[{"role": "user", "content": "Hi"}])


def blank_first(entries: list[dict[str, Any]]) -> None:
    likeliest = [{"token": " one", "logprob": entries[0]["logprob"]}]
    entries[0].update(token=" one", bytes=None, top_logprobs=likeliest)


_SEEDS = itertools.count()


def draw_answer(body: dict[str, Any]) -> None:
    """Each request draws an answer of its own, whatever temperature and seed it asks for."""
    body.update(temperature=1.5, seed=next(_SEEDS))
