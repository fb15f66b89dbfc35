"""Any corpus, cleaned or identified without Dagster: the functions of the assets, batch by batch."""
