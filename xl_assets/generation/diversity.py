"""Choose a few texts of many so that they differ: clusters of like texts, drawn from in turn."""

import polars as pl

from xl_assets.identity import derived_seed

#: Character n-grams inside words need no tokeniser, so every script is served alike.
NGRAMS = (3, 5)
FEATURES = 1 << 12
MAX_CLUSTERS = 128


def choose_diverse(texts: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Choose rows by turns from clusters of like texts, the best of each cluster first.

    Texts are hashed character n-grams weighted by TF-IDF, clustered by mini-batch k-means (scikit-learn) into
    at most `MAX_CLUSTERS` clusters. The result hangs on the rows alone, not on their order: rows are
    sorted by id, the seed is fixed and one thread computes.

    Args:
        texts: with ``row_id``, ``text`` and ``quality`` (may be null, which ranks last).
        limit: how many rows are wanted, at least 1.

    Returns:
        ``row_id``, ``cluster`` (from 0, null where there was nothing to choose) and ``chosen``, sorted by ``row_id``.
    """
    rows = texts.sort("row_id")
    if rows.height <= limit:
        nothing = pl.lit(None, dtype=pl.Int64).alias("cluster")
        return rows.select("row_id", nothing, pl.lit(True).alias("chosen"))
    clustered = rows.with_columns(pl.Series("cluster", _clusters(rows["text"], limit), dtype=pl.Int64))
    best_first = pl.struct(-pl.col("quality").fill_null(float("-inf")), "row_id")
    turn = clustered.with_columns(best_first.rank("ordinal").over("cluster").alias("_turn"))
    # The last, incomplete turn goes to clusters by a hash: in order of number it would favour the same ones.
    place = pl.struct("_turn", derived_seed(pl.col("cluster"), pl.col("_turn")), "cluster").rank("ordinal")
    return turn.select("row_id", "cluster", (place <= limit).alias("chosen"))


def _clusters(texts: pl.Series, limit: int) -> list[int]:
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from threadpoolctl import threadpool_limits

    hashed = HashingVectorizer(analyzer="char_wb", ngram_range=NGRAMS, n_features=FEATURES, alternate_sign=False)
    with threadpool_limits(1):
        weights = TfidfTransformer(sublinear_tf=True).fit_transform(hashed.transform(texts.to_list()))
        model = MiniBatchKMeans(min(MAX_CLUSTERS, limit), random_state=0, n_init=1, batch_size=1024)
        return model.fit_predict(weights).tolist()
