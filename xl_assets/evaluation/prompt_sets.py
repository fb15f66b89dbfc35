"""Prompt sets: from a file of instructions to the prompts of one language.

Three kinds: ``cross_lingual`` (an English instruction with a directive, to be answered in another language:
XL-AlpacaEval), ``same_language`` (asked and answered in one other language: m-AlpacaEval, m-ArenaHard) and
``english``. The files are read in `xl_assets.evaluation.prompts`.
"""

from collections.abc import Sequence

import polars as pl

from xl_assets.evaluation.prompts.exclusions import PromptFileError
from xl_assets.evaluation.prompts.reading import BASE, ENGLISH, KNOWN_NAMES, SAME_LANGUAGE, read_prompt_file
from xl_assets.evaluation.prompts.translating import translate_prompts, with_translations
from xl_assets.generation.directives import chosen_directive, with_directive
from xl_assets.identity import content_address
from xl_assets.tables import EvalPrompt, check_table

__all__ = [
    "BASE",
    "ENGLISH",
    "KNOWN_NAMES",
    "SAME_LANGUAGE",
    "PromptFileError",
    "build_eval_prompts",
    "cross_lingual_prompts",
    "english_prompts",
    "read_prompt_file",
    "same_language_prompts",
    "translate_prompts",
    "with_translations",
]


def build_eval_prompts(base_prompts: pl.DataFrame, language: str) -> pl.DataFrame:
    """The prompts of one language partition.

    Args:
        base_prompts: as `read_prompt_file` returns it; excluded rows are left out.
        language: code of the wanted answers. English gets the kind ``english``, any other language
            ``cross_lingual`` and ``same_language``.

    Returns:
        A checked table `EvalPrompt`.

    Raises:
        UnknownLanguage: for a code that the registry does not hold.
    """
    if language == ENGLISH:
        return english_prompts(base_prompts)
    parts = [cross_lingual_prompts(base_prompts, [language]), same_language_prompts(base_prompts, [language])]
    return check_table(pl.concat(parts), EvalPrompt)


def cross_lingual_prompts(base_prompts: pl.DataFrame, languages: Sequence[str]) -> pl.DataFrame:
    """Each English instruction once per language, with a directive chosen by a hash of instruction and language.

    Args:
        base_prompts: as `read_prompt_file` returns it; rows of the kind ``base`` are used.
        languages: codes of the wanted answers, without English.

    Returns:
        A checked table `EvalPrompt`; prompts made from one instruction share ``cluster_id``.
    """
    targets = pl.DataFrame({"language": list(languages)}, schema={"language": pl.String})
    rows = _of_kind(base_prompts, BASE).drop("language")
    crossed = targets.join(rows, how="cross", maintain_order="left_right")
    directed = crossed.with_columns(chosen_directive(languages, "instruction").alias("directive"))
    return _prompts(directed.with_columns(with_directive().alias("instruction")), "cross_lingual")


def same_language_prompts(base_prompts: pl.DataFrame, languages: Sequence[str]) -> pl.DataFrame:
    """The file's instructions that are written in one of the languages; a checked table `EvalPrompt`."""
    rows = _of_kind(base_prompts, SAME_LANGUAGE).filter(pl.col("language").is_in(list(languages)))
    return _prompts(rows, SAME_LANGUAGE)


def english_prompts(base_prompts: pl.DataFrame) -> pl.DataFrame:
    """The English instructions as they are, to be answered in English; a checked table `EvalPrompt`."""
    return _prompts(_of_kind(base_prompts, BASE), "english")


def _of_kind(base_prompts: pl.DataFrame, kind: str) -> pl.DataFrame:
    return base_prompts.filter((pl.col("kind") == kind) & pl.col("excluded").is_null())


def _prompts(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    address = content_address("prompt", "kind", "language", "source", "id", "instruction")
    named = rows.with_columns(pl.lit(kind).alias("kind")).with_columns(address.alias("prompt_id"))
    return check_table(named, EvalPrompt)
