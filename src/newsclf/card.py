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

Out of fold, on the training articles. They say how well the method fits this corpus, not how well
it does on another newsroom's stories: run `newsclf evaluate` on your own.

| task | classifier | labels | macro-F1 | micro-F1 |
| --- | --- | --- | --- | --- |
{tasks}

## Limits

English. Tags are suggestions for an editor: every one is marked `review`. A label with few
training articles is guessed more often than known; `newsclf models show` gives each threshold.
"""


def _row(task: str, record: TaskRecord) -> str:
    macro, micro = record.metrics["macro_f1"], record.metrics["micro_f1"]
    labels = len(record.scheme.labels)
    return f"| {task} | {record.classifier} | {labels} | {macro:.3f} | {micro:.3f} |"
