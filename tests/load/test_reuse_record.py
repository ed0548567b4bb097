"""Whether a connection can be used again, by what became of the others."""

from __future__ import annotations

from harness.load.reuse_record import SOON, ReuseRecord


def test_connections_are_used_again_until_the_service_ends_them() -> None:
    record = ReuseRecord()
    assert record.may_reuse(0.0)
    record.add_end(0.001)
    assert not record.may_reuse(0.1)
    assert record.may_reuse(SOON + 0.1)
    record.carried += 1
    assert record.may_reuse(0.0)


def test_an_end_long_after_the_answer_is_a_timeout_and_not_counted() -> None:
    record = ReuseRecord()
    record.add_end(SOON + 0.1)
    assert record.ended == 0
    assert record.may_reuse(0.0)
