import json

import pytest
from typer.testing import CliRunner

from resources.language_identifier import IdentifierError
from xl_assets.cli import app
from xl_assets.evaluation.fidelity.words import FidelityError

GERMAN = "Der Rotfuchs lebt im Wald und frisst vor allem Mäuse."
ENGLISH = "The red fox lives in the forest and mostly eats mice."
RUSSIAN = "Рыжая лиса живёт в лесу и питается мышами и ягодами."
ROWS = [
    {"id": "a", "language": "de", "response": GERMAN},
    {"id": "b", "language": "de", "response": f"{GERMAN}\n\n{ENGLISH}"},
    {"id": "c", "language": "de", "response": None},
    {"id": 4, "language": "de", "response": "Ja."},
    {"id": "e", "language": "ru", "response": RUSSIAN},
    {"id": "f", "language": "ru", "response": f"{RUSSIAN} zebra"},
    {"language": "qq", "response": GERMAN},
]


@pytest.fixture
def write(tmp_path):
    def write_rows(rows, name="responses.jsonl"):
        path = tmp_path / name
        text = json.dumps(rows) if name.endswith(".json") else "\n".join(json.dumps(row) for row in rows)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_rows


def measured(*arguments):
    result = CliRunner().invoke(app, ["evaluate", "language-fidelity", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_pass_rates_and_the_wrong_lines_of_every_row_are_printed_as_json(write):
    found = measured("--responses", write(ROWS))
    german, russian = found["languages"]["de"], found["languages"]["ru"]
    assert {name: german[name] for name in ("lpr", "wpr", "lcpr", "n_kept", "n_skipped")} == {
        "lpr": 0.5,
        "wpr": None,
        "lcpr": 0.5,
        "n_kept": 2,
        "n_skipped": 2,
    }
    assert (russian["lpr"], russian["wpr"], russian["lcpr"]) == (1.0, 0.5, pytest.approx(2 / 3))
    wrong = found["rows"][1]["wrong_lines"]
    assert [(line["line"], line["text"], line["label"]) for line in wrong] == [(3, ENGLISH, "en")]
    assert wrong[0]["score"] > 0.3
    assert found["rows"][5]["english_words"] == ["zebra"]


def test_every_row_is_there_with_its_id_and_counts_add_up(write):
    found = measured("--responses", write(ROWS))
    assert [row["id"] for row in found["rows"]] == ["a", "b", "c", "4", "e", "f", "7"]
    assert found["unknown_languages"] == {"qq": 1}
    rows = sum(rate["n_kept"] + rate["n_skipped"] for rate in found["languages"].values())
    assert rows + 1 == found["n_rows"] == len(ROWS)


def test_a_json_list_gives_the_same_as_json_lines(write):
    assert measured("--responses", write(ROWS, "r.json")) == measured("--responses", write(ROWS))


def test_a_users_word_list_decides_the_word_pass_rate(write, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("elephant\n", encoding="utf-8")
    found = measured("--responses", write(ROWS), "--english-words", str(words))
    assert found["languages"]["ru"]["wpr"] == 1.0
    assert found["settings"]["n_english_words"] == 1


def test_no_responses_give_no_languages(write):
    found = measured("--responses", write([]))
    assert (found["languages"], found["rows"], found["n_rows"]) == ({}, [], 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"response": "a"}\n{"response": ', "line 2"),
        ('{"response": 5}', r"line 1: Expected `str \| null`, got `int`"),
        ("[1]", "Expected `object`"),
        ('{"response": "\\ud83d"}', "line 1"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(tmp_path, content, message):
    path = tmp_path / "r.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FidelityError, match=message):
        measured("--responses", str(path))


def test_a_missing_file_or_model_is_named(write, tmp_path):
    with pytest.raises(FidelityError, match=r"nothing\.jsonl can't be opened"):
        measured("--responses", str(tmp_path / "nothing.jsonl"))
    with pytest.raises(IdentifierError, match=r"no language identification model .*none\.bin"):
        measured("--responses", write(ROWS), "--lid-model", str(tmp_path / "none.bin"))
