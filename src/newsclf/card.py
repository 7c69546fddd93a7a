"""The model card of a bundle, with the front matter that model hubs read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsclf.bundle import Manifest, TaskRecord


def model_card(manifest: Manifest) -> str:
    """Return a bundle's ``README.md`` (model cards after Mitchell et al. 2019).

    Parameters
    ----------
    manifest : Manifest
        Of the bundle.
    """
    tasks = "\n".join(_row(task, record) for task, record in manifest.tasks.items())
    promises = "\n".join(_promise(task, record) for task, record in manifest.tasks.items())
    decided_on = "".join(f"\nThe {what}: {on}.\n" for what, on in manifest.decided_on.items())
    corpus = manifest.corpus
    return f"""---
library_name: newsclf
license: apache-2.0
language: en
pipeline_tag: text-classification
tags:
- news
- text-classification
---

# {manifest.name}, version {manifest.version}

Tags government news for {", ".join(manifest.tasks)}. Load it with
`newsclf.load("FOLDER")`, or tag a file with `newsclf tag`.

## Trained on

{corpus["name"]} {corpus["version"]} ({corpus["licence"]}), SHA-256 of its articles
`{corpus["sha256"]}`, splits {", ".join(manifest.config["train_on"])},
seed {manifest.config["seed"]}.

## Scores

On the articles that calibration and thresholds were chosen on, each scored by a model that had not
seen it. They say how well the method fits these stories, not how well it does on another
newsroom's: run `newsclf evaluate` on your own.

| task | classifier | labels | thresholds | macro-F1 | micro-F1 | calibration error |
| --- | --- | --- | --- | --- | --- | --- |
{tasks}

## What may be published unseen

{promises}
{decided_on}
## Limits

English. Probabilities mean what they say for stories like those that they were calibrated on: for
others, run `newsclf calibrate`. A label with few articles is guessed more often than known;
`newsclf models show` gives each threshold.
"""


def _row(task: str, record: TaskRecord) -> str:
    macro, micro = record.metrics["macro_f1"], record.metrics["micro_f1"]
    error = record.metrics.get("calibration_error")
    return (
        f"| {task} | {record.classifier} | {len(record.scheme.labels)} "
        f"| {record.objective if record.thresholds else 'most probable'} "
        f"| {macro:.3f} | {micro:.3f} | {'' if error is None else f'{error:.3f}'} |"
    )


def _promise(task: str, record: TaskRecord) -> str:
    routing = record.routing
    if routing is None:
        return f"- {task}: nothing; every tag is for an editor."
    if routing.threshold is None:
        return f"- {task}: nothing; every tag is for an editor ({routing.reason})."
    return (
        f"- {task}: tags of a probability of {routing.threshold:g} or more, on stories like the "
        f"{routing.calibration_articles:,} that this was tested on. That "
        f"{routing.promise.precision:.0%} of them are right was established with "
        f"{routing.promise.confidence:.0%} confidence ({routing.reason})."
    )
