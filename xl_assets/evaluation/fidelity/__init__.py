"""Language fidelity as the Language Confusion Benchmark measures it: line by line and word by word.

`lines` takes responses apart, `words` says what an English word is, `confusion` judges and counts.
"""
