"""Where compiled code is kept between processes, and until when it is right.

Numba looks at the time of the file that a function stands in. A compiled function contains those that it calls, and
the constants that it reads, from other files too: an edit or an upgrade of these must compile it anew. So the stamp
here is made of the text of the file and of all files of the package that it imports.
"""

import re
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from numba.core.caching import InTreeCacheLocator
from platformdirs import user_cache_path

_PACKAGE = Path(__file__).parents[1]
_MODULE = re.compile(rf"{_PACKAGE.name}(?:\.\w+)+")


class Locator(InTreeCacheLocator):
    """Keeps compiled code beside the source, else in the user's cache folder, else for this process only."""

    def __init__(self, py_func: object, py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(_folder(Path(py_file).parent))

    @classmethod
    def from_function(cls, py_func: object, py_file: str) -> "Locator | None":
        """A locator for a function of this package; others are left to Numba."""
        path = Path(py_file)
        return cls(py_func, py_file) if path.is_file() and path.is_relative_to(_PACKAGE) else None

    def get_source_stamp(self) -> str:
        """Changes with each text that the function may be compiled from."""
        return stamp(Path(self._py_file))

    def get_disambiguator(self) -> str:
        """Nothing: a function that moved within its file replaces what was kept of it."""
        return ""


@cache
def stamp(file: Path) -> str:
    """A digest of a source file and of all files of the package that it imports, directly or not."""
    found, ahead = {file}, [file]
    while ahead:
        new = _imported(ahead.pop()) - found
        found |= new
        ahead += new
    digest = sha256()
    for source in sorted(found):
        digest.update(str(source.relative_to(_PACKAGE)).encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def _imported(file: Path) -> set[Path]:
    """Files of the modules that a file names; of a package that it names, all of them."""
    files: set[Path] = set()
    for name in _MODULE.findall(file.read_text(encoding="utf-8")):
        place = _PACKAGE.joinpath(*name.split(".")[1:])
        module = place.with_suffix(".py")
        files.update([module] if module.is_file() else place.glob("*.py"))
    return files


@cache
def _folder(sources: Path) -> Path:
    """A folder that can be written to. The last resort is private to the process: what lies there is run."""
    place = sha256(str(sources).encode()).hexdigest()[:16]
    for folder in (sources / "__pycache__", user_cache_path("xl-assets") / "kernels" / place):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    return Path(_temporary().name) / place


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="xl-assets-")
