"""The address of a call: whatever can change its answer changes it, and nothing else does."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.call_log import CallLog, Source
from xl_assets.generation.binding import ModelBinding, Transport
from xl_assets.generation.calls import ANSWER, Parser, Request, Sampling, complete_rows, plan_calls, wanted_calls

SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_tokens=64, stop=("END",), logprobs=2)
REQUEST = Request("question", [("system", pl.lit("Be brief.")), ("user", pl.col("passage"))], SAMPLING, ("row_id",))
ROWS = pl.DataFrame({"row_id": ["r1"], "passage": ["What is a hen?"]})
SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}}
SOURCE = Source("teacher", "m", "vllm_offline", "vllm 0", "run")


def call_id(request: Request = REQUEST, fingerprint: str = "model", rows: pl.DataFrame = ROWS, attempt: int = 0) -> str:
    return plan_calls(rows, request, fingerprint, attempt)["call_id"][0]


def answers_to(wanted: pl.DataFrame) -> pl.DataFrame:
    row = {"text": "4 ", "finish_reason": "stop", "prompt_tokens": 5, "completion_tokens": 2}
    return wanted.select("call_id").with_columns(
        pl.lit(row.get(name), dtype=dtype).alias(name) for name, dtype in ANSWER.items() if name != "call_id"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.71},
        {"top_p": 0.91},
        {"max_tokens": 65},
        {"stop": ("END", "STOP")},
        {"stop": ()},
        {"choice": ("A", "B")},
        {"json_schema": SCHEMA},
        {"logprobs": 3},
        {"logprobs": None},
    ],
    ids=str,
)
def test_every_sampling_value_is_in_the_address(changed):
    assert call_id(replace(REQUEST, sampling=replace(SAMPLING, **changed))) != call_id()


def test_a_schema_that_changes_inside_is_another_call():
    with_schema = replace(REQUEST, sampling=replace(SAMPLING, json_schema=SCHEMA))
    stricter = {**SCHEMA, "required": ["score"]}
    assert call_id(with_schema) != call_id(replace(REQUEST, sampling=replace(SAMPLING, json_schema=stricter)))


def test_a_schema_with_its_fields_in_another_order_is_another_call():
    # An engine writes the fields in the schema's order, so the answer differs.
    fields = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    schemas = [{"type": "object", "properties": dict(order)} for order in (fields.items(), reversed(fields.items()))]
    one, other = (call_id(replace(REQUEST, sampling=replace(SAMPLING, json_schema=schema))) for schema in schemas)
    assert one != other


@pytest.mark.parametrize(
    "messages",
    [
        [("system", pl.lit("Be long.")), ("user", pl.col("passage"))],
        [("user", pl.col("passage"))],
        [("system", pl.lit("Be brief.")), ("user", pl.col("passage") + " ")],
        [("user", pl.lit("Be brief.")), ("system", pl.col("passage"))],
    ],
    ids=["system prompt", "no system prompt", "prompt", "roles"],
)
def test_every_message_is_in_the_address(messages):
    assert call_id(replace(REQUEST, messages=messages)) != call_id()


def test_step_seed_attempt_and_model_are_in_the_address():
    ids = [
        call_id(),
        call_id(replace(REQUEST, step="answer")),
        call_id(replace(REQUEST, seed_parts=("row_id", pl.lit("1")))),
        call_id(fingerprint="another"),
        call_id(attempt=1),
    ]
    assert len(set(ids)) == len(ids)


def model_folder(folder: Path, weights: bytes = b"w", template: str = "{{ messages }}", tokenizer: str = "{}") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "chat_template.jinja").write_text(template)
    (folder / "tokenizer.json").write_text(tokenizer)
    return folder


def adapter_folder(folder: Path, weights: bytes) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"r": 8}')
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def test_weights_chat_template_tokenizer_adapter_and_precision_are_in_the_address(tmp_path):
    adapters = [str(adapter_folder(tmp_path / name, name.encode())) for name in ("one", "two")]
    models = {
        "same": model_folder(tmp_path / "same"),
        "weights": model_folder(tmp_path / "weights", weights=b"x"),
        "template": model_folder(tmp_path / "template", template="{{ messages[0] }}"),
        "tokenizer": model_folder(tmp_path / "tokenizer", tokenizer='{"a": 1}'),
    }
    bindings = [ModelBinding(role="teacher", model=str(folder)) for folder in models.values()]
    same = bindings[0]
    bindings += [same.model_copy(update={"adapter": adapter}) for adapter in adapters]
    bindings += [same.model_copy(update={"dtype": "float32"})]
    ids = [call_id(fingerprint=binding.fingerprint()) for binding in bindings]
    assert len(set(ids)) == len(ids)


def test_id_and_revision_of_hub_and_served_models_are_in_the_address():
    commit, other = "a" * 40, "b" * 40
    bindings = [
        ModelBinding(role="judge", model="org/model", revision=commit),
        ModelBinding(role="judge", model="org/model", revision=other),
        ModelBinding(role="judge", model="org/other", revision=commit),
        ModelBinding(role="judge", engine="openai_server", model="org/model", revision=commit),
        ModelBinding(role="judge", engine="openai_server", model="org/model", revision="2026-11-01"),
    ]
    ids = [call_id(fingerprint=binding.fingerprint()) for binding in bindings]
    assert len(set(ids)) == len(ids)


def test_how_calls_travel_is_not_in_the_address(tmp_path):
    folder = str(model_folder(tmp_path / "m"))
    plain = ModelBinding(role="teacher", model=folder)
    moved = ModelBinding(
        role="translator",
        model=folder,
        max_model_len=128,
        price_in=3.0,
        transport=Transport(batch_size=7, max_num_seqs=3, retries=0, threads=1, base_url="http://localhost:1/v1"),
    )
    assert plain.fingerprint() == moved.fingerprint()


def test_a_changed_file_is_noticed_although_hashes_are_remembered(tmp_path):
    folder = model_folder(tmp_path / "m")
    binding = ModelBinding(role="teacher", model=str(folder))
    before = binding.fingerprint()
    (folder / "chat_template.jinja").write_text("another")
    assert binding.fingerprint() != before


def test_only_the_parser_changed_means_all_hits(tmp_path):
    log, made = CallLog(str(tmp_path / "log")), []

    def answer(wanted: pl.DataFrame) -> pl.DataFrame:
        missing = log.missing(wanted)
        made.append(missing.height)
        if missing.height:
            log.append(missing, answers_to(missing), SOURCE, 1.0)
        return log.answers(wanted)

    rows = pl.DataFrame({"row_id": ["a", "b"], "passage": ["x", "y"]})
    first = complete_rows(rows, REQUEST, Parser({"score": pl.col("text")}), "model", answer)
    second = complete_rows(rows, REQUEST, Parser({"score": pl.col("text").str.strip_chars()}), "model", answer)
    assert (first["score"].to_list(), second["score"].to_list()) == (["4 ", "4 "], ["4", "4"])
    assert made == [2, 0]


@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=2, unique=True))
def test_different_conversations_never_share_an_address(contents):
    request = replace(REQUEST, messages=[("system", pl.col("a")), ("user", pl.col("b"))], seed_parts=(pl.lit("s"),))
    rows = pl.DataFrame(contents, schema={"a": pl.String, "b": pl.String}, orient="row")
    assert wanted_calls(plan_calls(rows, request, "model")).height == 2
