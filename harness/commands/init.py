"""`aiharness init`: a commented aiharness.toml for the endpoint that was detected.

A plain JSON service is asked, with the user's consent, until one input is answered: the file then holds a sample and a
template that work. Without consent nothing is sent that could be an inference.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from harness.commands.command import Command
from harness.commands.detect import add_endpoint_options, detect_endpoint, print_detection, prove_detection
from harness.commands.toml_values import quote_text, write_value
from harness.config.file import CONFIG_FILE
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.core.redaction import redact_text
from harness.core.visible_text import cut_text
from harness.io.client import Client
from harness.protocols.shared.detection import DetectedProtocol
from harness.protocols.shared.routes import Route
from harness.run.preflight import Preflight
from harness.run.template_search import MOST_TRIES, FoundForm, TemplateSearch, find_routes, guess_form

TEMPLATE = Path(__file__).parents[1] / "data" / "init.toml"
_MOST_SHOWN = 100_000
"""Characters of a sample that are written into the file."""


def _add_options(parser: ArgumentParser) -> None:
    add_endpoint_options(parser)
    parser.add_argument("--output", "-o", metavar="FILE", help="write here (default: aiharness.toml)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.add_argument("--yes", "-y", action="store_true", help="send inferences without asking, to prove the file")


def _run(url: str, protocol: str, output: str | None, force: bool, yes: bool) -> int:
    """Detect what the endpoint speaks and write the file; exit status 0, or 21 when it is not known how to ask it.

    Raises `UsageError` where a file exists that may not be overwritten, or cannot be written.
    """
    path = Path(output or CONFIG_FILE)
    if path.exists() and not force:
        raise UsageError(f"{path} exists already: give --force to overwrite it, or --output FILE")
    endpoint, preflight = detect_endpoint(url, protocol, [])
    form = None
    if preflight.no_contact or (protocol not in ("auto", "plain_json") and not preflight.is_recognised):
        print_detection(endpoint, preflight)
        return int(Exit.ERROR)
    if preflight.is_recognised and preflight.protocol != "plain_json":
        print_detection(endpoint, preflight)
        preflight = _prove_protocol(endpoint, preflight, yes)
        if preflight.no_protocol:
            print_detection(endpoint, preflight)
            return int(Exit.ERROR)
    else:
        form = _find_form(endpoint, yes)
        if form is None and not preflight.is_recognised:
            print_detection(endpoint, preflight)
        reason = "found by its OpenAPI document and its answers"
        preflight = Preflight("plain_json", preflight.facts, (DetectedProtocol("plain_json", 0.9, reason),))
    try:
        path.write_text(fill_template(TEMPLATE.read_text("utf-8"), endpoint, preflight, form), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"written: {path}")
    is_known = preflight.protocol != "plain_json" or (form is not None and not form.problem)
    if not is_known:
        print(f"next: fill in the commented lines under [endpoint] in {path}, then aiharness gate --ai-config={path}")
        return int(Exit.ERROR)
    print(f"next: aiharness gate --ai-config={path} --suite=smoke")
    return int(Exit.PASS)


def _find_form(endpoint: Endpoint, yes: bool) -> FoundForm | None:
    """How the service is asked; None where no path is known."""
    with Client(endpoint) as client:
        document, routes = find_routes(endpoint, client)
        if not routes:
            print(f"{endpoint.url}: no path is announced that looks like an inference, and no common one takes POST")
            return None
        chosen = _choose_route(routes)
        if not _ask_consent(f"to POST {chosen.path}, at most {MOST_TRIES + 30} of them, to find a valid input", yes):
            form = guess_form(document, chosen)
            if not form.problem:
                print("nothing was sent that could be an inference; --yes proves the sample by one")
            return form
        form = TemplateSearch(endpoint, client, document, chosen).run()
    secrets = endpoint.list_secrets()
    if form.problem:
        print(redact_text(f"POST {chosen.path}: no valid input was found ({form.problem})", secrets))
    else:
        print(redact_text(f"proved: POST {chosen.path} with {_shorten(form.sample)} {_describe_proof(form)}", secrets))
        if not form.other_samples and not isinstance(form.sample, str):
            print("no input was found whose answer differs from it: give some as [endpoint] other_samples")
    return form


def _choose_route(routes: Sequence[Route]) -> Route:
    print(f"POST {routes[0].path} looks like the inference")
    if len(routes) > 1:
        others = ", ".join(route.path for route in routes[1:10])
        print(f"  others that may be: {others} (change [endpoint.template] path for one of them)")
    return routes[0]


def _describe_proof(form: FoundForm) -> str:
    body = ""
    if form.exchange is not None and form.exchange.response is not None:
        body = _shorten(form.exchange.response.body.decode("utf-8", "replace"))
    return f"is answered {body}"


def _shorten(value: object) -> str:
    return cut_text(_clean_comment(str(value)), 120)


def _ask_consent(what: str, yes: bool) -> bool:
    """Whether inferences may be sent: they may cost money, and a service may remember them."""
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"not asked: inferences {what} (give --yes)")
        return False
    try:
        reply = input(f"Send inferences {what}? [y/N] ")
    except EOFError:
        return False
    return reply.strip().lower() in ("y", "yes")


def _prove_protocol(endpoint: Endpoint, preflight: Preflight, yes: bool) -> Preflight:
    """One prediction by the detected protocol, with consent; what it was answered is printed.

    The preflight of another task, where the detected one is refused and the other one answered.
    """
    if not _ask_consent(f"by {preflight.protocol}: one, to see that it is answered", yes):
        return preflight
    proved, line = prove_detection(endpoint, preflight)
    print(line)
    if proved.protocol != preflight.protocol:
        print_detection(endpoint, proved)
    return proved


def fill_template(template: str, endpoint: Endpoint, preflight: Preflight, form: FoundForm | None = None) -> str:
    """The template with what was detected put in, every value as one of TOML."""
    models = preflight.facts.models
    model, announced, metric = '# model = "NAME"', "no model is announced", "latency p95"
    if models:
        model, announced = f"model = {quote_text(models[0])}", f"announced: {', '.join(models[:10])}"
    if preflight.protocol == "openai_chat":
        metric = "ttft p95"
    values = {
        "URL": quote_text(endpoint.url),
        "PROTOCOL": quote_text(preflight.protocol),
        "REASON": _clean_comment(next(d.reason for d in preflight.detected if d.protocol == preflight.protocol)),
        "MODEL": model,
        "MODELS": _clean_comment(announced),
        "METRIC": quote_text(metric),
        "SAMPLE": _write_sample(form),
        "TEMPLATE": _write_template(form),
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _write_sample(form: FoundForm | None) -> str:
    if form is None or form.sample is None:
        return "# sample = [[0.0, 0.0]]\n# other_samples = [[[1.0, 1.0]]]"
    lines = []
    if form.exchange is None:
        lines.append("# Made from the OpenAPI document; not proved by a request.")
    lines.append(f"sample = {write_value(form.sample)}")
    if form.other_samples:
        lines.append("# Inputs with other answers, by which one answer can be told from another.")
        lines.append(f"other_samples = {write_value(list(form.other_samples))}")
    else:
        lines.append("# Inputs with other answers, by which one answer can be told from another.")
        lines.append(f"# other_samples = {write_value([form.sample])[:_MOST_SHOWN]}")
    return "\n".join(lines)


def _quote(value: str) -> str:
    """A text between single quotes where they do: JSON in it stays readable."""
    if "'" not in value and value.isprintable():
        return f"'{value}'"
    return quote_text(value)


def _write_template(form: FoundForm | None) -> str:
    """The section as it is known; commented, with what to fill in, where it is not."""
    template = Template(body='{"instances": {{input}}}', answer="$.predictions")
    if form is not None:
        template = form.template
    lines = ["[endpoint.template]", f"path = {quote_text(template.path)}"]
    if template.upload is not None:
        lines.append(f"upload = {quote_text(template.upload)}")
    else:
        lines.append(f"body = {_quote(template.body)}")
    for name in ("answer", "probabilities", "health"):
        if (value := getattr(template, name)) is not None:
            lines.append(f"{name} = {quote_text(value)}")
    if template.stream is not None:
        lines.append(f"stream = {{ piece = {quote_text(template.stream.piece)} }}")
    if form is None or form.problem:
        why = "Fill in, and remove the '# ': what the service takes was not found out."
        return "\n".join([f"# {why}", *(f"# {line}" for line in lines)])
    return "\n".join(lines)


def _clean_comment(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300]


COMMAND = Command(run=_run, add_options=_add_options)
