"""A smaller demo for tests: the shipped profile with fewer passages and prompts, in a lake of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from xl_assets.profile import CHECKOUT, SHIPPED

LANGUAGES = ("en", "de", "ga")


def write_profile(folder: Path, passages: int = 40, prompts: int = 6, **replacements: str) -> Path:
    """Write a user's profile that runs the demo world in a minute or two; paths in it are absolute.

    Args:
        folder: where profile and prompt file go.
        passages: cap of English passages.
        prompts: base prompts, and prompts in each language.
        replacements: text in the profile -> other text.
    """
    lines = (CHECKOUT / "demo/corpus/eval_prompts.jsonl").read_text(encoding="utf-8").splitlines()
    counts: dict[str, int] = {}
    chosen = []
    for line in lines:
        language = json.loads(line)["language"]
        counts[language] = counts.get(language, 0) + 1
        if counts[language] <= prompts:
            chosen.append(line)
    (folder / "prompts.jsonl").write_text("\n".join(chosen) + "\n", encoding="utf-8")
    text = (SHIPPED / "demo.toml").read_text(encoding="utf-8")
    text = text.replace('"demo/corpus/eval_prompts.jsonl"', '"prompts.jsonl"').replace('"demo/', f'"{CHECKOUT}/demo/')
    text = re.sub(r"(\[passages\]\n)cap = \d+", rf"\g<1>cap = {passages}", text)
    for old, new in replacements.items():
        assert old in text, f"the demo profile no longer says {old!r}"
        text = text.replace(old, new)
    file = folder / "small.toml"
    file.write_text(text, encoding="utf-8")
    return file


def xl_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "xl_assets.cli", *arguments]


def environment(profile: Path, lake: Path) -> dict[str, str]:
    """The environment of an `xl` command on a test's own lake."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XL_", "DAGSTER_"))}
    return {**kept, "XL_PROFILE": str(profile), "XL_LAKE": str(lake)}


def xl(profile: Path, lake: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `xl` as a user would, in a process of its own."""
    done = subprocess.run(
        xl_command(*arguments), env=environment(profile, lake), capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"xl {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done
