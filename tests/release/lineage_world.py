"""A small made-up lake: two documents become German and English training rows, every table as its contract wants it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from xl_assets import tables as contracts
from xl_assets.generation.calls import ANSWER, WANTED, Sampling
from xl_assets.identity import address_of
from xl_assets.tables import check_table, empty_table

RELEASE = "r1"
LANGUAGES = ("de", "en")
SAMPLES = 3
DOCUMENTS = ("Owls hunt at night.", "Bees dance to point [bold]out[/bold] flowers.")
LOGGED = {
    **WANTED,
    **{name: dtype for name, dtype in ANSWER.items() if name != "call_id"},
    **dict.fromkeys(("role", "model", "engine", "engine_version", "run_id"), pl.String),
    "answered_at": pl.Datetime("us", "UTC"),
}
KEPT = {"kept": True, "reasons": []}
LID = {"lid_language": "en", "lid_score": 0.98, "language_score": 0.98, "line_share": 1.0, "script_share": 1.0}


@dataclass
class World:
    """Tables by name, and the call log; `scans` counts how often each table was asked for."""

    frames: dict[str, pl.DataFrame]
    log: pl.DataFrame
    scans: Counter = field(default_factory=Counter)

    def tables(self, name: str) -> pl.LazyFrame | None:
        self.scans[name] += 1
        frame = self.frames.get(name)
        return None if frame is None else frame.lazy()

    def calls(self, ids) -> pl.DataFrame:
        self.scans["calls"] += 1
        return self.log.filter(pl.col("call_id").is_in(list(ids)))

    def without(self, table: str, **where: object) -> "World":
        """The same world after rows of one table were lost (all of them: the whole table)."""
        frame = self.frames[table]
        lost = pl.all_horizontal(pl.col(column) == value for column, value in where.items()) if where else pl.lit(True)
        left = {**self.frames, table: frame.filter(~lost)}
        return World(left if where else {k: v for k, v in left.items() if k != table}, self.log)


def call_row(step: str, subject: str, text: str, *, failure: str | None = None, minute: int = 0) -> dict:
    """One entry of the call log."""
    return {
        "call_id": call_of(step, subject),
        "step": step,
        "model_fingerprint": "f" * 32,
        "messages": [{"role": "user", "content": f"Do {step} for {subject[:8]}"}],
        "parameters": Sampling(temperature=0.7).parameters(),
        "seed": 11,
        "attempt": 0,
        "text": None if failure else text,
        "finish_reason": "stop",
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "logprobs": None,
        "failure": failure,
        "role": "teacher",
        "model": "owl-1b",
        "engine": "vllm_offline",
        "engine_version": "0.32.0",
        "run_id": "run-1",
        "answered_at": datetime(2026, 11, 21, 9, 0, tzinfo=UTC) + timedelta(minutes=minute),
    }


def call_of(step: str, subject: str) -> str:
    return address_of("call", step, subject)


def make_world() -> World:
    rows: dict[str, list[dict]] = {name: [] for name in TABLES}
    log: list[dict] = []
    for line, text in enumerate(DOCUMENTS, start=1):
        pair = _english(rows, log, line, text)
        for language in LANGUAGES:
            _rows_of(rows, log, pair, language)
    frames = {name: _frame(name, found) for name, found in rows.items()}
    return World(frames, pl.DataFrame(log, schema=LOGGED))


def _english(rows: Mapping[str, list[dict]], log: list[dict], line: int, text: str) -> dict:
    document = {
        "document_id": address_of("document", "en", text),
        "language": "en",
        "text": text,
        "source_id": f"doc-{line}",
        "url": f"https://example.org/{line}",
        "source": "owls" if line == 1 else "bees",
        "license": "CC0-1.0" if line == 1 else None,
        "file": "en.jsonl.zst",
        "line": line,
    }
    rows["seed_documents"].append(document)
    rows["seed_documents_identified"].append({**document, **KEPT, **LID, "lid_model": "lid.176"})
    metrics = [{"rule": "mean_word_length", "value": 4.2, "threshold": 10.0}]
    alone = {"redactions": 0, "metrics": metrics, "duplicate_of": None, "cluster_id": None, "cluster_size": None}
    rows["seed_documents_filtered"].append({**document, **KEPT, **alone})
    passage = {
        "passage_id": address_of("passage", document["document_id"], "0"),
        "document_id": document["document_id"],
        "language": "en",
        "text": text,
        "start": 0,
        "end": len(text),
    }
    rows["seed_passages"].append(passage)
    named = {"question_id": address_of("question", passage["passage_id"]), "passage_id": passage["passage_id"]}
    instruction = f"What is told of animal {line}?"
    question = {**named, "passage": text, "instruction": instruction}
    rows["questions"].append({**question, **KEPT, "call_id": _ask(log, "question", named["question_id"], instruction)})
    pair = {"pair_id": address_of("pair", named["question_id"]), **named, "instruction": instruction, "response": text}
    rows["refined_responses"].append({**pair, **KEPT, "call_id": _ask(log, "refine", pair["pair_id"], text)})
    scores = {"scores": [{"criterion": "precision", "score": 5}], "mean_score": 5.0}
    answer = json.dumps({"precision": 5})
    rows["scored_pairs"].append({**pair, **scores, **KEPT, "call_id": _ask(log, "score", pair["pair_id"], answer)})
    return pair


def _rows_of(rows: Mapping[str, list[dict]], log: list[dict], pair: dict, language: str) -> None:
    english = language == "en"
    candidates = [_candidate(rows, log, pair, language, sample) for sample in range(1 if english else SAMPLES)]
    best = candidates[0]
    row = {
        "row_id": address_of("row", "xl_instruct", best["candidate_id"]),
        "language": language,
        "recipe": "xl_instruct",
        "instruction": f"{pair['instruction']} Answer in {language}.",
        "directive": f"Answer in {language}.",
        "response": best["response"],
        "pair_id": pair["pair_id"],
        "candidate_id": best["candidate_id"],
    }
    rows["instruction_candidates"].append(row)
    rows["language_filtered"].append({**row, **KEPT, **LID, "lid_language": language, "lid_model": "lid.176"})
    rows["xl_instruct"].append({**row, **KEPT, "quality": 0.9, "contaminated_by": None, "cluster": 1})
    messages = [
        {"role": "user", "content": row["instruction"]},
        {"role": "assistant", "content": row["response"]},
    ]
    position = len(rows["sft_mixture"])
    trained = {"row_id": row["row_id"], "language": language, "position": position, "messages": messages}
    rows["sft_mixture"].append({**trained, "release": RELEASE})


def _candidate(rows: Mapping[str, list[dict]], log: list[dict], pair: dict, language: str, sample: int) -> dict:
    english, best = language == "en", sample == 0
    candidate = {
        "candidate_id": address_of("candidate", pair["pair_id"], language, str(sample)),
        "pair_id": pair["pair_id"],
        "language": language,
        "sample": sample,
        "instruction": pair["instruction"],
        "source_response": pair["response"],
        "response": pair["response"] if english else f"({language} {sample}) {pair['response']}",
    }
    name = candidate["candidate_id"]
    called = None if english else _ask(log, "translate", name, candidate["response"])
    # The last sample of a pair could not be used: it is in no selection, only among the candidates.
    usable = english or sample < SAMPLES - 1
    told = KEPT if usable else {"kept": False, "reasons": ["ran_into_length_limit"]}
    shown = candidate if usable else {**candidate, "response": None}
    rows["translation_candidates"].append({**shown, **told, "call_id": called})
    if usable:
        judged = None if english else _ask(log, "translation_quality", name, "4")
        estimate = {"estimator": "judge", "quality": 0.9 - sample / 10, "rank": sample + 1, "quality_call_id": judged}
        told = KEPT if best else {"kept": False, "reasons": ["lower_quality_than_chosen"]}
        rows["selected_translations"].append({**candidate, **estimate, **told})
    return candidate


def _ask(log: list[dict], step: str, subject: str, answer: str) -> str:
    log.append(call_row(step, subject, answer))
    return call_of(step, subject)


TABLES = {
    "seed_documents": contracts.SeedDocument,
    "seed_documents_identified": contracts.IdentifiedDocument,
    "seed_documents_filtered": contracts.FilteredDocument,
    "seed_passages": contracts.Passage,
    "questions": contracts.Question,
    "refined_responses": contracts.RefinedResponse,
    "scored_pairs": contracts.ScoredPair,
    "translation_candidates": contracts.TranslationCandidate,
    "selected_translations": contracts.SelectedTranslation,
    "instruction_candidates": contracts.InstructionCandidate,
    "language_filtered": contracts.LanguageFiltered,
    "xl_instruct": contracts.XLInstruct,
    "sft_mixture": contracts.SftRow,
}


def _frame(name: str, rows: list[dict]) -> pl.DataFrame:
    schema = TABLES[name]
    return check_table(pl.DataFrame(rows, schema=empty_table(schema).schema), schema)
