"""scikit-learn's bundled data behind MLflow, MLServer and Triton: one server for all models of train_bundled.py."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.servers.processes import free_port
from tests.servers.row import Place, Row


@dataclass(frozen=True)
class BundledServer:
    """How a server is started, and the `[endpoint]` table for a data set (and a wrong model of it)."""

    row: Row
    describe: Callable[[str, str], str] = field(repr=False)


def _train(place: Place) -> None:
    place.app("bundled_defects.py")
    place.call(str(place.python), place.app("train_bundled.py"))


def _serve_mlflow(place: Place) -> list[str]:
    _train(place)
    place.call(str(place.python), place.app("mlflow_bundled.py"))
    at = ["-h", "127.0.0.1", "-p", str(place.port)]
    return [place.tool("mlflow"), "models", "serve", "-m", "bundled", "--env-manager", "local", *at]


def _describe_mlflow(name: str, defect: str) -> str:
    return f'protocol = "mlflow"\noptions = {{ params = {{ defect = "{defect}" }} }}\n'


def _serve_mlserver(place: Place) -> list[str]:
    _train(place)
    ports = {"http_port": place.port, "grpc_port": place.grpc_port, "metrics_port": free_port()}
    settings = {"debug": False, "host": "127.0.0.1", "parallel_workers": 0, **ports}
    (place.folder / "settings.json").write_text(json.dumps(settings))
    for model in sorted(place.folder.glob("*.joblib")):
        folder = place.folder / "models" / model.stem
        folder.mkdir(parents=True)
        name, parameters = model.stem.replace("-", "_"), {"uri": str(model), "version": "1"}
        about = {"name": name, "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
        (folder / "model-settings.json").write_text(json.dumps(about))
    return [place.tool("mlserver"), "start", "."]


def _describe_mlserver(name: str, defect: str) -> str:
    outputs = ("predict",) if name == "diabetes" else ("predict", "predict_proba")
    listed = ", ".join(f'{{ name = "{output}" }}' for output in outputs)
    return f"{_describe_triton(name, defect)}options = {{ outputs = [{listed}] }}\n"


def _serve_triton(place: Place) -> list[str]:
    _train(place)
    ports = [str(port) for port in (place.port, place.grpc_port, free_port())]
    return [str(place.python), place.app("triton_bundled.py"), *ports]


def _describe_triton(name: str, defect: str) -> str:
    return f'protocol = "v2"\nmodel = "{name}{"_" if defect else ""}{defect}"\n'


ENV = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}
"""Triton's stub links libpython: it must find the one that the environment's standard library belongs to."""
READY = "/v2/models/digits/ready"
SERVERS = {
    "mlflow": BundledServer(Row("mlflow", "mlflow", _serve_mlflow, "/ping", "", (), {}), _describe_mlflow),
    "mlserver": BundledServer(Row("mlserver", "mlserver", _serve_mlserver, READY, "", (), {}), _describe_mlserver),
    "triton": BundledServer(Row("triton", "triton", _serve_triton, READY, "", (), {}, ENV), _describe_triton),
}
