"""dolma: its fastText tagger for all languages and its gopher_v2 tagger; zst in, attribute files out.

Tagging alone: the mixer that would drop documents by those attributes, and writing Parquet, would only add to it.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

from dolma import add_tagger
from dolma.core.runtime import create_and_run_tagger
from dolma.taggers.language import FastTextAllLanguagesDocumentTagger

LANGUAGE = "lid"


@add_tagger(LANGUAGE)
class GivenModelTagger(FastTextAllLanguagesDocumentTagger):
    """Its tagger for all languages, with the model that all tools get."""

    MODEL_PATH = os.environ.get("PEER_MODEL", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("folder", "out", "model", "settings"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    settings = json.loads(arguments.settings.read_text())
    documents = arguments.out / "documents"
    documents.mkdir(parents=True)
    for file in sorted(arguments.folder.glob("*.jsonl.zst")):
        shutil.copy(file, documents / file.name)
    create_and_run_tagger(
        documents=[str(documents / "*.jsonl.zst")],
        destination=[str(arguments.out / "attributes")],
        taggers=[LANGUAGE, "gopher_v2"],
        experiment="bench",
        num_processes=1,
        ignore_existing=True,
    )
    print(json.dumps({"tagged": len(list((arguments.out / "attributes").rglob("*.zst"))), "languages": len(settings)}))


if __name__ == "__main__":
    main()
