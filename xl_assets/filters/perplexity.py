"""How surprising a text is to a KenLM language model, as CCNet and CulturaX measure it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

#: Punctuation of other scripts and typography -> the ASCII that CCNet's models were trained on.
_ASCII = {
    **dict.fromkeys("„”“«»「」《》", '"'),
    **dict.fromkeys("´’", "'"),
    **dict.fromkeys("，、", ","),
    **dict.fromkeys("∶：", ":"),
    **dict.fromkeys("–━►", "-"),
    "。": ".", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";", "—": " - ", "．": ". ", "～": "~",
    "…": "...", "〈": "<", "〉": ">", "【": "[", "】": "]", "％": "%",
}  # fmt: skip

#: Words that mean something to KenLM; a text that holds them must not steer it.
_COMMANDS = {"<s>": "s", "</s>": "s", "<unk>": "unk"}

_MODELS: ContextVar[Mapping[str, "PerplexityModel"]] = ContextVar("perplexity_models", default={})  # noqa: B039


class PerplexityError(ValueError):
    """A language model can't be used; names the remedy."""


@dataclass
class PerplexityModel:
    """A KenLM model of one language.

    Attributes:
        path: ARPA or KenLM's binary file.
        sentencepiece: SentencePiece model of the tokens that it was trained on; None for words between spaces.
        strip_accents: whether letters lose their marks, as CCNet's models expect in every language.
    """

    path: str | Path
    sentencepiece: str | Path | None = None
    strip_accents: bool = True
    _loaded: Any = field(default=None, init=False, repr=False, compare=False)

    def score(self, texts: pl.Series) -> pl.Series:
        """Return each text's perplexity, Float64: ``10 ** -(sum of log10 p / sum of (words + 1))`` over its lines.

        Every line is scored as a sentence, its end counted as a word, as CCNet does
        (arXiv:1911.00359). Null where a text is null or has nothing to read.

        Raises:
            PerplexityError: a package or file is missing, or the file is no model.
        """
        language_model, pieces = self._load()
        lines = _lines(texts, self.strip_accents)
        if pieces is not None:
            # One call for all lines; a single thread, because the pipeline runs several processes.
            tokens = pieces.encode(lines["line"].to_list(), out_type=str, num_threads=1)
            lines = lines.with_columns(pl.Series("line", [" ".join(row) for row in tokens], dtype=pl.String))
        # KenLM's Python face takes one sentence a call, so this is the one loop over lines here.
        scores = [language_model.score(line, bos=True, eos=True) for line in lines["line"]]
        measured = (
            lines.with_columns(
                pl.Series("score", scores, dtype=pl.Float64),
                (pl.col("line").str.count_matches(r"\S+").cast(pl.Int64) + 1).alias("words"),
            )
            .group_by("row")
            .agg(pl.col("score").sum(), pl.col("words").sum())
            .select("row", (10 ** (-pl.col("score") / pl.col("words"))).alias("perplexity"))
        )
        rows = pl.DataFrame({"row": pl.int_range(len(texts), eager=True)})
        return rows.join(measured, on="row", how="left", maintain_order="left")["perplexity"]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes: tells two models apart whatever their names."""
        digest = sha256()
        for path in (self.path, self.sentencepiece):
            if path is not None:
                with Path(path).open("rb") as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
        return digest.hexdigest()

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            self._loaded = _open_kenlm(self.path), _open_sentencepiece(self.sentencepiece)
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loaded models out: another process loads its own."""
        return {**self.__dict__, "_loaded": None}


def score_perplexity(
    frame: pl.DataFrame, models: Mapping[str, PerplexityModel], text: str = "text", language: str = "language"
) -> pl.DataFrame:
    """Add Float64 ``perplexity``; null where the row's language has no model or the text nothing to read.

    Raises:
        PerplexityError: a model that can't be loaded.
    """
    rows = frame.select(pl.col(language).alias("language"), pl.col(text).alias("text")).with_row_index("row")
    wanted = rows.filter(pl.col("language").is_in(list(models)))
    scored = [
        part.select("row", models[code].score(part["text"]).alias("perplexity"))
        for (code,), part in wanted.partition_by("language", as_dict=True).items()
    ]
    empty = pl.DataFrame(schema={"row": rows.schema["row"], "perplexity": pl.Float64})
    found = rows.select("row").join(pl.concat([empty, *scored]), on="row", how="left", maintain_order="left")
    return frame.with_columns(found["perplexity"])


@contextmanager
def perplexity_models(models: Mapping[str, PerplexityModel]) -> Iterator[None]:
    """Within this, the rule ``perplexity`` measures the languages of these models; elsewhere it measures none."""
    token = _MODELS.set(models)
    try:
        yield
    finally:
        _MODELS.reset(token)


def model_of(language: str) -> PerplexityModel | None:
    """The model that `perplexity_models` gave for a language."""
    return _MODELS.get().get(language)


def _lines(texts: pl.Series, strip_accents: bool) -> pl.DataFrame:
    """Columns row and line: the lines with something in them, written as CCNet's models expect."""
    written = pl.col("line").str.to_lowercase()
    if strip_accents:
        written = written.str.normalize("NFD").str.replace_all(r"\p{Mn}", "")
    return (
        pl.DataFrame({"line": texts.cast(pl.String).str.split("\n")})
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .explode("line")
        .drop_nulls("line")
        .with_columns(
            written.str.replace_all(r"\p{Nd}", "0")
            .str.replace_many(list(_ASCII), list(_ASCII.values()))
            .str.replace_all(r"\p{Cc}", " ")
            .str.replace_many(list(_COMMANDS), list(_COMMANDS.values()))
            .str.replace_all(r"\s+", " ")
            .str.strip_chars()
        )
        .filter(pl.col("line") != "")
    )


def _open_kenlm(path: str | Path) -> Any:
    try:
        import kenlm
    except ImportError as error:
        raise PerplexityError("perplexity needs KenLM: pip install 'xl-assets[perplexity]'") from error
    if not Path(path).is_file():
        raise PerplexityError(f"no language model {path}; give the path of an ARPA or a KenLM binary file")
    quiet = kenlm.Config()
    quiet.show_progress, quiet.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise PerplexityError(f"{path} is no KenLM model ({error}); give an ARPA or a KenLM binary file") from error


def _open_sentencepiece(path: str | Path | None) -> Any:
    if path is None:
        return None
    try:
        import sentencepiece
    except ImportError as error:
        raise PerplexityError("the model's tokens need SentencePiece: pip install sentencepiece") from error
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise PerplexityError(f"{path} is no SentencePiece model ({error})") from error
