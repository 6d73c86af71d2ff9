"""MLflow: parameters, curves and results in a database."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandas import json_normalize

from fusion_sched.runlog.trackers import Sink, results_of, scalars_of

RUN_FILE = "mlflow_run"
"""Holds the id under which a resumed run goes on."""


@dataclass(frozen=True)
class MLflow:
    """Logs to ``uri``, a sqlite database by default, under ``experiment``."""

    uri: str = "sqlite:///outputs/mlflow.db"
    experiment: str = "fusion-sched"

    def open(self, folder: Path) -> Sink:
        """Return the log of a run."""
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise ImportError(
                'tracker=mlflow needs MLflow: pip install "fusion-sched[mlflow]", or take '
                "tracker=none"
            ) from error
        return Log(MlflowClient(tracking_uri=self.uri), self.experiment, folder)


class Log:
    """One run in the database."""

    def __init__(self, client: Any, experiment: str, folder: Path) -> None:
        self.client = client
        saved = folder / RUN_FILE
        if saved.is_file():
            self.run = saved.read_text(encoding="utf-8")
            return
        known = client.get_experiment_by_name(experiment)
        number = client.create_experiment(experiment) if known is None else known.experiment_id
        self.run = client.create_run(number, run_name=folder.name).info.run_id
        saved.write_text(self.run, encoding="utf-8")

    def record(self, event: Mapping[str, Any]) -> None:
        """Log the configuration once, an event's numbers at its epoch, and the end."""
        if event["event"] == "start":
            for name, value in json_normalize(event["config"]).iloc[0].items():
                self.client.log_param(self.run, name, value)
        step = event.get("epoch", 0) + 1
        for name, value in {**scalars_of(event), **results_of(event)}.items():
            self.client.log_metric(self.run, name.replace(" ", "_"), value, step=step)
        if event["event"] == "result":
            self.client.set_terminated(self.run)

    def close(self) -> None:
        """Leave the run open where it has not ended: it may be resumed."""
