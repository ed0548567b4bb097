"""Cached environments: built once, built anew after a broken build, with a deadline on every wait."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from tests.servers import environments
from tests.servers.environments import build_cached, lacking, run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_the_same_pins_are_built_once_and_others_apart() -> None:
    built: list[Path] = []
    first, again, other = (build_cached("server", pins, built.append) for pins in ("a==1", "a==1", "a==2"))
    assert first == again != other
    assert built == [first, other]


def test_a_broken_build_is_begun_anew() -> None:
    def breaks(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("no space left")

    def builds(folder: Path) -> None:
        assert list(folder.iterdir()) == []

    with pytest.raises(RuntimeError, match="no space"):
        build_cached("server", "a==1", breaks)
    assert (build_cached("server", "a==1", builds) / ".finished").exists()


def test_a_build_that_another_run_holds_is_not_waited_for_without_end(cache: Path) -> None:
    cache.mkdir()
    with open(cache / "server.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            pytest.raises(pytest.fail.Exception, match="another run"),
            environments._lock_folder(cache / "server", 0.1),
        ):
            pytest.fail("not reached")


def test_a_step_that_fails_shows_what_it_said() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"ended with 3:\nno rule"):
        run(["sh", "-c", "echo no rule; exit 3"])


def test_a_step_past_its_deadline_leaves_nobody_behind(tmp_path: Path) -> None:
    """The grandchild holds the step's output open: waiting for its end would take ten minutes."""
    child = tmp_path / "pid"
    with pytest.raises(pytest.fail.Exception, match=r"did not end within 0\.5 s"):
        run(["sh", "-c", f"sleep 600 & echo $! > {child}; wait"], seconds=0.5)
    state = Path("/proc", child.read_text().strip(), "stat")
    ends = time.monotonic() + 10  # a killed process may still be on its way out
    while state.exists() and not state.read_text().rpartition(") ")[2].startswith(("Z", "X")):
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_tool_skips_but_never_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setitem(os.environ, "CI", ci)
    with pytest.raises(outcome, match="apt-get install gcc"):
        lacking("a C compiler", "apt-get install gcc")
