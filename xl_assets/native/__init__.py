"""Compiled loops over whole Arrow columns (Numba): bytes and offsets in, arrays out.

Nothing here knows tables, languages or rules. A function gets the bytes of all texts of a batch at once;
no text becomes a Python object. The first call of a function compiles it; `caching` says where that is kept.
"""

import numba

#: Ours, and then Numba's own in its order, for the functions of other packages.
_LOCATORS = ["xl_assets.native.caching.Locator"] + [
    f"{name}CacheLocator" for name in ("UserProvided", "InTree", "UserWide", "IPython", "Zip")
]

# A list or a folder that the user chose stays.
if not numba.config.CACHE_LOCATOR_CLASSES and not numba.config.CACHE_DIR:
    numba.config.CACHE_LOCATOR_CLASSES = ",".join(_LOCATORS)
