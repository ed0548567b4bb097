"""The line that says how a load goes: its words, and where and how often it is written."""

from __future__ import annotations

import io

import msgspec
import pytest

from harness.core.load_settings import LoadSettings
from harness.core.report import Figure
from harness.load.child.live_line import LiveLine
from harness.load.live import LoadState, describe_live_load


def make_time(metric: str, p50: float | None, p95: float | None, n: int = 9) -> Figure:
    return Figure(metric, metric, "s", "", n, p50, p95, p95)


STREAMED = (
    make_time("latency", 0.5, 0.9), make_time("ttft", 0.12, 0.3), make_time("inter_token", 0.0103, None),
    Figure("goodput", "goodput", "", "", 9, value=0.975),
)  # fmt: skip
LOAD = LoadSettings(rate=20, duration=60, warm_up=5)


def test_the_line_has_everything_that_a_watcher_wants() -> None:
    line = describe_live_load(LoadState(1200, 402, 390, 10, STREAMED), LOAD, 20)
    assert line == (
        "19 of 20 requests/s · TTFT p50 120 ms p95 300 ms · gap p50 10.3 ms p95 failed · goodput 97.5 % · 10 failed · "
        "12 in flight · 40 s left"
    )


def test_two_endpoints_that_take_turns_are_both_counted() -> None:
    state = LoadState(1200, 402, 390, 10, STREAMED[:1], baseline=LoadState(1200, 400, 395, 5))
    assert describe_live_load(state, LOAD, 20) == (
        "19 of 20 requests/s · latency p50 500 ms p95 900 ms · baseline 19.5 of 20 requests/s · "
        "10 failed, 5 at the baseline · 17 in flight · 80 s left"
    )
    other = {"intended": 9, "sent": 6, "completed": 6, "failed": 0}
    result = {"intended": 9, "sent": 8, "completed": 7, "failed": 1, "baseline": other}
    decoded = msgspec.json.decode(msgspec.json.encode(result), type=LoadState)
    assert decoded.baseline == LoadState(9, 6, 6, 0)


@pytest.mark.parametrize(
    ("elapsed", "figures", "words"),
    [
        (20, STREAMED[:1], "latency p50 500 ms p95 900 ms"),
        (2, (make_time("latency", None, None, n=0),), "58 s left, not judged yet"),
        (61, (), "the last answers are awaited"),
        (0, (), "0 of 20 requests/s"),
    ],
)
def test_what_is_not_known_is_left_out(elapsed: float, figures: tuple[Figure, ...], words: str) -> None:
    line = describe_live_load(LoadState(1200, 0, 0, 0, figures), LOAD, elapsed)
    assert words in line
    assert "nan" not in line


def test_of_a_rate_that_changes_what_was_asked_so_far_and_what_is_asked_now_are_shown() -> None:
    ramp = LoadSettings(scenario="ramp", from_rate=0, rate=40, duration=60)
    assert "0 of 10 requests/s (now 20)" in describe_live_load(LoadState(1200, 0, 0, 0), ramp, 30)
    soak = LoadSettings(scenario="soak", rate=10, duration=60, pauses=1, pause=20)
    assert "8 of 8 requests/s (now 0)" in describe_live_load(LoadState(400, 200, 200, 0), soak, 25)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def write_line(stream: io.StringIO, environ: dict[str, str]) -> str:
    live = LiveLine(stream, environ)
    for second in range(-1, 25):
        live.show(f"second {second}", second)
    live.clear()
    return stream.getvalue()


def test_a_terminal_has_one_line_that_changes() -> None:
    text = write_line(Screen(), {"TERM": "xterm"})
    assert "\n" not in text
    assert text.count("\r\x1b[K") == 26
    assert text.endswith("second 24\r\x1b[K")


def test_without_a_terminal_a_line_comes_now_and_then() -> None:
    assert write_line(io.StringIO(), {}) == "ai load: second 10\nai load: second 20\n"
    assert write_line(Screen(), {"TERM": "dumb"}) == "ai load: second 10\nai load: second 20\n"


@pytest.mark.parametrize("stream", [Screen(), io.StringIO()])
def test_ci_is_quiet(stream: io.StringIO) -> None:
    assert write_line(stream, {"CI": "true"}) == ""


def test_a_stream_that_is_closed_does_no_harm() -> None:
    stream = Screen()
    live = LiveLine(stream, {})
    stream.close = lambda: None  # type: ignore[method-assign]
    io.StringIO.close(stream)
    live._is_screen = True
    live.show("a line", 3)
    live.show("a line", 4)
