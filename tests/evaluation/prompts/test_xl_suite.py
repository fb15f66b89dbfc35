"""The eleven languages of XL-Suite have all that a prompt set needs."""

import json

import pytest

from xl_assets.evaluation.prompt_sets import build_eval_prompts, read_prompt_file
from xl_assets.languages import get_language

XL_SUITE = ("de", "pt", "hu", "lt", "ga", "mt", "zh", "hi", "fr", "fi", "tr")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "p.jsonl"
    path.write_text("\n".join(json.dumps({"instruction": f"Question {n}?"}) for n in range(200)), encoding="utf-8")
    return read_prompt_file(path)


@pytest.mark.parametrize("code", XL_SUITE)
def test_every_language_has_an_entry_with_labels_stop_words_and_several_directives(code):
    entry = get_language(code)
    assert entry.lid_labels[0] == code
    assert len(entry.stop_words) >= 20
    assert len(set(entry.directives)) >= 3
    assert all(entry.name in wording for wording in entry.directives)


@pytest.mark.parametrize("code", XL_SUITE)
def test_all_wordings_of_a_language_are_used_and_the_choice_hangs_on_the_instruction_alone(base, code):
    prompts = build_eval_prompts(base, code)
    asked = prompts["instruction"].str.replace(r"^Question \d+\? ", "")
    assert set(asked) == set(get_language(code).directives)
    shuffled = build_eval_prompts(base.sample(fraction=1, shuffle=True, seed=1), code)
    assert set(shuffled["instruction"]) == set(prompts["instruction"])
    assert set(shuffled["prompt_id"]) == set(prompts["prompt_id"])


def test_a_language_needs_one_registry_entry_to_get_prompts(base, tmp_path, monkeypatch):
    file = tmp_path / "languages.toml"
    file.write_text('[sv]\nname = "Swedish"\nnative_name = "svenska"\nscript = "Latn"\n', encoding="utf-8")
    monkeypatch.setenv("XL_LANGUAGES", str(file))
    prompts = build_eval_prompts(base, "sv")
    assert prompts.height == base.height
    assert prompts["instruction"].str.contains("Swedish").all()
