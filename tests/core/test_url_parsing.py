"""URLs as people write them wrongly: one sentence each, and what it says to write is right."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.url_parsing import looks_like_url, parse_url

NO_SCHEME = "does not begin with http:// or https://"


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("localhost:1", NO_SCHEME, "http://localhost:1"),
        ("127.0.0.1:8000/v1", NO_SCHEME, "http://127.0.0.1:8000/v1"),
        ("api.example.com:443/v1", NO_SCHEME, "https://api.example.com:443/v1"),
        ("host", NO_SCHEME, "http://host"),
        ("httpbin.example/get?x=1", NO_SCHEME, "http://httpbin.example/get"),
        ("//host", NO_SCHEME, "http://host"),
        ("http:/host", NO_SCHEME, "http://host"),
        ("https:host:8443", NO_SCHEME, "https://host:8443"),
        ("https//host", NO_SCHEME, "https://host"),
        ("::1", NO_SCHEME, "http://[::1]"),
        ("[::1]:8000", NO_SCHEME, "http://[::1]:8000"),
        ("host:70000", NO_SCHEME, "http://127.0.0.1:8000"),
        ("", "is empty", "http://127.0.0.1:8000"),
        ("http:", "has no host", "http://127.0.0.1:8000"),
        ("http://", "has no host", "http://127.0.0.1:8000"),
        ("http://:80/", "has no host", "http://127.0.0.1:8000"),
        ("http:///path", "has no host", "http://127.0.0.1:8000"),
        ("http://a b/", "has a space", "http://127.0.0.1:8000"),
        ("http://host\u200b:80", "has a space or an invisible character", "http://127.0.0.1:8000"),
        ('"http://host:1"', "has a quotation mark", "http://host:1"),
        ("http://host:1'", "has a quotation mark", "http://host:1"),
        ("<http://host>,", "has a quotation mark, a bracket or a comma", "http://host"),
        ("http:\\\\host", "has a backslash", "http://host"),
        ("ftp://host", "has the scheme 'ftp'", "http://host"),
        ("hhtp://host:1", "has the scheme 'hhtp'", "http://host:1"),
        ("grpcs://host:1", "has the scheme 'grpcs'", "https://host:1"),
        ("unix:///run/x", "has the scheme 'unix'", "http://127.0.0.1:8000"),
        ("http://http://host:1", "has the scheme twice", "http://host:1"),
        ("http://::1:80", "has an IPv6 address without square brackets", "http://[::1]:8000"),
        ("http://[::1", "has no IPv6 address between square brackets", "http://[::1]:8000"),
        ("http://[host]:1", "has no IPv6 address between square brackets", "http://[::1]:8000"),
        ("http://host:80:90", "has more than one colon", "http://host:8000"),
        ("http://a:1,http://b:1", "names more than one endpoint", ""),
        ("http://host:0", "has the port 0", "http://127.0.0.1:8000"),
        ("http://host:70000", "has the port 70000", "http://127.0.0.1:8000"),
        ("http://host:$PORT", "has the port $PORT", "http://127.0.0.1:8000"),
        ("http://[::1]:70000", "has the port 70000", "http://127.0.0.1:8000"),
        ("http://${HOST}:80", "has '$' in its host", "http://127.0.0.1:8000"),
        ("http://<host>:80", "has '<' in its host", "http://127.0.0.1:8000"),
        ("http://h/?key=1", "has a query or a fragment", ""),
    ],
)
def test_a_wrong_url_says_what_to_write(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(text, "the URL")
    message = str(caught.value)
    assert message.startswith("the URL ")
    assert problem in message
    if remedy:
        urls = re.findall(r"\shttps?://(?=[^,\s])\S+", message.partition(": ")[2])
        assert remedy in [url.strip(" ,") for url in urls], message
        for url in urls:
            parse_url(url.strip(" ,"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "https://[fe80::1%25eth0]:80/x",
        "http://a_b:1",
        "http://müller.example",
        "http://host/a@b",
        "http://host/models/{x}",
    ],
)
def test_right_urls_stay_as_they_are(url: str) -> None:
    assert parse_url(f" {url}/ ") == (url, None)
    assert looks_like_url(url)


@given(st.text(string.printable, max_size=30), st.sampled_from(["", "http://", "https://[", "http://h:"]))
def test_any_text_is_a_url_or_one_line_that_refuses_it(text: str, start: str) -> None:
    try:
        line, _ = parse_url(start + text)
    except UsageError as error:
        line = str(error)
    assert line.startswith(("http://", "https://", "endpoint "))
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "word",
    ["tests/test_x.py", "test_x.py::test_y[a:1]", "http/test_x.py", "-k", "a/b:1", "t.py::t[http://h]", "--x=http://h"],
)
def test_files_and_ids_of_tests_are_no_urls(word: str) -> None:
    assert not looks_like_url(word)
