"""Running jobs from the command line or from the job `everything`: only what is not fresh."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import dagster as dg

from resources.configured import LAKE_VARIABLE, PROFILE_VARIABLE, Workspace, default_lake, default_profile
from resources.outside import OutsideVersions
from xl_assets.freshness import Expected, Status, freshness
from xl_assets.jobs import LANGUAGE_GROUPS, RELEASE_GROUPS
from xl_assets.partitions import LANGUAGES, RELEASES, register_languages, register_release

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

#: Dagster's own settings for a lake's instance: no telemetry, dead runs are found, their slots freed.
INSTANCE_SETTINGS = """telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  free_slots_after_run_end_seconds: 300
"""


class RunFailed(RuntimeError):
    """A step failed; what was finished stays."""


def open_instance(profile: str | None = None, lake: str | None = None) -> dg.DagsterInstance:
    """Open (or make) the Dagster instance that lives in the lake, and tell child processes which lake it is."""
    profile = profile or default_profile()
    os.environ[PROFILE_VARIABLE] = profile
    root = lake or default_lake(profile)
    os.environ[LAKE_VARIABLE] = root
    home = Path(root).resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(INSTANCE_SETTINGS, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.get()


@dataclass
class Runner:
    """Runs the two asset jobs over what is missing or stale.

    Attributes:
        instance: Dagster's.
        workspace: profile and lake.
        say: where progress lines go.
    """

    instance: dg.DagsterInstance
    workspace: Workspace
    say: Callable[[str], None] = print

    @classmethod
    def from_environment(cls, instance: dg.DagsterInstance, say: Callable[[str], None] = print) -> "Runner":
        return cls(instance, Workspace(), say)

    @cached_property
    def definitions(self) -> dg.Definitions:
        from definitions import defs

        return defs

    @cached_property
    def _asset_graph(self):
        return self.definitions.resolve_asset_graph()

    def languages(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions("language"))

    def releases(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions("release"))

    def everything(self, languages: Sequence[str] | None = None, release: str | None = None) -> bool:
        """Run what is not fresh of both jobs; returns whether anything had to run."""
        settings = self.workspace.settings
        languages = list(languages or settings.languages)
        release = release or settings.release
        register_languages(self.instance, languages)
        register_release(self.instance, release)
        ran = self.seed_to_candidates(languages)
        return self.train_and_evaluate(release, languages) or ran

    def seed_to_candidates(self, languages: Sequence[str]) -> bool:
        """Bring the languages' tables up to date, contiguous partitions together in one run."""
        stale = [s for s in self.status(languages, []) if s.state != "fresh"]
        if not stale:
            return False
        assets = [s.table for s in stale]
        affected = {s.partition for s in stale}
        wanted = [key for key in self.languages() if key in languages and (key in affected or None in affected)]
        if None in affected and affected == {None}:
            wanted = wanted[:1]
        order = {key: number for number, key in enumerate(self.languages())}
        for _, group in groupby(enumerate(wanted), key=lambda pair: order[pair[1]] - pair[0]):
            keys = [key for _, key in group]
            self._run("seed_to_candidates", assets, keys[0], keys[-1], {})
        return True

    def train_and_evaluate(self, release: str, languages: Sequence[str]) -> bool:
        """Bring a release's tables up to date."""
        stale = [s for s in self.status([], [release]) if s.state != "fresh"]
        if not stale:
            return False
        config = {"ops": {"sft_mixture": {"config": {"languages": list(languages)}}}}
        assets = [s.table for s in stale]
        self._run("train_and_evaluate", assets, release, release, config if "sft_mixture" in assets else {})
        return True

    def status(self, languages: Sequence[str], releases: Sequence[str]) -> list[Status]:
        """Freshness of every partition of the given languages and releases, upstream first."""
        expected = self._expected(languages, releases)
        lake = self.workspace.tables
        # Everything upstream counts, also what is not asked about: a release depends on languages' tables.
        tables = {key.to_user_string() for key in self._asset_graph.materializable_asset_keys}
        records = {(table, partition): record for table in tables for partition, record in lake.current(table).items()}
        return freshness(expected, records, OutsideVersions(self.workspace))

    def _expected(self, languages: Sequence[str], releases: Sequence[str]) -> list[Expected]:
        expected = []
        for level in self._asset_graph.toposorted_asset_keys_by_level:
            for key in sorted(level):
                node = self._asset_graph.get(key)
                if not node.is_materializable:
                    continue
                if node.partitions_def == LANGUAGES:
                    keys: Sequence[str | None] = languages
                elif node.partitions_def == RELEASES:
                    keys = releases
                else:
                    keys = [None] if languages else []
                table = key.to_user_string()
                expected += [Expected(table, partition, node.code_version or "") for partition in keys]
        return expected

    def _run(self, job: str, assets: Sequence[str], first: str, last: str, config: dict) -> None:
        assets = list(dict.fromkeys(assets))
        self.say(
            f"{job}[{first}..{last}]: {len(assets)} assets: {', '.join(assets)}"
            if first != last
            else f"{job}[{first}]: {len(assets)} assets: {', '.join(assets)}"
        )
        keys = [dg.AssetKey(name) for name in assets]
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags={RANGE_START: first, RANGE_END: last},
            asset_selection=keys,
            run_config={**config, "loggers": {"console": {}}},
            raise_on_error=False,
        )
        if not result.success:
            raise RunFailed(_told(result))


def _told(result: dg.ExecuteInProcessResult) -> str:
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        if error:
            return (
                f"{event.step_key}: {error.message.strip()}\n"
                "What is finished is kept; the same command goes on from there."
            )
    return "the run failed before its first step; see `xl ui`, Runs."


GROUPS = (*LANGUAGE_GROUPS, *RELEASE_GROUPS)
