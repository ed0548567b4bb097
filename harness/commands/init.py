"""`aiharness init`: a commented aiharness.toml for the endpoint that was detected.

A plain JSON service is asked, with the user's consent, until one input is answered: the file then holds a sample and a
template that work. Without consent nothing is sent that could be an inference.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.commands.command import Command
from harness.commands.detect import add_endpoint_options, detect_endpoint, print_detection, prove_detection
from harness.commands.init_file import TEMPLATE, clean_comment, fill_template
from harness.config.file import CONFIG_FILE
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.core.redaction import redact_text
from harness.core.visible_text import cut_text
from harness.io.client import Client
from harness.protocols.shared.detection import DetectedProtocol
from harness.protocols.shared.openapi import find_security
from harness.protocols.shared.routes import Route
from harness.run.preflight import Preflight
from harness.run.route_search import find_routes
from harness.run.sample_variation import takes_text
from harness.run.template_search import MOST_LATER, MOST_TRIES, FoundForm, TemplateSearch, guess_form


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
        detected = DetectedProtocol("plain_json", 0.9, _explain_form(form))
        preflight = Preflight("plain_json", preflight.facts, (detected,))
    try:
        path.write_text(fill_template(TEMPLATE.read_text("utf-8"), endpoint, preflight, form), "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"written: {path}")
    is_known = preflight.protocol != "plain_json" or (form is not None and not form.problem)
    if not is_known:
        print(f"next: fill in the commented lines under [endpoint] in {path}, then aiharness gate --ai-config={path}")
        return int(Exit.ERROR)
    print(f"next: aiharness gate --ai-config={path}")
    if form is not None and form.expect is None:
        print("then say what is right: until expect or [data] is given there, a wrong answer is not noticed")
    return int(Exit.PASS)


def _explain_form(form: FoundForm | None) -> str:
    """How it is known what the service takes."""
    if form is None:
        return "nothing announces what it takes"
    if form.exchange is None:
        return "by its OpenAPI document; no request has proved it" if not form.problem else "no request was answered"
    return "proved by a request with the sample below"


def _find_form(endpoint: Endpoint, yes: bool) -> FoundForm | None:
    """How the service is asked; None where no path is known."""
    with Client(endpoint) as client:
        document, routes = find_routes(client)
        if not routes:
            print(f"{endpoint.url}: no path is announced that looks like an inference, and no common one takes POST")
            return None
        chosen = _choose_route(routes)
        most, aim = MOST_TRIES + MOST_LATER, "to find a valid input and what is refused"
        if not _ask_consent(f"to {chosen}, at most {most} of them, {aim}", yes):
            form = guess_form(document, chosen)
            if not form.problem:
                print("nothing was sent that could be an inference; --yes --force proves the sample by one")
            return form
    security = find_security(document, chosen.path)
    endpoint = _apply_security(endpoint, security)
    with Client(endpoint) as client:
        form = replace(TemplateSearch(endpoint, client, document, chosen).run(), security=security)
    secrets = endpoint.list_secrets()
    if form.problem:
        print(redact_text(f"{chosen}: no valid input was found ({_shorten(form.problem, 240)})", secrets))
        if form.is_unauthorised:
            print(_explain_refusal(endpoint, security))
    else:
        print(redact_text(f"proved: {chosen} with {_shorten(form.sample)} {_describe_proof(form)}", secrets))
        if not form.other_samples and not takes_text(form.template, form.sample):
            print("no input was found whose answer differs from it: give some as [endpoint] other_samples")
    return form


def _apply_security(endpoint: Endpoint, security: tuple[str, str] | None) -> Endpoint:
    """The endpoint with its key in the header that the document names; where the key comes from stays the same."""
    if security is None or security[0] != "header" or endpoint.credentials is None:
        return endpoint
    return replace(endpoint, credentials=replace(endpoint.credentials, scheme="header", header=security[1]))


def _explain_refusal(endpoint: Endpoint, security: tuple[str, str] | None) -> str:
    """What to do where the service asks for a credential."""
    if security is not None and not security[0]:
        return f"it asks for a credential as {security[1]}: see docs/configuration.md, [endpoint] query and sign"
    if security is not None and security[0] == "basic":
        return "it asks for a name and a password: fill in [endpoint.credentials], and write the sample by hand"
    if endpoint.credentials is None:
        return (
            "it asks for a credential: put the secret into AIHARNESS_API_KEY, and run aiharness init again with --force"
        )
    return (
        f"it refuses the secret of {endpoint.credentials.source}: check it, or how it is sent ([endpoint.credentials])"
    )


def _choose_route(routes: Sequence[Route]) -> Route:
    print(f"{routes[0]} looks like the inference")
    if len(routes) > 1:
        others = ", ".join(route.path for route in routes[1:10])
        print(f"  others that may be: {others} (change [endpoint.template] path for one of them)")
    return routes[0]


def _describe_proof(form: FoundForm) -> str:
    body = ""
    if form.exchange is not None and form.exchange.response is not None:
        body = _shorten(form.exchange.response.body.decode("utf-8", "replace"))
    return f"is answered {body}"


def _shorten(value: object, most: int = 120) -> str:
    return cut_text(clean_comment(str(value)), most)


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


COMMAND = Command(run=_run, add_options=_add_options)
