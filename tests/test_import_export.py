from __future__ import annotations

import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from newsclf.corpus import Corpus, CorpusInfo
from newsclf.corpus.exchange.base import Format, ReadOptions
from newsclf.corpus.exchange.exporting import export_corpus, read_predictions
from newsclf.corpus.exchange.formats import FORMATS, format_named, format_of_name, read_source
from newsclf.corpus.exchange.importing import import_corpus, open_source
from newsclf.corpus.exchange.schemes import inferred_schemes, matched
from newsclf.corpus.exchange.settle import majority
from newsclf.corpus.lines import BadRow
from newsclf.errors import ConfigError, InputError, OutputError
from newsclf.records import Annotation, LabelledArticle
from newsclf.schemes import LabelScheme
from strategies import INFO, SCHEMES, corpora

EVERYTHING = {"labels", "annotations", "headline", "body", "published", "split", "target"}
COMPLETE = [found for found in FORMATS.values() if found.carries >= EVERYTHING]
each_complete_format = pytest.mark.parametrize("form", COMPLETE, ids=lambda form: form.name)


def imported(
    path: Path,
    *,
    schemes: dict[str, LabelScheme] | None = None,
    bad: list[BadRow] | None = None,
    form: str | None = None,
) -> Corpus:
    source = open_source(str(path), ReadOptions(), schemes or {}, format_name=form)
    on_bad = None if bad is None else bad.append
    return import_corpus(source, INFO, schemes or {}, on_bad=on_bad)


def csv(folder: Path, *lines: str, name: str = "stories.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@each_complete_format
@settings(max_examples=15)
@given(corpora)
def test_a_corpus_survives_export_and_import(form: Format, made: Corpus) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        assert export_corpus(made, path, form) == ()
        again = imported(path, schemes=SCHEMES, form=form.name)
    assert [_comparable(a) for a in again.articles] == [_comparable(a) for a in made.articles]
    for before, after in zip(made.articles, again.articles, strict=True):
        assert after.labels == before.labels or not before.labels
    by_annotator = {(said.id, said.annotator): said.labels for said in again.annotations}
    assert by_annotator == {(said.id, said.annotator): said.labels for said in made.annotations}


def _comparable(article: LabelledArticle) -> LabelledArticle:
    """Without labels, which the importer settles where there are none; an empty field is absent."""
    names = ("published", "source", "genre", "country", "url", "language", "target")
    return replace(article, labels={}, **{name: getattr(article, name) or None for name in names})


def test_most_formats_are_complete() -> None:
    assert {form.name for form in COMPLETE} == {
        "json",
        "jsonl",
        "parquet",
        "labelstudio",
        "argilla",
        "doccano",
        "prodigy",
    }


@pytest.mark.parametrize("name", ["csv", "tsv", "excel", "datasets"])
def test_the_shipped_stories_survive_a_table(
    name: str, small_corpus: Corpus, tmp_path: Path
) -> None:
    form = format_named(name)
    path = tmp_path / f"stories{form.suffixes[0] if form.suffixes else ''}"
    assert export_corpus(small_corpus, path, form) == ()
    assert imported(path, schemes=dict(small_corpus.schemes)).articles == tuple(
        sorted(small_corpus.articles, key=lambda article: _order(article, name))
    )


def _order(article: LabelledArticle, form: str) -> int:
    """Datasets keep each split apart."""
    return ["train", "valid", "test"].index(article.split or "") if form == "datasets" else 0


def test_what_a_format_cannot_carry_is_said(small_corpus: Corpus, tmp_path: Path) -> None:
    lost = export_corpus(small_corpus, tmp_path / "a.ft", format_named("fasttext"))
    assert {"headline", "published", "split"} <= set(lost)
    assert "labels" not in lost


def test_a_labelling_interface_lies_beside_label_studio_s_tasks(
    small_corpus: Corpus, tmp_path: Path
) -> None:
    form = format_named("labelstudio")
    export_corpus(small_corpus, tmp_path / "tasks.json", form)
    assert '<Choices name="topic"' in (tmp_path / "tasks.xml").read_text()
    (tmp_path / "tasks.json").unlink()
    with pytest.raises(OutputError, match=r"tasks.xml exists already"):
        export_corpus(small_corpus, tmp_path / "tasks.json", form)


def test_a_failed_export_leaves_nothing(small_corpus: Corpus, tmp_path: Path) -> None:
    first, *rest = small_corpus.articles
    broken = replace(small_corpus, articles=(replace(first, body="a\0b"), *rest))
    with pytest.raises(OutputError, match=first.id):
        export_corpus(broken, tmp_path / "a.csv", format_named("csv"))
    assert list(tmp_path.iterdir()) == []


def test_predictions_become_suggestions(small_corpus: Corpus, tmp_path: Path) -> None:
    article = small_corpus.articles[0]
    tag = {"task": "topic", "label": "policing", "probability": 0.9, "decision": "review"}
    rows = [{"id": article.id, "model": "m@1", "tags": [tag]}, {"line": 2, "error": {}}]
    tagged = tmp_path / "tagged.jsonl"
    tagged.write_text("\n".join(map(json.dumps, rows)))
    found = read_predictions(tagged)
    assert list(found) == [article.id]
    form = format_named("labelstudio")
    export_corpus(small_corpus, tmp_path / "tasks.json", form, predictions=found)
    [suggested] = json.loads((tmp_path / "tasks.json").read_text())[0]["predictions"]
    assert suggested["model_version"] == "m@1"
    with pytest.raises(ConfigError, match="csv has no place for predictions"):
        export_corpus(small_corpus, tmp_path / "a.csv", format_named("csv"), predictions=found)
    tagged.write_text('{"id": "a"}')
    with pytest.raises(InputError, match=r"tagged.jsonl, line 1: not a row that 'newsclf tag'"):
        read_predictions(tagged)


@pytest.mark.parametrize(
    ("text", "suffix", "form"),
    [
        ('[{"id": 1, "data": {"text": "a"}, "annotations": []}]', ".json", "labelstudio"),
        ('[{"id": 1, "data": {"text": "}"}, "annotations": []}, 7]', ".json", "labelstudio"),
        ('[{"fields": {"text": "a"}, "responses": {}}]', ".json", "argilla"),
        ('{"text": "a", "answer": "accept"}', ".jsonl", "prodigy"),
        ('{"text": "a", "options": []}\n{"text": "b"}', ".jsonl", "prodigy"),
        ('{"id": 1, "text": "a", "label": ["x"]}', ".jsonl", "doccano"),
        ('{"id": 1, "text": "a", "label": "x"}', ".jsonl", "jsonl"),
        ('[{"title": "a"}]', ".json", "json"),
        ("text\t<http://example.org/a>", ".tsv", "annif-tsv"),
        ("id\tbody\n1\tx", ".tsv", "tsv"),
    ],
)
def test_a_format_is_recognised_by_what_is_in_it(
    text: str, suffix: str, form: str, tmp_path: Path
) -> None:
    path = tmp_path / f"in{suffix}"
    path.write_text(text)
    assert read_source(str(path), ReadOptions())[0].name == form


def test_formats_are_named_and_recognised_by_name(tmp_path: Path) -> None:
    assert format_of_name(Path("a.XLSX")).name == "excel"
    with pytest.raises(ConfigError, match=r"a.doc: say which format with --format; there are csv"):
        format_of_name(Path("a.doc"))
    with pytest.raises(ConfigError, match="unknown format 'exel'; did you mean 'excel'"):
        format_named("exel")
    (tmp_path / "a.doc").touch()
    with pytest.raises(InputError, match=r"a.doc: holds nothing to read; files end in .csv"):
        read_source(str(tmp_path / "a.doc"), ReadOptions())
    with pytest.raises(InputError, match="is a folder, and csv is read from a file"):
        read_source(str(tmp_path), ReadOptions(), "csv")
    with pytest.raises(InputError, match="is a file, and folder is read from a folder"):
        read_source(str(tmp_path / "a.doc"), ReadOptions(), "folder")


def test_a_spreadsheet_is_read_with_labels_of_its_own(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "Title,Text,Category",
        "Gates,They reopened.,Border & customs",
        "Fine,A court fined them.,Courts",
    )
    made = imported(path)
    assert [article.id for article in made.articles] == ["stories-2", "stories-3"]
    assert [dict(article.labels) for article in made.articles] == [
        {"topic": ("border_customs",)},
        {"topic": ("courts",)},
    ]
    scheme = made.schemes["topic"]
    assert scheme.kind == "single"
    assert [label.title for label in scheme.labels] == ["Border & customs", "Courts"]


def test_labels_are_matched_to_a_scheme_by_title(tmp_path: Path) -> None:
    path = csv(tmp_path, "text,beat", "Gates,Border; COURT", "Nothing,(none)", "Open,")
    made = imported(path, schemes=SCHEMES)
    assert [dict(article.labels) for article in made.articles] == [
        {"beat": ("border", "court")},
        {"beat": ()},
        {},
    ]


def test_a_bad_row_stops_an_import_unless_it_may_be_skipped(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,text,beat", "a,Gates,border", "b,,court", "c,Tax,bugdet", "a,Again,")
    with pytest.raises(InputError, match=r"stories.csv, line 3: .*empty.*leave .* --skip-bad"):
        imported(path, schemes=SCHEMES)
    bad: list[BadRow] = []
    made = imported(path, schemes=SCHEMES, bad=bad)
    assert [article.id for article in made.articles] == ["a"]
    assert [(row.line, row.code) for row in bad] == [
        (3, "empty_text"),
        (4, "invalid_label"),
        (5, "repeated_id"),
    ]
    assert "did you mean 'budget'" in bad[1].message


def test_an_import_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row could be used; nothing was imported"):
        imported(csv(tmp_path, "id,text", "a,"), bad=[])


def test_annotators_of_a_long_table_are_kept_and_settled(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "id,text,annotator,tone",
        "a,Gates,ann,warm",
        "a,Gates,ben,warm",
        "a,Gates,cat,cold",
        "b,Tax,ann,warm",
        "b,Tax,ben,cold",
        "b,Tax,ben,cold",
    )
    bad: list[BadRow] = []
    made = imported(path, schemes=SCHEMES, bad=bad)
    assert [dict(article.labels) for article in made.articles] == [{"tone": ("warm",)}, {}]
    assert len(made.annotations) == 5
    assert [row.message for row in bad] == ["annotator 'ben' labelled it already"]


def test_files_of_an_archive_are_read_together(tmp_path: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.csv", "id,text\na,Gates\n")
        archive.writestr("readme.pdf", "no stories")
        archive.writestr("two.csv", "id,text\nb,\n")
    with pytest.raises(InputError, match=r"both.zip:two.csv, line 2"):
        imported(path)
    assert [article.id for article in imported(path, bad=[]).articles] == ["a"]


def test_a_tie_between_annotators_settles_nothing() -> None:
    tone = SCHEMES["tone"]
    said = [
        Annotation("a", who, {"tone": (label,)}) for who, label in (("A", "warm"), ("B", "cold"))
    ]
    assert majority(said, tone) is None
    assert majority([], tone) is None
    assert majority([Annotation("a", "A", {"tone": ()})], tone) == ()


def test_labels_that_look_alike_become_one_and_ids_that_clash_do_not() -> None:
    rows = [{"labels": {"beat": ["C++", "c"]}}, {"labels": {"beat": ["Tax", "tax", 3]}}]
    rows += [{"labels": {"beat": ["Tax", "tax"]}, "annotations": [{"labels": {"mood": ["Fine"]}}]}]
    made = inferred_schemes(rows, {})
    assert made["beat"].label_ids == ("c", "tax", "c_2")
    assert made["mood"].label_ids == ("fine",)
    assert matched(rows[0], made)["labels"] == {"beat": ["c", "c_2"]}
    assert inferred_schemes(rows, made) == {}


def test_provenance_is_the_caller_s(tmp_path: Path) -> None:
    source = open_source(str(csv(tmp_path, "text", "Gates")), ReadOptions(), {})
    info = CorpusInfo(name="n", version="2", licence="OGL-UK-3.0", provenance="p", schemes=())
    assert import_corpus(source, info, {}).info == info
