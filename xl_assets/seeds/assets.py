"""Seed corpora: read, identified, filtered and cut into passages; one partition a language."""

from collections.abc import Iterator

import dagster as dg

from resources.configured import Workspace
from resources.lake import LANGUAGE, Partition
from xl_assets.declaring import code_version, language_asset
from xl_assets.filters.language_id import identify_documents
from xl_assets.filters.pipeline import filter_documents
from xl_assets.outcome import Outcome
from xl_assets.partitions import LANGUAGES
from xl_assets.profile import SeedSource
from xl_assets.seeds.passages import cut_passages
from xl_assets.seeds.readers import SeedBatch, collect_seeds
from xl_assets.step import Step
from xl_assets.tables import FilteredDocument, IdentifiedDocument, Passage, QuarantinedLine, SeedDocument

GROUP = "seeds"
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]

corpus_files = dg.AssetSpec(
    "corpus_files",
    partitions_def=LANGUAGES,
    group_name="sources",
    kinds={"file"},
    description="The corpus files as the profile names them, outside the lake. What reads them notes their hash.",
)


@language_asset(
    name="seed_documents",
    group=GROUP,
    kinds={"polars", "deltalake"},
    version=code_version("xl_assets.seeds", "xl_assets.languages"),
    deps=["corpus_files"],
)
def seed_documents(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """Documents as they stand in the corpus files.

    Lines that are no document go to the table quarantined_lines with file, line, byte offset and reason.
    """
    step = Step(context, workspace)
    outcomes = {}
    for language in step.keys:
        source = workspace.settings.seed_source(language)
        step.note_source("corpus_files", language)
        columns = source.columns | ({"language": source.language_column} if source.language_column else {})
        select = source.language_column is not None
        read = collect_seeds(source.path, language, columns=columns, select_language=select)
        partition = Partition(LANGUAGE, language)
        inputs = step.inputs_of(language)
        step.store("quarantined_lines", Outcome(read.quarantined), QuarantinedLine, partition, inputs)
        outcomes[language] = _reading(read, source)
    yield from step.write(outcomes, SeedDocument)


@language_asset(
    name="seed_documents_identified",
    group=GROUP,
    kinds={"fasttext", "polars"},
    version=code_version("xl_assets.filters", "xl_assets.seeds.normalise", "xl_assets.languages"),
    deps=["seed_documents"],
)
def seed_documents_identified(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """What fastText says of each document and its lines; documents of another language are rejected."""
    step = Step(context, workspace)
    identifier = step.language_identifier()
    settings = step.settings("identification")
    outcomes = {}
    for language in step.keys:
        documents = step.read_language("seed_documents", language).collect()
        frame = identify_documents(documents, identifier.predict, settings)
        outcomes[language] = Outcome(frame, documents.height)
    yield from step.write(outcomes, IdentifiedDocument)


@language_asset(
    name="seed_documents_filtered",
    group=GROUP,
    kinds={"polars"},
    version=code_version("xl_assets.filters", "xl_assets.seeds.normalise", "xl_assets.languages"),
    deps=["seed_documents_identified"],
)
def seed_documents_filtered(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """Quality rules, personal data and duplicates: each rejected document says why, each rule what it measured."""
    step = Step(context, workspace)
    settings = step.settings("filters")
    outcomes = {}
    for language in step.keys:
        documents = step.read_language("seed_documents_identified", language).collect()
        outcomes[language] = Outcome(filter_documents(documents, settings), documents.height)
    yield from step.write(outcomes, FilteredDocument)


@language_asset(
    name="seed_passages",
    group=GROUP,
    kinds={"polars"},
    version=code_version("xl_assets.seeds", "xl_assets.filters", "xl_assets.languages"),
    deps=["seed_documents_filtered"],
    checks=("contract", "not_empty"),
)
def seed_passages(context: dg.AssetExecutionContext, workspace: Workspace) -> Events:
    """Passages of the kept documents, sampled by a hash of their id up to the profile's cap."""
    step = Step(context, workspace)
    settings = step.settings("passages")
    outcomes = {
        language: Outcome(cut_passages(step.read_language("seed_documents_filtered", language).collect(), settings))
        for language in step.keys
    }
    yield from step.write(outcomes, Passage)


def _reading(read: SeedBatch, source: SeedSource) -> Outcome:
    """The documents, and what the reading came to: every line is a document, quarantined, or another language's."""
    reasons = dict(read.quarantined.group_by("reason").len().sort("reason").rows())
    rejected = {**reasons, **({"other_language": read.other_language} if read.other_language else {})}
    documents = read.documents
    for column in ("source", "license"):
        if value := getattr(source, column):
            documents = documents.with_columns(documents[column].fill_null(value))
    return Outcome(documents, read.lines, rejected_before=rejected)
