"""The page of metrics of a service: untrusted text, of which few lines are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.gauge import classify_gauge
from harness.io.metrics_page import MOST_GAUGES, parse_gauges

PAGE = b"""# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.5e+08
process_open_fds 17.0
# TYPE http_requests_total counter
http_requests_total{path="/"} 5
vllm:num_requests_running{model_name="m",engine="0"} 2.0
vllm:num_requests_running{model_name="m",engine="1"} 3.0
vllm:gpu_cache_usage_perc{model_name="a \\"b\\""} 0.25
process_virtual_memory_bytes 9e9
"""


def test_the_gauges_of_a_page_are_read_and_labels_added_up() -> None:
    assert parse_gauges(PAGE) == {
        "process_resident_memory_bytes": 1.5e8,
        "process_open_fds": 17.0,
        "vllm:num_requests_running": 5.0,
        "vllm:gpu_cache_usage_perc": 0.25,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("process_resident_memory_bytes", "memory"),
        ("nv_gpu_memory_used_bytes", "memory"),
        ("go_memstats_heap_inuse_bytes", "memory"),
        ("vllm:kv_cache_usage_perc", "cache"),
        ("vllm:gpu_cache_usage_perc", "cache"),
        ("sglang:cache_used_memory_bytes", "cache"),
        ("process_open_fds", "connections"),
        ("http_requests_inflight", "connections"),
        ("nginx_connections_active", "connections"),
        ("tgi_requests_running", "connections"),
        ("rest_server_requests_in_progress", "connections"),
        ("llamacpp:requests_processing", "connections"),
        ("llamacpp:requests_deferred", "connections"),
        ("vllm:num_requests_waiting", "connections"),
        ("sglang:num_running_reqs", "connections"),
        ("sglang:num_queue_reqs", "connections"),
        ("nv_inference_pending_request_count", "connections"),
        ("nv_inference_request_count", None),
        ("rest_server_requests_total", None),
        ("http_connections_total", None),
        ("process_max_fds", None),
        ("go_goroutines", None),
        ("process_virtual_memory_bytes", None),
        ("request_memory_used_bytes_bucket", None),
    ],
)
def test_a_gauge_is_known_by_its_name(name: str, kind: str | None) -> None:
    assert classify_gauge(name) == kind


def test_a_counter_is_no_gauge_whatever_it_is_called() -> None:
    assert parse_gauges(b"# TYPE app_rss counter\napp_rss 5\n") == {}


@pytest.mark.parametrize(
    "page",
    [
        b"process_open_fds NaN\nprocess_open_fds +Inf\n",
        b"process_open_fds\n",
        b'process_open_fds{a="b 5\n',
        b"process_open_fds{{{{ 5\n",
        b"process_open_fds five\n",
        b"\xff\xfe\x00" * 100,
        b"<html>process_open_fds 5</html>",
        b"process_open_fds " + b"9" * 5000 + b"\n",
    ],
)
def test_lines_that_are_not_valid_are_left_out(page: bytes) -> None:
    assert parse_gauges(page) == {}
    assert parse_gauges(page + b"\nprocess_open_fds 7\n") in ({"process_open_fds": 7.0}, {})


def test_a_page_with_many_names_gives_a_bounded_number() -> None:
    page = "".join(f"pool{i}_open_connections {i}\n" for i in range(100_000))
    assert len(parse_gauges(page.encode())) == MOST_GAUGES


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(page: bytes) -> None:
    parse_gauges(b"process_open_fds" + page)
