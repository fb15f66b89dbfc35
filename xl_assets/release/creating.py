"""Cut a release: exactly these languages, the table versions as they are now, trained, evaluated, gated, written down.

Nothing is copied: the records of the commits name the versions that were read, and those stay in the lake.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.lake import LANGUAGE, RELEASE, Lake, Partition
from xl_assets.freshness import Status
from xl_assets.languages import get_language
from xl_assets.locks import holding
from xl_assets.partitions import ENGLISH, register_release
from xl_assets.release.closure import ManifestError, collect_closure
from xl_assets.release.creating_summary import cut_languages
from xl_assets.release.frozen import FrozenRelease, manifest_file, open_release
from xl_assets.running import RANGE_END, RANGE_START, Runner

#: Tables of a language that a release reads.
NEEDED = ("xl_instruct", "eval_prompts")


class ReleaseError(ManifestError):
    """A release that is not cut; the message says why and what to do."""


@dataclass(frozen=True)
class Cut:
    """What came of cutting a release.

    Attributes:
        release: the finished release.
        new: whether anything was made; False where it was there already, with the same content.
        left_out: languages that it was cut for and of which the mixture's settings took no row.
    """

    release: FrozenRelease
    new: bool
    left_out: tuple[str, ...] = ()


def create_release(
    runner: Runner,
    name: str,
    languages: Sequence[str] | None = None,
    *,
    strict: bool = False,
    recut: bool = False,
    warn: Callable[[str], None] = print,
) -> Cut:
    """Train and evaluate a release on exactly these languages, and write its manifest.

    Args:
        runner: over the lake.
        name: of the release.
        languages: codes; by default those of the release if it was begun before, else every registered language that
            has finished rows.
        strict: refuse where a table that the release is made of is stale; else it is only told.
        recut: make a finished release anew where its content would be another.
        warn: is told what is stale.

    Raises:
        ReleaseError: a language has no finished rows; tables are stale and `strict`; the release is finished, and
            would be another now.
        BadRelease: a name that cannot be a partition key.
        UnknownLanguage: a code that the registry does not hold.
        RunFailed: a step failed, the gate among them.
    """
    lake = runner.workspace.tables
    codes = sorted(set(languages or _begun(lake, name) or _finished_languages(runner)))
    _refuse_unfinished(lake, codes)
    # Of two processes that cut the same release the second finds it finished.
    with holding(lake.folder("work") / "locks", [f"release {name}"], lambda what, who: warn(_waiting(what, who))):
        finished = _finished(runner, name)
        changes = changes_since(runner, finished, codes) if finished else []
        if finished and not changes:
            return Cut(finished, new=False, left_out=_left_out(finished, codes))
        if finished and not recut:
            raise ReleaseError(_refusal(name, changes))
        _tell_stale(stale_inputs(runner, codes), strict, warn)
        return _cut(runner, name, codes)


def _cut(runner: Runner, name: str, codes: list[str]) -> Cut:
    lake = runner.workspace.tables
    begun = _begun(lake, name)
    register_release(runner.instance, name)
    if begun is not None and begun != codes:
        # Its mixture is fresh as far as its inputs go: nothing else would make it anew.
        _materialise(runner, name, ["sft_mixture"], {"ops": {"sft_mixture": {"config": {"languages": codes}}}})
    runner.train_and_evaluate(name, codes)
    if not manifest_file(lake, name).is_file():
        _materialise(runner, name, ["release_manifest"])
    made = open_release(runner.workspace, name)
    return Cut(made, new=True, left_out=_left_out(made, codes))


def stale_inputs(runner: Runner, languages: Sequence[str]) -> list[Status]:
    """Tables that a release of these languages would be made of although they are stale."""
    lake = runner.workspace.tables
    found = [lake.record(table, Partition(LANGUAGE, code)) for table in NEEDED for code in languages]
    closure = collect_closure([record for record in found if record], lake.lookup(), lake.in_force())
    used = {(record.table, record.partition) for record in closure.records}
    states = runner.status(sorted({*languages, ENGLISH}), [])
    return [state for state in states if state.state == "stale" and (state.table, state.partition) in used]


def changes_since(runner: Runner, release: FrozenRelease, languages: Sequence[str]) -> list[str]:
    """What would make a finished release another one if it were cut now, a line each; empty if nothing would."""
    before = cut_languages(release.manifest)
    told = [f"languages: {', '.join(before)} then, {', '.join(languages)} now"] if before != list(languages) else []
    return told + _lines([state for state in runner.status([], [release.name]) if state.partition == release.name])


def _begun(lake: Lake, name: str) -> list[str] | None:
    """Languages of the mixture of a release that was begun."""
    record = lake.record("sft_mixture", Partition(RELEASE, name))
    told = record.facts.get("languages") if record else None
    return sorted(map(str, told)) if isinstance(told, list) else None


def _finished(runner: Runner, name: str) -> FrozenRelease | None:
    there = manifest_file(runner.workspace.tables, name).is_file()
    return open_release(runner.workspace, name) if there else None


def _finished_languages(runner: Runner) -> list[str]:
    """Registered languages that a release can be made of."""
    lake = runner.workspace.tables
    found = [code for code in runner.languages() if not _lacking(lake, code)]
    if not found:
        raise ReleaseError(
            f"no language in the lake at {lake.root} has finished rows. Make them first: `xl backfill --language CODE` "
            "for each language, or `xl run` for all of the profile."
        )
    return found


def _refuse_unfinished(lake: Lake, languages: Sequence[str]) -> None:
    for code in languages:
        get_language(code)
    lacking = {code: told for code in languages if (told := _lacking(lake, code))}
    if lacking:
        commands = " ".join(f"--language {code}" for code in lacking)
        raise ReleaseError(
            "\n".join([f"no release of {', '.join(lacking)} yet:", *(f"  {told}" for told in lacking.values())])
            + f"\nMake their rows first: xl backfill {commands}"
        )


def _lacking(lake: Lake, code: str) -> str | None:
    """What keeps a language from being released."""
    for table in NEEDED:
        record = lake.record(table, Partition(LANGUAGE, code))
        if record is None:
            return f"{table}[{code}] was never materialised"
        funnel = record.facts.get("funnel")
        kept = funnel.get("kept", record.rows) if isinstance(funnel, Mapping) else record.rows
        if not kept:
            return f"{table}[{code}] has no kept row: `xl status` and its funnel say why"
    return None


def _tell_stale(stale: Sequence[Status], strict: bool, warn: Callable[[str], None]) -> None:
    if not stale:
        return
    lines = [f"  {line}" for line in _lines(stale)]
    remedy = "Bring them up to date with `xl backfill --language CODE`"
    if strict:
        raise ReleaseError("\n".join(["tables that the release would be made of are stale:", *lines, f"{remedy}."]))
    warn("\n".join(["The release takes tables as they are, and these are stale:", *lines, f"{remedy}, or go on."]))


def _lines(states: Sequence[Status]) -> list[str]:
    """Why tables are not fresh: a line for each that something else than a table above it made so."""
    told, others = [], 0
    for state in states:
        own = [reason for reason in state.reasons if not reason.endswith((" is stale", " is missing"))]
        told += [f"{_where(state)}: {'; '.join(own)}"] if own else []
        others += bool(state.reasons and not own)
    return [*told, *([f"and {others} more that were made from these"] if others else [])]


def _waiting(what: str, who: str) -> str:
    return f"Waiting for {what}: {who} is cutting it (Ctrl-C ends the waiting)."


def _where(state: Status) -> str:
    return f"{state.table}[{state.partition}]" if state.partition else state.table


def _refusal(name: str, changes: Sequence[str]) -> str:
    lines = [f"  {change}" for change in changes]
    return "\n".join(
        [
            f"release {name} is finished, and would be another one now:",
            *lines,
            "A released manifest does not change silently: nothing was run. Give the new release another name, or cut "
            "this one anew with --recut.",
        ]
    )


def _left_out(release: FrozenRelease, languages: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(languages) - set(release.languages)))


def _materialise(runner: Runner, release: str, assets: Sequence[str], config: Mapping[str, Any] | None = None) -> None:
    """Materialise single assets of a release; an error of theirs is raised as it is."""
    import dagster as dg

    runner.definitions.resolve_job_def("train_and_evaluate").execute_in_process(
        instance=runner.instance,
        tags={RANGE_START: release, RANGE_END: release},
        asset_selection=[dg.AssetKey(asset) for asset in assets],
        run_config={**(config or {}), "loggers": {"console": {}}},
    )
