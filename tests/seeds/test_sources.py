"""Where corpora are: endings, folders, and stores beside the local disk."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import zstandard
from fsspec.implementations.memory import MemoryFileSystem

from xl_assets.seeds import sources
from xl_assets.seeds.readers import SeedError, collect_seeds
from xl_assets.seeds.sources import ENDINGS, find_files

ROW = b'{"text": "one"}\n'


class FailingStore(MemoryFileSystem):
    """A store whose files break off as a network does."""

    protocol = "failing"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("failing://", "memory://"))

    def _open(self, path: str, mode: str = "rb", **options: object):  # type: ignore[no-untyped-def]
        stream = super()._open(path, mode, **options)
        if mode == "rb":
            stream.read = _broken
        return stream


def _broken(size: int = -1) -> bytes:
    raise TimeoutError("the store does not answer")


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    store = fsspec.filesystem("memory")
    store.pipe(
        {
            "/corpus/a.jsonl": ROW,
            "/corpus/b/b.jsonl.zst": zstandard.compress(ROW * 2),
            "/corpus/c.json.gz": gzip.compress(ROW),
        }
    )
    yield store
    store.rm("/corpus", recursive=True)


def test_a_store_is_read_as_the_disk_is(memory: MemoryFileSystem) -> None:
    for location in ("memory://corpus", "memory://corpus/**/*"):
        assert collect_seeds(location, "en", readers=3).documents["file"].to_list() == [
            "a.jsonl",
            *["b/b.jsonl.zst"] * 2,
            "c.json.gz",
        ]


def test_a_protocol_that_a_user_registered_works_and_its_faults_are_no_faults_of_the_data(
    memory: MemoryFileSystem,
) -> None:
    fsspec.register_implementation("failing", FailingStore, clobber=True)
    assert [file.name for file in find_files("failing://corpus/a.jsonl")] == ["a.jsonl"]
    for readers in (1, 2):
        with pytest.raises(SeedError, match="can't be read: TimeoutError: the store does not answer"):
            collect_seeds("failing://corpus", "en", readers=readers)


def test_a_store_that_fails_while_parquet_is_read_is_no_corrupt_file() -> None:
    fsspec.register_implementation("failing", FailingStore, clobber=True)
    fsspec.filesystem("memory").pipe("/p/x.parquet", b"PAR1" * 9)
    with pytest.raises(SeedError, match="TimeoutError"):
        collect_seeds("failing://p/x.parquet", "en")


@pytest.mark.parametrize(("protocol", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("hf", "huggingface_hub")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    protocol: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(location: str, **options: object) -> None:
        raise ImportError(f"Install {protocol}")

    monkeypatch.setattr(sources, "url_to_fs", missing)
    with pytest.raises(SeedError, match=f"{protocol}:// needs {package}: pip install {package}"):
        find_files(f"{protocol}://bucket/x.jsonl")


@pytest.mark.parametrize("ending", [ending for ending, (kind, _) in ENDINGS.items() if kind == "jsonl"])
def test_every_spelling_of_json_lines_is_read(tmp_path: Path, ending: str) -> None:
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress}.get(ENDINGS[ending][1] or "", bytes)
    (tmp_path / f"X{ending.upper()}").write_bytes(pack(ROW))
    assert collect_seeds(str(tmp_path), "en").documents["text"].to_list() == ["one"]
