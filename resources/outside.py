"""What lies outside the lake's tables and still decides them: source files, models, settings."""

from functools import cache
from typing import TYPE_CHECKING

from xl_assets.freshness import UNKNOWN
from xl_assets.identity import parameters_hash
from xl_assets.settings import plain

if TYPE_CHECKING:
    from resources.configured import Workspace


class OutsideVersions:
    """Looks up the content hash that an input outside the tables has now; each once.

    Args:
        workspace: profile and lake.
    """

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._look_up = cache(self._find)

    def __call__(self, name: str, partition: str | None) -> str:
        return self._look_up(name, partition)

    def _find(self, name: str, partition: str | None) -> str:
        kind, _, what = name.partition(":")
        if kind == "settings":
            return parameters_hash(plain(self._workspace.settings_of(what)))
        if kind == "source":
            return self._workspace.source_hash(what, partition)
        if kind == "model" and what in self._workspace.settings.roles:
            return self._workspace.fingerprint(what)
        return UNKNOWN
