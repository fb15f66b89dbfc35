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
