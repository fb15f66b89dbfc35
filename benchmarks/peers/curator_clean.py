"""NeMo Curator: its fastText language filter and its Gopher filters; zst in, Parquet out.

Its own stages, called one after another in this process: without the cost of Ray, which would only add to it.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from nemo_curator.stages.text.filters import ScoreFilter
from nemo_curator.stages.text.filters.fasttext import FastTextLangId
from nemo_curator.stages.text.filters.heuristic import (
    BulletsFilter,
    EllipsisFilter,
    MeanWordLengthFilter,
    SymbolsToWordsFilter,
    WordCountFilter,
    WordsWithoutAlphabetsFilter,
)
from nemo_curator.stages.text.filters.heuristic.repetition import (
    RepeatedLinesByCharFilter,
    RepeatedLinesFilter,
    RepeatedParagraphsByCharFilter,
    RepeatedParagraphsFilter,
    RepeatingDuplicateNGramsFilter,
    RepeatingTopNGramsFilter,
)
from nemo_curator.tasks import DocumentBatch

ROWS = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("folder", "out", "model", "settings"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    settings = json.loads(arguments.settings.read_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = 0
    for file in sorted(arguments.folder.glob("*.jsonl.zst")):
        language = file.name.partition(".")[0]
        stages = _stages(str(arguments.model), language, settings[language]["threshold"])
        frames = []
        for rows in pd.read_json(file, lines=True, compression="zstd", chunksize=ROWS):
            batch = DocumentBatch(dataset_name="bench", data=rows)
            for stage in stages:
                batch = stage.process(batch) if batch is not None else None
            if batch is not None:
                frames.append(batch.to_pandas())
        if frames:
            table = pd.concat(frames)
            table.to_parquet(arguments.out / f"{language}.parquet")
            kept += len(table)
    print(json.dumps({"kept": kept}))


def _stages(model: str, language: str, threshold: float) -> list[ScoreFilter]:
    # Its word splitter knows en, zh and ja; every other language is split at white space.
    lang = "zh" if language == "zh" else "en"
    filters = [
        FastTextLangId(model_path=model, min_langid_score=threshold, lang=language),
        WordCountFilter(min_words=50, max_words=100_000, lang=lang),
        MeanWordLengthFilter(min_mean_word_length=3, max_mean_word_length=10, lang=lang),
        SymbolsToWordsFilter(max_symbol_to_word_ratio=0.1, lang=lang),
        BulletsFilter(max_bullet_lines_ratio=0.9),
        EllipsisFilter(max_num_lines_ending_with_ellipsis_ratio=0.3),
        WordsWithoutAlphabetsFilter(min_words_with_alphabets=0.8, lang=lang),
        RepeatedLinesFilter(0.7),
        RepeatedParagraphsFilter(0.7),
        RepeatedLinesByCharFilter(0.8),
        RepeatedParagraphsByCharFilter(0.8),
        *(RepeatingTopNGramsFilter(n, limit, lang) for n, limit in ((2, 0.20), (3, 0.18), (4, 0.16))),
        *(
            RepeatingDuplicateNGramsFilter(n, limit, lang)
            for n, limit in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
        ),
    ]
    stages = [ScoreFilter(entry, text_field="text") for entry in filters]
    for stage in stages:
        stage.setup_on_node()
        stage.setup()
    return stages


if __name__ == "__main__":
    main()
