"""Cached environments of real servers: each in a folder of its own outside the checkout, built once from pins."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("AIHARNESS_SERVERS_CACHE", Path.home() / ".cache" / "aiharness-servers"))
BUILD_SECONDS = 1800.0


def lacking(what: str, remedy: str) -> NoReturn:
    """Skip the test with the command that would help; in CI, where nothing may be skipped, fail."""
    message = f"{what} is missing; install it with: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def build_cached(name: str, pins: str, build: Callable[[Path], None]) -> Path:
    """The folder `name-<digest of pins>`, built under a lock unless a finished marker stands in it.

    The marker comes last and a folder without one is built anew: an environment cannot be built elsewhere and moved
    here, because its scripts name their own place.
    """
    folder = CACHE / f"{name}-{hashlib.sha256(pins.encode()).hexdigest()[:12]}"
    with _lock_folder(folder):
        if not (folder / ".finished").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            build(folder)
            (folder / ".finished").touch()
    return folder


COMPILED = {
    "llama-cpp-python": "-DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF"
    " -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O1"
}
"""What CMake is told for packages that come as C++ source: no images, no TLS, and quick to compile."""


def python_environment(name: str) -> Path:
    """The interpreter of a virtual environment with `requirements/NAME.txt`, made with uv where it is installed.

    `requirements/NAME.override.txt`, where it is there, holds pins against what a package asks for; only uv takes them.
    """
    requirements, override = (HERE / "requirements" / f"{name}{end}" for end in (".txt", ".override.txt"))
    against = ["--override", str(override)] if override.exists() else []

    def build(folder: Path) -> None:
        python, env = str(folder / "bin" / "python"), {"CMAKE_ARGS": COMPILED.get(name, "")}
        if name in COMPILED:
            _needed_compiler()
        if shutil.which("uv"):
            run(["uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)])
            run(["uv", "pip", "install", "--quiet", "--python", python, "-r", str(requirements), *against], env=env)
        elif against:
            lacking("uv", "pip install uv")
        else:
            run([sys.executable, "-m", "venv", str(folder)])
            run([python, "-m", "pip", "install", "--quiet", "-r", str(requirements)], env=env)

    pins = requirements.read_text() + (override.read_text() if against else "") + COMPILED.get(name, "")
    return build_cached(name, pins + sys.version, build) / "bin" / "python"


def find_packages(name: str) -> Path:
    """The folder of an environment that holds its packages."""
    return next(python_environment(name).parents[1].glob("lib/python3*/site-packages"))


def tiny_model() -> Path:
    """The folder with `tiny-chat.gguf` and `tiny-chat/`, trained from a seed by `tiny_model.py`."""
    script, requirements = HERE / "tiny_model.py", HERE / "requirements" / "tiny-model.txt"

    def build(folder: Path) -> None:
        run([str(python_environment("tiny-model")), str(script), str(folder)])

    return build_cached("tiny-chat", script.read_text() + requirements.read_text(), build)


def npm_packages(name: str) -> Path:
    """The folder with the packages of `requirements/NAME.json`, which is a package.json with pins."""
    wanted = (HERE / "requirements" / f"{name}.json").read_text()

    def build(folder: Path) -> None:
        if not shutil.which("npm"):
            lacking("npm", "the nodejs and npm packages of your system")
        (folder / "package.json").write_text(wanted)
        run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder)

    return build_cached(name, wanted, build)


def nginx() -> Path:
    """The program of Debian's package nginx, unpacked and not installed, where the system has none."""
    if system := shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
        return Path(system)

    def build(folder: Path) -> None:
        if not (shutil.which("apt-get") and shutil.which("dpkg")):
            lacking("nginx", "the nginx package of your system")
        run(["apt-get", "download", "nginx"], cwd=folder)
        run(["dpkg", "-x", str(next(folder.glob("nginx_*.deb"))), str(folder)])

    return build_cached("nginx", "nginx", build) / "usr" / "sbin" / "nginx"


OLLAMA = "github.com/ollama/ollama@v0.17.4"
MINIAUDIO = "miniaudio==1.71"
STB = Path("/usr/include/stb")


def ollama() -> Path:
    """The `ollama` binary, built from its Go module; the headers that module archives leave out come from packages."""

    def build(folder: Path) -> None:
        _needed_for_ollama()
        run([sys.executable, "-m", "venv", str(folder / "pip")])  # for its pip: uv has no download
        download = [str(folder / "pip" / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps"]
        run([*download, "--no-binary", ":all:", "--dest", str(folder), MINIAUDIO])
        archive = next(folder.glob("miniaudio*.tar.gz"))
        shutil.unpack_archive(archive, folder)
        headers = next(folder.glob("miniaudio-*/miniaudio/miniaudio.h")).parents[1]
        flags = f"-O2 -g0 -I{STB} -I{headers}"
        env = {"CGO_CXXFLAGS": flags, "CGO_CFLAGS": flags, "GOBIN": str(folder / "bin")}
        run(["go", "install", OLLAMA], env=env)

    return build_cached("ollama", OLLAMA + MINIAUDIO, build) / "bin" / "ollama"


def run(
    command: Sequence[str],
    *,
    env: dict[str, str] | None = None,
    seconds: float = BUILD_SECONDS,
    cwd: Path | None = None,
) -> None:
    """Run a build step with a deadline; a failure shows the end of what it said.

    It has a process group of its own, gone when this returns: a compiler left behind would hold a core and the output.
    """
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            end = f"ended with {child.wait(seconds)}"
        except subprocess.TimeoutExpired:
            end = f"did not end within {seconds:g} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if end != "ended with 0":
            output.seek(0)
            pytest.fail(f"{' '.join(command)} {end}:\n{output.read()[-3000:].decode('utf-8', 'replace')}")


def _needed_for_ollama() -> None:
    if not shutil.which("go"):
        lacking("Go", "the go toolchain of your system")
    _needed_compiler()
    if not (STB.exists() and Path("/usr/include/nlohmann").exists()):
        lacking("a header package", "apt-get install nlohmann-json3-dev libstb-dev")


def _needed_compiler() -> None:
    if not (shutil.which("gcc") and shutil.which("g++")):
        lacking("a C and C++ compiler", "apt-get install gcc g++")


@contextmanager
def _lock_folder(folder: Path, seconds: float = 2 * BUILD_SECONDS) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + seconds
    with open(folder.with_suffix(".lock"), "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > ends:
                    pytest.fail(f"another run has been building {folder.name} for {seconds:g} s")
                time.sleep(0.1)
        yield


if __name__ == "__main__":  # make test-torch imports what is there
    print(find_packages(sys.argv[1]))
