"""Small models that the `fasttext` library trains in the test, and the comparison with its answers."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from xl_assets.fasttext import FastTextScorer

#: Sentences of two kinds, with punctuation, capitals and other scripts.
SENTENCES = [
    ("__label__animal", "the dog sleeps in the garden while the cat climbs a tree"),
    ("__label__animal", "Der Hund schläft im Garten, die Katze klettert."),
    ("__label__place", "the house stands on a hill above the river"),
    ("__label__place", "Das Haus steht auf einem Hügel über dem Fluss."),
    ("__label__food", "she eats bread and apples every morning"),
    ("__label__food", "猫 每天 吃 苹果 和 面包"),
    ("__label__thing", "यह एक लंबा वाक्य है 🙂 with mixed words"),
]

#: fastText 0.9.3 initialises a tenth of the word vectors per thread, rounded down; the rest is what memory held.
#: So ten threads, and dimensions that are multiples of ten.
THREADS = 10


def trained(folder: Path, quantised: dict[str, Any] | None = None, **settings: Any) -> tuple[Path, Any]:
    """Train a model on `SENTENCES`; returns its file and the library's own model."""
    import fasttext

    examples = folder / "examples.txt"
    lines = [f"{label} {text}" for label, text in SENTENCES] * 40
    # More words than a quantised matrix has centroids.
    lines += [f"__label__thing w{number} w{number + 1} w{number * 7}" for number in range(300)]
    examples.write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = fasttext.train_supervised(
        str(examples), **{"dim": 10, "epoch": 3, "thread": THREADS, "verbose": 0, "bucket": 3000, "seed": 5, **settings}
    )
    path = folder / "model.bin"
    if quantised is not None:
        model.quantize(input=str(examples), thread=THREADS, **quantised)
        path = folder / "model.ftz"
    model.save_model(str(path))
    return path, fasttext.FastText._FastText(model_path=str(path))


def assert_same(scorer: FastTextScorer, stock: Any, texts: list[str], k: int) -> None:
    """Labels are the library's, but for those whose scores differ by less than 1e-4; scores within 1e-4."""
    found = scorer.score(pl.Series(texts, dtype=pl.String), k)
    labels, scores = stock.predict([text.replace("\n", " ") for text in texts], k=k)
    for text, ours, our_scores, theirs, their_scores in zip(
        texts, found["labels"].to_list(), found["scores"].to_list(), labels, scores, strict=True
    ):
        assert len(ours) == len(theirs), text
        np.testing.assert_allclose(our_scores, their_scores, atol=1e-4, err_msg=repr(text))
        # A label may stand elsewhere only among labels of the same score.
        for place, label in enumerate(ours):
            if label != theirs[place] and label in theirs:
                other = their_scores[list(theirs).index(label)]
                assert abs(other - their_scores[place]) < 1e-4, text
            elif label != theirs[place]:
                assert abs(our_scores[place] - their_scores[-1]) < 1e-4, text
