import json

import fsspec
import polars as pl
import pytest

from xl_assets.evaluation.prompt_sets import build_eval_prompts
from xl_assets.evaluation.prompts.exclusions import PromptFileError
from xl_assets.evaluation.prompts.reading import read_prompt_file

ROWS = [
    {"index": 7, "dataset": "koala", "instruction": 'Say "a, b"\nplease.', "output": "x", "generator": "m"},
    {"index": 8, "dataset": "vicuna", "instruction": "Who?", "output": None, "generator": "m"},
]


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/prompts/one/alpaca_eval.json", json.dumps(ROWS).encode())
    filesystem.pipe("/prompts/one/README.md", b"# data")
    filesystem.pipe("/prompts/two/a.json", b"[]")
    filesystem.pipe("/prompts/two/b.jsonl", b"")
    yield
    filesystem.rm("/prompts", recursive=True)


def written(folder, name):
    path = folder / name
    table = pl.DataFrame(ROWS)
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(ROWS), encoding="utf-8")
        case ".jsonl":
            path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
        case ".parquet":
            table.write_parquet(path)
        case ".csv":
            table.write_csv(path)
        case ".tsv":
            table.write_csv(path, separator="\t")
    return path


@pytest.mark.parametrize("name", ["p.json", "p.jsonl", "p.csv", "p.tsv", "p.parquet"])
def test_the_same_prompts_are_read_from_every_form(tmp_path, name):
    base = read_prompt_file(written(tmp_path, name))
    assert base.select("id", "instruction", "source").rows() == [
        ("7", 'Say "a, b"\nplease.', "koala"),
        ("8", "Who?", "vicuna"),
    ]


def test_a_url_is_a_file_or_a_data_set_with_one_prompt_file(memory):
    by_file = read_prompt_file("memory://prompts/one/alpaca_eval.json")
    assert read_prompt_file("memory://prompts/one").equals(by_file)
    assert by_file.height == 2


def test_a_data_set_with_several_prompt_files_asks_for_one(memory):
    with pytest.raises(PromptFileError, match=r"2 prompt files \(a\.json, b\.jsonl\): name one"):
        read_prompt_file("memory://prompts/two")


@pytest.mark.parametrize("url", ["memory://prompts/none.json", "nosuchprotocol://a/b"])
def test_what_cannot_be_fetched_is_named_with_a_remedy(memory, url):
    with pytest.raises(PromptFileError, match=r"can't be fetched .* give its path"):
        read_prompt_file(url)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.parquet", b"PAR?", "no readable parquet table"),
        ("p.csv", b"", "holds no prompts"),
        ("p.csv", b'instruction\n"a', "p.csv"),
        ("p.csv", b"instruction,id\n,1\n", "row 1: 'instruction' must be a text"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PromptFileError, match=message):
        read_prompt_file(path)


def test_arena_hards_single_turn_is_the_instruction_and_several_are_refused(tmp_path):
    path = tmp_path / "q.jsonl"
    row = {"question_id": "x1", "cluster": "ABC", "turns": [{"content": "Why?"}]}
    path.write_text(json.dumps(row), encoding="utf-8")
    assert read_prompt_file(path).select("id", "instruction", "cluster_id").rows() == [("x1", "Why?", "ABC")]
    path.write_text(json.dumps({**row, "turns": [{"content": "a"}, {"content": "b"}]}), encoding="utf-8")
    with pytest.raises(PromptFileError, match="'turns' has 2 turns"):
        read_prompt_file(path)


def test_an_m_arena_hard_file_of_one_language_needs_only_that_language_said(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"question_id": "x1", "category": "hard", "prompt": "Warum?"}), encoding="utf-8")
    prompts = build_eval_prompts(read_prompt_file(path, language="de"), "de")
    assert prompts.select("kind", "language", "instruction").rows() == [("same_language", "de", "Warum?")]


def test_a_label_of_an_identifier_names_its_language(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"prompt": "Warum?", "language": "deu_Latn"}), encoding="utf-8")
    assert read_prompt_file(path)["language"].to_list() == ["de"]


def test_one_id_in_several_languages_is_one_cluster(tmp_path):
    rows = [
        {"id": 1, "language": "de", "instruction": "Warum?", "source": "s"},
        {"id": 1, "language": "en", "instruction": "Why?", "source": "s"},
        {"id": 2, "language": "de", "instruction": "Wer?", "source": "s"},
        {"id": 2, "language": "ga", "instruction": "Cé?", "source": "s"},
        {"id": 3, "language": "ga", "instruction": "Cá?", "source": "s"},
    ]
    path = tmp_path / "p.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    clusters = read_prompt_file(path)["cluster_id"].to_list()
    assert clusters[0] == clusters[1]
    assert clusters[2] == clusters[3]
    assert len(set(clusters)) == 3
    path.write_text(json.dumps(rows[1:2]), encoding="utf-8")
    assert read_prompt_file(path)["cluster_id"].to_list() == clusters[:1]
