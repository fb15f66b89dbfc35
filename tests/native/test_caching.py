import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xl_assets.native import caching

HOME = Path(caching.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of the same name, in which one compiled function calls another one of another file."""
    native = tmp_path / "xl_assets" / "native"
    native.mkdir(parents=True)
    (tmp_path / "xl_assets" / "__init__.py").touch()
    for name in ("__init__.py", "caching.py"):
        shutil.copy(HOME / name, native)
    (native / "inner.py").write_text("from numba import njit\n\n@njit(cache=True)\ndef inner():\n    return 1\n")
    (native / "outer.py").write_text(
        "from numba import njit\nfrom xl_assets.native.inner import inner\n\n"
        "@njit(cache=True)\ndef outer():\n    return inner()\n"
    )
    return native


def start(package: Path, **environment: str) -> subprocess.Popen[str]:
    code = "from xl_assets.native.outer import outer; print(outer(), sum(outer.stats.cache_hits.values()))"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=package.parents[1],
        env={**os.environ, "PYTHONPATH": str(package.parents[1]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.split()


def test_a_change_of_a_called_function_in_another_file_is_seen_by_processes_that_start_at_once(package: Path) -> None:
    assert [result(process)[0] for process in [start(package), start(package)]] == ["1", "1"]
    assert result(start(package)) == ["1", "1"]
    (package / "inner.py").write_text((package / "inner.py").read_text().replace("1", "2"))
    assert result(start(package)) == ["2", "0"]


def test_without_any_folder_to_write_to_functions_are_compiled_all_the_same(package: Path, tmp_path: Path) -> None:
    # A file where the folder should be: that keeps even an administrator from writing.
    (package / "__pycache__").touch()
    (tmp_path / "file").touch()
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "file"), "HOME": str(tmp_path / "file"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert result(start(package, **nowhere)) == ["1", "0"]


def test_a_stamp_follows_imports_of_imports_and_no_other_file(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "_PACKAGE", package.parent)
    (package / "third.py").write_text("from xl_assets.native.outer import outer\n")

    def stamps() -> list[str]:
        caching.stamp.cache_clear()
        caching._imported.cache_clear()
        return [caching.stamp(package / f"{name}.py") for name in ("inner", "outer", "third")]

    before = stamps()
    (package / "outer.py").write_text((package / "outer.py").read_text() + "\n")
    after = stamps()
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]
    (package / "inner.py").write_text("")
    assert all(one != other for one, other in zip(after, stamps(), strict=True))
