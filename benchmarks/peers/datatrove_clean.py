"""datatrove: LanguageFilter, GopherQualityFilter, GopherRepetitionFilter; zst in, Parquet out, one process.

Its own steps, chained as its local executor chains them. ``--words default`` leaves its word tokenisers as they are,
where they need no download (spaCy and its kind); ``--words whitespace`` gives all filters ``str.split``.
"""

import argparse
import json
from pathlib import Path

CODES = {
    "en": "eng",
    "de": "deu",
    "pt": "por",
    "hu": "hun",
    "lt": "lit",
    "ga": "gle",
    "mt": "mlt",
    "hi": "hin",
    "fr": "fra",
    "fi": "fin",
    "tr": "tur",
}
#: Their default tokeniser is a Stanza model from the network; they get white space.
NEEDS_DOWNLOAD = {"mt", "hi"}


def main() -> None:
    arguments = parsed()
    _give_model(arguments.model)
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter, LanguageFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import ParquetWriter

    settings = json.loads(arguments.settings.read_text())
    for file in sorted(arguments.folder.glob("*.jsonl.zst")):
        language = file.name.partition(".")[0]
        code = _tokeniser(language, arguments.words)
        steps = [
            JsonlReader(str(arguments.folder), glob_pattern=file.name, compression="zstd"),
            LanguageFilter(language, language_threshold=settings[language]["threshold"]),
            GopherQualityFilter(stop_words=settings[language]["stop_words"], language=code),
            GopherRepetitionFilter(language=code),
            ParquetWriter(str(arguments.out / language)),
        ]
        documents = None
        for step in steps:
            documents = step.run(documents, 0, 1)
        for _ in documents:
            pass
    print(json.dumps({"kept": _kept(arguments.out)}))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--words", choices=["whitespace", "default"], default="whitespace")
    return parser.parse_args()


def _tokeniser(language: str, words: str) -> object:
    """What its filters take as `language`: a code with a tokeniser of its own, or a tokeniser."""
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Split(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            return text.splitlines()

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            raise NotImplementedError

    if words == "default" and language not in NEEDS_DOWNLOAD:
        return "cmn_Hani" if language == "zh" else f"{CODES[language]}_Latn"
    return Split()


def _give_model(model: Path) -> None:
    """Let its identifier load the given model instead of downloading lid.176.bin."""
    from datatrove.utils import lid

    lid.cached_asset_path_or_download = lambda *_, **__: str(model)


def _kept(out: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in out.rglob("*.parquet"))


if __name__ == "__main__":
    main()
