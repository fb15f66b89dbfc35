"""Generation throughput: the pipeline's worker path over raw `vllm.LLM.generate`.

Both sides answer the same prompts with the same sampling in the same process settings; the engine's start is on
neither side. The pipeline's time holds everything else it does: planning what is missing, sorting, prompt rendering,
feeding the engine, and appending every batch to a call log on disk. Raw vLLM gets all prompts in one call, which is
its best case, with the chat template already applied.

The work is the pipeline's own: translate the documents of a corpus with the prompt of `translation_candidates`.

Runs alternate (raw, pipeline, raw, ...), each with seeds of its own so that nothing repeats; the first pair warms up
and is not counted. Prefix caches are emptied before every run. Prints a table, the median ratio and one JSON line.
The ratio of tokens per CPU second is printed beside it: other work on the machine disturbs it less.

Example: python benchmarks/generation_throughput.py --model demo/models/teacher --calls 512 --pairs 5
"""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import polars as pl
import typer

from resources.call_log import CallLog, Source
from resources.engines import open_engine
from xl_assets.generation.binding import ModelBinding, Transport
from xl_assets.generation.calls import Request, Sampling, plan_calls, wanted_calls
from xl_assets.generation.progress import Progress, Tally
from xl_assets.generation.prompts import load_prompt
from xl_assets.generation.worker import answer_calls
from xl_assets.seeds.readers import collect_seeds

GOAL = 0.90


def main(
    model: Annotated[str, typer.Option(help="Model folder.")] = "demo/models/teacher",
    calls: Annotated[int, typer.Option(help="Calls in each run.")] = 512,
    corpus: Annotated[str, typer.Option(help="JSON lines with a column `text`.")] = "demo/corpus/en.jsonl.zst",
    max_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 96,
    pairs: Annotated[int, typer.Option(help="Counted pairs of runs.")] = 5,
    batch_size: Annotated[int, typer.Option(help="Answers appended together.")] = 256,
    max_num_seqs: Annotated[int, typer.Option(help="Sequences decoded at once.")] = 128,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or auto.")] = "auto",
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.7,
    log: Annotated[Path | None, typer.Option(help="Folder for the call log; None is a temporary one.")] = None,
) -> None:
    """Print pipeline tokens/s over raw vLLM tokens/s."""
    texts = _texts(corpus, calls)
    binding = ModelBinding(
        role="benchmark",
        model=model,
        dtype=dtype,
        max_model_len=1024,
        transport=Transport(
            threads=1, kv_cache_gib=1, enforce_eager=True, batch_size=batch_size, max_num_seqs=max_num_seqs
        ),
    )
    engine = open_engine(binding)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    runs: list[dict[str, Run]] = []
    print(f"{'pair':>4}  {'raw tokens/s':>12}  {'pipeline tokens/s':>17}  {'ratio':>5}  {'CPU ratio':>9}")
    with tempfile.TemporaryDirectory() as folder:
        uri = str(log or Path(folder) / "log")
        for pair in range(pairs + 1):
            wanted = _plan(binding, sampling, texts, pair)
            sides = [("raw", _raw), ("pipeline", _pipeline)]
            found = {name: run(engine, wanted, uri, binding) for name, run in (sides if pair % 2 else sides[::-1])}
            _row(pair or "warm", found)
            runs += [found] if pair else []
    engine.close()
    _report(runs, binding, calls)


def _texts(corpus: str, count: int) -> pl.DataFrame:
    """English documents of passage length, each as often as the wanted number of calls asks (three samples, say)."""
    documents = collect_seeds(corpus, "en").documents.select("text")
    passages = documents.filter(pl.col("text").str.len_chars().is_between(60, 350))
    samples = pl.DataFrame({"sample": range(-(-count // max(passages.height, 1)))})
    return samples.join(passages, how="cross").head(count).with_row_index("number")


def _plan(binding: ModelBinding, sampling: Sampling, texts: pl.DataFrame, run: int) -> pl.DataFrame:
    """Calls whose seeds differ from run to run: no answer of an earlier run is reused."""
    prompt = load_prompt("xl_instruct/translate").expression(
        source_language="English", target_language="German", text=pl.col("passage")
    )
    rows = texts.rename({"text": "passage"})
    request = Request("benchmark", [("user", prompt)], sampling, ("number", pl.lit(str(run))))
    return wanted_calls(plan_calls(rows, request, binding.fingerprint()))


class Run(NamedTuple):
    """Tokens that one side wrote, per second and per CPU second."""

    rate: float
    cpu_rate: float


class Clock:
    """Seconds and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def run(self, tokens: int) -> Run:
        return Run(tokens / (time.perf_counter() - self._began[0]), tokens / (time.process_time() - self._began[1]))


def _raw(engine, wanted: pl.DataFrame, uri: str, binding: ModelBinding) -> Run:
    """One `LLM.generate` over all prompts; the chat template is applied before the clock starts."""
    from resources.engines.vllm_offline import _sampling

    llm = engine._llm
    template = llm.get_tokenizer().apply_chat_template
    messages = wanted["messages"].to_list()
    prompts = [template(each, tokenize=False, add_generation_prompt=True) for each in messages]
    parameters = [_sampling(*row) for row in wanted.select("parameters", "seed").rows()]
    llm.llm_engine.reset_prefix_cache()
    clock = Clock()
    outputs = llm.generate(prompts, parameters, use_tqdm=False, tokenization_kwargs={"add_special_tokens": False})
    return clock.run(sum(len(output.outputs[0].token_ids) for output in outputs))


def _pipeline(engine, wanted: pl.DataFrame, uri: str, binding: ModelBinding) -> Run:
    """What the worker does between the engine's start and its end."""
    source = Source(binding.role, binding.name, binding.engine, engine.version, "benchmark")
    tally = Tally()
    engine._llm.llm_engine.reset_prefix_cache()
    clock = Clock()
    log = CallLog(uri)
    answer_calls(log.missing(wanted), engine, log, lambda version: source, Progress("benchmark", _quiet), tally)
    run = clock.run(tally.completion_tokens)
    assert tally.answered == wanted.height, tally
    return run


def _row(label: object, found: dict[str, Run]) -> None:
    raw, pipeline = found["raw"], found["pipeline"]
    ratios = f"{pipeline.rate / raw.rate:>5.3f}  {pipeline.cpu_rate / raw.cpu_rate:>9.3f}"
    print(f"{label:>4}  {raw.rate:>12,.0f}  {pipeline.rate:>17,.0f}  {ratios}", flush=True)


def _report(runs: list[dict[str, Run]], binding: ModelBinding, calls: int) -> None:
    ratio = statistics.median(run["pipeline"].rate / run["raw"].rate for run in runs)
    cpu_ratio = statistics.median(run["pipeline"].cpu_rate / run["raw"].cpu_rate for run in runs)
    print(f"\nmedian ratio {ratio:.3f} (goal >= {GOAL:.2f}); engine start excluded on both sides")
    medians = {name: statistics.median(run[name].rate for run in runs) for name in ("raw", "pipeline")}
    settings = {"model": binding.name, "dtype": binding.dtype, "calls": calls, "pairs": len(runs)}
    tokens = {f"{name}_tokens_per_second": round(rate, 1) for name, rate in medians.items()}
    ratios = {"ratio": round(ratio, 4), "cpu_ratio": round(cpu_ratio, 4), "goal": GOAL}
    print(json.dumps({"benchmark": "generation_throughput", **settings, **tokens, **ratios}))
    if ratio < GOAL:
        raise typer.Exit(1)


def _quiet(line: str) -> None:
    """No progress lines between the table's rows."""


if __name__ == "__main__":
    typer.run(main)
