"""Bundles: the only package that reads or writes model files.

A bundle is a folder: ``bundle.json`` (the manifest), ``README.md`` (the model card), fingerprints
of the articles it learned from, and one folder a task. The manifest holds the size and the SHA-256
of every other file, and a folder that holds anything else is refused.
"""

from newsclf.bundle.manifest import (
    FORMAT_VERSION,
    FileRecord,
    Manifest,
    TaskRecord,
    environment,
    read_manifest,
    verify,
)
from newsclf.bundle.model import Bundle, TaskModel, load
from newsclf.bundle.seen import Seen

__all__ = [
    "FORMAT_VERSION",
    "Bundle",
    "FileRecord",
    "Manifest",
    "Seen",
    "TaskModel",
    "TaskRecord",
    "environment",
    "load",
    "read_manifest",
    "verify",
]
