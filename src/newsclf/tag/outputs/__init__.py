"""What a tagging run writes: JSONL, CSV, Parquet or ninjs, one row for every input row."""

from newsclf.errors import ConfigError, did_you_mean
from newsclf.tag.outputs.base import Layout, OutputFormat
from newsclf.tag.outputs.csvrows import CSV
from newsclf.tag.outputs.jsonl import JSONL, error_line
from newsclf.tag.outputs.ninjsrows import NINJS
from newsclf.tag.outputs.parquet import PARQUET

__all__ = ["OUTPUTS", "Layout", "OutputFormat", "error_line", "output_format"]

OUTPUTS = {found.name: found for found in (JSONL, CSV, PARQUET, NINJS)}


def output_format(name: str, *, scores: bool = False) -> OutputFormat:
    """Return an output format by its name.

    Parameters
    ----------
    name : str
        A key of `OUTPUTS`.
    scores : bool
        Whether rows have to carry every label's probability.

    Raises
    ------
    ConfigError
        When there is none of that name, or it has no place for scores.
    """
    if name not in OUTPUTS:
        raise ConfigError(f"unknown output format {name!r}{did_you_mean(name, OUTPUTS)}")
    found = OUTPUTS[name]
    if scores and not found.carries_scores:
        able = ", ".join(other.name for other in OUTPUTS.values() if other.carries_scores)
        raise ConfigError(f"{name} has no place for scores; leave --scores out, or write {able}")
    return found
