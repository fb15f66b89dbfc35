import json
from pathlib import Path

import polars as pl
import pytest

from xl_assets.filters.evaluation_prompts import ContaminationSettings, PromptListError, judge_prompts, read_prompts
from xl_assets.filters.pipeline import FilterSettings, judge_documents
from xl_assets.tables import SeedDocument, empty_table

PROMPT = "Explain in three short steps how a heron catches fish in a slow river"
OTHER = "Name five rivers that flow through more than two countries of Europe"
FRAME = pl.DataFrame({"text": [f"A page. {PROMPT}! And more.", "Herons stand in rivers and catch fish.", ""]})


def _written(file: Path, prompts: list[str]) -> Path:
    if file.suffix == ".json":
        file.write_text(json.dumps([{"instruction": prompt} for prompt in prompts]), encoding="utf-8")
    elif file.suffix == ".txt":
        file.write_text("\n".join(prompts) + "\n", encoding="utf-8")
    else:
        frame = pl.DataFrame({"id": range(len(prompts)), "prompt": prompts})
        {".jsonl": frame.write_ndjson, ".csv": frame.write_csv, ".parquet": frame.write_parquet}[file.suffix](file)
    return file


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "parquet", "txt"])
def test_a_document_that_holds_a_prompt_is_rejected_whatever_the_prompts_are_written_as(tmp_path, kind):
    file = _written(tmp_path / f"prompts.{kind}", [PROMPT, OTHER])
    assert read_prompts(file).to_list() == [PROMPT, OTHER]
    judged = judge_prompts(FRAME, ContaminationSettings((str(file),)))
    assert judged["reasons"].to_list() == [["contaminated"], [], []]
    assert judged["kept"].to_list() == [False, True, True]


def test_without_prompts_nothing_is_looked_for():
    assert judge_prompts(FRAME).equals(FRAME)


def test_a_changed_file_is_read_again_and_is_another_setting(tmp_path):
    file = _written(tmp_path / "prompts.txt", [OTHER])
    settings = ContaminationSettings((str(file),))
    before = settings.as_dict()
    assert judge_prompts(FRAME, settings)["kept"].all()
    _written(file, [PROMPT, OTHER])
    assert judge_prompts(FRAME, settings)["kept"].to_list() == [False, True, True]
    assert settings.as_dict() != before
    moved = _written(tmp_path / "elsewhere.txt", [PROMPT, OTHER])
    assert ContaminationSettings((str(moved),)).as_dict() == settings.as_dict()


def test_documents_are_judged_by_the_prompts_of_the_settings(tmp_path):
    file = _written(tmp_path / "prompts.json", [PROMPT])
    documents = pl.concat(
        [
            empty_table(SeedDocument),
            pl.DataFrame(
                {"document_id": ["a"], "language": ["en"], "text": [FRAME["text"][0]], "file": ["f"], "line": [1]}
            ),
        ],
        how="diagonal_relaxed",
    )
    judged = judge_documents(documents, FilterSettings(contamination={"prompts": [str(file)]}))  # type: ignore[arg-type]
    assert "contaminated" in judged["reasons"].to_list()[0]


def test_a_file_that_is_no_list_of_prompts_is_named_with_the_remedy(tmp_path):
    with pytest.raises(PromptListError, match="correct the path"):
        judge_prompts(FRAME, ContaminationSettings((str(tmp_path / "none.txt"),)))
    for name, text, told in (
        ("a.json", "{", "can't be read"),
        ("b.json", "[]", "no column of texts"),
        ("c.csv", "id\n1\n", "no column of texts among instruction"),
        ("d.txt", "\n", "holds no prompt"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(PromptListError, match=told):
            read_prompts(tmp_path / name)
    with pytest.raises(PromptListError, match="list of files"):
        ContaminationSettings("prompts.txt")  # type: ignore[arg-type]
    with pytest.raises(PromptListError, match="share"):
        ContaminationSettings(("p",), share=0)
