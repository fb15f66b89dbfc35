"""vLLM inside the worker, with a real model."""

import json
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from resources.call_log import CallLog
from resources.engines import EngineDied, EngineStartError, open_engine
from tests.engines.conftest import MAX_MODEL_LEN, plan
from xl_assets.generation.answering import AnsweringError, make_answer
from xl_assets.generation.calls import ANSWER, Sampling
from xl_assets.identity import content_hash

pytestmark = pytest.mark.engine

SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["score"],
    "additionalProperties": False,
}


def texts(count: int) -> list[str]:
    return [f"Question {i}: what does the hen with {i} eggs eat?" for i in range(count)]


@pytest.fixture(scope="module")
def engine(model_folder):
    """One engine for all tests here: starting it is what takes long."""
    from tests.engines.conftest import TRANSPORT
    from xl_assets.generation.binding import ModelBinding, Transport

    binding = ModelBinding(
        role="teacher",
        model=str(model_folder),
        dtype="float32",
        max_model_len=MAX_MODEL_LEN,
        transport=Transport(**TRANSPORT),
    )
    running = open_engine(binding)
    yield running
    running.close()


def complete(engine, calls: pl.DataFrame) -> pl.DataFrame:
    answers = pl.concat(list(engine.complete(calls)))
    assert sorted(answers["call_id"]) == sorted(calls["call_id"])
    return answers.sort("call_id")


def test_batches_come_while_later_calls_are_still_waiting(engine, offline):
    calls = plan(offline(), texts(80), Sampling(max_tokens=12))
    admitted: list[list[str]] = []
    batches, known = [], []
    for batch in engine.complete(calls, lambda ids: admitted.append(list(ids))):
        batches.append(batch)
        known.append(len({call for ids in admitted for call in ids}))
    assert [batch.height for batch in batches] == [16] * 5
    assert pl.concat(batches).schema == pl.Schema(ANSWER)
    assert known[0] < 80  # the first batch was there before the last call was even asked
    assert known[-1] == 80
    answers = pl.concat(batches)
    assert answers["failure"].null_count() == 80
    assert answers["prompt_tokens"].min() > 0
    assert answers["completion_tokens"].is_between(1, 12).all()


def test_a_sampled_answer_depends_on_its_seed_and_not_on_its_neighbours(engine, offline):
    calls = plan(offline(), texts(24), Sampling(temperature=1.0, max_tokens=16))
    together = complete(engine, calls)
    alone = pl.concat([complete(engine, call) for call in calls.head(4).iter_slices(1)]).sort("call_id")
    backwards = complete(engine, calls.reverse())
    assert backwards.equals(together)
    assert (
        together.join(alone, on="call_id", how="semi").select("call_id", "text").equals(alone.select("call_id", "text"))
    )
    reseeded = complete(engine, calls.with_columns(pl.col("seed") + 1))
    assert reseeded["text"].to_list() != together["text"].to_list()


def test_structured_answers_and_first_token_logprobs(engine, offline):
    choices = complete(engine, plan(offline(), texts(6), Sampling(choice=("A", "B"), logprobs=4, max_tokens=4)))
    assert set(choices["text"]) <= {"A", "B"}
    first = choices["logprobs"]
    assert first.list.len().to_list() == [4] * 6
    values = [entry["logprob"] for entry in first[0]]
    assert values == sorted(values, reverse=True)
    assert values[0] <= 0
    scores = complete(engine, plan(offline(), texts(4), Sampling(json_schema=SCHEMA, max_tokens=40, temperature=1.0)))
    finished = scores.filter(pl.col("finish_reason") == "stop")
    assert finished.height > 0
    assert all(1 <= json.loads(text)["score"] <= 5 for text in finished["text"])


def test_prompts_that_are_too_long_are_failures_and_spoil_nothing(engine, offline):
    long = "word " * 3 * MAX_MODEL_LEN
    answers = complete(engine, plan(offline(), [*texts(3), long], Sampling(max_tokens=4)))
    failures = answers["failure"].drop_nulls().to_list()
    assert len(failures) == 1
    assert failures[0].startswith("prompt_too_long")


def test_an_answer_cut_by_the_models_length_is_a_failure_not_an_answer(engine, offline):
    # max_model_len is not in a call's address, so what it cuts off must never be read as the call's answer.
    everlasting = Sampling(max_tokens=4 * MAX_MODEL_LEN, temperature=1.0, choice=("x" * 3000,))
    answer = complete(engine, plan(offline(), texts(1), everlasting))
    assert answer["failure"][0].startswith("context_full")
    assert answer["text"][0] is None


def test_an_impossible_schema_is_refused_for_its_call_alone(engine, offline):
    bad = plan(offline(), texts(1), Sampling(json_schema={"type": "nonsense"}, max_tokens=4), step="bad")
    good = plan(offline(), texts(2), Sampling(max_tokens=4), step="good")
    answers = complete(engine, pl.concat([bad, good]))
    assert answers["failure"].drop_nulls().str.starts_with("refused_request").to_list() == [True]
    assert answers["failure"].null_count() == 2


def test_an_engine_that_raises_names_the_calls_it_was_working_on(engine, offline, monkeypatch):
    calls = plan(offline(), texts(5), Sampling(max_tokens=4))

    def die():
        raise RuntimeError("CPU Generator does not use offset")

    with monkeypatch.context() as patched:
        patched.setattr(engine._engine, "step", die)
        with pytest.raises(EngineDied, match="does not use offset") as caught:
            list(engine.complete(calls))
    assert sorted(caught.value.in_flight) == sorted(calls["call_id"])
    assert complete(engine, calls)["failure"].null_count() == 5  # and none of them is left inside


def test_no_memory_for_the_kv_cache_names_the_remedy(offline):
    with pytest.raises(EngineStartError, match=r"(?s)Remedy: .*max_model_len.*kv_cache_gib"):
        open_engine(offline({"kv_cache_gib": 100_000}))


def worker_command(folder, binding, calls: pl.DataFrame, log: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    calls.write_parquet(folder / "wanted.parquet")
    (folder / "binding.json").write_text(binding.to_json())
    files = ["--wanted", folder / "wanted.parquet", "--binding", folder / "binding.json", "--log", log]
    return [sys.executable, "-m", "xl_assets.generation.worker", *map(str, files)]


def test_kill_9_of_a_generating_worker_then_the_same_command_ends_with_the_same_texts(tmp_path, offline):
    binding = offline()
    calls = plan(binding, texts(200), Sampling(temperature=0.8, max_tokens=24))
    unbroken = CallLog(str(tmp_path / "unbroken"))
    subprocess.run(worker_command(tmp_path / "a", binding, calls, unbroken.uri), check=True)

    broken = CallLog(str(tmp_path / "broken"))
    command = worker_command(tmp_path / "b", binding, calls, broken.uri)
    worker = subprocess.Popen(command)
    while not broken.exists() or broken.answers(calls).height < 48:
        assert worker.poll() is None
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    kept = broken.answers(calls)
    assert 48 <= kept.height < 200
    subprocess.run(command, check=True)
    assert broken.statistics().select("answered", "failed", "duplicate").row(0) == (200, 0, 0)
    hashes = [content_hash(log.answers(calls).select("call_id", "text")) for log in (unbroken, broken)]
    assert hashes[0] == hashes[1]
    assert broken.answers(kept).equals(kept)


def test_an_adapter_changes_the_answers_and_the_address(tmp_path, offline, adapter_folder):
    plain, tuned = offline(), offline(adapter=str(adapter_folder))
    assert plain.fingerprint() != tuned.fingerprint()
    sampling = Sampling(max_tokens=12)
    answer = make_answer(tuned, str(tmp_path / "log"), "run", tmp_path / "work")
    with_adapter = answer(plan(tuned, texts(6), sampling))
    assert with_adapter["failure"].null_count() == 6
    assert answer.statistics.engine_starts == 1
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "adapter_config.json").write_text('{"r": 8, "peft_type": "LORA", "target_modules": ["nothing"]}')
    (bad / "adapter_model.safetensors").write_bytes((adapter_folder / "adapter_model.safetensors").read_bytes())
    broken = offline(adapter=str(bad))
    with pytest.raises(AnsweringError, match=r"(?s)could not start.*continues with the other 2"):
        make_answer(broken, str(tmp_path / "log"), "run", tmp_path / "work")(plan(broken, texts(2), sampling))
