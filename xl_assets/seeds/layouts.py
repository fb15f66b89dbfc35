"""The columns of published corpora, by name: what ``layout="fineweb2"`` stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xl_assets.seeds.sources import SeedError

#: Our columns -> the source's, where neither a layout nor the caller says otherwise.
FIELDS: Mapping[str, str] = {
    "text": "text",
    "source_id": "id",
    "url": "url",
    "source": "source",
    "license": "license",
    "language": "language",
}


@dataclass(frozen=True)
class Layout:
    """How a corpus calls what we want of it.

    A column is a top-level name or a dotted path: ``warc_headers.warc-target-uri`` is a field of an object,
    ``lang.0`` the first item of a list. Several columns joined by ``+`` are joined by an underline, so that
    ``language+language_script`` gives ``deu_Latn``. A column of that very name comes before a path.

    Attributes:
        columns: our column -> the corpus'.
        described: where the columns are published.
        note: what else to know.
    """

    columns: Mapping[str, str]
    described: str
    note: str = field(default="")


LAYOUTS: Mapping[str, Layout] = {
    "hplt1": Layout(
        {"source_id": "id", "url": "url", "source": "collection", "language": "document_lang"},
        "data card of HPLT/hplt_monolingual_v1_2 on the Hub; hplt-project.org/datasets/v1.2",
    ),
    "hplt2": Layout(
        {"source_id": "id", "url": "u", "source": "collection", "language": "lang.0"},
        "hplt-project/monotextor-slurm, README, 'Output format'; arXiv:2503.10267; HPLT/HPLT2.0_cleaned on the Hub",
        "`lang` holds the three most probable labels, best first. In the cleaned release `id` is a hash of WARC file, "
        "URL and time.",
    ),
    "hplt3": Layout(
        {"source_id": "id", "url": "u", "source": "crawl_id", "language": "lang.0"},
        "data card of HPLT/HPLT3.0 on the Hub; hplt-project.org/datasets/v3.0",
        "As hplt2, with `crawl_id` for the collection.",
    ),
    "oscar": Layout(
        {
            "text": "content",
            "source_id": "warc_headers.warc-record-id",
            "url": "warc_headers.warc-target-uri",
            "language": "metadata.identification.label",
        },
        "oscar-project.github.io/documentation, schema v2 (OSCAR 22.01, 23.01, Colossal OSCAR); the files themselves",
    ),
    "oscar_hub": Layout(
        {
            "source_id": "meta.warc_headers.warc-record-id",
            "url": "meta.warc_headers.warc-target-uri",
            "language": "meta.identification.label",
        },
        "features of the loading script of oscar-corpus/OSCAR-2201 on the Hub: id, text, meta",
        "`id` is a row number there, so the WARC record's id is taken.",
    ),
    "culturax": Layout(
        {"source": "source", "url": "url"},
        "arXiv:2309.09400; uonlp/CulturaX on the Hub: text, timestamp, url, source",
        "No ids and no language column: the folder says the language.",
    ),
    "fineweb": Layout(
        {"source": "dump"},
        "data card of HuggingFaceFW/fineweb on the Hub: text, id, dump, url, date, file_path, language, "
        "language_score, token_count",
    ),
    "fineweb2": Layout(
        {"source": "dump", "language": "language+language_script"},
        "data card of HuggingFaceFW/fineweb-2 on the Hub: text, id, dump, url, date, file_path, language, "
        "language_score, language_script, minhash_cluster_size, top_langs",
    ),
    "c4": Layout(
        {"url": "url"},
        "data card of allenai/c4 on the Hub, mC4 too: text, timestamp, url",
        "No ids and no language column: the file's name says the language.",
    ),
    "wikipedia": Layout(
        {"source": "title"},
        "data card of wikimedia/wikipedia on the Hub: id, url, title, text",
        "The article's title stands as its source. No language column: the folder says the language.",
    ),
}


def layout_columns(layout: str | None, columns: Mapping[str, str] | None) -> dict[str, str]:
    """All of our columns -> the source's: the caller's first, then the layout's, then ours.

    Raises:
        SeedError: no such layout, or a column that is none of ours.
    """
    if layout is not None and layout not in LAYOUTS:
        raise SeedError(f"no layout {layout!r}; shipped are {', '.join(LAYOUTS)}. Or map the columns yourself")
    if unknown := sorted(set(columns or {}) - set(FIELDS)):
        raise SeedError(f"columns: {unknown} are none of ours; map {', '.join(FIELDS)}")
    named = LAYOUTS[layout].columns if layout else {}
    return {**FIELDS, **named, **(columns or {})}


def parts_of(column: str) -> tuple[str, ...]:
    """The columns that one mapped column is joined from."""
    return tuple(column.split("+"))


def top_level(column: str) -> tuple[str, ...]:
    """The top-level names that a column may stand in: itself, and where it is a path, the path's first name."""
    return (column, column.partition(".")[0]) if "." in column else (column,)


def missing_column(location: str, ours: str, theirs: str, seen: object) -> SeedError:
    """The error that names a missing column, those that are there, and the remedy."""
    option = " or --text-column content" if ours == "text" else ""
    names = ", ".join(sorted(map(str, seen))) or "(none)"  # type: ignore[call-overload]
    return SeedError(
        f"{location}: no column {theirs!r} for {ours}; the columns are {names}. "
        f'Map one of them, e.g. columns = {{{ours} = "content"}}{option}, or name a layout'
    )
