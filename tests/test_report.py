from __future__ import annotations

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from newsclf.evaluate import Predictions, TaskEvaluation, evaluate_predictions
from newsclf.records import LabelledArticle
from newsclf.report import write_report
from newsclf.schemes import LabelScheme

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "<script>console.error('ran')</script><img src='https://example.org/x' onerror=alert(1)>"


class Page(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def evaluation(scheme: LabelScheme, source: str = "A source") -> TaskEvaluation:
    rng = np.random.default_rng(1)
    names = scheme.label_ids
    codes = rng.integers(len(names), size=40)
    y = codes[:, None] == np.arange(len(names))
    p = np.clip(0.5 * y + 0.6 * rng.random(y.shape), 0, 1)
    articles = [
        LabelledArticle(
            id=f"a{row}",
            headline=HOSTILE,
            body="word " * row,
            source=source if row % 2 else "Other",
            labels={scheme.name: (names[code],)},
        )
        for row, code in enumerate(codes.tolist())
    ]
    multi = scheme.kind == "multi"
    assigned = p >= 0.5 if multi else p == p.max(axis=1, keepdims=True)
    thresholds = np.full(len(names), 0.5) if multi else None
    ids = tuple(article.id for article in articles)
    return evaluate_predictions(scheme, articles, Predictions(ids, p, assigned, thresholds))


@pytest.fixture(scope="module")
def page(beat: LabelScheme, tone: LabelScheme, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    found = {
        "beat": evaluation(beat, HOSTILE),
        "tone": evaluation(tone, "$\\frac$ \x00 \ud800 新聞"),
    }
    write_report(found, path, title=f"A model {HOSTILE}")
    return path


def test_texts_from_the_corpus_are_inert(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tags = Page(text).tags
    assert "script" not in {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text


def test_the_page_refers_to_nothing_outside_it(page: Path) -> None:
    for _, attributes in Page(page.read_text(encoding="utf-8")).tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")


def test_every_plot_is_a_drawing_with_an_accessible_name(page: Path) -> None:
    images = [a for tag, a in Page(page.read_text(encoding="utf-8")).tags if tag == "img"]
    assert len(images) == 4 + 3 + 4  # overviews of two tasks, and thresholds of three labels
    names = [image["alt"] for image in images]
    assert all(names)
    assert len(set(names)) == len(names)
    for image in images:
        _, _, encoded = (image["src"] or "").partition("base64,")
        drawing = ET.fromstring(base64.b64decode(encoded))  # noqa: S314 (drawn here)
        assert drawing.tag.endswith("svg")


def test_plots_say_in_words_what_they_show(beat: LabelScheme, page: Path) -> None:
    found = evaluation(beat)
    text = page.read_text(encoding="utf-8")
    error = f"expected calibration error {found.calibration.expected_error:.3f}"
    assert error in text
    for label, f1 in zip(beat.label_ids, found.by_label.f1, strict=True):
        assert re.search(
            rf"F1 of {label} against the threshold: at the chosen 0.50 .*{f1:.2f}", text
        )


def test_scores_stand_in_the_tables(beat: LabelScheme, page: Path) -> None:
    found = evaluation(beat, HOSTILE)
    text = page.read_text(encoding="utf-8")
    assert f'<td class="number">{found.micro.f1:.3f}</td>' in text
    assert f"{found.n_errors} articles with an error" in text


def test_the_same_evaluation_gives_the_same_page(tone: LabelScheme, tmp_path: Path) -> None:
    found = {"tone": evaluation(tone)}
    for name in ("a.html", "b.html"):
        write_report(found, tmp_path / name, title="Twice")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_articles_without_any_label_make_a_page(beat: LabelScheme, tmp_path: Path) -> None:
    found = evaluation(beat)
    articles = [LabelledArticle(f"a{row}", "h", "b", labels={"beat": ()}) for row in range(3)]
    none = replace(
        found.predictions,
        ids=("a0", "a1", "a2"),
        probabilities=np.zeros((3, 3)),
        assigned=np.zeros((3, 3), dtype=bool),
    )
    write_report(
        {"beat": evaluate_predictions(beat, articles, none)}, tmp_path / "r.html", title="None"
    )
    assert "too few for intervals" in (tmp_path / "r.html").read_text(encoding="utf-8")


def browse(path: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    return subprocess.run(
        [CHROMIUM, *options, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_shows_the_page_without_a_complaint(page: Path, tmp_path: Path) -> None:
    done = browse(page, tmp_path / "profile")
    assert '<h2 id="beat">Beat</h2>' in done.stdout
    assert complaints(done) == []  # a request that the policy forbids would be one
    outside = page.read_text(encoding="utf-8").replace(
        "</main>", "<img src='https://a.test/'></main>"
    )
    (tmp_path / "outside.html").write_text(outside, encoding="utf-8")
    assert "Content Security Policy" in complaints(browse(tmp_path / "outside.html", tmp_path))[0]
