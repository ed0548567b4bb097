"""Where the service is: no error, record or list of spellings shows, misses or invents a secret."""

from __future__ import annotations

import base64
import html
import json
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.endpoint import Credentials, Endpoint, Secret, list_spellings
from harness.core.errors import UsageError
from harness.core.exchange import Request
from harness.core.redaction import redact_text
from harness.core.replay import build_curl
from harness.core.url_parsing import parse_url

PASSWORD = "hunter2hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{PASSWORD}@host:1x/",
        f"http://user:{PASSWORD}@host:99999/",
        f"http://user:{PASSWORD}/more@host/",
        f"http://user:12?{PASSWORD}@host/",
        f"http://user:12#{PASSWORD}@host/",
        f"http://user:{PASSWORD}@[::1",
        f"http://user:{PASSWORD}@",
        f"ftp://user:{PASSWORD}@host/",
        f"//user:{PASSWORD}@host/",
        f"user:{PASSWORD}@host",
        f"http://host/?key={PASSWORD}",
        f"http://{PASSWORD}@host/",
        f"http://user:a@b:{PASSWORD}/x@host:port/",
    ],
)
def test_no_error_shows_a_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert PASSWORD not in str(caught.value)
    assert "http" in str(caught.value), "it says what to give"


@given(st.text(string.printable, min_size=1, max_size=12), st.text(string.printable, max_size=8))
def test_a_password_of_any_characters_never_shows(password: str, after: str) -> None:
    secret = f"Qz7{password}Qz7"
    text = ""
    try:
        parse_url(f"http://user:{secret}@host{after}")
    except UsageError as error:
        text = str(error)
    assert "Qz7" not in text


def test_a_user_without_a_password_is_not_dropped_in_silence() -> None:
    with pytest.raises(UsageError, match="no password"):
        parse_url("https://some-api-key@host")


@pytest.mark.parametrize(
    ("url", "host", "port", "secure"),
    [
        ("http://[::1]:8080/p", "::1", 8080, False),
        ("https://[2001:db8::1]", "2001:db8::1", 443, True),
        ("HTTP://Host", "host", 80, False),
        ("https://h:8443/a/b/", "h", 8443, True),
    ],
)
def test_parts_of_an_endpoint(url: str, host: str, port: int, secure: bool) -> None:
    clean, credentials = parse_url(url)
    endpoint = Endpoint(clean)
    assert (endpoint.host, endpoint.port, endpoint.is_secure) == (host, port, secure)
    assert credentials is None
    assert not endpoint.url.endswith("/")


def test_a_secret_never_prints() -> None:
    secret = Secret(PASSWORD)
    endpoint = Endpoint(
        "http://h",
        credentials=Credentials("basic", secret, username="u"),
        proxy=f"http://user:{PASSWORD}@proxy:3128",
        headers=(("X-Api-Key", PASSWORD),),
    )
    for thing in (secret, endpoint.credentials, endpoint, (endpoint,), {"e": endpoint}):
        for shown in (repr(thing), str(thing), f"{thing}", f"{thing!r}", f"{thing}", str(ValueError(thing))):
            assert PASSWORD not in shown
    assert f"{secret:}" == "***"


@pytest.mark.parametrize(
    "escape",
    [
        str,
        lambda s: json.dumps(s)[1:-1],
        lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
        lambda s: json.dumps(json.dumps(s))[3:-3],
        html.escape,
        lambda s: html.escape(json.dumps(s)[1:-1]),
        lambda s: repr(s)[1:-1],
        lambda s: quote(s, safe=""),
        quote_plus,
        lambda s: base64.b64encode(f"üser:{s}".encode()).decode(),
    ],
)
def test_every_spelling_of_an_echo_is_hidden(escape: object) -> None:
    assert callable(escape)
    secret = "pä\"ss <w&rd>\\'/0123"
    endpoint = Endpoint("http://h", credentials=Credentials("basic", Secret(secret), username="üser"))
    assert redact_text(f"<<{escape(secret)}>>", endpoint.list_secrets()) == "<<***>>"


def test_the_part_after_a_headers_scheme_is_hidden_too() -> None:
    endpoint = Endpoint("http://h", headers=(("Authorization", "Token abcdef-123"), ("Accept", "text/plain")))
    assert redact_text("you sent abcdef-123 and text/plain", endpoint.list_secrets()) == "you sent *** and text/plain"


def test_a_proxys_password_is_hidden_as_it_is_sent() -> None:
    endpoint = Endpoint("http://h", proxy="http://user:p%40ssword@proxy:3128")
    sent = base64.b64encode(b"user:p@ssword").decode()
    for shown in ("p%40ssword", "p@ssword", sent):
        assert redact_text(shown, endpoint.list_secrets()) == "***"


def test_what_is_too_short_to_be_a_secret_is_left_in_the_text() -> None:
    endpoint = Endpoint("http://h", headers=(("X-Max-Tokens", "5"), ("X-Cookie", ""), ("X-Key-Id", "abc d")))
    assert "5" not in endpoint.list_secrets()
    assert "d" not in endpoint.list_secrets()
    assert "" not in endpoint.list_secrets()
    assert endpoint.mask_lines((("X-Max-Tokens", "5"), ("Accept", "a"))) == (("X-Max-Tokens", "***"), ("Accept", "a"))


def test_a_wrong_credential_is_another_one_of_the_same_kind() -> None:
    right = Credentials("header", Secret(PASSWORD), header="X-Api-Key")
    wrong = right.make_wrong()
    assert wrong.build_headers()[0][0] == "X-Api-Key"
    assert PASSWORD not in wrong.build_headers()[0][1]


def test_spellings_of_undecodable_bytes_are_made_all_the_same() -> None:
    endpoint = Endpoint("http://h", headers=(("X-Key", "abcd\udc80"),))
    assert "abcd%ED%B2%80" in endpoint.list_secrets()


PLAIN_KEY = "sk-0123456789"


def test_urls() -> None:
    assert parse_url("http://host:81/prefix/") == ("http://host:81/prefix", None)
    assert parse_url("https://[::1]:8443")[0] == "https://[::1]:8443"
    url, credentials = parse_url("http://user:p%40ss@host/")
    assert url == "http://host"
    assert credentials is not None
    assert credentials.username == "user"
    assert credentials.secret.value == "p@ss"
    assert credentials.build_headers() == (("Authorization", "Basic dXNlcjpwQHNz"),)


def test_wrong_urls_do_not_show_a_password() -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(f"ftp://user:{PLAIN_KEY}@host/?token={PLAIN_KEY}")
    assert PLAIN_KEY not in str(caught.value)


def test_secrets_never_print() -> None:
    credentials = Credentials("bearer", Secret(PLAIN_KEY))
    endpoint = Endpoint("http://h", credentials=credentials, headers=(("X-Api-Key", "another-secret"),))
    for shown in (repr(endpoint), str(endpoint), f"{credentials}", repr(Secret(PLAIN_KEY)), str(Secret(PLAIN_KEY))):
        assert PLAIN_KEY not in shown
    hidden = endpoint.list_secrets()
    assert PLAIN_KEY in hidden
    assert "another-secret" in hidden
    assert redact_text(f"a {PLAIN_KEY} another-secret b", hidden) == "a *** *** b"


def test_redaction_takes_the_longest_first() -> None:
    assert redact_text("abcdef", ("abc", "abcdef")) == "***"


@given(st.text(min_size=4, max_size=30))
def test_spellings_cover_json_in_json(secret: str) -> None:
    spellings = tuple(list_spellings(secret))
    for shown in (secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1]):
        assert redact_text(f"<<{shown}>>", spellings) == "<<***>>" or shown in ("", "*")


def test_configured_lines_are_secret_unless_they_are_public() -> None:
    lines = (("X-JWT", "eyJhbGciOi.eyJzdWIi"), ("X-Tenant", "acme-tenant"), ("Accept", "application/json"))
    endpoint = Endpoint("http://h", headers=lines, public_headers=("x-tenant",))
    text = " ".join(value for _, value in lines)
    assert redact_text(text, endpoint.list_secrets()) == "*** acme-tenant application/json"


def test_short_values_of_configured_lines_are_masked_by_name() -> None:
    lines = (("X-Team", "abc"), ("X-Tenant", "acme"), ("Accept", "a"), ("X-Other", "abc"))
    endpoint = Endpoint("http://h", headers=lines[:3], public_headers=("X-Tenant",))
    assert endpoint.mask_lines(lines) == (("X-Team", "***"), *lines[1:])
    curl = str(build_curl(Request("GET", "/"), endpoint))
    assert "X-Team: ***" in curl
    assert "abc" not in curl
