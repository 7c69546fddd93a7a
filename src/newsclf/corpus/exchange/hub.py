"""Datasets of the Hugging Face ``datasets`` library, saved in a folder or published on the Hub.

Rows are read out of Arrow tables as they are: nothing is decoded, unpickled or executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import orjson

from newsclf.corpus.exchange.base import Format, Predictions, ReadOptions, Rows, SourceRow
from newsclf.corpus.store import Corpus
from newsclf.errors import ConfigError, InputError
from newsclf.records import LabelledArticle

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_SAVED_FILES = {"dataset_dict.json", "dataset_info.json", "state.json"}
_DATA_BUILDERS = {"arrow", "csv", "json", "parquet", "text"}
_SPLIT_OF = {"train": "train", "test": "test"} | dict.fromkeys(
    ("valid", "validation", "val", "dev"), "valid"
)
_HUB_NAME = re.compile(r"(?P<name>[\w-][\w.-]*(/[\w-][\w.-]*)?)(:(?P<config>[\w.-]+))?")
_BATCH_ROWS = 1000
_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError)


def read_datasets(folder: Path, _options: ReadOptions) -> Rows:
    """Yield the rows of a dataset that ``save_to_disk`` wrote.

    Parameters
    ----------
    folder : Path
        A ``Dataset`` or a ``DatasetDict``. Numbers of a ``ClassLabel`` become names; the name of a
        split becomes a column ``split``.
    _options : ReadOptions
        Nothing is left to say.

    Raises
    ------
    InputError
        When it is not such a folder, or has a file that such a folder does not have.
    """
    import pyarrow as pa
    from datasets import load_from_disk

    _refuse_foreign_files(folder)
    try:
        _refuse_paths(folder)
        with _no_progress_bars():
            loaded = load_from_disk(str(folder))
    except (*_BROKEN, pa.ArrowException) as error:
        raise InputError(f"not a folder that datasets saved: {error}", path=folder) from None
    yield from _rows(loaded, str(folder))


def read_hub(name: str) -> Rows:
    """Yield the rows of a dataset on the Hugging Face Hub.

    Parameters
    ----------
    name : str
        ``NAME`` or ``NAME:CONFIGURATION``, for example ``owner/name``.

    Raises
    ------
    ConfigError
        When the name has another form.
    InputError
        When there is no such dataset, it is not plain data, or the Hub cannot be reached.
    """
    from datasets import load_dataset_builder
    from datasets.exceptions import DatasetsError

    match = _HUB_NAME.fullmatch(name)
    if not match:
        raise ConfigError(f"{name!r} names no dataset of the Hub; write NAME or NAME:CONFIGURATION")
    try:
        with _no_progress_bars():
            builder = load_dataset_builder(match["name"], match["config"])
            _refuse_other_builders(type(builder).__module__, name)
            builder.download_and_prepare()
            loaded = builder.as_dataset()
    except ConnectionError as error:
        message = f"the Hugging Face Hub cannot be reached, and no copy is kept here: {error}"
        raise InputError(message, path=f"hf:{name}") from None
    except (DatasetsError, OSError, ValueError) as error:
        raise InputError(f"cannot be read from the Hub: {error}", path=f"hf:{name}") from None
    yield from _rows(loaded, f"hf:{name}")


def write_datasets(corpus: Corpus, path: Path, _predictions: Predictions) -> None:
    """Save a corpus as a ``DatasetDict``, as `Corpus.to_datasets` makes it.

    Parameters
    ----------
    corpus : Corpus
        What to write.
    path : Path
        The folder; ``datasets.load_from_disk`` reads it.
    _predictions : mapping
        Left out.
    """
    with _no_progress_bars():
        corpus.to_datasets().save_to_disk(str(path))


def _refuse_foreign_files(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError("there is no such folder", path=folder)
    for file in folder.rglob("*"):
        known = file.suffix == ".arrow" or file.name in _SAVED_FILES or file.is_dir()
        if file.is_symlink() or not known:
            raise InputError(
                f"a dataset saved by datasets has no {file.relative_to(folder)}; "
                "only .arrow files and its own .json files are read",
                path=folder,
            )


def _refuse_paths(folder: Path) -> None:
    """Refuse names of splits and data files that would lead out of the folder."""
    for file in folder.rglob("*.json"):
        saved = orjson.loads(file.read_bytes())
        files = [data["filename"] for data in saved.get("_data_files", [])]
        splits = saved["splits"] if file.name == "dataset_dict.json" else []
        for name in [*files, *splits]:
            if name == ".." or PurePath(name).name != name:
                raise InputError(f"names {name!r}, outside its folder", path=file)


def _refuse_other_builders(module: str, name: str) -> None:
    kind = module.removeprefix("datasets.packaged_modules.").partition(".")[0]
    if kind not in _DATA_BUILDERS:
        raise InputError(
            f"is made of {kind!r} files; only {', '.join(sorted(_DATA_BUILDERS))} are read",
            path=f"hf:{name}",
        )


def _rows(loaded: Dataset | DatasetDict, path: str) -> Iterator[SourceRow]:
    parts = loaded if isinstance(loaded, Mapping) else {str(loaded.split): loaded}
    number = 0
    for split, dataset in parts.items():
        names = {column: _names(feature) for column, feature in dataset.features.items()}
        for batch in dataset.data.table.to_batches(_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                values = {column: names[column](value) for column, value in row.items()}
                yield SourceRow(path, number, {"split": _SPLIT_OF.get(split), **values})


def _names(feature: Any) -> Callable[[Any], Any]:
    from datasets import ClassLabel, LargeList, List

    if isinstance(feature, ClassLabel):
        return dict(enumerate(feature.names)).get
    if isinstance(feature, (List, LargeList)):
        inner = _names(feature.feature)
        return lambda values: None if values is None else [inner(value) for value in values]
    return lambda value: value


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    from datasets.utils import are_progress_bars_disabled
    from datasets.utils import disable_progress_bars as disable
    from datasets.utils import enable_progress_bars as enable

    were_disabled = are_progress_bars_disabled()
    disable()
    try:
        yield
    finally:
        if not were_disabled:
            enable()


DATASETS = Format(
    name="datasets",
    suffixes=(),
    read=read_datasets,
    write=write_datasets,
    carries=frozenset(field.name for field in fields(LabelledArticle)),
    columns=True,
    folder=True,
)
