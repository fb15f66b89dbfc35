"""`xl corpus`: any corpus cleaned or identified, without Dagster and without a lake."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xl_assets.commands.corpus_shown import counts_table, err, funnel_table, out, progress, warn
from xl_assets.corpus.starting import short_end, short_start
from xl_assets.corpus.workers import processes

if TYPE_CHECKING:
    from resources.language_identifier import LanguageIdentifier
    from xl_assets.corpus.options import ReadOptions
    from xl_assets.profile import Profile

corpus_app = typer.Typer(
    help="Any corpus cleaned or identified, without Dagster and without a lake.", no_args_is_help=True
)

#: This process reads and judges in turn with the workers: one thread each is all the cores there are. Libraries
#: read these when they are imported, so the commands import everything late.
_THREADS = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")

#: Errors of the system that say that there is no room, whatever file they name.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs (quoted) or URLs: hf://, s3://, gs://.", metavar="INPUT...")
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Code of the language that all documents are declared to be in. Without it each record's own language "
        "column counts, and where there is none, the language that is identified.",
    ),
]
ColumnOption = Annotated[str | None, typer.Option(help="Name of the column with the text, if not `text`.")]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="Whose columns the corpus has: c4, culturax, fineweb, fineweb2, hplt1, hplt2, hplt3, oscar, oscar_hub or "
        "wikipedia."
    ),
]
SampleOption = Annotated[
    float | None,
    typer.Option(help="Share of the documents, chosen by a hash of their id: a larger share holds the smaller one."),
]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes, this one included; default one a core. Changes no result.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]


@corpus_app.command()
def clean(
    inputs: Inputs,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for the result; must be empty or absent.")],
    language: LanguageOption = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", "-p", help="Profile whose identification, filters, quality and languages count; default: ours."
        ),
    ] = None,
    workers: WorkersOption = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(help="Rule set, e.g. gopher_quality; repeat the option. Instead of the profile's sets."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule's threshold for all languages, stronger than the profile's and the registry's; repeat it.",
            metavar="RULE=VALUE",
        ),
    ] = None,
    quality_model: Annotated[
        list[str] | None,
        typer.Option(
            help="fastText classifier that scores a language's documents, as the asset quality_model makes it; "
            "repeat it.",
            metavar="CODE=PATH",
        ),
    ] = None,
    quality_share: Annotated[
        float | None,
        typer.Option(
            help="Share of each language's scored documents to keep, the best ones. Instead of the profile's."
        ),
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option(help="File of evaluation prompts; documents that hold one are rejected. Repeat it."),
    ] = None,
    layout: LayoutOption = None,
    text_column: ColumnOption = None,
    sample: SampleOption = None,
    duplicates: Annotated[bool, typer.Option("--duplicates/--no-duplicates", help="Look for duplicates.")] = True,
    across_languages: Annotated[
        bool, typer.Option("--across-languages", help="Look for duplicates among all languages together.")
    ] = False,
    redact: Annotated[bool | None, typer.Option("--redact/--no-redact", help="Replace personal data.")] = None,
    refine: Annotated[
        bool | None, typer.Option("--refine/--no-refine", help="Mend mojibake and remove lines of page furniture.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Remove what another configuration left in the folder.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read, identify, filter and deduplicate a corpus of any size; show what was kept and why the rest was not.

    Writes `documents/*.parquet` (what is kept), `decisions.parquet` (one row for each record that was read, with
    all reasons) and `quarantine.parquet` (lines that are no document) into the folder.

    Interrupted? Give the same command again: finished batches are kept.

    Examples: ours; a tenth of FineWeb2 with its rules instead of ours; the better half by a quality model:

        xl corpus clean "crawl/*.jsonl.zst" --language sv --out clean/sv
        xl corpus clean swe.parquet --layout fineweb2 --rules fineweb2 --sample 0.1 --out clean/tenth
        xl corpus clean de.jsonl --language de --quality-model de=de.bin --quality-share 0.5 --out clean/de
    """
    short_end()
    count, chosen = _one_thread_each(workers), _profile(profile)
    # They import what they need while this process does.
    with processes(count, "xl_assets.corpus.cleaning", own_cores=True) as started:
        with short_start():
            from xl_assets.commands.corpus_settings import Asked, models_for, settings_for, unscored
            from xl_assets.corpus.cleaning import clean as clean_corpus
            from xl_assets.corpus.options import CleanOptions

        asked = Asked(
            rules or (),
            threshold or (),
            quality_model or (),
            quality_share,
            prompts or (),
            across_languages,
            redact,
            refine,
        )
        identification, filters = settings_for(chosen, asked)
        models = models_for(chosen, asked, filters, language)
        if told := unscored(filters, models):
            err.print(told, style="yellow", markup=False, highlight=False, soft_wrap=True)
        options = CleanOptions(
            reading_options(language, layout, text_column, sample), identification, filters, duplicates, count, fresh
        )
        with _writing(folder), progress() as watch:
            funnel = clean_corpus(inputs, folder, options, _identifier(chosen, None, 5), watch, models, started)
    if as_json:
        print(json.dumps({"out": str(folder), **funnel.as_dict()}, indent=1, ensure_ascii=False))
    else:
        out.print(funnel_table(funnel))
        warn(funnel)
        err.print(f"Kept: {folder}/documents   Every record's reasons: {folder}/decisions.parquet", markup=False)
    rest = f"All that could be read is in {folder}; fetch the file again and clean it with --fresh"
    refuse_broken(funnel.broken, rest)


@corpus_app.command()
def identify(
    inputs: Inputs,
    file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to: .parquet or .jsonl; default: only the counts.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="fastText model by name or path; default lid.176.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Languages for each document, best first.")] = 1,
    layout: LayoutOption = None,
    text_column: ColumnOption = None,
    sample: SampleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Identify the language of every document of a corpus; show how many there are of each.

    Example, with each document's three best languages:

        xl corpus identify crawl/ --top 3 --out languages.parquet
    """
    short_end()
    _one_thread_each(1)
    with short_start():
        from xl_assets.corpus.identifying import identify as identify_corpus
        from xl_assets.corpus.options import IdentifyOptions

    options = IdentifyOptions(reading_options(None, layout, text_column, sample), top)
    with _writing(file), progress() as watch:
        counts, broken = identify_corpus(inputs, file, options, _identifier(None, model, top), watch)
    if as_json:
        print(json.dumps(counts.rows(named=True), indent=1, ensure_ascii=False))
    else:
        out.print(counts_table(counts.rows()))
    refuse_broken(broken, "All that came before the break is identified; fetch the file again for the whole")


@contextmanager
def _writing(place: Path | None) -> Iterator[None]:
    """Say of a place that can't be written to what to do; other faults of the system stay what they are."""
    from xl_assets.corpus.options import CorpusError

    try:
        yield
    except OSError as error:
        named = str(error.filename or "")
        if place is None or not (error.errno in _FULL or named.startswith(str(place))):
            raise
        raise CorpusError(
            f"{place} can't be written to: {error.strerror}. Name a place that you may write to and that has room; "
            "what is finished there is kept"
        ) from error


def refuse_broken(broken: Mapping[str, str], rest: str) -> None:
    """Files that break off (file -> why) are an error, told when all else is done, with what became of the `rest`."""
    from xl_assets.corpus.options import CorpusError

    if broken:
        raise CorpusError(f"{', '.join(f'{file} is {reason}' for file, reason in broken.items())}. {rest}")


def _one_thread_each(workers: int | None) -> int:
    count = len(os.sched_getaffinity(0)) if workers is None else max(workers, 1)
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    # Arrow's own pool keeps what batches leave: 40 MB a process, for no time gained.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Polars' allocator gives back what a batch leaves only for the next one to ask for it again: two thirds of all
    # page faults and 4 % of the time, for 10 MB a process.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:60000,muzzy_decay_ms:60000,thp:always")
    return count


def _profile(name: str | None) -> "Profile | None":
    if name is None:
        return None
    from xl_assets.languages import REGISTRY_VARIABLE
    from xl_assets.profile import load_profile

    profile = load_profile(name)
    if profile.language_file:
        os.environ[REGISTRY_VARIABLE] = profile.place(profile.language_file)
    return profile


def reading_options(
    language: str | None, layout: str | None, text_column: str | None, sample: float | None
) -> "ReadOptions":
    """How the options say that a corpus is read."""
    from xl_assets.corpus.options import ReadOptions

    return ReadOptions(language, {"text": text_column} if text_column else {}, layout, sample)


def _identifier(profile: "Profile | None", model: str | None, top: int) -> "LanguageIdentifier":
    from resources.language_identifier import LanguageIdentifier

    if profile is not None and profile.lid_model:
        model = profile.place(profile.lid_model)
    return LanguageIdentifier(model, top=top)
