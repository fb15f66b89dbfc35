"""Seed corpora: read, identified, filtered and cut into passages; one partition a language."""

from collections.abc import Iterator

import dagster as dg

from xl_assets.partitions import LANGUAGES

GROUP = "seeds"
OWNERS = ["team:multilingual-post-training"]
Events = Iterator[dg.MaterializeResult | dg.AssetMaterialization]

corpus_files = dg.AssetSpec(
    "corpus_files",
    partitions_def=LANGUAGES,
    group_name="sources",
    kinds={"file"},
    description="The corpus files as the profile names them, outside the lake. Their hash is noted by what reads them.",
)
