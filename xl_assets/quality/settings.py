"""How quality classifiers are trained, and what share of the documents they keep."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from xl_assets.identity import parameters_hash

#: The classes: what is like the positives, and what is like the negatives.
HIGH, LOW = "high", "low"

#: What a source can say that tells which documents belong together.
SPLITS = ("document_id", "source_id", "url")


class QualityError(ValueError):
    """A quality classifier can't be trained, found or used; names the remedy."""


@dataclass(frozen=True)
class QualityTrainingSettings:
    """A classifier's form and training.

    fastText over words and their n-grams, with two classes of equal size, is one of the classifiers that DCLM
    (arXiv:2406.11794) and FineWeb2-HQ (arXiv:2502.10361) score documents with.

    Attributes:
        dim: length of the hidden vector. Two classes need few.
        epochs: fewest passes over the training examples.
        least_steps: examples to learn from at least, repeats counted: a few examples get more passes.
        learning_rate: at the beginning; it falls to 0.
        word_ngrams: longest n-gram of words; 1 leaves word order out.
        min_count: a rarer word has no vector of its own.
        buckets: hash buckets that n-grams share; with `dim`, what decides the file's size: 4 * dim * buckets bytes.
        loss: ``softmax``, or ``ova`` for classes that are scored each by itself.
        quantize: whether the vectors are stored as a product quantisation, about a tenth of the size.
        most: most examples of a class, the ones with the smallest hash of their text.
        held_out: share of the examples that the metrics are measured on and that are never trained on.
        split_by: what is hashed to hold an example out: ``document_id``, or ``source_id`` or ``url`` so that
            the examples made of one document are on the same side.
        least: fewest examples of a class on either side; fewer are an error.
        seed: of initialisation and training.
    """

    dim: int = 32
    epochs: int = 5
    least_steps: int = 50_000
    learning_rate: float = 0.5
    word_ngrams: int = 2
    min_count: int = 2
    buckets: int = 200_000
    loss: Literal["softmax", "ova"] = "softmax"
    quantize: bool = False
    most: int = 200_000
    held_out: float = 0.1
    split_by: str = "document_id"
    least: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise QualityError(f"held_out is {self.held_out}; give a share between 0 and 1, e.g. 0.1")
        if self.split_by not in SPLITS:
            raise QualityError(f"split_by is {self.split_by!r}; give one of {', '.join(SPLITS)}")
        if self.loss not in ("softmax", "ova"):
            raise QualityError(f"loss is {self.loss!r}; give softmax or ova")

    def passes(self, examples: int) -> int:
        """Epochs over so many training examples."""
        return max(self.epochs, -(-self.least_steps // max(examples, 1)))

    def parameters(self, examples: int) -> dict[str, object]:
        """Arguments of ``fasttext.train_supervised`` for so many examples."""
        return {
            "dim": self.dim,
            "epoch": self.passes(examples),
            "lr": self.learning_rate,
            "wordNgrams": self.word_ngrams,
            "minCount": self.min_count,
            "bucket": self.buckets,
            "loss": self.loss,
            "seed": self.seed,
        }

    @property
    def hash(self) -> str:
        """Address of the settings."""
        return parameters_hash(asdict(self))


@dataclass(frozen=True)
class QualitySettings:
    """What is done with the scores.

    Attributes:
        share: share of each language's scored documents that is kept; 1 keeps all and only records the score.
            FineWeb2-HQ keeps the best tenth.
        shares: language -> share, stronger than `share`.
    """

    share: float = 1.0
    shares: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for share in (self.share, *self.shares.values()):
            check_share(share)

    def share_of(self, language: str) -> float:
        """The share that is kept of a language."""
        return self.shares.get(language, self.share)


def check_share(share: float) -> float:
    """Return the share.

    Raises:
        QualityError: it is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise QualityError(f"the share of documents to keep is {share}; give one above 0 and at most 1, e.g. 0.1")
    return share
