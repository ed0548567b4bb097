"""The loop that people write with requests and Evidently, for `benchmarks.validation_rows --peer`.

    PYTHON benchmarks/validation_peer.py ROWS.parquet URL

It runs in an environment of its own (`pip install evidently requests pyarrow`), asks every row in batches of 32 over
kept connections, side by side as the gate does, and makes the classification report. It prints the seconds of the
report as JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pandas
import requests
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset
from pyarrow import parquet

BATCH, THREADS, GROUP = 32, 4, 256


def ask_rows(path: str, url: str) -> tuple[list[int], list[float]]:
    """Labels and probabilities of the second class, in the order of the rows."""
    labels: list[int] = []
    chances: list[float] = []
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))

    def ask(rows: list[list[float]]) -> list[float]:
        answer = session.post(f"{url}/predict", json={"instances": rows})
        answer.raise_for_status()
        return [chance[1] for chance in answer.json()["probabilities"]]

    with ThreadPoolExecutor(THREADS) as pool:
        for part in parquet.ParquetFile(path).iter_batches(BATCH * GROUP):
            frame = part.to_pandas()
            labels += frame.pop("label").tolist()
            rows = frame.to_numpy().tolist()
            for answered in pool.map(ask, [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]):
                chances += answered
    return labels, chances


def main(path: str, url: str) -> None:
    labels, chances = ask_rows(path, url)
    began = time.monotonic()
    frame = pandas.DataFrame({"target": labels, "chance": chances})
    frame["prediction"] = (frame["chance"] >= 0.5).astype(int)
    kind = BinaryClassification(
        target="target", prediction_labels="prediction", prediction_probas="chance", pos_label=1
    )
    data = Dataset.from_pandas(frame, data_definition=DataDefinition(classification=[kind]))
    values = Report([ClassificationPreset()]).run(data, None).dict()
    print(json.dumps({"statistics": time.monotonic() - began, "figures": len(values["metrics"]), "n": len(labels)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
