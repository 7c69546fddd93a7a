from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.corpus import Corpus
from newsclf.errors import ConfigError, did_you_mean
from newsclf.files import shipped_data
from newsclf.schemes import Label, LabelScheme, read_scheme, read_toml, write_scheme

line = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
identifier = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
topics = st.lists(st.from_regex(r"medtop:[0-9]{8}", fullmatch=True), max_size=3).map(tuple)


@st.composite
def schemes(draw: st.DrawFn) -> LabelScheme:
    kind = draw(st.sampled_from(["multi", "single"]))
    ids = draw(st.lists(identifier, min_size=2, max_size=5, unique=True))
    labels = tuple(
        Label(
            id=name,
            title=draw(line),
            definition=draw(line),
            excludes=draw(line),
            parent=draw(st.sampled_from([None, *ids[:position]])),
            iptc=draw(topics),
        )
        for position, name in enumerate(ids)
    )
    texts = {key: draw(line) for key in ("title", "version", "question")}
    return LabelScheme(name=draw(identifier), kind=kind, labels=labels, **texts)


def document(**changes: Any) -> dict[str, Any]:
    labels = [{"id": name, "title": name, "definition": "."} for name in ("warm", "cold")]
    scheme = {"name": "tone", "title": "Tone", "version": "1", "kind": "single", "question": "?"}
    return scheme | {"labels": labels} | changes


def write(path: Path, **changes: Any) -> Path:
    path.write_text(tomli_w.dumps(document(**changes)), encoding="utf-8")
    return path


@settings(max_examples=50)
@given(schemes())
def test_a_scheme_is_read_back_as_it_was_written(scheme: LabelScheme) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "below" / "scheme.toml"
        write_scheme(scheme, path)
        assert read_scheme(path) == scheme


def test_label_ids_keep_their_order(tone: LabelScheme) -> None:
    assert tone.label_ids == ("warm", "cold")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "both"}, r"kind: Input should be 'multi' or 'single'"),
        ({"name": "Tone"}, r"name: String should match pattern"),
        ({"version": 1}, r"version: Input should be a valid string"),
        ({"labels": []}, r"labels: Tuple should have at least 1 item"),
        ({"qestion": "?"}, r"unknown key 'qestion'; did you mean 'question'\?"),
        (
            {"labels": [{"id": "warm", "title": "Warm", "defintion": "."}]},
            r"(key 'labels\.0\.definition' is missing|did you mean 'definition')",
        ),
        (
            {"labels": [{"id": "warm", "title": "Warm", "definition": ".", "iptc": ["20000129"]}]},
            r"labels\.0\.iptc\.0: String should match pattern",
        ),
        (
            {"labels": [{"id": "warm", "title": "Warm", "definition": "."}] * 2},
            r"label 'warm' is listed twice",
        ),
        (
            {"labels": [{"id": "warm", "title": "Warm", "definition": "."}]},
            r"a single-label scheme needs two labels or more",
        ),
        (
            {"labels": [{"id": "warm", "title": "", "definition": "", "parent": "hot"}]},
            r"label 'warm' has the parent 'hot', (which is )?not listed above it",
        ),
    ],
)
def test_what_is_no_scheme_is_refused_with_its_file(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "scheme.toml", **changes)
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: .*{message}"):
        read_scheme(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scheme.toml"
    path.write_text('name = "tone"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"scheme\.toml: key 'title' is missing"):
        read_scheme(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*scheme\.toml: No such file"):
        read_scheme(tmp_path / "scheme.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'name = "tone"\nkind = single', r"line 2"), (b'name = "\xff"', r"utf-8")],
)
def test_what_is_not_toml_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "scheme.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"scheme\.toml is not valid TOML: .*{message}"):
        read_toml(path)


def test_labels_of_the_scheme_are_accepted(beat: LabelScheme, tone: LabelScheme) -> None:
    beat.check(())
    beat.check(("budget", "border"))
    tone.check(("cold",))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("cort",), r"unknown beat label 'cort'; did you mean 'court'\?"),
        (("zzz",), r"unknown beat label 'zzz'; allowed are border, budget, court"),
        (("court", "court"), r"a beat label is given twice"),
    ],
)
def test_other_labels_are_refused(beat: LabelScheme, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        beat.check(labels)


def test_two_labels_are_refused_where_one_is_due(tone: LabelScheme) -> None:
    with pytest.raises(ValueError, match=r"tone takes one label, 2 are given"):
        tone.check(("warm", "cold"))


@pytest.mark.parametrize("task", ["topic", "frame", "stance"])
def test_shipped_schemes_are_valid_and_every_label_is_defined(task: str) -> None:
    scheme = read_scheme(shipped_data() / "schemes" / f"{task}.toml")
    assert scheme.name == task
    assert [label.id for label in scheme.labels if not label.definition.strip()] == []
    assert [label.id for label in scheme.labels if not label.title.strip()] == []


def test_the_codebook_mentions_every_label(corpus: Corpus) -> None:
    codebook = (shipped_data() / "schemes" / "CODEBOOK.md").read_text(encoding="utf-8")
    ids = [label for scheme in corpus.schemes.values() for label in scheme.label_ids]
    assert [label for label in ids if not re.search(rf"\b{label}\b", codebook)] == []


@given(st.lists(identifier, min_size=1, max_size=5), identifier)
def test_a_suggestion_is_a_known_word_or_all_of_them(known: list[str], word: str) -> None:
    hint = did_you_mean(word, known)
    suggested = re.fullmatch(r"; did you mean '(\w+)'\?", hint)
    listed = f"; allowed are {', '.join(sorted(known))}"
    assert hint == listed if suggested is None else suggested[1] in known
