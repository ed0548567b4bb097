"""Cached environments of real servers: each in a folder of its own outside the checkout, built once from pins."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("AIHARNESS_SERVERS_CACHE", Path.home() / ".cache" / "aiharness-servers"))
BUILD_SECONDS = 1800


def lacking(what: str, remedy: str) -> None:
    """Skip the test with the command that would help; in CI, where nothing may be skipped, fail."""
    message = f"{what} is missing; install it with: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def cached(name: str, pins: str, build: Callable[[Path], None]) -> Path:
    """The folder `name-<digest of pins>`, built under a lock unless a finished marker stands in it."""
    folder = CACHE / f"{name}-{hashlib.sha256(pins.encode()).hexdigest()[:12]}"
    with _locked(folder):
        if not (folder / ".finished").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            build(folder)
            (folder / ".finished").touch()
    return folder


def python_environment(name: str) -> Path:
    """The interpreter of a virtual environment with `requirements/NAME.txt`, made with uv where it is installed."""
    requirements = HERE / "requirements" / f"{name}.txt"

    def build(folder: Path) -> None:
        python = str(folder / "bin" / "python")
        if shutil.which("uv"):
            run(["uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)])
            run(["uv", "pip", "install", "--quiet", "--python", python, "-r", str(requirements)])
        else:
            run([sys.executable, "-m", "venv", str(folder)])
            run([python, "-m", "pip", "install", "--quiet", "-r", str(requirements)])

    return cached(name, requirements.read_text() + sys.version, build) / "bin" / "python"


def tiny_model() -> Path:
    """The folder with `tiny-chat.gguf` and `tiny-chat/`, trained from a seed by `tiny_model.py`."""
    script = HERE / "tiny_model.py"

    def build(folder: Path) -> None:
        run([str(python_environment("tiny-model")), str(script), str(folder)])

    return cached("tiny-chat", script.read_text(), build)


OLLAMA = "github.com/ollama/ollama@v0.17.4"
MINIAUDIO = "miniaudio==1.71"
STB = Path("/usr/include/stb")


def ollama() -> Path:
    """The `ollama` binary, built from its Go module; the headers that module archives leave out come from packages."""
    if not shutil.which("go"):
        lacking("Go", "the go toolchain of your system")
    if not shutil.which("gcc"):
        lacking("a C compiler", "apt-get install gcc g++")
    if not (STB.exists() and Path("/usr/include/nlohmann").exists()):
        lacking("a header package", "apt-get install nlohmann-json3-dev libstb-dev")

    def build(folder: Path) -> None:
        run([sys.executable, "-m", "venv", str(folder / "pip")])  # for its pip: uv has no download
        download = [str(folder / "pip" / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps"]
        run([*download, "--no-binary", ":all:", "--dest", str(folder), MINIAUDIO])
        archive = next(folder.glob("miniaudio*.tar.gz"))
        shutil.unpack_archive(archive, folder)
        headers = next(folder.glob("miniaudio-*/miniaudio/miniaudio.h")).parents[1]
        flags = f"-O2 -g0 -I{STB} -I{headers}"
        env = {"CGO_CXXFLAGS": flags, "CGO_CFLAGS": flags, "GOBIN": str(folder / "bin")}
        run(["go", "install", OLLAMA], env=env)

    return cached("ollama", OLLAMA + MINIAUDIO, build) / "bin" / "ollama"


def run(command: Sequence[str], *, env: dict[str, str] | None = None) -> None:
    """Run a build step with a deadline; a failure shows the end of what it said."""
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
