"""Endpoint: where the service is and how to send requests to it. It is frozen, and its secrets are never printed."""

from __future__ import annotations

import base64
import html
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, quote_plus, unquote, urlencode, urlsplit

from harness.core.bounds import OverZero
from harness.core.expectation import Expectation
from harness.core.generation_options import DEFAULT_LIMIT, choose_limit_value
from harness.core.redaction import MIN_SECRET_LENGTH

GRPC_SUFFIX = "_grpc"
"""The names of protocols that use gRPC end with this."""


_PLAIN_HEADERS = (
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-type",
    "user-agent",
)
"""Lines whose values are words of HTTP itself."""

_MIN_LINE_LENGTH = 8
"""Characters of a configured line that is removed from all text although its name does not say that it is secret."""


@dataclass(slots=True)
class Secret:
    """A value that is sent but never shown: `str` and `repr` are `***`.

    When it is renewed, its former values remain secret.
    """

    value: str = field(repr=False)
    former_values: list[str] = field(default_factory=list, repr=False, compare=False)

    def renew(self, value: str) -> None:
        """Replace the value for everyone who holds this secret."""
        if value != self.value:
            self.hide(self.value)
            self.value = value

    def hide(self, value: str) -> None:
        """Keep another value secret as well: a former one, or one that shows this one."""
        if value not in self.former_values:
            self.former_values.append(value)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How requests authenticate.

    The `scheme` bearer sends `Authorization: Bearer SECRET`, header sends `HEADER: SECRET` (an API key), basic sends
    `username:secret` (RFC 7617). `source` is where the secret came from (the name of a variable or a file). `command`
    prints a secret that is valid for `refresh` seconds.
    """

    scheme: Literal["bearer", "header", "basic"]
    secret: Secret
    header: str = "Authorization"
    username: str = ""
    source: str = ""
    command: tuple[str, ...] = ()
    refresh: float = 300.0

    def build_headers(self) -> tuple[tuple[str, str], ...]:
        """The header lines that carry the secret."""
        if self.scheme == "bearer":
            return ((self.header, f"Bearer {self.secret.value}" if self.secret.value else "Bearer"),)
        if self.scheme == "header":
            return ((self.header, self.secret.value),)
        pair = f"{self.username}:{self.secret.value}".encode()
        return ((self.header, "Basic " + base64.b64encode(pair).decode("ascii")),)

    def make_wrong(self) -> Credentials:
        """The same scheme with a secret that is certainly wrong, to test whether the service checks it."""
        return replace(self, secret=Secret("aiharness-wrong-credential"), source="made wrong on purpose", command=())

    def list_secrets(self) -> tuple[str, ...]:
        """The secret and its former values, as they are and as header lines carry them, for redaction."""
        spellings = {self.secret.value, *self.secret.former_values}
        for value in tuple(spellings):
            lines = replace(self, secret=Secret(value)).build_headers()
            spellings.update(line.split(" ", 1)[-1] for _, line in lines)
        return tuple(spellings - {""})


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The seconds that a request may take in each phase.

    `connect`: name resolution, TCP and TLS. `first_byte`: from sending the request to the first byte of the body.
    `inter_token`: the longest pause within the answer. `total`: from start to end, even if data keeps arriving.
    """

    connect: OverZero[float] = 5.0
    first_byte: OverZero[float] = 30.0
    inter_token: OverZero[float] = 10.0
    total: OverZero[float] = 60.0


@dataclass(frozen=True, slots=True)
class TLS:
    """Files for TLS in PEM: a CA bundle that replaces the system's, and a client certificate with its key."""

    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """A function of the user that adds header lines to every request, such as a signature.

    `function` in the Python file `file` is called as `function(method, url, headers, body)` with the whole URL, the
    header lines as a dict and the body in bytes. It returns a dict of lines to set. `secret_lines` are the secret lines
    of the last requests, for redaction.
    """

    file: str
    function: str
    secret_lines: list[str] = field(default_factory=list, repr=False, compare=False)

    def remember_line(self, secret: str) -> None:
        """Record a secret line that was sent; only the last 50 are kept."""
        if secret not in self.secret_lines:
            self.secret_lines.append(secret)
            del self.secret_lines[:-50]


@dataclass(frozen=True, slots=True)
class StreamTemplate:
    """How a plain JSON service streams: server-sent events, or one JSON value per line.

    `piece` is the path of the text in each event (`$` if the event is the text itself). `path` and `body` are those of
    the streamed request, if they differ from those of the other. `end` is the path of a value that only the last event
    has; if it is None, a stream is complete when its body ends without an error.
    """

    piece: str
    path: str | None = None
    body: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """The format of requests and answers of a plain JSON service.

    `path` is the path of requests, `body` is JSON text in which `{{input}}` is replaced by the JSON of the input, and
    `{{NAME}}` by that of its field NAME. `answer` is the path of the prediction in the answer (`$.predictions`; None:
    every array of the answer is an output; `text`: the answer is plain text). `health` is the path of a liveness page,
    `probabilities` the path of rows that sum to 1 or of one probability (None: outputs named `prob...`). With
    `upload`, the input is a file in base64 that is sent as the field of that name in a form (multipart/form-data)
    instead of `body`.

    `encoding` says how the members of the body are sent: as its JSON (`json`), as the fields of an HTML form (`form`),
    or as parameters in the URL of a POST (`query`) or of a GET (`get`).
    """

    path: str = "/predict"
    body: str = '{"instances": {{input}}}'
    answer: str | None = None
    health: str | None = None
    probabilities: str | None = None
    upload: str | None = None
    stream: StreamTemplate | None = None
    encoding: Literal["json", "form", "query", "get"] = "json"

    @property
    def is_json(self) -> bool:
        """Whether a request's body is JSON."""
        return self.upload is None and self.encoding == "json"

    @property
    def method(self) -> str:
        """The method of requests."""
        return "GET" if self.encoding == "get" else "POST"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the service is and how to send requests to it.

    `url` is absolute, without credentials, query or fragment; a path in it is the prefix of every request's path.
    `protocol` is the name of an adapter, or `auto`. `model` and `version` are what must be served; None: whatever the
    endpoint states. `sample` is one valid input (a prompt, rows of numbers, an object); None: the adapter makes one
    from the metadata of the service, or takes `data_sample`, the first row of the labelled data. `other_samples` are
    inputs of its form whose answers differ from the sample's; `expect` says what a right answer to the sample is. If
    `binary` is set, V2 over HTTP sends and receives tensors as bytes after the JSON.
    `prefix` is put between the URL and the paths of OpenAI's protocols; None: `/v1`, unless the URL ends with it. With
    a `unix_socket` (its path), the host of the URL is used only for the Host header. `replicas` are further URLs of the
    same service (redundant servers, blue and green) that get the same requests and credentials. `options` are sent with
    every inference (`max_tokens`, `reasoning_effort`, ...), in place of the adapter's own defaults. `other_credentials`
    are those of another caller, from whom the first one's data must be kept.
    """

    url: str
    protocol: str = "auto"
    model: str | None = None
    version: str | None = None
    credentials: Credentials | None = None
    deadlines: Deadlines = Deadlines()
    tls: TLS = TLS()
    proxy: str | None = field(default=None, repr=False)
    http2: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    template: Template = Template()
    sample: Any = None
    data_sample: Any = None
    other_samples: tuple[Any, ...] = ()
    expect: Expectation | None = None
    prefix: str | None = None
    binary: bool = False
    unix_socket: str | None = None
    replicas: tuple[str, ...] = ()
    signer: Signer | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    public_headers: tuple[str, ...] = ()
    other_credentials: Credentials | None = None

    @property
    def host(self) -> str:
        """The host name or the address without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port; without one in the URL, the default of the scheme."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_secure(self) -> bool:
        """Whether requests are sent over TLS."""
        return self.url.startswith("https:")

    @property
    def is_grpc(self) -> bool:
        """Whether requests are gRPC calls: the name of such a protocol ends with `_grpc`."""
        return self.protocol.endswith(GRPC_SUFFIX)

    @property
    def extra_tokens(self) -> int:
        """By how many tokens an answer may be longer than with the default limit, because the options say so."""
        return choose_limit_value(self.options, DEFAULT_LIMIT) - DEFAULT_LIMIT

    def add_query(self, path: str) -> str:
        """The path of a request with the endpoint's own query added to it."""
        if not self.query:
            return path
        return f"{path}{'&' if '?' in path else '?'}{urlencode(self.query)}"

    def get_sample(self, default: Any) -> Any:
        """The configured sample, or the default if there is none."""
        return default if self.sample is None else self.sample

    def hides_line(self, name: str) -> bool:
        """Whether the value of a header line is a secret: of each configured one, unless it is declared public."""
        if is_secret_header(name):
            return True
        is_public = name.lower() in (*_PLAIN_HEADERS, *(public.lower() for public in self.public_headers))
        return not is_public and name.lower() in (configured.lower() for configured, _ in self.headers)

    def mask_lines(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Header lines for display: the value of every secret line becomes `***`, however short it is."""
        return tuple((name, "***" if self.hides_line(name) else value) for name, value in headers)

    def list_secrets(self) -> tuple[str, ...]:
        """Everything that no output may contain, in every spelling: credentials, secret header lines, a proxy password.

        Values shorter than `MIN_SECRET_LENGTH` are left out: a report without any `5` would be useless.
        """
        secrets: set[str] = set()
        for credentials in filter(None, (self.credentials, self.other_credentials)):
            secrets.update(credentials.list_secrets())
        hidden = [(name, value) for name, value in self.headers if self.hides_line(name)]
        lines = [value for name, value in hidden if is_secret_header(name) or len(value) >= _MIN_LINE_LENGTH]
        lines += [value for name, value in self.query if is_secret_parameter(name)]
        lines += self.signer.secret_lines if self.signer else ()
        for line in lines:
            secrets |= {line, line.rpartition(" ")[2]}
        if self.proxy and (password := urlsplit(self.proxy).password):
            user = unquote(urlsplit(self.proxy).username or "")
            secrets |= {password, *Credentials("basic", Secret(unquote(password)), username=user).list_secrets()}
        spellings = {text for secret in secrets if len(secret) >= MIN_SECRET_LENGTH for text in list_spellings(secret)}
        return tuple(sorted(spellings, key=len, reverse=True))


@lru_cache(maxsize=256)
def list_spellings(secret: str) -> frozenset[str]:
    """A secret as it is, and as it is escaped in JSON, HTML, URLs and Python literals, up to two levels deep.

    If a service echoes a header in the body of an error, and a report shows that body as JSON, it is escaped twice.
    """
    texts = {secret}
    for _ in range(2):
        texts |= {escape(text) for text in texts for escape in _ESCAPES}
    return frozenset(texts)


_ESCAPES: tuple[Callable[[str], str], ...] = (
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: html.escape(text),
    lambda text: repr(text)[1:-1],
    lambda text: quote(text, safe="", errors="surrogatepass"),
    lambda text: quote_plus(text, errors="surrogatepass"),
)


def is_secret_header(name: str) -> bool:
    """Whether a header of this name may carry a credential."""
    lowered = name.lower()
    return any(word in lowered for word in ("auth", "key", "token", "secret", "cookie", "password"))


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter of a URL's query may carry a credential (`code`: Azure Functions, `sig`: signed URLs)."""
    return is_secret_header(name) or name.lower() in ("code", "sig", "signature", "pwd")


def is_loopback(host: str) -> bool:
    """Whether a host name or an address is this machine's loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
