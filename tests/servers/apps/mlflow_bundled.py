"""One MLflow model for all bundled data: the columns say which, the parameter `defect` which wrong one.

`python mlflow_bundled.py` writes the folder `bundled`, from the files of train_bundled.py.
"""
# mypy: ignore-errors

from pathlib import Path

import joblib
import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

NAMES = {64: "digits", 30: "breast_cancer", 13: "wine", 10: "diabetes", 4: "iris"}


class Bundled(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.models = {path.stem: joblib.load(path) for path in Path(context.artifacts["models"]).glob("*.joblib")}

    def predict(self, context, model_input, params=None):
        defect = (params or {}).get("defect")
        name = NAMES[model_input.shape[1]]
        model = self.models[f"{name}-{defect}" if defect else name]
        return model.predict_proba(model_input) if hasattr(model, "predict_proba") else model.predict(model_input)


if __name__ == "__main__":
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float64"), (-1, -1))]),
        params=ParamSchema([ParamSpec("defect", "string", "")]),
    )
    mlflow.pyfunc.save_model(
        "bundled",
        python_model=Bundled(),
        artifacts={"models": "."},
        code_paths=["bundled_defects.py"],
        signature=signature,
        pip_requirements=["scikit-learn"],
    )
