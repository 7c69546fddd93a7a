"""Runs: what each training leaves behind, so that it can be looked up, compared and repeated.

A run is a folder: ``run.json`` (which, when, from what), ``config.toml``, ``environment.json``,
``metrics.json``, ``predictions.jsonl`` (out-of-fold probabilities) and ``log.txt``.
"""

from __future__ import annotations

import json
import platform
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import tomli_w
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from newsclf.bundle import Bundle
from newsclf.config import RunConfig
from newsclf.corpus import Corpus, indicators
from newsclf.errors import ConfigError, InputError, NewsclfError, OutputError
from newsclf.extras import require
from newsclf.files import atomic_folder
from newsclf.schemes import read_toml


class RunRecord(BaseModel):
    """The contents of ``run.json``.

    Parameters
    ----------
    id : str
        The folder's name.
    name, version
        Of the bundle that was trained.
    started : datetime
        With its time zone.
    seconds : float
        That training took.
    corpus : dict of str to str
        Name, version, licence and SHA-256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    version: int
    started: AwareDatetime
    seconds: float
    corpus: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A run that was recorded.

    Parameters
    ----------
    folder : Path
        Where.
    record : RunRecord
        Which, when, from what.
    config, environment, metrics : dict
        As they were written; metrics by task.
    """

    folder: Path
    record: RunRecord
    config: dict[str, Any]
    environment: dict[str, Any]
    metrics: dict[str, dict[str, float]]

    def facts(self) -> dict[str, object]:
        """Return all that tells runs apart, by dotted name."""
        groups = {
            "config": self.config,
            "corpus": self.record.corpus,
            "metrics": self.metrics,
            "environment": self.environment,
        }
        return dict(_flat(groups))


class Difference(NamedTuple):
    """A fact that two runs do not share; None where one does not have it."""

    fact: str
    first: object
    second: object


def record_run(
    bundle: Bundle,
    config: RunConfig,
    corpus: Corpus,
    runs: Path,
    *,
    beside: Path,
    started: datetime,
    log: Iterable[str] = (),
) -> Path:
    """Write down a training that has just ended; the folder appears whole or not at all.

    Parameters
    ----------
    bundle : Bundle
        As `newsclf.train.train` returned it; one that was loaded has no out-of-fold probabilities.
    config : RunConfig
        What it was trained with.
    corpus : Corpus
        What it was trained on.
    runs : Path
        The folder of runs, usually ``experiments/runs``.
    beside : Path
        The configuration's folder; its git commit is recorded where it lies in a checkout.
    started : datetime
        When training began, with its time zone.
    log : iterable of str
        Lines for ``log.txt``.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    moment = started.astimezone(UTC)
    run_id = f"{config.name}-{config.version}-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    record = RunRecord(
        id=run_id,
        name=config.name,
        version=config.version,
        started=moment,
        seconds=round((datetime.now(UTC) - moment).total_seconds(), 3),
        corpus=bundle.manifest.corpus,
    )
    document = config.model_dump(mode="json", exclude_none=True)
    document["corpus"] = str(config.corpus.resolve())
    with atomic_folder(runs / run_id) as folder:
        _write_json(folder / "run.json", record.model_dump(mode="json"))
        (folder / "config.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
        _write_json(folder / "environment.json", _environment(bundle, beside))
        metrics = {task: model.record.metrics for task, model in bundle.tasks.items()}
        _write_json(folder / "metrics.json", metrics)
        with (folder / "predictions.jsonl").open("wb") as file:
            for row in _predictions(bundle, config, corpus):
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        (folder / "log.txt").write_text("".join(f"{line}\n" for line in log), encoding="utf-8")
    return runs / run_id


def list_runs(runs: Path) -> list[tuple[Path, Run | NewsclfError]]:
    """Return the runs in a folder of runs, the newest first.

    Parameters
    ----------
    runs : Path
        Usually ``experiments/runs``; it need not exist.

    Returns
    -------
    list of (Path, Run or NewsclfError)
        An error stands for a run that cannot be read; those come last.
    """
    found = [(path.parent, _run_or_error(path.parent)) for path in runs.glob("[!.]*/run.json")]
    return sorted(found, key=lambda item: (_started(item[1]), item[0].name), reverse=True)


def find_run(reference: str, runs: Path) -> Run:
    """Return the run that is meant.

    Parameters
    ----------
    reference : str
        A run's folder; a bundle's name, or ``name-version``, for its newest run; a run's id, or as
        much of its start as no other run shares.
    runs : Path
        The folder of runs.

    Raises
    ------
    ConfigError
        When there is none, or several, naming them.
    InputError
        When a run's folder is given that cannot be read.
    """
    if (Path(reference) / "run.json").is_file():
        return read_run(Path(reference))
    there = [run for _, run in list_runs(runs) if isinstance(run, Run)]
    for run in there:
        record = run.record
        if reference in (record.id, record.name, f"{record.name}-{record.version}"):
            return run
    alike = [run for run in there if reference and run.record.id.startswith(reference)]
    if len(alike) == 1:
        return alike[0]
    named = ", ".join(run.record.id for run in (alike or there)[:5])
    if alike:
        raise ConfigError(f"several runs in {runs} start with {reference!r}: {named}")
    known = f"the newest are {named}" if named else "there is none yet"
    raise ConfigError(f"no run {reference!r} in {runs}; {known}")


def read_run(folder: Path) -> Run:
    """Read a run, all but its predictions and its log.

    Raises
    ------
    InputError
        When a file is missing or is not what newsclf wrote.
    """
    return Run(
        folder=folder,
        record=_read_record(folder / "run.json"),
        config=read_toml(folder / "config.toml"),
        environment=_read_json(folder / "environment.json"),
        metrics=_read_json(folder / "metrics.json"),
    )


def diff_runs(first: Run, second: Run) -> list[Difference]:
    """Return the facts that two runs do not share: configuration, corpus, metrics, environment.

    Parameters
    ----------
    first, second : Run
        What to compare.
    """
    left, right = first.facts(), second.facts()
    return [
        Difference(fact, left.get(fact), right.get(fact))
        for fact in {**left, **right}
        if left.get(fact) != right.get(fact)
    ]


def export_to_mlflow(run: Run, uri: str) -> str:
    """Copy a run into an MLflow tracking store, files included.

    Parameters
    ----------
    run : Run
        It becomes a run of the experiment with the bundle's name.
    uri : str
        Of the tracking server or store, such as ``http://localhost:5000``.

    Returns
    -------
    str
        The id that MLflow gave it.

    Raises
    ------
    ConfigError
        When the extra ``mlflow`` is not installed.
    OutputError
        When MLflow refuses.
    """
    require("mlflow")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return _export(run, MlflowClient(tracking_uri=uri))
    except (MlflowException, OSError) as error:
        raise OutputError(f"MLflow at {uri} did not take {run.record.id}: {error}") from None


def _export(run: Run, client: Any) -> str:
    record = run.record
    experiment = client.get_experiment_by_name(record.name)
    experiment_id = (
        experiment.experiment_id if experiment else client.create_experiment(record.name)
    )
    started = int(record.started.timestamp() * 1000)
    tags = {"newsclf.run": record.id, "newsclf.corpus_sha256": record.corpus["sha256"]}
    made: str = client.create_run(
        experiment_id, start_time=started, run_name=record.id, tags=tags
    ).info.run_id
    for name, value in _flat(run.config):
        client.log_param(made, name, value)
    for name, value in _flat(run.metrics):
        client.log_metric(made, name, value)
    client.log_artifacts(made, str(run.folder))
    client.set_terminated(made, end_time=started + int(record.seconds * 1000))
    return made


def _predictions(bundle: Bundle, config: RunConfig, corpus: Corpus) -> Iterator[dict[str, object]]:
    """Return a row an article: each task's probabilities by a model that did not see it."""
    articles = corpus.split(*config.train_on)
    scores: dict[str, dict[str, dict[str, float]]] = {article.id: {} for article in articles}
    for task, model in bundle.tasks.items():
        labels = model.record.scheme.label_ids
        judged, _ = indicators(articles, model.record.scheme)
        for article, row in zip(judged, model.classifier.out_of_fold_.tolist(), strict=True):
            scores[article.id][task] = dict(zip(labels, row, strict=True))
    return ({"id": article_id, "scores": by_task} for article_id, by_task in scores.items())


def _environment(bundle: Bundle, beside: Path) -> dict[str, object]:
    return {
        "versions": bundle.manifest.environment,
        "platform": platform.platform(),
        "git": _git_state(beside),
    }


def _git_state(folder: Path) -> dict[str, object]:
    """Return the commit of a checkout and whether files differ from it; nothing outside of one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603  no shell, and arguments that are our own
        [program, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _flat(tree: Mapping[str, object], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _run_or_error(folder: Path) -> Run | NewsclfError:
    try:
        return read_run(folder)
    except NewsclfError as error:
        return error


def _started(run: Run | NewsclfError) -> datetime:
    return run.record.started if isinstance(run, Run) else datetime.min.replace(tzinfo=UTC)


def _read_record(path: Path) -> RunRecord:
    try:
        return RunRecord.model_validate(_read_json(path))
    except ValidationError as error:
        raise InputError(f"not a run's record: {error.errors()[0]['msg']}", path=path) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    except ValueError:
        raise InputError("not JSON; the run is damaged, remove its folder", path=path) from None
    if not isinstance(document, dict):
        raise InputError("not a JSON object; the run is damaged, remove its folder", path=path)
    return document
