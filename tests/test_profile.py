"""Profiles: what is wrong is named, with the remedy."""

import pytest

from xl_assets.profile import SHIPPED, ProfileError, load_profile

SHIPPED_NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_every_shipped_profile_loads_and_binds_every_role(name):
    profile = load_profile(name)
    assert profile.name == name
    assert all(profile.model(role)["model"] for role in profile.roles)


def test_an_unknown_profile_names_the_shipped_ones():
    with pytest.raises(ProfileError, match=r"demo.*XL_PROFILE"):
        load_profile("nope")


def test_broken_toml_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("name = ", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"mine\.toml cannot be used"):
        load_profile(str(file))


def test_a_role_without_a_model_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    text = (SHIPPED / "demo.toml").read_text(encoding="utf-8").replace('judge = "teacher"\n', "")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match="lacks judge"):
        load_profile(str(file))


def test_the_translator_translates_prompts_unless_another_model_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    text = (SHIPPED / "demo.toml").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    named = load_profile(str(file))
    assert named.model("prompt_translator")["model"].endswith("/prompt_translator")
    file.write_text(text.replace('prompt_translator = "prompt_translator"\n', ""), encoding="utf-8")
    left = load_profile(str(file))
    assert left.model("prompt_translator") == {**left.model("translator"), "role": "prompt_translator"}


def test_paths_of_a_users_profile_are_relative_to_its_folder(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text((SHIPPED / "demo.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert load_profile(str(file)).seed_source("ga").path == str(tmp_path / "demo/corpus/ga.jsonl.zst")


def test_a_language_without_a_corpus_says_what_to_add(tmp_path):
    file = tmp_path / "mine.toml"
    text = (SHIPPED / "demo.toml").read_text(encoding="utf-8")
    languages = text[text.index("languages") : text.index("release")]
    text = text.replace("[seeds.default]", "[seeds.en]").replace(languages, 'languages = ["en"]\n')
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=r"add \[seeds\.de\]"):
        load_profile(str(file)).seed_source("de")


@pytest.mark.parametrize(
    ("given", "placed"),
    [
        ("prompts.jsonl", "{folder}/prompts.jsonl"),
        ("some/owner.jsonl", "{folder}/some/owner.jsonl"),
        ("here/file", "{folder}/here/file"),
        ("owner/name", "hf://datasets/owner/name"),
        ("owner/name@main", "hf://datasets/owner/name@main"),
        ("s3://bucket/p.json", "s3://bucket/p.json"),
    ],
)
def test_prompts_are_a_file_a_url_or_a_data_set_on_the_hub(tmp_path, given, placed):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").write_text("", encoding="utf-8")
    file = tmp_path / "mine.toml"
    text = (SHIPPED / "demo.toml").read_text(encoding="utf-8").replace("demo/corpus/eval_prompts.jsonl", given)
    file.write_text(text, encoding="utf-8")
    profile = load_profile(str(file))
    assert profile.place(profile.evaluation.prompts) == placed.format(folder=tmp_path)


@pytest.mark.parametrize("name", ["paper", "gpu"])
def test_profiles_on_alpaca_eval_leave_out_what_cannot_be_answered_in_another_language(name):
    assert load_profile(name).evaluation.exclude == ["@alpaca_eval"]
