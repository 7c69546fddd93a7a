from __future__ import annotations

import io
import json
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from newsclf.corpus import Corpus
from newsclf.corpus.exchange import tools
from newsclf.corpus.exchange.argilla import ARGILLA
from newsclf.corpus.exchange.base import Format, Member, Predictions, ReadOptions, SourceRow
from newsclf.corpus.exchange.doccano import DOCCANO
from newsclf.corpus.exchange.labelstudio import LABELSTUDIO, companions, labelling_config
from newsclf.corpus.exchange.prodigy import PRODIGY
from newsclf.corpus.lines import BadRow
from newsclf.errors import InputError
from newsclf.records import Annotation, Article, LabelledArticle
from newsclf.schemes import Label, LabelScheme
from strategies import INFO, SCHEMES, corpora, scheme

TOOLS = [LABELSTUDIO, ARGILLA, DOCCANO, PRODIGY]
each_tool = pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)

STORY = LabelledArticle("7", "Gates reopen", "People came.")
PREDICTED: Predictions = {
    "7": {
        "id": "7",
        "model": "tiny@3",
        "decision": "auto",
        "tags": [
            {"task": "beat", "label": "border", "probability": 0.9, "decision": "auto"},
            {"task": "beat", "label": "court", "probability": 0.6, "decision": "review"},
            {"task": "tone", "label": "warm", "probability": 0.8, "decision": "auto"},
        ],
    }
}


def read(tool: Format, text: str, name: str = "export", **options: Any) -> list[SourceRow | BadRow]:
    member = Member(name, "", lambda: nullcontext(io.BytesIO(text.encode())))
    return list(tool.read(member, ReadOptions(**options)))


def values(tool: Format, text: str, name: str = "export", **options: Any) -> list[dict[str, Any]]:
    rows = read(tool, text, name, **options)
    assert all(isinstance(row, SourceRow) for row in rows), rows
    return [row.values for row in rows if isinstance(row, SourceRow)]


def written(tool: Format, corpus: Corpus, predictions: Predictions) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        tool.write(corpus, path, predictions)
        return path.read_text(encoding="utf-8")


def lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def as_lists(labels: Any) -> dict[str, list[str]]:
    return {task: list(given) for task, given in labels.items()}


def by_annotator(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    return {said["annotator"]: as_lists(said["labels"]) for said in rows}


@each_tool
@settings(max_examples=60)
@given(corpus=corpora)
def test_every_field_label_and_annotation_comes_back(tool: Format, corpus: Corpus) -> None:
    rows = {row["id"]: row for row in values(tool, written(tool, corpus, {}))}
    assert rows.keys() == {article.id for article in corpus.articles}
    for article in corpus.articles:
        row = rows[article.id]
        for key in [field.name for field in fields(Article)] + ["split"]:
            assert row.get(key) == getattr(article, key)
        assert row.get("labels", {}) == as_lists(article.labels)
        said = {a.annotator: as_lists(a.labels) for a in corpus.annotations if a.id == article.id}
        assert by_annotator(row["annotations"]) == said


@each_tool
def test_what_a_model_said_is_never_read_as_a_label(tool: Format) -> None:
    [row] = values(tool, written(tool, Corpus(INFO, SCHEMES, (STORY,)), PREDICTED))
    assert row["annotations"] == []
    assert "labels" not in row


@each_tool
def test_not_judged_and_judged_to_have_none_stay_apart(tool: Format) -> None:
    article = LabelledArticle("7", "Gates reopen", "", labels={"beat": ()})
    said = (Annotation("7", "anna", {"tone": ()}), Annotation("7", "ben", {}))
    [row] = values(tool, written(tool, Corpus(INFO, SCHEMES, (article,), said), {}))
    assert row["labels"] == {"beat": []}
    assert by_annotator(row["annotations"]) == {"anna": {"tone": []}, "ben": {}}


@pytest.mark.parametrize("tool", [LABELSTUDIO, ARGILLA], ids=lambda tool: tool.name)
@pytest.mark.parametrize("text", ["", "{}", "[1,", "3"])
def test_a_file_that_is_no_json_list_is_refused(tool: Format, text: str) -> None:
    with pytest.raises(InputError, match=r"export: (not valid JSON|expected a JSON list)"):
        read(tool, text)


def test_a_json_document_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "MAX_JSON_BYTES", 10)
    with pytest.raises(InputError, match="more than 10 bytes; export it in parts"):
        read(LABELSTUDIO, "[" + " " * 20 + "]")


def choices(task: str, *labels: str) -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {"id": "x", "from_name": task, "to_name": "text", "type": "choices", "value": value}


def test_label_studio_export_keeps_annotators_apart() -> None:
    export = [
        {
            "id": 12,
            "annotations": [
                {"id": 1, "completed_by": 3, "result": [choices("beat", "border", "court")]},
                {"id": 2, "completed_by": {"id": 4, "email": "b@example.org"}, "result": []},
                {"id": 3, "completed_by": 5, "was_cancelled": True, "result": []},
            ],
            "predictions": [{"model_version": "m", "result": [choices("beat", "budget")]}],
            "data": {"text": "People came.", "headline": "Gates reopen", "published": "2024-05-01"},
            "project": 1,
        }
    ]
    assert values(LABELSTUDIO, json.dumps(export)) == [
        {
            "id": 12,
            "headline": "Gates reopen",
            "body": "People came.",
            "published": "2024-05-01",
            "annotations": [
                {"annotator": "3", "labels": {"beat": ["border", "court"]}},
                {"annotator": "b@example.org", "labels": {"beat": []}},
            ],
        }
    ]


def test_label_studio_ground_truth_is_final() -> None:
    annotation = {"completed_by": 3, "ground_truth": True, "result": [choices("tone", "warm")]}
    export = [{"id": 12, "data": {"text": "People came."}, "annotations": [annotation]}]
    [row] = values(LABELSTUDIO, json.dumps(export))
    assert row["labels"] == {"tone": ["warm"]}
    assert by_annotator(row["annotations"]) == {"3": {"tone": ["warm"]}}


def test_label_studio_json_min_joins_the_annotations_of_a_task() -> None:
    about = {"text": "People came.", "id": 12, "lead_time": 4.2, "created_at": "2024"}
    export = [
        about | {"beat": {"choices": ["border", "court"]}, "tone": "warm", "annotator": 3},
        about | {"beat": "budget", "annotator": 4},
    ]
    [row] = values(LABELSTUDIO, json.dumps(export))
    assert (row["id"], row["body"]) == (12, "People came.")
    assert by_annotator(row["annotations"]) == {
        "3": {"beat": ["border", "court"], "tone": ["warm"]},
        "4": {"beat": ["budget"]},
    }


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, "a task must be an object"),
        ({"id": 1, "data": "text"}, "data must be an object"),
        ({"id": 1, "data": {}, "annotations": [3]}, "annotations must be a list of objects"),
        ({"data": {"text": "x"}}, "has no id"),
        (
            {"id": 1, "data": {}, "annotations": [{"result": [choices("a") | {"value": 3}]}]},
            "value must be an object",
        ),
    ],
)
def test_a_broken_label_studio_task_is_a_bad_row(entry: object, message: str) -> None:
    good = {"id": 2, "data": {"text": "People came."}, "annotations": []}
    bad, row = read(LABELSTUDIO, json.dumps([entry, good]))
    assert isinstance(bad, BadRow)
    assert bad.line == 1
    assert message in bad.message
    assert isinstance(row, SourceRow)


def test_label_studio_tasks_show_predictions_to_annotators() -> None:
    [task] = json.loads(written(LABELSTUDIO, Corpus(INFO, SCHEMES, (STORY,)), PREDICTED))
    [prediction] = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("tiny@3", 0.6)
    assert [item["value"]["choices"] for item in prediction["result"]] == [
        ["border", "court"],
        ["warm"],
    ]


def test_the_labelling_interface_asks_every_scheme_and_escapes_markup() -> None:
    hostile = '"><Script>alert(1)</Script>&'
    label = Label(id="warm", title=hostile, definition=hostile)
    tone = LabelScheme(
        name="tone",
        title="",
        version="1",
        kind="single",
        question=hostile,
        labels=(label, Label(id="cold", title="Cold", definition=".")),
    )
    written = labelling_config({"beat": SCHEMES["beat"], "tone": tone})
    root = ElementTree.fromstring(written)  # noqa: S314  our own XML
    assert {node.tag for node in root.iter()} == {"View", "Header", "Text", "Choices", "Choice"}
    asked = {node.get("name"): node.get("choice") for node in root.iter("Choices")}
    assert asked == {"beat": "multiple", "tone": "single"}
    warm = next(node for node in root.iter("Choice") if node.get("alias") == "warm")
    assert (warm.get("hint"), warm.get("value")) == (hostile, hostile)
    assert companions(Corpus(INFO, SCHEMES, (STORY,))) == {".xml": labelling_config(SCHEMES)}


def test_argilla_export_is_read_for_single_and_multi_label_questions() -> None:
    export = [
        {
            "id": "r1",
            "fields": {"headline": "Gates reopen", "text": "People came."},
            "metadata": {"country": "GB", "other": 3},
            "suggestions": {"beat": {"value": ["budget"], "score": None, "agent": "m"}},
            "responses": {
                "beat": [
                    {"value": ["border", "court"], "user_id": "u1"},
                    {"value": ["border"], "user_id": "u2"},
                    {"value": ["budget"], "user_id": "u3", "status": "discarded"},
                ],
                "tone": [{"value": "warm", "user_id": "u1"}],
            },
            "vectors": {},
            "_server_id": "s1",
        }
    ]
    [row] = values(ARGILLA, json.dumps(export))
    assert (row["headline"], row["body"], row["country"]) == ("Gates reopen", "People came.", "GB")
    assert "labels" not in row
    assert by_annotator(row["annotations"]) == {
        "u1": {"beat": ["border", "court"], "tone": ["warm"]},
        "u2": {"beat": ["border"]},
    }


def test_argilla_records_answer_as_their_questions_ask() -> None:
    said = (Annotation("7", "anna", {"beat": ("court",), "tone": ("cold",)}),)
    [record] = json.loads(written(ARGILLA, Corpus(INFO, SCHEMES, (STORY,), said), PREDICTED))
    assert record["responses"]["beat"][0]["value"] == ["court"]
    assert record["responses"]["tone"][0]["value"] == "cold"
    assert record["suggestions"] == {
        "beat": {"value": ["border", "court"], "score": [0.9, 0.6], "agent": "tiny@3"},
        "tone": {"value": "warm", "score": 0.8, "agent": "tiny@3"},
    }


def test_a_broken_argilla_record_is_a_bad_row() -> None:
    export = [3, {"id": "a", "fields": {}, "responses": {"beat": 3}}, {"fields": {}}]
    rows = read(ARGILLA, json.dumps([*export, {"id": "b", "fields": {"text": "x"}}]))
    assert [row.code for row in rows if isinstance(row, BadRow)] == [
        "wrong_type",
        "wrong_type",
        "missing_id",
    ]
    assert [row.line for row in rows] == [1, 2, 3, 4]


def test_doccano_labels_are_final_in_one_file() -> None:
    export = lines(
        {"id": 1, "text": "People came.", "label": ["border", "tone:warm"], "Comments": []},
        {"id": 2, "text": "Ruling", "labels": ["court"]},
        {"id": 3, "text": "Taxes", "label": []},
    )
    first, second, third = values(DOCCANO, export, task="beat")
    assert first["labels"] == {"beat": ["border"], "tone": ["warm"]}
    assert second["labels"] == {"beat": ["court"]}
    assert "labels" not in third


@pytest.mark.parametrize(
    ("name", "annotator"),
    [
        ("export.zip:admin.jsonl", "admin"),
        ("export.zip:all.jsonl", None),
        ("export.zip:unknown.jsonl", None),
        ("admin.jsonl", None),
    ],
)
def test_doccano_names_a_file_of_an_archive_after_its_annotator(
    name: str, annotator: str | None
) -> None:
    [row] = values(DOCCANO, lines({"id": 1, "text": "x", "label": ["court"]}), name)
    said = by_annotator(row["annotations"])
    assert said == ({annotator: {"topic": ["court"]}} if annotator else {})
    assert ("labels" in row) == (annotator is None)


@pytest.mark.parametrize("tool", [DOCCANO, PRODIGY], ids=lambda tool: tool.name)
def test_a_broken_line_is_a_bad_row_and_the_rest_is_read(tool: Format) -> None:
    good = {"id": 9, "_input_hash": 9, "text": "People came."}
    rows = read(tool, '{"id":\n[]\n{"text": "x"}\n\n' + lines(good))
    assert [(row.line, row.code) for row in rows if isinstance(row, BadRow)] == [
        (1, "invalid_json"),
        (2, "not_an_object"),
        (3, "missing_id"),
    ]
    assert [row.line for row in rows if isinstance(row, SourceRow)] == [5]


def test_prodigy_lines_of_one_story_are_one_row() -> None:
    story = {"text": "People came.", "_input_hash": 55, "options": [{"id": "beat:border"}]}
    export = lines(
        story | {"accept": ["beat:border"], "answer": "accept", "_session_id": "news-anna"},
        story | {"accept": [], "answer": "accept", "_annotator_id": "news-ben"},
        story | {"accept": [], "answer": "ignore", "_annotator_id": "news-cy"},
        story | {"accept": ["beat:border"], "answer": "reject", "_annotator_id": "news-di"},
        story | {"accept": ["beat:border"]},
    )
    [row] = values(PRODIGY, export)
    assert (row["id"], row["body"]) == (55, "People came.")
    assert "labels" not in row
    assert by_annotator(row["annotations"]) == {
        "news-anna": {"beat": ["border"]},
        "news-ben": {"beat": []},
    }


def test_prodigy_answers_to_single_labels_are_put_together() -> None:
    story = {"text": "People came.", "_input_hash": 55, "_annotator_id": "news-anna"}
    export = lines(
        story | {"label": "border", "answer": "accept"},
        story | {"label": "court", "answer": "reject"},
        story | {"label": "tone:warm", "answer": "reject"},
        story | {"label": "budget", "answer": "ignore"},
    )
    [row] = values(PRODIGY, export, task="beat")
    assert by_annotator(row["annotations"]) == {"news-anna": {"beat": ["border"], "tone": []}}


def test_a_prodigy_annotator_without_a_name_is_a_bad_row() -> None:
    line = {"text": "x", "_input_hash": 1, "label": "a", "answer": "accept", "_session_id": [3]}
    [bad] = read(PRODIGY, lines(line))
    assert isinstance(bad, BadRow)
    assert "_session_id must be a string" in bad.message


def test_prodigy_shows_predictions_selected_and_unanswered() -> None:
    [line] = written(PRODIGY, Corpus(INFO, SCHEMES, (STORY,)), PREDICTED).splitlines()
    task = json.loads(line)
    assert task["accept"] == ["beat:border", "beat:court", "tone:warm"]
    assert "answer" not in task
    assert [option["id"] for option in task["options"]][:2] == ["beat:border", "beat:court"]


def test_prodigy_offers_one_choice_where_the_only_scheme_takes_one() -> None:
    schemes = {"tone": scheme("tone", "single", "warm", "cold")}
    [line] = written(PRODIGY, Corpus(INFO, schemes, (STORY,)), {}).splitlines()
    assert json.loads(line)["config"] == {"choice_style": "single"}
