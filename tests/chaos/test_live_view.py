"""The live line of a game day says what the last seconds were like."""

from __future__ import annotations

from harness.chaos.live_view import LiveView, Snapshot
from harness.core.experiment import Sample
from harness.core.stop_condition import parse_stop_condition

GOOD, BAD = Sample(0.0, 0.1, 0.0), Sample(0.0, None, 0.0, "closed")


def test_a_snapshot_in_words() -> None:
    stop = [parse_stop_condition("error_rate > 50 % for 5s")]
    line = " | ".join(Snapshot(12.34, [GOOD, GOOD, GOOD, BAD], 2.0, 7, ["down on a"], stop).list_lines())
    for words in ("12.3 s", "2.0/s", "errors 25 %", "p95 100 ms", "good 1.5/s", "in flight 7", "faults: down on a"):
        assert words in line
    assert line.endswith("stops at error_rate > 50 % for 5s")
    quiet = " | ".join(Snapshot(1.0, [], 2.0, 0, []).list_lines())
    assert "errors - | p95 - | good 0.0/s" in quiet
    assert "faults: none" in quiet


def test_a_line_fits_into_the_terminal() -> None:
    names = ["latency on backend-a", "down on backend-a", "down on backend-b"]
    snapshot = Snapshot(12.34, [GOOD, GOOD, GOOD, BAD], 2.0, 7, names, [parse_stop_condition("goodput < 20 % for 5s")])
    assert snapshot.fit(200).endswith("faults: latency on backend-a, down on backend-a, down on backend-b")
    assert snapshot.fit(78).endswith("7  3 faults")
    for width in (10, 40, 78, 120):
        assert len(snapshot.fit(width)) <= width
    assert [line.split()[0] for line in snapshot.list_lines()] == ["12.3", "faults:", "stops"]


class Load:
    """Three requests have ended; time goes on by a second with each look."""

    def __init__(self) -> None:
        self.time = 0.0
        self.samples = [GOOD, BAD, GOOD]

    def now(self) -> float:
        self.time += 1.0
        return self.time

    def list_ended(self, first: int) -> list[Sample]:
        return self.samples[first:]

    def list_waiting(self) -> list[float]:
        return [0.5]


def test_what_ended_long_ago_is_left_out() -> None:
    lines: list[str] = []
    view = LiveView(Load(), lambda: ["x"], [], list, lines.append)  # type: ignore[arg-type]
    assert [len(view.take_snapshot().ended) for _ in range(5)] == [3, 3, 3, 0, 0]
    view.print("a line")
    assert lines == ["a line"]
    assert not view.stays_below
