"""The endpoint under test, by command line over environment over file.

Tested in tests/config/test_config_errors.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit

from harness.config.credentials import check_secret, read_credentials
from harness.config.file import CONFIG_FILE, ConfigSource
from harness.config.operation_urls import split_operation
from harness.config.options import Options
from harness.config.sections import CredentialsSection, EndpointSection
from harness.core.endpoint import TLS, Credentials, Endpoint, Signer, Template
from harness.core.errors import UsageError
from harness.core.expectation import Expectation, parse_expectation
from harness.core.generation_options import LIMIT_OPTIONS
from harness.core.redaction import MIN_SECRET_LENGTH
from harness.core.registry import describe_unknown, list_plugins
from harness.core.settings import MOST_REPLICAS
from harness.core.url_parsing import parse_url
from harness.protocols.shared.template_path import parse_template_path

_INPUT = "the input of requests is [endpoint] sample"
_SET_ELSEWHERE = {
    "model": "the model is [endpoint] model",
    **dict.fromkeys(("messages", "prompt", "input", "inputs", "instances"), _INPUT),
    "stream": "each check asks for a stream or not",
}
"""Members of requests that are no options, and what sets them."""


def resolve_endpoint(
    options: Options, environ: Mapping[str, str], section: EndpointSection, source: ConfigSource
) -> tuple[Endpoint, dict[str, str]]:
    """The endpoint by command line, environment and file, and where its URL and its credentials come from.

    Raises `UsageError`, or `ConfigError` for the file's part.
    """
    url, origin = _choose_url(options, environ, section, source)
    with source.locate_errors("endpoint", "url", given_elsewhere=origin != str(source.path)):
        clean_url, inline = parse_url(url, "AIHARNESS_ENDPOINT" if origin == "AIHARNESS_ENDPOINT" else "endpoint")
    protocol = options.protocol or section.protocol
    if protocol != "auto" and protocol not in list_plugins("protocols"):
        with source.locate_errors("endpoint", "protocol", given_elsewhere=options.protocol):
            raise UsageError(describe_unknown("protocol", protocol, (*list_plugins("protocols"), "auto")))
    credentials = inline or read_credentials(section.credentials, environ, source)
    if credentials:
        check_secret(credentials)
    endpoint = Endpoint(
        url=clean_url,
        protocol=protocol,
        model=options.model or section.model,
        version=section.version,
        credentials=credentials,
        deadlines=section.deadlines,
        tls=_find_tls_files(section, source),
        proxy=_check_proxy(section.proxy, source),
        http2=section.http2,
        headers=tuple(section.headers.items()),
        public_headers=tuple(section.public_headers),
        query=tuple(section.query.items()),
        template=_check_template(section.template, source),
        sample=_read_sample(section, source),
        other_samples=_check_other_samples(section, source),
        expect=_parse_expect(section.expect, source),
        prefix=check_prefix(section.prefix, source, "endpoint"),
        binary=section.binary,
        unix_socket=_resolve_unix_socket(section, source),
        replicas=_parse_replicas(section.replicas, source),
        signer=_parse_signer(section.sign, source),
        options=check_options(section.options, source, "endpoint", "options"),
        other_credentials=_read_other_caller(section.other_credentials, environ, source, credentials),
    )
    with source.locate_errors("endpoint", "url", given_elsewhere=origin != str(source.path)):
        endpoint = _leave_out_operation(endpoint)
    return endpoint, {"endpoint": origin, "credentials": credentials.source if credentials else "none"}


def _read_other_caller(
    section: CredentialsSection | None, environ: Mapping[str, str], source: ConfigSource, own: Credentials | None
) -> Credentials | None:
    """The credentials of another caller. Raises `ConfigError` where they are no other than the endpoint's own."""
    if section is None:
        return None
    keys = ("endpoint", "other_credentials")
    if not (section.env or section.file or section.command):
        raise source.error("give env, file or command: where the other caller's secret is", *keys)
    other = read_credentials(section, environ, source, name=keys[1])
    assert other is not None
    check_secret(other)
    if own is None:
        raise source.error("the endpoint's own credentials are not given, and one caller alone has no other", *keys)
    if other.build_headers() == own.build_headers():
        raise source.error("is the secret of [endpoint] credentials; give that of another caller", *keys)
    return other


def _leave_out_operation(endpoint: Endpoint) -> Endpoint:
    """The endpoint of a URL that ends in the path of an inference, which also names the protocol."""
    if endpoint.protocol == "plain_json" and endpoint.url.endswith(endpoint.template.path):
        return replace(endpoint, url=endpoint.url.removesuffix(endpoint.template.path))
    operation = split_operation(endpoint.url)
    if operation is None:
        return endpoint
    if endpoint.protocol not in ("auto", operation.protocol):
        if operation.path.count("/") == 1:
            return endpoint  # the service may be mounted there
        raise UsageError(
            f"endpoint {endpoint.url!r} ends in {operation.path}, a path of {operation.protocol}, "
            f"but the protocol is {endpoint.protocol}: give {operation.url}"
        )
    for what in ("model", "version"):
        given, stated = getattr(endpoint, what), getattr(operation, what)
        if given is not None and stated is not None and given != stated:
            raise UsageError(f"endpoint {endpoint.url!r} names the {what} {stated!r}, but {given!r} is configured")
    return replace(
        endpoint,
        url=operation.url,
        replicas=tuple(url.removesuffix(operation.path) for url in endpoint.replicas),
        protocol=operation.protocol,
        model=endpoint.model or operation.model,
        version=endpoint.version or operation.version,
        prefix=operation.prefix if endpoint.prefix is None else endpoint.prefix,
    )


def _choose_url(
    options: Options, environ: Mapping[str, str], section: EndpointSection, source: ConfigSource
) -> tuple[str, str]:
    """The URL as it was given, and where."""
    if options.endpoint is not None:  # an empty one is wrong, not absent: a variable of the CI was not set
        return options.endpoint, "--ai-endpoint"
    if environ.get("AIHARNESS_ENDPOINT"):
        return environ["AIHARNESS_ENDPOINT"], "AIHARNESS_ENDPOINT"
    if section.url is not None:
        return section.url, str(source.path)
    raise UsageError(
        "no endpoint: give one with --ai-endpoint=URL, in the environment variable AIHARNESS_ENDPOINT, "
        f"or as url under [endpoint] in {CONFIG_FILE}"
    )


def _check_template(template: Template, source: ConfigSource) -> Template:
    keys: tuple[str, ...] = ("endpoint", "template")
    for part in (template, template.stream):
        if part and part.path is not None and not part.path.startswith("/"):
            raise source.error(f"must start with a slash, got {part.path!r}", *keys, "path")
        if part and part.body is not None and "{{" not in part.body:
            raise source.error(
                "must contain {{input}}, where the input's JSON goes, or {{NAME}} for a field of it", *keys, "body"
            )
        keys = (*keys, "stream")
    return template


def _check_proxy(proxy: str | None, source: ConfigSource) -> str | None:
    """The proxy's URL, unchanged; the transport reports anything else that is wrong with it."""
    try:
        password = urlsplit(proxy or "").password
    except ValueError:
        raise source.error("is not a URL; give one like http://host:3128", "endpoint", "proxy") from None
    if password is not None and len(password) < MIN_SECRET_LENGTH:
        raise source.error(
            f"its password is shorter than {MIN_SECRET_LENGTH} characters, too short to be kept out of every output",
            "endpoint",
            "proxy",
        )
    return proxy


def _read_sample(section: EndpointSection, source: ConfigSource) -> Any:
    """The sample as it is, or a file's bytes in base64."""
    if section.sample_file is None:
        return section.sample
    if section.sample is not None:
        raise source.error("give sample or sample_file, not both", "endpoint", "sample_file")
    path = source.find_file(section.sample_file, "endpoint", "sample_file")
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror}); give a file that can be read"
        raise source.error(problem, "endpoint", "sample_file") from None


def _parse_expect(given: Any, source: ConfigSource) -> Expectation | None:
    with source.locate_errors("endpoint", "expect"):
        expected = parse_expectation(given)
        if expected is not None and expected.path is not None:
            parse_template_path(expected.path)
    return expected


def _check_other_samples(section: EndpointSection, source: ConfigSource) -> tuple[Any, ...]:
    """The further samples, which have the type of the sample."""
    kind = type(section.sample)
    if section.sample_file is not None:
        kind = str
    for index, other in enumerate(section.other_samples):
        if type(other) is not kind:
            raise source.error(
                f"is {type(other).__name__} where [endpoint] sample is {kind.__name__}; give inputs of the same form",
                "endpoint",
                "other_samples",
                index,
            )
    return tuple(section.other_samples)


def check_prefix(prefix: str | None, source: ConfigSource, *keys: str) -> str | None:
    """The start of every path as it is configured. Raises `ConfigError`."""
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise source.error(f"must be empty or like /openai/v1, got {prefix!r}", *keys, "prefix")
    return prefix


def _resolve_unix_socket(section: EndpointSection, source: ConfigSource) -> str | None:
    if section.unix_socket and section.proxy:
        raise source.error("give a proxy or a unix socket, not both", "endpoint", "unix_socket")
    return source.resolve_path(section.unix_socket)


def _find_tls_files(section: EndpointSection, source: ConfigSource) -> TLS:
    files = {key: name for key, name in asdict(section.tls).items() if name is not None}
    return TLS(**{key: str(source.find_file(name, "endpoint", "tls", key)) for key, name in files.items()})


def _parse_replicas(texts: Sequence[str], source: ConfigSource) -> tuple[str, ...]:
    if len(texts) > MOST_REPLICAS:
        raise source.error(f"lists {len(texts)} URLs; at most {MOST_REPLICAS} are compared", "endpoint", "replicas")
    urls = []
    for index, text in enumerate(texts):
        with source.locate_errors("endpoint", "replicas", index):
            url, inline = parse_url(text, "replica")
        if inline:
            raise source.error("has credentials of its own; replicas get the endpoint's", "endpoint", "replicas", index)
        urls.append(url)
    return tuple(urls)


def check_options(options: Mapping[str, Any], source: ConfigSource, *keys: str) -> Mapping[str, Any]:
    """The options of `keys`, unchanged. Raises `ConfigError` for one that another key sets, or that is no JSON."""
    for name, value in options.items():
        if name in _SET_ELSEWHERE:
            raise source.error(f"is not an option: {_SET_ELSEWHERE[name]}", *keys, name)
        if name in LIMIT_OPTIONS and (type(value) is not int or value < 1):
            raise source.error(f"must be a whole number over 0, got {value!r}", *keys, name)
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise source.error(f"{value!s:.60} cannot be sent as JSON", *keys, name) from None
    limits = sorted({*LIMIT_OPTIONS} & {*options})
    if len(limits) > 1:
        raise source.error(f"{' and '.join(limits)} are one limit; give one of them", *keys)
    return options


def _parse_signer(text: str | None, source: ConfigSource) -> Signer | None:
    if text is None:
        return None
    file, _, function = text.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise source.error(f"must be FILE.py:FUNCTION, got {text!r}", "endpoint", "sign")
    return Signer(str(source.find_file(file, "endpoint", "sign")), function)
