# make demo   the main job on the shipped small world, from seed corpora to a judged model
# make test   lint, types and tests
# make ui     Dagster's UI on http://127.0.0.1:3000
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint ui demo-models demo-models-check bench bench-corpora bench-scores bench-lineage bench-peers clean-lake

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

setup: ## set up .venv (done by every other target when needed)
	@.ci/setup

demo: setup ## run the main job on the embedded default and show where to look (HOLD_BACK=ga leaves a language out)
	@.venv/bin/xl demo $(foreach code,$(HOLD_BACK),--hold-back $(code))

# Two at once, by file: tests of one file share engines and lakes, and each engine takes gigabytes.
test: setup lint ## lint, check types, run the tests
	@.venv/bin/python -m pytest -n 2 --dist loadfile

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

ui: setup ## open Dagster's UI on loopback (PORT=3000)
	@.venv/bin/xl ui --port $(or $(PORT),3000)

demo-models: setup ## train the demo's models again (up to two hours on 2 cores)
	@.venv/bin/python -m demo.models.train all

demo-models-check: setup ## measure the demo's models on held-out combinations
	@.venv/bin/python -m demo.models.evaluate

bench: setup ## print generation tokens/s of the pipeline beside raw vLLM
	@.venv/bin/python -m benchmarks.generation_throughput

bench-corpora: setup ## print language ID, cleaning and near duplicates beside the peers that are installed
	@.venv/bin/python -m benchmarks.language_identification
	@.venv/bin/python -m benchmarks.corpus_cleaning
	@.venv/bin/python -m benchmarks.near_duplicates

bench-scores: setup ## print seconds and memory of scoring a million judgements
	@.venv/bin/python -m benchmarks.evaluation_scores

bench-lineage: setup ## print seconds of a trace and of verify on ten million synthetic rows (11 GB of disk)
	@.venv/bin/python -m benchmarks.trace_scale
	@.venv/bin/python -m benchmarks.verify_scale

bench-peers: ## install datatrove, dolma and NeMo Curator beside, for bench-corpora (several GB)
	@benchmarks/setup_peers

clean-lake: ## delete the demo's lake (tables, call log, models, reports)
	@rm -rf data_lake/demo
