"""A user's own filters: loaded from a file or a module, refused with a remedy where they are none, told by content."""

import sys
from pathlib import Path

import polars as pl
import pytest

from xl_assets.filters.heuristics import apply_heuristics
from xl_assets.filters.own_families import FILTERS_VARIABLE, OwnFilterError
from xl_assets.filters.rules import RULE_SETS, RULES, families_hash, rules_of, thresholds_of
from xl_assets.languages import REGISTRY_VARIABLE, get_language

SHOUTING = """
import polars as pl
from xl_assets.filters.measures.family import Rule

MEASURES = {"exclamations": "exclamation marks per word"}
RULES = (Rule("exclamations", "shouting", 0.5, False, "our own reading"),)


def measure(texts, wanted):
    words = texts.series.str.count_matches(r"\\S+")
    return pl.select(exclamations=texts.series.str.count_matches("!") / words)
"""

TEXTS = pl.DataFrame(
    {"language": ["en"] * 4, "text": ["Buy! Now! It! Is!", "A calm sentence, that is all!", "Hm.", ""]}
)


@pytest.fixture(autouse=True)
def no_trace():
    """Modules that a test imported are forgotten: two tests may use one name."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("xl_own_filters", "own_")):
            del sys.modules[name]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a family and name it; returns its path."""

    def write(source: str = SHOUTING, name: str = "shouting.py") -> Path:
        file = tmp_path / name
        file.write_text(source, encoding="utf-8")
        monkeypatch.setenv(FILTERS_VARIABLE, str(file))
        return file

    return write


def reasons(**asked: object) -> list[list[str]]:
    return apply_heuristics(TEXTS, **asked)["reasons"].to_list()


def test_a_rule_of_a_file_judges_beside_the_shipped_ones(own):
    own()
    assert reasons(sets=("shouting",)) == [["shouting"], [], [], []]
    together = reasons(sets=("house", "shouting"))
    assert together[0][-1] == "shouting"
    assert "too_short" in together[0]


def test_what_a_file_measures_stands_in_the_metrics_and_nan_is_null(own):
    own()
    metrics = apply_heuristics(TEXTS, sets=("shouting",))["metrics"].to_list()
    assert metrics[0] == [{"rule": "exclamations", "value": 1.0, "threshold": 0.5}]
    assert metrics[3][0]["value"] is None


def test_the_shipped_sets_stay_as_they_are(own):
    before = {name: dict(rules) for name, rules in RULE_SETS.items()}
    own()
    assert {name: dict(rules) for name, rules in RULE_SETS.items() if name != "shouting"} == before


def test_a_module_that_can_be_imported_will_do(tmp_path, monkeypatch):
    (tmp_path / "own_room").mkdir()
    (tmp_path / "own_room" / "__init__.py").write_text("")
    (tmp_path / "own_room" / "own_shouting.py").write_text(SHOUTING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(FILTERS_VARIABLE, "own_room.own_shouting")
    assert reasons(sets=("own_shouting",))[0] == ["shouting"]


def test_several_are_parted_as_paths_are(own, tmp_path, monkeypatch):
    first = own()
    second = own(SHOUTING.replace("exclamations", "marks").replace("0.5", "0.1"), "marking.py")
    monkeypatch.setenv(FILTERS_VARIABLE, f"{first}:{second}:")
    assert [rule.name for rule in rules_of(("shouting", "marking"))] == ["exclamations", "marks"]
    assert reasons(sets=("marking",)) == [["shouting"], ["shouting"], [], []]


def test_a_module_may_name_its_sets_and_take_up_shipped_rules(own):
    own(SHOUTING + 'SETS = {"calm": {"exclamations": 0.1, "words": 3}}')
    assert "shouting" not in RULE_SETS
    assert reasons(sets=("calm",)) == [["shouting"], ["shouting"], ["too_short"], ["too_short"]]


def test_settings_are_stronger_than_the_registry_and_that_than_the_module(own, tmp_path, monkeypatch):
    own()
    (tmp_path / "languages.toml").write_text(
        '[en]\nname = "English"\nnative_name = "English"\nscript = "Latn"\nthresholds = { exclamations = 0.1 }\n'
    )
    assert thresholds_of(get_language("en"), sets=("shouting",)) == {"exclamations": 0.5}
    monkeypatch.setenv(REGISTRY_VARIABLE, str(tmp_path / "languages.toml"))
    assert thresholds_of(get_language("en"), sets=("shouting",)) == {"exclamations": 0.1}
    assert thresholds_of(get_language("en"), {"exclamations": 2}, ("shouting",)) == {"exclamations": 2}


def test_without_the_variable_the_rule_is_unknown(own, monkeypatch):
    own()
    assert "exclamations" in RULES
    monkeypatch.delenv(FILTERS_VARIABLE)
    assert "exclamations" not in RULES
    assert "shouting" not in RULE_SETS


def test_the_hash_changes_with_the_content_alone(own, tmp_path):
    own()
    first = families_hash(("house", "shouting"))
    assert list(first) == ["shouting"]
    (tmp_path / "moved").mkdir()
    own(name="moved/shouting.py")
    assert families_hash(("shouting",)) == first
    (tmp_path / "changed").mkdir()
    own(SHOUTING.replace("0.5", "0.6"), "changed/shouting.py")
    assert families_hash(("shouting",)) != first


def test_the_hash_of_a_set_that_asks_for_no_own_rule_is_empty(own):
    own()
    assert families_hash(("house",)) == {}


def test_the_hash_of_another_familys_set_that_takes_up_an_own_rule_has_both(own, monkeypatch):
    first = own()
    second = own(
        'import polars as pl\nMEASURES, RULES = {}, ()\nSETS = {"both": {"exclamations": 1}}\n'
        "def measure(texts, wanted):\n    return pl.DataFrame()\n",
        "pairing.py",
    )
    monkeypatch.setenv(FILTERS_VARIABLE, f"{first}:{second}")
    assert sorted(families_hash(("both",))) == ["pairing", "shouting"]


def test_the_hash_of_a_package_covers_all_its_files(tmp_path, monkeypatch):
    folder = tmp_path / "own_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(SHOUTING)
    (folder / "words.py").write_text("WORDS = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(FILTERS_VARIABLE, "own_package")
    before = families_hash(("own_package",))
    (folder / "words.py").write_text("WORDS = 2")
    # A process loads a setting once; another setting that means the same is loaded anew.
    monkeypatch.setenv(FILTERS_VARIABLE, "own_package:")
    assert families_hash(("own_package",)) != before


MISTAKES = {
    "no such file; create it": None,
    r"can't be loaded: SyntaxError.*line 1": "def",
    r"can't be loaded: ZeroDivisionError.*\(line 2\)": "\n1 / 0",
    "has no MEASURES; a family module needs MEASURES, measure, RULES": "",
    'MEASURES is none; write {"name': SHOUTING.replace('{"exclamations": "exclamation marks per word"}', '"marks"'),
    "measure is none; write a function": SHOUTING + "measure = 3",
    "RULES is none; write a tuple.*comma": SHOUTING.replace('reading"),)', 'reading"))'),
    "RULES holds 'loud'; write Rule": SHOUTING + 'RULES = ("loud",)',
    "is over 'marks', which is none of MEASURES: exclamations": SHOUTING + 'RULES = (Rule("marks", "", 1, True, ""),)',
    "has the threshold None; give it a number": SHOUTING.replace("0.5", "None"),
    "has the threshold True; give it a number": SHOUTING.replace("0.5", "True"),
    "SETS is none; write": SHOUTING + 'SETS = ["shouting"]',
    "set 'calm' gives exclamations no number": SHOUTING + 'SETS = {"calm": {"exclamations": "much"}}',
    "set 'calm' holds 'marks', which is no rule": SHOUTING + 'SETS = {"calm": {"marks": 1}}',
    "house has a set 'house' already; choose another name": SHOUTING + 'SETS = {"house": {"exclamations": 1}}',
    "house has a rule 'words' already": SHOUTING.replace('Rule("exclamations"', 'Rule("words"').replace(
        '"our own reading"', '"", "exclamations"'
    ),
    "house has a measure 'words' already": SHOUTING.replace("exclamations", "words"),
}


@pytest.mark.parametrize("told", MISTAKES)
def test_a_mistake_in_a_file_is_told_with_the_file_and_the_remedy(own, tmp_path, monkeypatch, told):
    if (source := MISTAKES[told]) is None:
        monkeypatch.setenv(FILTERS_VARIABLE, str(tmp_path / "shouting.py"))
    else:
        own(source)
    with pytest.raises(OwnFilterError, match=told) as caught:
        list(RULE_SETS)
    assert str(caught.value).startswith(str(tmp_path / "shouting.py"))
    assert "\n" not in str(caught.value)


def test_a_file_of_a_shipped_familys_name_is_refused(own):
    own(name="house.py")
    with pytest.raises(OwnFilterError, match=r"shipped family house has a family 'house' already"):
        list(RULE_SETS)


def test_two_files_of_one_name_are_refused(own, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    first, second = own(), own(name="other/shouting.py")
    monkeypatch.setenv(FILTERS_VARIABLE, f"{first}:{second}")
    with pytest.raises(OwnFilterError, match="two families 'shouting'; rename one"):
        list(RULE_SETS)


def test_a_module_that_is_not_there_is_told_with_both_remedies(monkeypatch):
    monkeypatch.setenv(FILTERS_VARIABLE, "own_nothing")
    with pytest.raises(OwnFilterError, match=r"no module named 'own_nothing'; install it, or name a file that ends in"):
        list(RULE_SETS)


WRONG_ANSWERS = {
    r"measure fails: KeyError: 'x' \(line 10\)": '{}["x"]',
    "measure returns a list; return a pl.DataFrame": "[1.0]",
    "measure returns no column 'exclamations'": "pl.DataFrame({'marks': [1.0] * len(texts)})",
    "measure returns 3 rows for 4 texts": "pl.DataFrame({'exclamations': [1.0] * 3})",
    r"as Int64; cast it: \.cast\(pl\.Float64\)": "pl.DataFrame({'exclamations': [1] * len(texts)})",
}


@pytest.mark.parametrize("told", WRONG_ANSWERS)
def test_a_measure_that_answers_wrongly_is_told_with_the_remedy(own, told):
    head, _, _ = SHOUTING.partition("    words =")
    own(f"{head}    return {WRONG_ANSWERS[told]}\n")
    with pytest.raises(OwnFilterError, match=told):
        reasons(sets=("shouting",))
