"""A server that answers 429, 500, garbage or nothing: recorded, repeated where that helps, never an answer."""

import time

import polars as pl
import pytest

from resources.engines import ServerError, open_engine
from resources.engines.faults import is_server_fault
from resources.engines.openai_server import OpenAIServer
from xl_assets.generation.binding import BindingError
from xl_assets.generation.calls import ANSWER, Sampling


def complete(binding, calls) -> pl.DataFrame:
    engine = open_engine(binding)
    try:
        return pl.concat(list(engine.complete(calls)))
    finally:
        engine.close()


def gather(stream, batches: list) -> None:
    """Keep what came before an error."""
    for batch in stream:
        batches.append(batch)


def codes(answers: pl.DataFrame) -> set:
    return set(answers["failure"].str.split(":").list.first())


def test_every_call_is_answered_once_in_batches_of_the_wanted_size(server, bind, wanted):
    calls = wanted(20, bind())
    batches = list(open_engine(bind()).complete(calls))
    assert [batch.height for batch in batches] == [8, 8, 4]
    answers = pl.concat(batches)
    assert answers.schema == pl.Schema(ANSWER)
    assert set(answers["call_id"]) == set(calls["call_id"])
    assert answers["failure"].null_count() == server.requests == 20
    assert answers.select("prompt_tokens", "completion_tokens").sum().row(0) == (100, 80)


def test_429_is_repeated_after_the_pause_that_the_server_asks_for(server, bind, wanted):
    began = time.monotonic()
    server.behave = lambda number, body: (
        (429, {"Retry-After": "1"}, {"error": {"message": "slow"}}) if number == 1 else None
    )
    answers = complete(bind(), wanted(1, bind()))
    assert (codes(answers), server.requests) == ({None}, 2)
    assert 1.0 <= time.monotonic() - began < 5


def test_500_then_fine_is_an_answer(server, bind, wanted):
    server.behave = lambda number, body: (500, {}, {"error": {"message": "oops"}}) if number <= 2 else None
    answers = complete(bind(), wanted(1, bind()))
    assert (codes(answers), server.requests) == ({None}, 3)


def test_500_always_is_given_up_with_a_remedy_and_every_tried_call_is_recorded(server, bind, wanted):
    server.behave = lambda number, body: (500, {}, {"error": {"message": "out of order"}})
    batches = []
    with pytest.raises(ServerError, match=r"failed at http.*out of order.*same command continues"):
        gather(open_engine(bind(retries=0)).complete(wanted(100, bind())), batches)
    recorded = pl.concat(batches)
    assert codes(recorded) == {"server_error"}
    assert 20 <= recorded.height < 40  # it did not try all hundred


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (200, {}, "{not json", "garbled_answer"),
        (200, {"Content-Type": "text/html"}, "<html>proxy says hello</html>", "garbled_answer"),
        (200, {}, "[]", "garbled_answer"),
        (200, {}, "null", "garbled_answer"),
        (200, {}, '{"choices": [{"message": {"content": 7}}]}', "garbled_answer"),
        (200, {}, '{"choices": [{}]}', "garbled_answer"),
        (200, {}, '{"choices": "many"}', "garbled_answer"),
        (200, {}, "{}", "empty_answer"),
        (200, {}, "", "garbled_answer"),
        (200, {}, '{"choices": []}', "empty_answer"),
        (200, {}, '{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}', "empty_answer"),
        (200, {}, '{"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}', "empty_answer"),
        (
            200,
            {},
            '{"choices": [{"message": {"content": "no", "refusal": "I will not"}, "finish_reason": "stop"}]}',
            "content_filtered",
        ),
        (400, {}, {"error": {"message": "bad schema"}}, "refused_request"),
        (400, {}, {"error": {"message": "maximum context length is 8 tokens"}}, "prompt_too_long"),
        (500, {}, "", "server_error"),
        (503, {}, "<html>", "server_error"),
        (429, {}, {"error": {"message": "slow"}}, "rate_limited"),
    ],
)
def test_what_is_no_answer_is_recorded_with_its_reason(server, bind, wanted, status, headers, body, code):
    server.behave = lambda number, message: (status, headers, body)
    answers = complete(bind(retries=0), wanted(2, bind()))
    assert codes(answers) == {code}
    assert answers["text"].null_count() == 2
    assert answers["failure"].str.len_chars().max() < 400


def test_one_bad_answer_spoils_no_other(server, bind, wanted):
    server.behave = lambda number, body: (200, {}, "garbage") if "poison" in str(body["messages"]) else None
    answers = complete(bind(), wanted(12, bind(), marked=(3,)))
    assert answers["failure"].null_count() == 11
    assert is_server_fault(answers["failure"].drop_nulls()[0])


def test_a_server_that_hangs_runs_into_the_timeout(server, bind, wanted):
    server.delay = 3.0
    began = time.monotonic()
    assert codes(complete(bind(timeout_seconds=0.3, retries=1), wanted(2, bind()))) == {"timeout"}
    assert time.monotonic() - began < 3.0


def test_a_server_that_is_not_there_is_named(bind, wanted):
    nowhere = bind(base_url="http://127.0.0.1:9/v1", retries=0)
    assert codes(complete(nowhere, wanted(2, bind()))) == {"unreachable"}
    with pytest.raises(ServerError, match="Is it running"):
        complete(nowhere, wanted(60, bind()))


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, {"message": "Incorrect API key provided: sk-very-secret"}, "refuses the key"),
        (403, {"message": "no"}, "refuses the key"),
        (404, {"message": "no model `served`"}, "knows no such model"),
        (429, {"message": "pay", "code": "insufficient_quota"}, "quota"),
    ],
)
def test_errors_that_no_repeat_can_help_end_the_step_at_once(server, bind, wanted, status, error, said):
    server.behave = lambda number, body: (status, {}, {"error": error}) if number > 4 else None
    batches = []
    with pytest.raises(ServerError, match=said) as caught:
        gather(open_engine(bind(retries=0, concurrency=1)).complete(wanted(50, bind())), batches)
    assert "sk-very-secret" not in str(caught.value)
    assert pl.concat(batches)["failure"].null_count() == 4  # what was finished is handed on
    assert server.requests == 5


def test_the_key_comes_from_its_variable_and_travels_to_no_other_server(server, bind, wanted, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    complete(bind(), wanted(1, bind()))
    assert "sk-for-openai-only" not in str(server.keys)
    monkeypatch.setenv("JUDGE_KEY", "sk-judge")
    complete(bind(api_key_env="JUDGE_KEY"), wanted(1, bind()))
    assert server.keys[-1] == "Bearer sk-judge"
    monkeypatch.delenv("JUDGE_KEY")
    with pytest.raises(BindingError, match="JUDGE_KEY is not set"):
        open_engine(bind(api_key_env="JUDGE_KEY"))


def test_sampling_values_reach_the_server_in_each_dialect(server, bind, wanted):
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=7, stop=("END",), choice=("A", "B"), logprobs=2)
    for dialect in ("openai", "vllm"):
        complete(bind(dialect=dialect), wanted(1, bind(), sampling))
    plain, vllm = server.bodies
    for body in (plain, vllm):
        assert (body["temperature"], body["top_p"], body["stop"], body["top_logprobs"]) == (0.5, 0.9, ["END"], 2)
        assert body["seed"] == wanted(1, bind(), sampling)["seed"][0]
    assert plain["max_completion_tokens"] == vllm["max_tokens"] == 7
    assert vllm["structured_outputs"] == {"choice": ["A", "B"]}
    assert "structured_outputs" not in plain
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
    complete(bind(), wanted(1, bind(), Sampling(json_schema=schema)))
    assert server.bodies[-1]["response_format"]["json_schema"]["schema"] == schema


def test_no_more_calls_are_in_flight_than_allowed(server, bind, wanted):
    server.delay, peak, running = 0.05, [], []

    def watch(number: int, body: dict) -> None:
        running.append(1)
        peak.append(len(running))
        time.sleep(0.02)
        running.pop()

    server.behave = watch
    complete(bind(concurrency=3), wanted(12, bind()))
    assert max(peak) <= 3


def test_stop_hands_on_what_is_finished(server, bind, wanted):
    engine = OpenAIServer(bind(batch_size=1000, concurrency=2))
    server.behave = lambda number, body: engine.stop() if number == 6 else None
    batches = list(engine.complete(wanted(100, bind())))
    assert 4 <= sum(batch.height for batch in batches) <= 8
