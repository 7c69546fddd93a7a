"""Inputs of every kind as lines of one kind, so that a run can be cut into shards."""

from newsclf.tag.ingest.kinds import InputOptions, is_plain_jsonl
from newsclf.tag.ingest.spool import spool

__all__ = ["InputOptions", "is_plain_jsonl", "spool"]
