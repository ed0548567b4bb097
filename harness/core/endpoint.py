"""Endpoint: where the service is and how to speak to it. Frozen; its secrets never print."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

from harness.core.bounds import OverZero
from harness.core.errors import UsageError

_SCHEMES = ("http", "https")
GRPC_SUFFIX = "_grpc"
"""How the name of a protocol ends whose requests are gRPC calls."""

MIN_SECRET_LENGTH = 4
"""Characters under which a value cannot be told from ordinary text, and so cannot be taken out of it."""


@dataclass(slots=True)
class Secret:
    """A value that is only ever sent, never shown: `str` and `repr` are `***`.

    A renewed one stays as secret in all its `former` values.
    """

    value: str = field(repr=False)
    former: list[str] = field(default_factory=list, repr=False, compare=False)

    def renew(self, value: str) -> None:
        """Take a new value, wherever this secret is held."""
        if value != self.value:
            self.former.append(self.value)
            self.value = value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How requests prove who sends them.

    `scheme` bearer sends `Authorization: Bearer SECRET`, header sends `HEADER: SECRET` (an API key header), basic
    sends `username:secret` (RFC 7617). `source` says where the secret came from (a variable or a file name).
    A `command` prints a secret that lasts `refresh` seconds.
    """

    scheme: Literal["bearer", "header", "basic"]
    secret: Secret
    header: str = "Authorization"
    username: str = ""
    source: str = ""
    command: tuple[str, ...] = ()
    refresh: float = 300.0

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header lines that carry the secret."""
        if self.scheme == "bearer":
            return ((self.header, f"Bearer {self.secret.value}"),)
        if self.scheme == "header":
            return ((self.header, self.secret.value),)
        pair = f"{self.username}:{self.secret.value}".encode()
        return ((self.header, "Basic " + base64.b64encode(pair).decode("ascii")),)

    def wrong(self) -> Credentials:
        """The same scheme with a secret that cannot be right, to see whether the service looks."""
        return replace(self, secret=Secret("aiharness-wrong-credential"), source="made wrong on purpose", command=())

    def secrets(self) -> tuple[str, ...]:
        """Every spelling of the secret that a request or an echo may hold, for redaction."""
        every = [replace(self, secret=Secret(value)) for value in (self.secret.value, *self.secret.former)]
        encoded = [value.split(" ", 1)[-1] for each in every for _, value in each.headers()]
        return tuple({*(each.secret.value for each in every), *encoded} - {""})


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds a request may take, each counted apart.

    `connect`: name, TCP and TLS. `first_byte`: from the request sent to the first byte of the body. `inter_token`:
    the longest silence inside the answer. `total`: from start to end, whatever drips meanwhile.
    """

    connect: OverZero[float] = 5.0
    first_byte: OverZero[float] = 30.0
    inter_token: OverZero[float] = 10.0
    total: OverZero[float] = 60.0


@dataclass(frozen=True, slots=True)
class TLS:
    """Files for TLS: a CA bundle to trust in place of the system's, and a client certificate with its key (PEM)."""

    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """A function of the user's that gives every request header lines of its own: signed requests, other schemes.

    `function` in the Python file `file` is called as `function(method, url, headers, body)` with the whole URL, the
    header lines as a dict and the body in bytes, and returns a dict of lines to set. `given` holds the secret lines of
    the last requests, for redaction.
    """

    file: str
    function: str
    given: list[str] = field(default_factory=list, repr=False, compare=False)

    def remember(self, secret: str) -> None:
        """Keep a secret line that was sent, and forget the oldest over 50."""
        if secret not in self.given:
            self.given.append(secret)
            del self.given[:-50]


@dataclass(frozen=True, slots=True)
class StreamTemplate:
    """How a plain JSON service streams: server-sent events or a JSON value a line.

    `piece` is the path of the text in each event (`$` where the event is the text itself), `path` and `body` take the
    streamed request where they differ from the whole one's. `end` is the path of what only the last event has; None:
    a stream is complete when its body ends properly.
    """

    piece: str
    path: str | None = None
    body: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """How plain JSON is spoken with this service.

    `path` takes the request, `body` is JSON text in which `{{input}}` stands for the input's JSON, `answer` the path
    of the prediction in the answer (`$.predictions`; None: every array of the answer is an output), `health` the
    path of a liveness answer, `probabilities` the path of rows that must sum to 1 (None: outputs named `prob...`).
    With `upload` the input is a file in base64, sent as the field of that name in a form (multipart/form-data) in place
    of `body`.
    """

    path: str = "/predict"
    body: str = '{"instances": {{input}}}'
    answer: str | None = None
    health: str | None = None
    probabilities: str | None = None
    upload: str | None = None
    stream: StreamTemplate | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the service is and how to speak to it.

    `url` is absolute, without credentials, query or fragment; a path in it prefixes every request. `protocol` is an
    adapter's name or `auto`. `model` and `version` are what must be served; None: whatever the endpoint announces.
    `sample` is one valid input (a prompt, or rows of numbers); None: the adapter's own, from the service's metadata.
    Over V2's HTTP a `binary` endpoint takes and gives the elements of tensors as bytes behind the JSON.
    `prefix` stands between the URL and the paths of OpenAI's family; None: `/v1`, unless the URL ends with it.
    Over a `unix_socket` (its path) the URL's host is only named in the requests. `replicas` are further URLs of the
    same service (redundant servers, blue and green), spoken to and trusted as the first.
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
    template: Template = Template()
    sample: Any = None
    prefix: str | None = None
    binary: bool = False
    unix_socket: str | None = None
    replicas: tuple[str, ...] = ()
    signer: Signer | None = None

    @property
    def host(self) -> str:
        """The host name or address, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port, the scheme's default included."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def secure(self) -> bool:
        """Whether the endpoint is spoken to over TLS."""
        return self.url.startswith("https:")

    @property
    def grpc(self) -> bool:
        """Whether the requests are gRPC calls: such a protocol's name ends in `_grpc`."""
        return self.protocol.endswith(GRPC_SUFFIX)

    def secrets(self) -> tuple[str, ...]:
        """All that no output may hold, in every spelling: credentials, secret header lines, a proxy's password.

        What is shorter than `SHORTEST_SECRET` is left out: taking every `5` out of a report would ruin it.
        """
        found = set(self.credentials.secrets()) if self.credentials else set()
        lines = [value for name, value in self.headers if is_secret_header(name)]
        lines += self.signer.given if self.signer else ()
        found |= {part for value in lines for part in (value, value.rpartition(" ")[2])}
        if self.proxy and (password := urlsplit(self.proxy).password):
            user = unquote(urlsplit(self.proxy).username or "")
            found |= {password, *Credentials("basic", Secret(unquote(password)), username=user).secrets()}
        long_enough = (secret for secret in found if len(secret) >= MIN_SECRET_LENGTH)
        return tuple(sorted({s for secret in long_enough for s in list_spellings(secret)}, key=len, reverse=True))


@lru_cache(maxsize=256)
def list_spellings(secret: str) -> frozenset[str]:
    """A secret as it is, and as JSON, HTML, a URL or a Python literal escape it, two escapes deep.

    A service that echoes a header in its error body, shown inside a report's JSON, is two deep already.
    """
    found = {secret}
    for _ in range(2):
        found |= {escape(text) for text in found for escape in _ESCAPES}
    return frozenset(found)


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


def parse_url(text: str) -> tuple[str, Credentials | None]:
    """Split an address into the endpoint's URL and the credentials written in it, if any.

    Raises `UsageError` for a missing or wrong scheme, a missing host, a bad port, a user without a password, or a query
    or fragment.
    """
    shown = _without_password(text)
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        # The reason quotes what it takes for the port: part of a password that holds an unescaped slash.
        why = "is the user or password percent-encoded?" if "@" in text else str(error)
        raise UsageError(f"endpoint {shown!r} is not a URL ({why}); give one like http://127.0.0.1:8000") from None
    if parts.scheme not in _SCHEMES:
        raise UsageError(
            f"endpoint {shown!r} has the scheme {parts.scheme or 'none'!r}; "
            f"allowed: {', '.join(_SCHEMES)}. Give one like http://127.0.0.1:8000"
        )
    if not parts.hostname or any(c.isspace() for c in parts.hostname) or port == 0:
        raise UsageError(f"endpoint {shown!r} names no host or no port; give one like http://127.0.0.1:8000")
    if parts.query or parts.fragment:
        raise UsageError(f"endpoint {shown!r} has a query or a fragment; give only scheme, host, port and path")
    if parts.username and parts.password is None:
        raise UsageError(f"endpoint {shown!r} is given with a user and no password; write http://USER:PASSWORD@HOST")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{port}" if port is not None else host
    credentials = None
    if parts.password is not None:
        user = unquote(parts.username or "")
        credentials = Credentials("basic", Secret(unquote(parts.password)), username=user, source="the endpoint's URL")
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), credentials


def _without_password(text: str) -> str:
    """An address for an error, by cutting alone: a URL that cannot be parsed may hold a password all the same."""
    return re.sub(r"[?#].*", "…", re.sub(r"^(\w+://)?.*@", r"\1", text.strip(), flags=re.DOTALL), flags=re.DOTALL)


def redact_text(text: str, secrets: tuple[str, ...]) -> str:
    """The text with every secret replaced by `***`, longest first so that no part of one survives."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text


def redact_headers(headers: Mapping[str, str] | tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Header lines for display: the value of every line whose name speaks of credentials becomes `***`."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, "***" if is_secret_header(name) else value) for name, value in pairs)
