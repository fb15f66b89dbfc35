"""datatrove's MinHash deduplication of a folder of JSON lines; run by the python that has datatrove.

Writes the documents that stay and those that go, each with its cluster, as JSON lines into OUT/kept and OUT/removed.

Example: benchmarks/.peers/datatrove/bin/python benchmarks/peers/datatrove_minhash.py IN OUT whitespace
"""

import sys
from pathlib import Path


def main(source: str, out: Path, tokenizer: str) -> None:
    """Run the four steps, each as one task after the other in this process."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig()
    reader = JsonlReader(source, glob_pattern="*.jsonl")
    signature = MinhashDedupSignature(str(out / "signatures"), config)
    if tokenizer == "whitespace":
        signature.word_tokenizer = Whitespace()
    removed = JsonlWriter(str(out / "removed"), compression=None)
    filtering = MinhashDedupFilter(str(out / "clusters"), exclusion_writer=removed, load_cluster_ids=True)
    buckets = MinhashDedupBuckets(str(out / "signatures"), str(out / "buckets"), config=config)
    clusters = MinhashDedupCluster(str(out / "buckets"), str(out / "clusters"), config, save_cluster_id=True)
    steps = [
        ([reader, signature], 1),
        ([buckets], config.num_buckets),
        ([clusters], 1),
        ([reader, filtering, JsonlWriter(str(out / "kept"), compression=None)], 1),
    ]
    for number, (pipeline, tasks) in enumerate(steps):
        logs = str(out / "logs" / str(number))
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=logs, skip_completed=False).run()


class Whitespace:
    """Words are what stands between white space."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
