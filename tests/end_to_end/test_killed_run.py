"""kill -9 in the middle of translation: the same command finishes, and the data is that of an unbroken run."""

import os
import signal
import subprocess
import time

import polars as pl
import pytest

from resources.call_log import CallLog
from resources.lake import Lake
from tests.end_to_end.world import environment, write_profile, xl, xl_command

pytestmark = pytest.mark.engine

LANGUAGES = ("--language", "de", "--language", "ga")
BATCH = 16


def answered(root) -> pl.DataFrame:
    return (
        CallLog(str(root / "calls")).scan().filter(pl.col("step") == "translate").select("call_id", "status").collect()
    )


def kill_while_translating(profile, root) -> None:
    """Start the backfill and kill it once some translations are in the log and some are not."""
    process = subprocess.Popen(
        xl_command("backfill", "--language", "en", *LANGUAGES),
        env=environment(profile, root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # No measure of speed: only so that a run that hangs ends, while other tests' engines share the cores.
    deadline = time.monotonic() + 900
    while answered(root).height < BATCH:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no translation within 900 s"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_run_killed_while_translating_ends_with_the_same_data(tmp_path):
    small_batches = {"batch_size = 512": f"batch_size = {BATCH}"}
    profile = write_profile(tmp_path, passages=30, **small_batches)
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    kill_while_translating(profile, broken)
    time.sleep(2)  # a worker that outlived the kill would still be appending
    before = answered(broken)
    assert not Lake(broken).exists("translation_candidates")

    xl(profile, broken, "backfill", "--language", "en", *LANGUAGES)
    xl(profile, whole, "backfill", "--language", "en", *LANGUAGES)

    after = answered(broken)
    assert before.height < after.height
    assert after.height - after["call_id"].n_unique() <= BATCH
    for table in ("translation_candidates", "selected_translations", "xl_instruct"):
        hashes = [{k: r.content_hash for k, r in Lake(root).current(table).items()} for root in (broken, whole)]
        assert hashes[0] == hashes[1], table
