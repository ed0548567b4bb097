"""The URL of an endpoint as people write it; a wrong one is answered in one sentence that says what to write."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from harness.core.endpoint import Credentials, Secret
from harness.core.errors import UsageError

_EXAMPLE = "http://127.0.0.1:8000"
_SCHEMES = ("http", "https")
_WRAPPING = "\"'`<>,;“”‘’«»"
"""What a URL is often copied with, before or after it."""
_PLACE = re.compile(r"(\d{1,3}(\.\d{1,3}){3}|localhost|\[[0-9a-fA-F:.]+\])(:\d+)?|[\w.-]+:\d+")
"""A host, or a host and a port, that no file is called."""


def parse_url(text: str, name: str = "endpoint") -> tuple[str, Credentials | None]:
    """Split an address into the URL of the endpoint and the credentials in it, if there are any.

    Raises `UsageError`, which calls the address `name`, for anything but scheme, host, port and path.
    """
    shown = _leave_out_password(text)
    if problem := _find_problem(text, shown):
        raise UsageError(f"{name} {shown!r} {problem}")
    parts = urlsplit(text.strip())
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port is not None else host
    credentials = None
    if parts.password is not None:
        user = unquote(parts.username or "")
        credentials = Credentials("basic", Secret(unquote(parts.password)), username=user, source="the endpoint's URL")
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), credentials


def looks_like_url(word: str) -> bool:
    """Whether a word on the command line is meant as an endpoint, rightly written or not, and not as a file."""
    if re.match(r"[\"'<(]?(\w[\w+.-]*)?://|//|https?(:|//)", word, re.IGNORECASE):
        return True
    return _is_bare_address(word) or _PLACE.fullmatch(word.partition("/")[0]) is not None


def _leave_out_password(text: str) -> str:
    """An address for an error message, by cutting only: even a URL that cannot be parsed may contain a password."""
    return re.sub(r"[?#].*", "…", re.sub(r"^(\w+://)?.*@", r"\1", text.strip(), flags=re.DOTALL), flags=re.DOTALL)


def _find_problem(text: str, shown: str) -> str:
    """What is wrong with an address, and what to write; empty where it is right."""
    if "@" not in text:
        address = shown.removesuffix("…")
        problem = _find_stray_character(address) or _find_scheme_problem(address) or _find_host_problem(address)
        if problem:
            return problem
    try:
        parts = urlsplit(text.strip())
        is_place = bool(parts.hostname) and not re.search(r"\s", str(parts.hostname)) and parts.port != 0
    except ValueError:
        # The error is not quoted: an invalid port may be part of a password that contains an unescaped slash.
        hint = " (is the user or password percent-encoded?)" if "@" in text else ""
        return f"is not a valid URL{hint}: give one like {_EXAMPLE}"
    if parts.scheme not in _SCHEMES:
        return _find_scheme_problem(shown)
    return _find_part_problem(parts) if is_place else _describe_none()


def _find_stray_character(address: str) -> str:
    if not address:
        return f"is empty: give a URL like {_EXAMPLE}"
    bare = address.strip(_WRAPPING)
    if bare != address:
        return f"has a quotation mark, a bracket or a comma around it: {_correct(bare)}"
    if " " in address or not address.isprintable():
        return f"has a space or an invisible character in it: give one URL like {_EXAMPLE}"
    if "\\" in address:
        return f"has a backslash in it: {_correct(address.replace(chr(92), '/'))}"
    return ""


def _describe_none() -> str:
    return f"has no host: write http:// or https://, a host, and its port if there is one, like {_EXAMPLE}"


def _find_scheme_problem(shown: str) -> str:
    scheme, mark, rest = shown.partition("://")
    if not mark or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        if re.fullmatch(r"https?[:/]*", shown, re.IGNORECASE):
            return _describe_none()
        return f"does not begin with http:// or https://: {_correct(shown)}"
    if scheme.lower() in _SCHEMES:
        again = re.match(r"(https?)(:?)//", rest, re.IGNORECASE)
        return f"has the scheme twice: {_correct(rest)}" if again else ""
    allowed = f"has the scheme {scheme!r}, and only http and https are allowed"
    if scheme.lower() in ("grpc", "grpcs"):
        secure = "s" if scheme.lower() == "grpcs" else ""
        return f"{allowed}: for gRPC write http{secure}://{rest} and choose the protocol, as with --ai-protocol=v2_grpc"
    if scheme.lower() in ("unix", "file"):
        return f'{allowed}: for a Unix socket set [endpoint] unix_socket = "PATH" beside a URL like {_EXAMPLE}'
    return f"{allowed}: write http://{rest} or https://{rest}" if rest else f"{allowed}: give one like {_EXAMPLE}"


def _correct(shown: str) -> str:
    """What to write: the URL that was most probably meant, or an example where even that is wrong."""
    rest = re.sub(r"^(https?)?(:(?!:)|/)/*", "", shown, flags=re.IGNORECASE)
    is_secure = re.match(r"https[:/]|[^/]*:8?443(/|$)", shown, re.IGNORECASE)
    host = f"[{rest}]" if _is_bare_address(rest) else rest
    url = f"{'https' if is_secure else 'http'}://{host}"
    return f"give one like {_EXAMPLE}" if _find_host_problem(url) else f"write {url}"


def _find_host_problem(shown: str) -> str:
    scheme, _, rest = shown.partition("://")
    place = re.split(r"[/?#]", rest)[0]
    if not place:
        return _describe_none()
    if place.startswith("["):
        return _find_bracket_problem(place)
    if "," in place:
        return "names more than one endpoint: give one URL; [endpoint] replicas has room for others of the same service"
    if place.count(":") > 1:
        return _describe_colons(scheme, place)
    host, _, port = place.partition(":")
    if not host:
        return _describe_none()
    if strange := re.search(r"[^\w.%-]", host):
        return f"has {strange[0]!r} in its host, which no host name has: give a URL like {_EXAMPLE}"
    return _find_port_problem(port)


def _find_bracket_problem(place: str) -> str:
    address = re.fullmatch(r"\[([^\]]*)\](:(.*))?", place)
    if address is None or not _is_bare_address(address[1]):
        return "has no IPv6 address between square brackets: write it like http://[::1]:8000"
    return _find_port_problem(address[3] or "")


def _describe_colons(scheme: str, place: str) -> str:
    if _is_bare_address(place):
        return "has an IPv6 address without square brackets: write it like http://[::1]:8000"
    return f"has more than one colon after its host: give one port, like {scheme}://{place.partition(':')[0]}:8000"


def _find_port_problem(port: str) -> str:
    if not port or (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65_536):
        return ""
    return f"has the port {port}, which is not a whole number from 1 to 65535: give a URL like {_EXAMPLE}"


def _find_part_problem(parts: SplitResult) -> str:
    if parts.query or parts.fragment:
        return (
            "has a query or a fragment: give only scheme, host, port and path. A query that every request needs is a "
            'setting in aiharness.toml: [endpoint] query = { "api-version" = "..." }'
        )
    if parts.username and parts.password is None:
        return "has a user but no password: write http://USER:PASSWORD@HOST"
    return ""


def _is_bare_address(text: str) -> bool:
    """Whether it is an IPv6 address without brackets."""
    try:
        return ipaddress.ip_address(text.partition("%")[0]).version == 6
    except ValueError:
        return False
