"""The real worker around an engine that dies: started by test_engine_death in place of the worker module.

DEATH says how: `crash` ends the process like a segmentation fault, `error` raises as a dead vLLM does, `start` dies
before the first call, `memory` can't start.
"""

import os

import polars as pl

import resources.engines
from resources.engines import EngineDied, EngineStartError
from resources.engines.batches import answered, by_prefix
from xl_assets.generation.calls import ANSWER
from xl_assets.generation.worker import program

DEATH = os.environ["DEATH"]


class DyingEngine:
    """Answers in batches of ten, eight calls in flight; a call that says poison kills it."""

    version = "dying 1"

    def complete(self, requests, admitted=None):
        rows, finished = list(by_prefix(requests).iter_rows(named=True)), []
        for begin in range(0, len(rows), 8):
            window = rows[begin : begin + 8]
            if admitted:
                admitted([row["call_id"] for row in window])
            if any("poison" in row["messages"][0]["content"] for row in window):
                self._die([row["call_id"] for row in window])
            texts = [f"answer to {row['messages'][0]['content']}" for row in window]
            finished += [answered(row["call_id"], t, "stop", (1, 1)) for row, t in zip(window, texts, strict=True)]
            if len(finished) >= 10:
                yield pl.DataFrame(finished, schema=ANSWER)
                finished = []
        if finished:
            yield pl.DataFrame(finished, schema=ANSWER)

    def _die(self, in_flight):
        if DEATH == "crash":
            os._exit(139)
        raise EngineDied("the engine died: EngineDeadError: see above", in_flight)

    def stop(self):
        pass

    def close(self):
        pass


def open_dying(binding):
    with open(os.environ["STARTS"], "a") as starts:
        starts.write("start\n")
    if DEATH == "start":
        os._exit(139)
    if DEATH == "memory":
        raise EngineStartError("no memory for the KV cache. Remedy: lower max_model_len")
    return DyingEngine()


if __name__ == "__main__":
    resources.engines.open_engine = open_dying
    program()
