"""The language registry."""

import re
from pathlib import Path

import pytest

from xl_assets.languages import (
    REGISTRY_VARIABLE,
    RegistryError,
    UnknownLanguage,
    get_language,
    load_registry,
    registered,
    registry_frame,
)

SWEDISH = """
[sv]
name = "Swedish"
native_name = "svenska"
script = "Latn"
stop_words = "och att det"
thresholds = { stop_word_share = 0.08 }
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "languages.toml"
    path.write_text(text, encoding="utf-8")
    load_registry.cache_clear()
    return path


def test_the_shipped_languages_are_complete() -> None:
    assert registered() == ("en", "de", "pt", "hu", "lt", "ga", "mt", "zh", "hi", "fr", "fi", "tr")
    for code in registered():
        entry = get_language(code)
        assert 20 <= len(entry.stop_words) <= 35
        assert len(set(entry.stop_words)) == len(entry.stop_words)
        assert all(word == word.lower() for word in entry.stop_words)
        assert 0 < entry.line_threshold <= entry.document_threshold < 1
        assert all(directive.count(entry.name) == 1 for directive in entry.directives)
        assert code in entry.lid_labels


def test_the_frame_has_one_row_per_language_for_joins() -> None:
    frame = registry_frame()
    assert frame["code"].to_list() == list(registered())
    assert frame.filter(code="zh")["spaces_between_words"].item() is False


def test_an_unknown_code_names_the_closest_the_known_and_the_remedy() -> None:
    with pytest.raises(UnknownLanguage, match=r"Did you mean 'hu'\?.*Known are: en, de.*XL_LANGUAGES"):
        get_language("hun")
    with pytest.raises(UnknownLanguage, match=r"Did you mean 'de'\?"):
        get_language("Germn")


def test_one_entry_in_a_file_adds_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REGISTRY_VARIABLE, str(_file(tmp_path, SWEDISH)))
    entry = get_language("sv")
    assert entry.stop_words == ("och", "att", "det")
    assert entry.script_class == r"\p{Latin}"
    assert entry.lid_labels == ("sv",)
    assert entry.directives[0] == "Answer in Swedish."
    assert registered()[-1] == "sv"
    assert get_language("de").name == "German"


def test_any_changed_attribute_changes_the_hash(tmp_path: Path) -> None:
    before = load_registry(_file(tmp_path, SWEDISH))["sv"]
    again = load_registry(_file(tmp_path, SWEDISH))["sv"]
    after = load_registry(_file(tmp_path, SWEDISH.replace("0.08", "0.09")))["sv"]
    assert before.hash == again.hash != after.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sv]\nname = 3\nfoo = 1\nscript = 'Latn'", "name: .*native_name: .*foo: .*Known keys: code, name"),
        ("[sv]\nname = 'a'\nnative_name = 'a'\nscript = 'Gujr'", "Gujr.*add script_class"),
        ("[sv", "no valid TOML"),
        ("sv = 1", "write a table"),
        ("['../x']\nname = 'a'\nnative_name = 'a'\nscript = 'Latn'", "two or three small letters"),
    ],
)
def test_a_wrong_entry_is_refused_with_file_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(RegistryError, match=re.compile(f"{re.escape(str(path))}.*{message}", re.DOTALL)):
        load_registry(path)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(RegistryError, match=r"no language file /nowhere\.toml"):
        load_registry(Path("/nowhere.toml"))
