from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from newsclf import tune as tune_module
from newsclf.cli.tune import tune as tune_command
from newsclf.config import RunConfig, read_config
from newsclf.corpus import Corpus, write_corpus
from newsclf.crossval import HeldOut
from newsclf.errors import ConfigError
from newsclf.records import LabelledArticle
from newsclf.tune import Progress, Tuned, tune


def configured(**settings: object) -> RunConfig:
    stance = {"classifier": "linear", "space": {"min_df": {"low": 1, "high": 40}}}
    document = {
        "name": "desk",
        "corpus": "stories",
        "seed": 3,
        "tasks": {"stance": stance, "topic": {"classifier": "dummy"}},
        "promise": {"splits": ["valid"]},
        "tune": {"trials": 12, "folds": 3} | settings,
    }
    return RunConfig.model_validate(document)


class Laboratory:
    """Stands in for training: articles are tagged as rightly as a function of the options says."""

    def __init__(
        self, accuracy: Callable[[dict[str, Any]], float], *, chance: bool = False
    ) -> None:
        self.accuracy = accuracy
        self.chance = chance
        self.calls: list[tuple[dict[str, Any], frozenset[str], frozenset[str]]] = []
        self.interrupted_at: int | None = None

    def hold_out(
        self,
        config: RunConfig,
        corpus: Corpus,
        learned: Sequence[LabelledArticle],
        held_out: Sequence[LabelledArticle],
    ) -> dict[str, HeldOut]:
        if len(self.calls) == self.interrupted_at:
            self.interrupted_at = None
            raise KeyboardInterrupt
        [(task, how)] = config.tasks.items()
        sides = (frozenset(article.id for article in side) for side in (learned, held_out))
        self.calls.append((how.options, *sides))
        y = np.arange(len(held_out))[:, None] % 2 == np.arange(2)
        if self.chance:
            rng = np.random.default_rng([how.options.get("min_df", 0), len(self.calls)])
            wrong = rng.random(len(y)) < 0.5
        else:
            wrong = np.linspace(0, 1, len(y)) > self.accuracy(how.options)
        return {task: HeldOut(y, y ^ wrong[:, None])}


def peak_at_seven(options: dict[str, Any]) -> float:
    return 0.9 - abs(options.get("min_df", 2) - 7) / 50


@pytest.fixture
def laboratory(monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    made = Laboratory(peak_at_seven)
    monkeypatch.setattr(tune_module, "hold_out", made.hold_out)
    return made


def found(tuned: Tuned) -> dict[str, Any]:
    return tuned.tasks["stance"].best.options


def test_the_best_options_are_found_and_the_rest_stays(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    config = configured(trials=25)
    tuned = tune(config, tiny_corpus, tmp_path, outer=0)
    assert abs(found(tuned)["min_df"] - 7) <= 2
    assert tuned.config.tasks["topic"] == config.tasks["topic"]
    assert tuned.config.tasks["stance"] == tuned.tasks["stance"].best
    assert tuned.tasks["stance"].importances == {"min_df": 1.0}
    assert tuned.tasks["stance"].nested is None


def test_a_search_that_was_interrupted_ends_as_if_it_had_not_been(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    whole = tune(configured(), tiny_corpus, tmp_path / "whole", outer=0)
    trained = len(laboratory.calls)
    laboratory.calls.clear()
    laboratory.interrupted_at = trained // 2
    with pytest.raises(KeyboardInterrupt):
        tune(configured(), tiny_corpus, tmp_path / "broken", outer=0)
    assert tune(configured(), tiny_corpus, tmp_path / "broken", outer=0) == whole
    assert len(laboratory.calls) <= trained + 3


def test_more_trials_add_to_those_there_are(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    tune(configured(trials=4), tiny_corpus, tmp_path / "grown", outer=0)
    grown = tune(configured(trials=12), tiny_corpus, tmp_path / "grown", outer=0)
    assert grown == tune(configured(trials=12), tiny_corpus, tmp_path / "once", outer=0)


def test_trials_of_another_corpus_seed_or_space_are_not_taken(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    config = configured(trials=2)
    tune(config, tiny_corpus, tmp_path, outer=0)
    fewer = Corpus(tiny_corpus.info, tiny_corpus.schemes, tiny_corpus.articles[1:])
    others = [
        (config, fewer),
        (config.model_copy(update={"seed": 4}), tiny_corpus),
        (configured(trials=2, folds=4), tiny_corpus),
        (configured(trials=2, metric="micro_f1"), tiny_corpus),
    ]
    for other, corpus in others:
        before = len(laboratory.calls)
        tune(other, corpus, tmp_path, outer=0)
        assert len(laboratory.calls) - before == 2 * other.tune["folds"]
    before = len(laboratory.calls)
    tune(config, tiny_corpus, tmp_path, outer=0)
    assert len(laboratory.calls) == before


def test_trials_worse_than_the_median_are_given_up(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    tuned = tune(configured(trials=20), tiny_corpus, tmp_path, outer=0).tasks["stance"]
    assert tuned.trials == 20
    assert tuned.pruned >= 4
    assert len(laboratory.calls) == 3 * (20 - tuned.pruned) + tuned.pruned


def test_the_nested_score_does_not_believe_in_luck(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    laboratory.chance = True
    gaps = []
    for seed in range(3):
        config = configured(trials=10, folds=2).model_copy(update={"seed": seed})
        tuned = tune(config, tiny_corpus, tmp_path, outer=3).tasks["stance"]
        assert tuned.nested is not None
        gaps.append((tuned.score, tuned.nested))
    chosen, honest = np.mean(gaps, axis=0)
    assert chosen > 0.57
    assert abs(honest - 0.5) < 0.06


def test_outer_folds_and_the_test_split_are_never_learned_from(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    tuned = tune(configured(trials=2), tiny_corpus, tmp_path, outer=3).tasks["stance"]
    train = {article.id for article in tiny_corpus.split("train")}
    assert all(not learned & held for _, learned, held in laboratory.calls)
    assert all(learned | held <= train for _, learned, held in laboratory.calls)
    # the search of two trials on three folds, then for each outer fold the same and two scorings
    nested = [laboratory.calls[6 + 8 * fold : 14 + 8 * fold] for fold in range(3)]
    for calls in nested:
        *inner, chosen, standing = calls
        assert chosen[1:] == standing[1:]
        assert all(not (learned | held) & chosen[2] for _, learned, held in inner)
    assert set().union(*(calls[-1][2] for calls in nested)) == train
    assert tuned.untuned == pytest.approx(peak_at_seven({}), abs=0.06)


def test_progress_is_told_as_trials_end(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    told: list[Progress] = []
    tune(configured(trials=2), tiny_corpus, tmp_path, outer=2, on_trial=told.append)
    assert [progress.done for progress in told] == [1, 2] * 3
    assert told[-1].search == "stance, outer fold 2 of 2"
    assert told[1].best >= told[0].best


def test_no_trial_starts_once_time_is_up(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    tuned = tune(configured(timeout=1e-9), tiny_corpus, tmp_path, outer=0)
    assert tuned.tasks["stance"].trials == 1


def test_what_was_found_is_written_as_a_configuration_that_reads_back(
    laboratory: Laboratory, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    config = configured().model_copy(update={"corpus": tmp_path / "stories"})
    tuned = tune(config, tiny_corpus, tmp_path, outer=0)
    text = tuned.save(tmp_path / "runs" / "best.toml")
    assert 'corpus = "../stories"' in text
    again = read_config(tmp_path / "runs" / "best.toml")
    assert again.corpus.resolve() == tmp_path / "stories"
    assert again.tasks == tuned.config.tasks
    assert again.promise == config.promise


@pytest.mark.parametrize("outer", [1, -1])
def test_outer_folds_are_none_or_several(tiny_corpus: Corpus, tmp_path: Path, outer: int) -> None:
    with pytest.raises(ConfigError, match=f"{outer} outer folds were asked for; allowed are 0"):
        tune(configured(), tiny_corpus, tmp_path, outer=outer)


def test_an_error_of_a_classifier_ends_the_search(tiny_corpus: Corpus, tmp_path: Path) -> None:
    config = configured()
    space = {"ngrams": {"low": 3, "high": 4}}
    stance = config.tasks["stance"].model_copy(update={"space": space})
    with pytest.raises(ConfigError, match="ngrams must be 1 or 2"):
        tune(config.model_copy(update={"tasks": {"stance": stance}}), tiny_corpus, tmp_path)


def test_without_the_extra_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    monkeypatch.setattr("newsclf.extras.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'newsclf\[tune\]'"):
        tune(configured(), tiny_corpus, tmp_path)


def test_the_command_tunes_with_several_jobs_and_says_both_scores(
    monkeypatch: pytest.MonkeyPatch, tiny_corpus: Corpus, tmp_path: Path
) -> None:
    write_corpus(tiny_corpus, tmp_path / "stories")
    (tmp_path / "run.toml").write_text("""
name = "desk"
corpus = "stories"
promise = { splits = ["valid"] }
[tune]
trials = 3
folds = 2
[tasks.stance]
classifier = "linear"
options = { stemming = "never" }
[tasks.stance.space]
classifier = { choices = ["linear", "dummy"] }
min_df = { low = 1, high = 4 }
""")
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(tune_command)
    done = CliRunner().invoke(app, ["run.toml", "--jobs", "2", "--outer", "2"])
    assert done.exit_code == 0, done.output
    best = tmp_path / "experiments" / "runs" / "desk-tune" / "best.toml"
    assert read_config(best).tasks["stance"].classifier in {"linear", "dummy"}
    assert "3 trials" in done.output
    assert "on folds that tuning did not see" in done.output
    assert best.read_text() in done.output
