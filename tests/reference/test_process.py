from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from harness.reference.process import ReferenceProcess, StartError
from harness.reference.settings import ServiceSettings

RUN = [sys.executable, "-P", "-m", "harness.reference"]


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    ends = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < ends:
        time.sleep(0.02)
    return met


def accepts(url: str) -> bool:
    address = urlsplit(url)
    with contextlib.suppress(OSError):
        socket.create_connection((address.hostname, address.port or 0), timeout=1).close()
        return True
    return False


def test_serves_and_leaves_nothing(rows: list[list[float]]) -> None:
    with ReferenceProcess(ServiceSettings(api_key="key", defects=("wrong_model_version",))) as service:
        assert service.url.startswith("http://127.0.0.1:")
        headers = {"authorization": "Bearer key"}
        answer = httpx.post(f"{service.url}/predict", json={"instances": rows}, headers=headers)
        assert answer.json()["version"] == "0"
        assert "server" not in answer.headers
        assert httpx.post(f"{service.url}/predict", json={"instances": rows}).status_code == 401
        assert os.getpgid(service.pid) == service.pid != os.getpgid(0)
    assert not accepts(service.url)
    with pytest.raises(ProcessLookupError):
        os.kill(service.pid, 0)
    service.stop()


def test_a_process_that_ignores_the_request_to_stop_is_killed() -> None:
    with ReferenceProcess() as service:
        os.kill(service.pid, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(service.pid, 0)


def test_stopping_does_not_wait_for_an_endless_stream() -> None:
    body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Count."}], "stream": True}
    with ReferenceProcess(ServiceSettings(defects=("stuck_stream",))) as service, httpx.Client() as client:
        with client.stream("POST", f"{service.url}/v1/chat/completions", json=body) as response:
            assert response.status_code == 200
            service.stop()
        assert not accepts(service.url)


def test_a_failed_start_says_why() -> None:
    with pytest.raises(StartError, match="ended before it was ready: error: unknown defect 'nope'"):
        ReferenceProcess(ServiceSettings(defects=("nope",))).start()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot serve on 127.0.0.1 port {port}"):
            ReferenceProcess(port=port).start()


def test_a_deadline_that_passes_stops_the_child() -> None:
    service = ReferenceProcess(deadline_s=0.01)
    with pytest.raises(StartError, match=r"not ready after 0\.01 s"):
        service.start()
    with pytest.raises(ProcessLookupError):
        os.kill(service.pid, 0)


def test_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from harness.reference.process import ReferenceProcess\n"
        "with ReferenceProcess() as service:\n"
        "    print(service.url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert accepts(url)
        parent.kill()
    assert within(10, lambda: not accepts(url))


def test_the_command_announces_itself_on_one_line() -> None:
    environment = {**os.environ, "SOME_KEY": "abc"}
    command = [*RUN, "--port", "0", "--api-key-env", "SOME_KEY", "--latency-ms", "1", "--stop-with-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        announced = json.loads(child.stdout.readline())
        assert announced.keys() == {"url", "pid"}
        assert announced["pid"] == child.pid
        assert httpx.get(f"{announced['url']}/v1/models").status_code == 401
        child.stdin.close()
        assert child.stdout.read() == b""
        child.wait(10)


def test_a_list_whose_reader_has_left_ends_without_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [*RUN, "--defect", "list"]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_lists_defects_and_refuses_what_it_cannot_use() -> None:
    listed = subprocess.run([*RUN, "--defect", "list"], capture_output=True, text=True, timeout=60, check=True)
    assert "stuck_stream " in listed.stdout
    unset = subprocess.run([*RUN, "--api-key-env", "NOT_SET_ANYWHERE"], capture_output=True, text=True, timeout=60)
    assert unset.returncode == 4
    assert "NOT_SET_ANYWHERE" in unset.stderr
