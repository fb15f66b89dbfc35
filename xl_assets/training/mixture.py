"""The training mixture of a release: which rows of which languages, and in which order.

Everything is decided by hashes of ids, so the order of the input changes nothing, and a mixture with a
smaller budget is a subset of one with a larger budget (as long as each language keeps its share).
"""

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from xl_assets.identity import content_address
from xl_assets.tables import SftRow, check_table

ENGLISH = "en"


class MixtureError(ValueError):
    """A mixture that cannot be made from the rows there are."""


class MixtureSettings(BaseModel):
    """Which rows are trained on.

    Attributes:
        seed: another seed takes and orders other rows.
        languages: languages to take; None takes every language there is.
        cap: at most so many rows of a language.
        caps: the same for single languages; wins over `cap`.
        budget: rows in all; None takes all that caps, weights and English share allow.
        weights: relative shares of the languages (1 where not named). Without a budget the mixture is the
            largest that has exactly these shares; without weights either, every row is taken.
        english_share: share of English rows in the whole, exact as far as whole rows allow, or None to
            treat English as any other language.
        parallel: take only pairs that every language has, and the same pairs in each language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    languages: tuple[str, ...] | None = None
    cap: int | None = Field(default=8000, ge=1)
    caps: Mapping[str, int] = Field(default_factory=dict)
    budget: int | None = Field(default=None, ge=1)
    weights: Mapping[str, float] = Field(default_factory=dict)
    english_share: float | None = Field(default=None, ge=0, le=1)
    parallel: bool = False


#: Mixtures of the literature, by name; SEEDS M1 to M3. A profile names one or writes its own.
PRESETS: Mapping[str, MixtureSettings] = MappingProxyType(
    {
        # XL-Instruct: 8,000 rows of each language.
        "xl_instruct": MixtureSettings(),
        # A pinch of multilinguality: 40 rows of each other language beside English.
        "pinch": MixtureSettings(cap=40, caps={ENGLISH: 8000}),
        # Few languages already matter: English and three more in equal parts.
        "polyglots": MixtureSettings(languages=(ENGLISH, "de", "zh", "hi"), budget=8000),
        # A fixed budget, spread over all languages, on different and on the same content.
        "downsampled": MixtureSettings(budget=8000),
        "downsampled_parallel": MixtureSettings(budget=8000, parallel=True),
        "half_english": MixtureSettings(english_share=0.5),
    }
)


def build_mixture(rows: pl.DataFrame, release: str, settings: MixtureSettings) -> pl.DataFrame:
    """Choose and order a release's training rows.

    Args:
        rows: `XLInstruct` rows of all the release's languages; those not kept are passed over.
        release: name of the release; takes part in the order.
        settings: caps, shares and seed.

    Returns:
        `SftRow`, in training order: each language is spread evenly over the whole, so that every stretch
        has about the mixture's shares; within a language the order is that of a hash.

    Raises:
        MixtureError: nothing to train on, or a language is named that has no rows.
    """
    ranked = _ranked(_eligible(rows, settings), release, settings)
    available = dict(ranked.group_by("language").len().iter_rows())
    wanted = allot(available, settings)
    if not sum(wanted.values()):
        raise MixtureError("the mixture takes no row: raise its budget or weights, or change english_share")
    chosen = ranked.filter(pl.col("_rank") < pl.col("language").replace_strict(wanted, return_dtype=pl.Int64))
    spread = (pl.col("_rank") + 0.5) / pl.len().over("language")
    ordered = chosen.sort(spread, "_hash").with_row_index("position")
    mixture = ordered.select(
        "row_id",
        pl.lit(release).alias("release"),
        "language",
        pl.col("position").cast(pl.Int64),
        pl.concat_list(_message("user", "instruction"), _message("assistant", "response")).alias("messages"),
    )
    return check_table(mixture, SftRow)


def mixture_counts(rows: pl.DataFrame, mixture: pl.DataFrame) -> pl.DataFrame:
    """Per language what was offered, taken and left out: `offered` = `taken` + `left_out`."""
    offered = rows.filter("kept").group_by("language").agg(pl.len().cast(pl.Int64).alias("offered"))
    taken = mixture.group_by("language").agg(pl.len().cast(pl.Int64).alias("taken"))
    counts = offered.join(taken, on="language", how="left").with_columns(pl.col("taken").fill_null(0))
    return counts.with_columns((pl.col("offered") - pl.col("taken")).alias("left_out")).sort("language")


def allot(available: Mapping[str, int], settings: MixtureSettings) -> dict[str, int]:
    """Rows to take of each language, given how many there are."""
    room = {code: min(n, settings.caps.get(code, settings.cap or n)) for code, n in sorted(available.items())}
    if settings.parallel:
        room = dict.fromkeys(room, min(room.values()))
    if settings.english_share is None:
        return _share_out(room, settings.budget, settings.weights)
    share, english = settings.english_share, room.pop(ENGLISH, 0)
    whole = min(
        float("inf") if settings.budget is None else settings.budget,
        english / share if share else float("inf"),
        sum(room.values()) / (1 - share) if share < 1 else float("inf"),
    )
    taken_english = round(whole * share)
    return {ENGLISH: taken_english, **_share_out(room, round(whole) - taken_english, settings.weights)}


def _share_out(room: Mapping[str, int], budget: int | None, weights: Mapping[str, float]) -> dict[str, int]:
    """Share a budget by weight; what a language cannot fill goes to the others."""
    weight = {code: weights.get(code, 1.0) for code in room}
    heavy = [code for code in room if weight[code] > 0]
    if budget is None and not weights:
        return dict(room)
    if budget is None:
        scale = min((room[code] / weight[code] for code in heavy), default=0.0)
        # The tiny summand keeps 3 / 0.3 * 0.3 from falling to 2.
        return {code: int(scale * weight[code] + 1e-9) for code in room}
    taken = dict.fromkeys(room, 0)
    left = min(budget, sum(room[code] for code in heavy))
    while left:
        open_codes = [code for code in heavy if taken[code] < room[code]]
        parts = _round_to(left, {code: weight[code] for code in open_codes})
        for code, part in parts.items():
            step = min(part, room[code] - taken[code])
            taken[code] += step
            left -= step
    return taken


def _round_to(total: int, weight: Mapping[str, float]) -> dict[str, int]:
    """Whole parts of a total in proportion to weights (largest remainder, ties by code)."""
    whole = sum(weight.values())
    exact = {code: total * w / whole for code, w in weight.items()}
    parts = {code: int(value) for code, value in exact.items()}
    by_remainder = sorted(parts, key=lambda code: (parts[code] - exact[code], code))
    for code in by_remainder[: total - sum(parts.values())]:
        parts[code] += 1
    return parts


def _eligible(rows: pl.DataFrame, settings: MixtureSettings) -> pl.DataFrame:
    kept = rows.filter("kept")
    present = set(kept["language"].unique())
    named = set(settings.languages or ()) | set(settings.caps) | set(settings.weights)
    if settings.english_share:
        named |= {ENGLISH}
    if missing := named - present:
        raise MixtureError(
            f"the mixture names {sorted(missing)}, of which there are no kept rows (there are: {sorted(present)}); "
            "materialise xl_instruct for them or take them out of the mixture's settings"
        )
    if settings.languages is not None:
        kept = kept.filter(pl.col("language").is_in(settings.languages))
    if settings.parallel:
        languages = kept["language"].n_unique()
        kept = kept.filter(pl.col("language").n_unique().over("pair_id") == languages)
    if kept.is_empty():
        why = "no pair is kept in every language" if settings.parallel else "no row is kept in any language"
        raise MixtureError(f"nothing to train on: {why}; look at the funnel of xl_instruct for the reasons")
    return kept


def _ranked(kept: pl.DataFrame, release: str, settings: MixtureSettings) -> pl.DataFrame:
    """Add `_hash`, by which rows are taken, and `_rank`, a row's place by it within its language."""
    parts = (pl.lit(str(settings.seed)), pl.lit(release))
    by = content_address("mixture", *parts, "pair_id") if settings.parallel else pl.lit("")
    return (
        kept.with_columns(by.alias("_pair"), content_address("mixture", *parts, "row_id").alias("_hash"))
        .sort("language", "_pair", "_hash")
        .with_columns((pl.col("_pair").cum_count().over("language").cast(pl.Int64) - 1).alias("_rank"))
    )


def _message(role: str, column: str) -> pl.Expr:
    return pl.struct(pl.lit(role).alias("role"), pl.col(column).alias("content"))
