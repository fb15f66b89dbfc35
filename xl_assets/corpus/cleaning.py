"""`clean`: any corpus through reading, identification, filters and the search for duplicates, in bounded memory.

Batches are read here, in order, and judged by workers, each into files of its own. What stays is then deduplicated
as a whole by its sketches, and a last pass writes the finished files; where nothing is compared, it begins while the
last batches are judged. A run that was killed goes on from the batches that are finished.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from xl_assets.corpus.configuration import configuration_of
from xl_assets.corpus.finishing import NOTHING, Found, compare_all, finish
from xl_assets.corpus.folder import DECISIONS, CorpusFolder
from xl_assets.corpus.funnel import Funnel, funnel_of
from xl_assets.corpus.handing_over import HandedOver
from xl_assets.corpus.judging import judge_batch
from xl_assets.corpus.models import ModelFiles
from xl_assets.corpus.options import CleanOptions, CorpusError, Identifier
from xl_assets.corpus.reading import Batch, read_corpus
from xl_assets.corpus.workers import Workers, processes
from xl_assets.filters.pipeline import FilterModels
from xl_assets.filters.rules import thresholds_of
from xl_assets.languages import registry
from xl_assets.native.unneeded import release_compiler

#: Told after each step of the work: what is done, records, bytes of text.
Watch = Callable[[str, int, int], None]


def clean(
    inputs: Sequence[str],
    out: str | Path,
    options: CleanOptions,
    identifier: Identifier,
    watch: Watch = lambda stage, records, size: None,
    models: ModelFiles | None = None,
    workers: Workers | None = None,
) -> Funnel:
    """Clean a corpus into a folder: ``documents/*.parquet``, ``decisions.parquet``, ``quarantine.parquet``.

    The same inputs and options give the same bytes, whatever the number of workers and the batch size, and also
    after a kill at any moment and another call.

    Args:
        inputs: files, folders, globs or URLs (see `seeds.readers`).
        out: the folder; must be empty, absent, or from an unfinished or finished run of the same configuration.
        options: thresholds, rules, workers.
        identifier: the language identification model.
        watch: is told of the progress.
        models: that score the documents, for the best share and the rules on perplexity.
        workers: processes that were started before; default: as many as the options say, started and ended here.

    Returns:
        The funnel; of a finished folder without doing anything again.

    Raises:
        CorpusError: the folder is of another configuration, or a worker died.
        SeedError: an input is missing or empty.
        UnknownLanguage, UnknownRule, UnknownRuleSet: as the names say.
        QualityError, PerplexityError: a model that is none.
    """
    files = models or ModelFiles()
    thresholds_of(next(iter(registry().values())), options.filters.thresholds, options.filters.sets)
    loaded = files.load()
    batches = read_corpus(inputs, options.reading)
    folder = CorpusFolder(Path(out))
    with folder.claimed(configuration_of(inputs, identifier, options, files), options.fresh):
        if not folder.finished:
            with nullcontext(workers) if workers else processes(options.workers) as started:
                started.prepare(_prepare, folder, identifier, options, loaded)
                count = _judge(batches, folder, started, watch)
                compares = options.duplicates or loaded.quality
                found = _compared(folder, options, started, watch) if compares else NOTHING
                judged = _judged(count, folder, started)
                finish(folder, judged, found, started, lambda records: watch("write", records, 0))
                _prepared.clear()
        folder.close()
    return funnel_of(folder.path / DECISIONS)


def _judge(batches: Iterator[Batch], folder: CorpusFolder, workers: Workers, watch: Watch) -> int:
    """Judge all batches, but those that others are still at; returns how many there are."""
    done, count = folder.done(), 0
    for batch in batches:
        count += 1
        if batch.number in done:
            watch("skip", batch.documents.height + batch.quarantined.height, batch.size)
        else:
            workers.do(_judge_one, batch, send=folder.hand_over, then=lambda ended: watch("judge", *ended))
    workers.take_back()
    return count


def _judged(count: int, folder: CorpusFolder, workers: Workers) -> Iterator[int]:
    """The numbers of the batches, each as soon as it is judged; meanwhile this process does what waits."""
    for number in range(count):
        workers.finish(enough=partial(folder.holds, number))
        yield number


def _compared(folder: CorpusFolder, options: CleanOptions, workers: Workers, watch: Watch) -> Found:
    workers.finish()
    # Neither the model nor its cache is needed any more.
    _prepared.clear()
    watch("duplicates", 0, 0)
    return compare_all(folder, options)


#: What every task of this process works with.
_prepared: list[tuple[CorpusFolder, Identifier, CleanOptions, FilterModels]] = []


def _prepare(folder: CorpusFolder, identifier: Identifier, options: CleanOptions, models: FilterModels) -> None:
    _prepared[:] = [(folder, identifier, options, models)]


def _judge_one(given: Batch | HandedOver) -> tuple[int, int]:
    """Judge a batch and write its files; returns its records and bytes."""
    folder, identifier, options, models = _prepared[0]
    batch = given.take() if isinstance(given, HandedOver) else given
    judged = judge_batch(batch.documents, batch.quarantined, identifier, options, models)
    if judged.decisions.height != batch.documents.height + batch.quarantined.height:
        raise CorpusError(
            f"batch {batch.number}: {batch.documents.height + batch.quarantined.height} records came in and "
            f"{judged.decisions.height} decisions came out; please report this"
        )
    folder.store(batch.number, judged, batch.quarantined)
    release_compiler()
    return judged.decisions.height, batch.size
