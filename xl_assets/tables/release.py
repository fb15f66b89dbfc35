"""Tables of a release as a whole."""

import dataframely as dy


class ReleaseFile(dy.Schema):
    """A file that was written for a release: its report, its manifest. `file` is relative to the lake."""

    release = dy.String(primary_key=True)
    file = dy.String(nullable=False)
    sha256 = dy.String(nullable=False)
    bytes = dy.Int64(nullable=False, min=1)
