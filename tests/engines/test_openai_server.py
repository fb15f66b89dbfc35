"""A real vLLM server, asked as any OpenAI-compatible server is."""

import polars as pl
import pytest

from resources.engines import ServerError, open_engine
from tests.engines.conftest import ADAPTER_NAME, MAX_MODEL_LEN, plan
from xl_assets.generation.binding import ModelBinding, Transport
from xl_assets.generation.calls import Sampling

pytestmark = pytest.mark.engine

TEXTS = [f"Question {i}: what does the hen with {i} eggs eat?" for i in range(12)]


@pytest.fixture(scope="module")
def bind(vllm_server):
    def make(model: str = "teacher") -> ModelBinding:
        transport = Transport(base_url=vllm_server, dialect="vllm", batch_size=5, concurrency=8, retries=1)
        return ModelBinding(role="judge", engine="openai_server", model=model, revision="demo", transport=transport)

    return make


def complete(binding: ModelBinding, calls: pl.DataFrame) -> pl.DataFrame:
    engine = open_engine(binding)
    try:
        return pl.concat(list(engine.complete(calls))).sort("call_id")
    finally:
        engine.close()


def test_a_real_server_answers_with_seeds_choices_logprobs_and_adapter(bind):
    sampled = plan(bind(), TEXTS, Sampling(temperature=0.9, max_tokens=12))
    once, again = complete(bind(), sampled), complete(bind(), sampled.reverse())
    assert once["failure"].null_count() == 12
    assert once.select("call_id", "text").equals(again.select("call_id", "text"))
    assert once["prompt_tokens"].min() > 0
    reseeded = complete(bind(), sampled.with_columns(pl.col("seed") + 1))
    assert reseeded["text"].to_list() != once["text"].to_list()

    chosen = complete(bind(), plan(bind(), TEXTS, Sampling(choice=("A", "B"), logprobs=3, max_tokens=4)))
    assert set(chosen["text"]) <= {"A", "B"}
    assert chosen["logprobs"].list.len().to_list() == [3] * 12

    greedy = Sampling(max_tokens=12)
    plain = complete(bind(), plan(bind(), TEXTS, greedy))
    tuned = complete(bind(ADAPTER_NAME), plan(bind(ADAPTER_NAME), TEXTS, greedy))
    assert tuned["failure"].null_count() == 12
    assert set(tuned["text"]) != set(plain["text"])


def test_a_prompt_that_is_too_long_for_a_real_server_is_a_failure(bind):
    answers = complete(bind(), plan(bind(), [TEXTS[0], "word " * 3 * MAX_MODEL_LEN], Sampling(max_tokens=4)))
    failures = answers["failure"].drop_nulls().to_list()
    assert [failure.split(":")[0] for failure in failures] == ["prompt_too_long"]


def test_a_model_that_the_server_does_not_serve_is_named(bind):
    unknown = bind("gpt-unknown")
    with pytest.raises(ServerError, match="knows no such model"):
        complete(unknown, plan(unknown, TEXTS, Sampling(max_tokens=4)))


def test_server_and_offline_engine_give_the_same_texts(bind, offline):
    # Their addresses differ (a served name is not a folder's hash), but prompts and sampling must not.
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=16)
    served = complete(bind(), plan(bind(), TEXTS, sampling))
    here = complete(offline(), plan(offline(), TEXTS, sampling))
    assert sorted(served["text"]) == sorted(here["text"])
    assert served["prompt_tokens"].sum() == here["prompt_tokens"].sum()
