"""What `aiharness init` writes: the commented template of aiharness.toml, with what was found out put in.

Tested in tests/commands/test_init.py.
"""

from __future__ import annotations

from pathlib import Path

from harness.commands.toml_values import quote_text, write_value
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import HarnessError
from harness.protocols.shared.template_path import extract_value
from harness.run.preflight import Preflight, load_adapter
from harness.run.template_search import FoundForm

TEMPLATE = Path(__file__).parents[1] / "data" / "init.toml"
_MOST_EXPECTED = 60
"""Characters of an answer that is proposed as the expected one."""
_MOST_SHOWN = 100_000
"""Characters of a sample that are written into the file."""


def fill_template(template: str, endpoint: Endpoint, preflight: Preflight, form: FoundForm | None = None) -> str:
    """The template with what was detected put in, every value as one of TOML."""
    models = preflight.facts.models
    model, announced, metric = '# model = "NAME"', "no model is announced", "latency p95"
    if models:
        model, announced = f"model = {quote_text(models[0])}", f"announced: {', '.join(models[:10])}"
    if preflight.protocol == "openai_chat" or (form is not None and form.template.stream is not None):
        metric = "ttft p95"
    values = {
        "URL": quote_text(endpoint.url),
        "PROTOCOL": quote_text(preflight.protocol),
        "REASON": clean_comment(next(d.reason for d in preflight.detected if d.protocol == preflight.protocol)),
        "MODEL": model,
        "MODELS": clean_comment(announced),
        "METRIC": quote_text(metric),
        "SAMPLE": _write_sample(endpoint, preflight, form),
        "EXPECT": _write_expectation(form),
        "TEMPLATE": _write_template(preflight, form),
        "REFUSES": _write_refusals(form),
        "CREDENTIALS": _write_credentials(endpoint, form),
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _write_sample(endpoint: Endpoint, preflight: Preflight, form: FoundForm | None) -> str:
    if form is None or form.sample is None:
        return _propose_sample(endpoint, preflight)
    lines = []
    if form.exchange is None:
        lines.append("# Made from the OpenAPI document; not proved by a request.")
    lines.append(f"sample = {write_value(form.sample)}")
    if form.other_samples:
        lines.append("# Inputs with other answers, by which one answer can be told from another.")
        lines.append(f"other_samples = {write_value(list(form.other_samples))}")
    else:
        lines.append("# Give inputs of the same form with other answers, by which one answer can be told from another.")
        lines.append(f"# other_samples = {write_value([form.sample])[:_MOST_SHOWN]}")
    return "\n".join(lines)


def _propose_sample(endpoint: Endpoint, preflight: Preflight) -> str:
    """Commented, what the protocol sends without a sample of the user's, or the form of one where it knows none."""
    try:
        inputs = load_adapter(str(preflight.protocol)).sample(endpoint, preflight.facts).inputs
        if inputs is not None:
            return f"# sample = {write_value(inputs)[:_MOST_SHOWN]}"
    except HarnessError:
        pass
    return "# sample = [[0.0, 0.0]]\n# other_samples = [[[1.0, 1.0]]]"


def _write_expectation(form: FoundForm | None) -> str:
    """What the service's document promises of every answer; commented, what the sample was answered."""
    if form is not None and form.expect is not None:
        return f"# Its OpenAPI document says so of every answer.\nexpect = {write_value(form.expect)}"
    value, path = _find_proved_answer(form)
    if isinstance(value, str | int | float) and len(str(value)) <= _MOST_EXPECTED:
        proposed: object = {"path": path, "equals": value} if path else value
        return f"# It was answered so; remove the '# ' if that is right.\n# expect = {write_value(proposed)}"
    return '# expect = { one_of = ["setosa", "versicolor"] }'


def _find_proved_answer(form: FoundForm | None) -> tuple[object, str | None]:
    """What the sample was answered, and its path where the answer has several outputs; None where it is not known."""
    if form is None or form.exchange is None or form.exchange.answer is None:
        return None, None
    answer, path = form.exchange.answer, form.template.answer
    if len(answer.outputs) > 1 and path is not None and path.startswith("$"):
        return extract_value(answer.value, path), path
    value = answer.content
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values())), None
    return value, None


def _quote(value: str) -> str:
    """A text between single quotes where they do: JSON in it stays readable."""
    if "'" not in value and value.isprintable():
        return f"'{value}'"
    return quote_text(value)


def _write_template(preflight: Preflight, form: FoundForm | None) -> str:
    """The section as it is known; commented, with what to fill in, where it is not or where it is not needed."""
    template = Template(body='{"instances": {{input}}}', answer="$.predictions")
    if form is not None:
        template = form.template
    lines = ["[endpoint.template]", f"path = {quote_text(template.path)}"]
    if template.upload is not None:
        lines.append(f"upload = {quote_text(template.upload)}")
    else:
        lines.append(f"body = {_quote(template.body)}")
    if template.encoding != "json":
        lines.append(f"encoding = {quote_text(template.encoding)}")
    for name in ("answer", "probabilities", "health"):
        if (value := getattr(template, name)) is not None:
            lines.append(f"{name} = {quote_text(value)}")
    if template.stream is not None:
        lines.append(f"stream = {{ piece = {quote_text(template.stream.piece)} }}")
    if form is None or form.problem:
        why = "Fill in, and remove the '# ': what the service takes was not found out."
        if preflight.protocol != "plain_json":
            why = f"Not needed for {preflight.protocol}."
        return "\n".join([f"# {why}", *(f"# {line}" for line in lines)])
    return "\n".join(lines)


def _write_refusals(form: FoundForm | None) -> str:
    """The bad inputs that the service refused, as a promise."""
    if form is None or not form.refused:
        return '# refuses = ["missing_field"]'
    why = (
        "# Bad inputs that it refused when this file was written: to answer one as if it were good is a FAIL.\n"
        "# An error 5xx counts as refused here; [run] block, above, asks for a clear 4xx."
    )
    return f"{why}\nrefuses = {write_value(list(form.refused))}"


def _write_credentials(endpoint: Endpoint, form: FoundForm | None) -> str:
    """The section where the service's document asks for it in a header of its own, else commented."""
    lines = ["[endpoint.credentials]", 'scheme = "bearer"', 'env = "MY_API_KEY"']
    scheme, header = (form and form.security) or ("", "")
    if scheme not in ("header", "basic"):
        return "\n".join(f"# {line}" for line in lines)
    source = endpoint.credentials.source if endpoint.credentials else "AIHARNESS_API_KEY"
    lines = ["[endpoint.credentials]", f"scheme = {quote_text(scheme)}", f"env = {quote_text(source)}"]
    if scheme == "header":
        return "\n".join([*lines, f"header = {quote_text(header)}"])
    return "\n".join([*lines, '# username = "NAME"'])


def clean_comment(text: str) -> str:
    """The text on one line of a comment."""
    return "".join(c if c.isprintable() else " " for c in text)[:300]
