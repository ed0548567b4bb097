"""Events of streams: every cut of the bytes gives the same events, with each line end that the standard allows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.stream_events import Event, EventSplitter


def split(data: bytes, places: list[int], *, is_lines: bool = False) -> list[Event]:
    splitter = EventSplitter(is_lines)
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    events: list[Event] = []
    for start, end in itertools.pairwise(bounds):
        events += splitter.split(data[start:end])
    return [*events, *splitter.finish()]


LINES = [b"data: a", b"data", b"data:b", b": c", b"event: x", b"", b"id: 1"]


@given(
    lines=st.lists(st.sampled_from(LINES), max_size=12),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    places=st.lists(st.integers(0, 200), max_size=20),
)
def test_any_cut_gives_the_same_events(lines: list[bytes], end: bytes, places: list[int]) -> None:
    data = b"".join(line + end for line in lines)
    events = split(data, places)
    assert events == split(data, [])
    assert b"".join(event.raw for event in events) == data
    usual = [event.data for event in split(b"".join(line + b"\n" for line in lines), [])]
    assert [event.data for event in events] == usual


def test_data_is_replaced_and_other_fields_stay() -> None:
    (event,) = split(b"event: x\r\nid: 7\r\ndata: a\r\ndata: b\r\n\r\n", [])
    assert event.data == b"a\nb"
    assert event.replace_data(b"c") == b"event: x\nid: 7\ndata: c\n\n"
    (line, rest) = split(b'{"a": 1}\n{"b": 2}', [], is_lines=True)
    assert line.replace_data(b"{}") == b"{}\n"
    assert rest.read_json() == {"b": 2}


@pytest.mark.parametrize(
    ("data", "is_end"),
    [
        (b"[DONE]", True),
        (b'{"type": "message_stop"}', True),
        (b'{"type":"response.completed","response":{}}', True),
        (b'{"done": true}', True),
        (b'{"done": false}', False),
        (b'{"text": "DONE"}', False),
        (None, False),
    ],
)
def test_the_last_event_of_each_api(data: bytes | None, is_end: bool) -> None:
    assert Event(b"", data).is_terminator() is is_end
