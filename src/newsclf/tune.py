"""Tuning: the options of a run that score best, and an honest estimate of what they are worth."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tomli_w
from joblib import Parallel, delayed

from newsclf.config import RunConfig, TaskConfig
from newsclf.corpus import Corpus
from newsclf.corpus.splits import draw_folds
from newsclf.crossval import HeldOut, Metric, hold_out, parted, training_part
from newsclf.errors import ConfigError
from newsclf.extras import require
from newsclf.files import atomic_file
from newsclf.space import Space, TuneSettings, read_settings, read_spaces

if TYPE_CHECKING:
    from optuna import Study

OUTER = 3
"""Folds of the outer cross-validation, which scores the tuning as a whole."""

_NEVER_PRUNED = 5


class Progress(NamedTuple):
    """A trial that has ended.

    Parameters
    ----------
    search : str
        The task, and for a search of the outer cross-validation its fold.
    done, trials : int
        Trials of this search that have ended, and that there will be at most.
    best : float
        The best score of the search so far.
    """

    search: str
    done: int
    trials: int
    best: float


@dataclass(frozen=True)
class TunedTask:
    """What was found for a task.

    Parameters
    ----------
    best : TaskConfig
        The configuration that scored best.
    score : float
        Its score on the folds it was chosen on, which flatters it.
    nested : float, optional
        Score of tuned configurations on outer folds that neither tuning nor training saw.
    untuned : float, optional
        Score of the configuration as it stands, on the same outer folds.
    trials, pruned : int
        Configurations tried; those given up before their last fold.
    importances : dict of str to float
        Share of the scores' variation that each option explains, the largest first.
    """

    best: TaskConfig
    score: float
    nested: float | None
    untuned: float | None
    trials: int
    pruned: int
    importances: dict[str, float]


@dataclass(frozen=True)
class Tuned:
    """A tuned run.

    Parameters
    ----------
    config : RunConfig
        The best configuration; it trains.
    metric : str
        What was made as high as it could be.
    tasks : dict of str to TunedTask
        By task that has a space.
    """

    config: RunConfig
    metric: Metric
    tasks: dict[str, TunedTask]

    def save(self, path: Path) -> str:
        """Write the best configuration as TOML, and return its text.

        Parameters
        ----------
        path : Path
            The file; its corpus is written relative to its folder.

        Raises
        ------
        OutputError
            When the file cannot be written.
        """
        document = self.config.model_dump(mode="json", exclude_none=True)
        document["corpus"] = Path(os.path.relpath(self.config.corpus, path.parent)).as_posix()
        text = tomli_w.dumps(document)
        with atomic_file(path) as file:
            file.write(text.encode())
        return text


def tune(
    config: RunConfig,
    corpus: Corpus,
    folder: Path,
    *,
    outer: int = OUTER,
    jobs: int = 1,
    on_trial: Callable[[Progress], None] = lambda _: None,
) -> Tuned:
    """Search the spaces that a configuration declares.

    Each task is searched alone, by a tree-structured Parzen estimator [1]_; after each fold, a
    trial that is worse than the median of the trials before it is given up. The best of many
    scores is too good to be true, so the search is run again within each fold of an outer
    cross-validation, and what it finds there is scored on the fold [2]_. Trials are kept in
    `folder` as they end: a search that was interrupted goes on where it was, and with one job
    gives what it would have given. Only the splits of ``train_on`` are read.

    Parameters
    ----------
    config : RunConfig
        With ``space`` tables, and ``[tune]``.
    corpus : Corpus
        The labelled articles.
    folder : Path
        Keeps the trials, those of other configurations and corpora apart.
    outer : int
        Outer folds; 0 leaves out the honest score, and takes a quarter of the time.
    jobs : int
        Trials that run at the same time. With more than one, which trials are made depends on
        which end first.
    on_trial : callable
        Takes a `Progress` as each trial ends.

    Raises
    ------
    ConfigError
        When a space or an option is not valid, there are too few articles for the folds, or the
        extra ``tune`` is not installed.

    References
    ----------
    .. [1] J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011.
    .. [2] G. C. Cawley and N. L. C. Talbot, "On Over-fitting in Model Selection and Subsequent
       Selection Bias in Performance Evaluation", JMLR 2010.
    """
    require("tune")
    settings, spaces = read_settings(config), read_spaces(config)
    if outer < 0 or outer == 1:
        raise ConfigError(f"{outer} outer folds were asked for; allowed are 0, and 2 or more")
    part = training_part(config, corpus)
    folder.mkdir(parents=True, exist_ok=True)
    search = _Search(config, settings, folder.resolve(), jobs, on_trial)
    tasks = {task: _tune_task(search, task, space, part, outer) for task, space in spaces.items()}
    best = {task: tasks[task].best if task in tasks else how for task, how in config.tasks.items()}
    return Tuned(config.model_copy(update={"tasks": best}), settings.metric, tasks)


def _tune_task(search: _Search, task: str, space: Space, corpus: Corpus, outer: int) -> TunedTask:
    from optuna.trial import TrialState

    study = search.run(task, space, corpus, task)
    nested, untuned = _outer_scores(search, task, space, corpus, outer) if outer else (None, None)
    return TunedTask(
        best=_best(study),
        score=study.best_value,
        nested=nested,
        untuned=untuned,
        trials=len(_ended(study)),
        pruned=len(study.get_trials(states=(TrialState.PRUNED,))),
        importances=_importances(study),
    )


def _outer_scores(
    search: _Search, task: str, space: Space, corpus: Corpus, outer: int
) -> tuple[float, float]:
    """Return the scores of tuned configurations and of the one that stands, on outer folds."""
    folds = draw_folds(corpus, outer, seed=search.config.seed)
    tuned: list[HeldOut] = []
    untuned: list[HeldOut] = []
    for fold in range(outer):
        learned, held_out = parted(corpus, folds, fold)
        inner = Corpus(corpus.info, corpus.schemes, learned)
        study = search.run(task, space, inner, f"{task}, outer fold {fold + 1} of {outer}")
        for how, parts in ((_best(study), tuned), (space.task, untuned)):
            config = _single(search.config, task, how)
            parts.append(hold_out(config, corpus, learned, held_out)[task])
    metric = search.settings.metric
    return HeldOut.pooled(tuned).score(metric), HeldOut.pooled(untuned).score(metric)


@dataclass(frozen=True)
class _Search:
    """What all searches of a call have in common."""

    config: RunConfig
    settings: TuneSettings
    folder: Path
    jobs: int
    on_trial: Callable[[Progress], None]

    def run(self, task: str, space: Space, corpus: Corpus, name: str) -> Study:
        """Make the trials that a search still lacks, and return all of them."""
        problem = _Problem(
            config=_single(self.config, task, space.task),
            space=space,
            corpus=corpus,
            folds=draw_folds(corpus, self.settings.folds, seed=self.config.seed),
            settings=self.settings,
            parallel=self.jobs > 1,
        )
        path = self.folder / f"{task}-{problem.fingerprint}.jsonl"
        study = _study(path)
        before = len(_ended(study))
        trials = Parallel(n_jobs=self.jobs, return_as="generator_unordered", pre_dispatch="n_jobs")(
            delayed(_make_trial)(problem, path, seed) for seed in self._seeds(before)
        )
        for done, _ in enumerate(trials, before + 1):
            self.on_trial(Progress(name, done, self.settings.trials, study.best_value))
        return study

    def _seeds(self, before: int) -> Iterator[int]:
        """Return a seed for each trial that is still to start, until time is up."""
        started = time.monotonic()
        for number in range(before, self.settings.trials):
            elapsed = time.monotonic() - started
            if self.settings.timeout and number and elapsed > self.settings.timeout:
                return
            yield (self.config.seed + number) % 2**32


@dataclass(frozen=True)
class _Problem:
    """What a trial needs."""

    config: RunConfig
    space: Space
    corpus: Corpus
    folds: Sequence[int]
    settings: TuneSettings
    parallel: bool

    @property
    def fingerprint(self) -> str:
        """The same for searches that may share trials."""
        space, settings = self.space.model_dump(mode="json"), self.settings
        asked = [space, self.config.seed, settings.folds, settings.metric, self.corpus.sha256]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    def scores(self, how: TaskConfig) -> Iterator[float]:
        """Return the score of a configuration after each fold, of all folds up to it."""
        [task] = self.config.tasks
        config = _single(self.config, task, how)
        parts: list[HeldOut] = []
        for fold in range(self.settings.folds):
            learned, held_out = parted(self.corpus, self.folds, fold)
            parts.append(hold_out(config, self.corpus, learned, held_out)[task])
            yield HeldOut.pooled(parts).score(self.settings.metric)


def _make_trial(problem: _Problem, path: Path, seed: int) -> None:
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    study = _study(path)
    study.sampler = TPESampler(seed=seed, constant_liar=problem.parallel)
    trial = study.ask()
    try:
        how = problem.space.suggest(trial)
        trial.set_user_attr("how", how.model_dump(mode="json"))
        score = 0.0
        for fold, score in enumerate(problem.scores(how)):
            trial.report(score, fold)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                return
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        raise
    study.tell(trial, score)


def _study(path: Path) -> Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_NEVER_PRUNED),
        study_name=path.stem,
        direction="maximize",
        load_if_exists=True,
    )


def _ended(study: Study) -> list[Any]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _best(study: Study) -> TaskConfig:
    return TaskConfig.model_validate(study.best_trial.user_attrs["how"])


def _importances(study: Study) -> dict[str, float]:
    """Return how much each option matters; nothing where all trials scored alike."""
    from optuna.importance import get_param_importances
    from optuna.trial import TrialState

    values = {trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    if len(values) < 2:
        return {}
    with warnings.catch_warnings():
        # few trials make importances rough, which their number beside them says already
        warnings.simplefilter("ignore", UserWarning)
        return dict(get_param_importances(study))


def _single(config: RunConfig, task: str, how: TaskConfig) -> RunConfig:
    return config.model_copy(update={"tasks": {task: how}})
