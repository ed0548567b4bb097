"""Real servers, started once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers.environments import ollama, python_environment, run, tiny_model
from tests.servers.processes import ServerProcess, free_port

TRAIN = """
import sys, mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
X, y = load_digits(return_X_y=True)
model = LogisticRegression(max_iter=2000).fit(X, y)
mlflow.sklearn.save_model(model, sys.argv[1], signature=infer_signature(X, y), pip_requirements=["scikit-learn"])
"""
MODELFILE = """FROM {model}
TEMPLATE \"\"\"{{{{ range .Messages }}}}<|{{{{ .Role }}}}|>{{{{ .Content }}}}<|end|>{{{{ end }}}}<|assistant|>\"\"\"
PARAMETER stop <|end|>
PARAMETER num_thread 1
"""
# One thread: by default the engine's threads spin while they wait for one another, which on a busy two-core machine
# makes 200 tokens of this model take seconds, and up to 19 s, in place of 0.1 s.


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """MLflow's scoring server with a scikit-learn model of digits (64 features)."""
    folder = tmp_path_factory.mktemp("mlflow")
    python = python_environment("mlflow")
    env = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder)}
    run([str(python), "-c", TRAIN, str(folder / "model")], env=env)
    port = free_port()
    serve = [str(python.parent / "mlflow"), "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
    command = [*serve, "-h", "127.0.0.1", "-p", str(port)]
    with ServerProcess(command, port, folder / "log", health="/ping", env=env) as server:
        yield server


@pytest.fixture(scope="session")
def ollama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Ollama with the tiny chat model, served as `tiny`."""
    folder = tmp_path_factory.mktemp("ollama")
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
