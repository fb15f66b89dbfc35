"""The version of a source outside the lake, so that a changed corpus makes its tables stale."""

from hashlib import sha256

from fsspec.core import url_to_fs

from xl_assets.identity import ID_LENGTH

#: Files below this are hashed by content; larger ones by size and modification time, or the store's own checksum.
HASH_BELOW = 256 << 20

#: What stands for a source that is not there: a table made from it is stale, and reading it tells why.
ABSENT = "absent"


def source_hash(location: str) -> str:
    """Hash of a file, of a folder's or glob's files, or of remote objects.

    Args:
        location: path, folder, glob or URL.

    Returns:
        32 hex digits over names and contents, or ``ABSENT``.
    """
    filesystem, path = url_to_fs(location)
    if filesystem.isdir(path):
        paths = filesystem.find(path)
    else:
        paths = filesystem.glob(path) if set("*?[") & set(path) else [path]
    paths = [found for found in sorted(paths) if filesystem.isfile(found)]
    if not paths:
        return ABSENT
    root = paths[0].rpartition("/")[0]
    digest = sha256()
    for found in paths:
        digest.update(f"{found.removeprefix(root)}\x1f{_version(filesystem, found)}\n".encode())
    return digest.hexdigest()[:ID_LENGTH]


def _version(filesystem, path: str) -> str:
    size = filesystem.size(path)
    if "file" not in filesystem.protocol or (size or 0) > HASH_BELOW:
        return f"{size}:{filesystem.checksum(path) if 'file' not in filesystem.protocol else filesystem.modified(path)}"
    with filesystem.open(path, "rb") as stream:
        digest = sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
