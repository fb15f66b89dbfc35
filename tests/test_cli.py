"""The command line: it teaches, and what goes wrong is one message with its remedy."""

import subprocess
import sys

import pytest

COMMANDS = ("demo", "run", "backfill", "status", "report", "trace", "ui", "languages")


def xl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "xl_assets.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120", **environment},
        check=False,
    )


def test_help_names_every_command():
    text = xl("--help").stdout
    assert all(command in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_says_what_it_does(command):
    done = xl(command, "--help")
    assert done.returncode == 0
    assert len(done.stdout.split()) > 20


def test_an_unknown_profile_is_one_message_that_names_the_known_ones(tmp_path):
    done = xl("report", "--profile", "nope", XL_LAKE=str(tmp_path))
    assert done.returncode == 1
    assert "demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_of_nothing_says_what_to_run_first(tmp_path):
    done = xl("report", XL_LAKE=str(tmp_path / "lake"))
    assert done.returncode == 1
    assert "xl run" in done.stderr


def test_an_unknown_language_is_refused_before_anything_runs(tmp_path):
    done = xl("backfill", "--language", "xx", XL_LAKE=str(tmp_path / "lake"))
    assert done.returncode == 1
    assert "xx" in done.stderr
    assert "Traceback" not in done.stderr
