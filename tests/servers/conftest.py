"""Real servers, started once a session."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.environments import ollama, python_environment, run, tiny_model
from tests.servers.processes import ServerProcess, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
TRAIN = EXAMPLES / "mlflow_train.py"
MODELFILE = """FROM {model}
TEMPLATE \"\"\"{{{{ range .Messages }}}}<|{{{{ .Role }}}}|>{{{{ .Content }}}}<|end|>{{{{ end }}}}<|assistant|>\"\"\"
PARAMETER stop <|end|>
PARAMETER num_thread 1
PARAMETER num_predict 1024
"""
# What a request writes that names no limit that Ollama reads: the tiny model seldom ends of itself.
# One thread: by default the engine's threads spin while they wait for one another, which on a busy two-core machine
# makes 200 tokens of this model take seconds, and up to 19 s, in place of 0.1 s.


@pytest.fixture(scope="session")
def mlflow_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the digits models of the example: `labels`, and `model`, which answers with probabilities."""
    folder = tmp_path_factory.mktemp("mlflow")
    run([str(python_environment("mlflow")), str(TRAIN), str(folder)], env=_mlflow_env(folder))
    return folder


@pytest.fixture(scope="session")
def mlflow_server(mlflow_models: Path) -> Iterator[ServerProcess]:
    """MLflow's scoring server with a scikit-learn model of digits (64 features) that answers with labels."""
    yield from _mlflow(mlflow_models, "labels")


@pytest.fixture(scope="session")
def mlflow_chances(mlflow_models: Path) -> Iterator[ServerProcess]:
    """The same, answering with the probabilities of the ten classes."""
    yield from _mlflow(mlflow_models, "model")


def _mlflow_env(folder: Path) -> dict[str, str]:
    path = f"{python_environment('mlflow').parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(folder)}


def _mlflow(folder: Path, model: str) -> Iterator[ServerProcess]:
    port, binary = free_port(), python_environment("mlflow").parent / "mlflow"
    serve = [str(binary), "models", "serve", "-m", str(folder / model), "--env-manager", "local"]
    command, log = [*serve, "-h", "127.0.0.1", "-p", str(port)], folder / f"{model}.log"
    with ServerProcess(command, port, log, health="/ping", env=_mlflow_env(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def ollama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Ollama with the tiny chat model, served as `tiny`."""
    yield from _ollama(tmp_path_factory.mktemp("ollama"))


@pytest.fixture
def ollama_to_disturb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One of its own for a test with faults: a cut stream has been seen to silence it for good."""
    yield from _ollama(tmp_path_factory.mktemp("ollama-disturbed"))


def _ollama(folder: Path) -> Iterator[ServerProcess]:
    binary, model, port = ollama(), tiny_model() / "tiny-chat.gguf", free_port()
    env = {
        **os.environ,
        "HOME": str(folder),
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(folder / "models"),
    }
    (folder / "Modelfile").write_text(MODELFILE.format(model=model))
    with ServerProcess([str(binary), "serve"], port, folder / "log", health="/api/version", env=env) as server:
        create = [str(binary), "create", "tiny", "-f", str(folder / "Modelfile")]
        run(create, env=env, seconds=60)
        yield server


@pytest.fixture(scope="session")
def fault_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`aiharness proxy`, as the examples want it running."""
    port, log = free_port(), tmp_path_factory.mktemp("proxy") / "log"
    command = [sys.executable, "-m", "harness", "proxy", "--port", str(port)]
    with ServerProcess(command, port, log, health="/version", env=dict(os.environ)) as server:
        yield server
