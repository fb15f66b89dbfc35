"""The asset as Dagster runs it: languages with examples get a model, the others an explanation."""

import dagster as dg
import polars as pl
import pytest

from resources.configured import Workspace
from resources.lake import Lake
from tests.end_to_end.world import write_profile
from tests.quality.examples import menus, news, write_lines
from xl_assets.partitions import register_languages
from xl_assets.profile import ProfileError, load_profile
from xl_assets.quality import assets
from xl_assets.quality.contract import load_scorers
from xl_assets.quality.scoring import score_quality
from xl_assets.settings import settings_of

SECTION = """
[quality]
share = 0.5
training = { dim = 8, buckets = 2000, least_steps = 4000, held_out = 0.25 }

[quality.sources.en]
positives = "{language}-news.jsonl"
negatives = ["menus.jsonl"]
license = "CC0-1.0"
"""


def profile_with(folder, section=SECTION):
    write_lines(folder / "en-news.jsonl", news(200))
    write_lines(folder / "menus.jsonl", menus(200))
    file = write_profile(folder)
    file.write_text(file.read_text(encoding="utf-8") + section, encoding="utf-8")
    return file


def run(profile, lake, *languages: str) -> dg.ExecuteInProcessResult:
    instance = dg.DagsterInstance.ephemeral()
    register_languages(instance, list(languages))
    return dg.materialize(
        [assets.quality_model],
        instance=instance,
        resources={"workspace": Workspace(profile=str(profile), lake=str(lake))},
        tags={"dagster/asset_partition_range_start": languages[0], "dagster/asset_partition_range_end": languages[-1]},
    )


def metadata(result, language):
    return next(
        event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.partition == language
    )


def test_a_language_with_examples_gets_a_model_and_one_without_an_explanation(tmp_path):
    lake = Lake(tmp_path / "lake")
    result = run(profile_with(tmp_path), lake.root, "en", "ga")
    assert result.success
    rows = lake.scan("quality_model").collect()
    assert rows["language"].to_list() == ["en"]
    assert rows["roc_auc"].item() > 0.95
    assert (tmp_path / "lake" / rows["file"].item()).is_file()
    assert {"metrics", "classes", "calibration", "plots", "settings"} <= set(metadata(result, "en"))
    assert "[quality.sources.ga]" in metadata(result, "ga")["quality_model"].value
    texts = pl.DataFrame({"language": ["en", "ga"], "text": ["The council opened the garden.", "Tá sé sa ghairdín."]})
    scores = score_quality(texts, load_scorers(rows, lake.root))["quality"].to_list()
    assert scores[0] > 0.5
    assert scores[1] is None


def test_the_same_examples_make_nothing_new_and_changed_ones_are_noted(tmp_path):
    profile, lake = profile_with(tmp_path), Lake(tmp_path / "lake")
    run(profile, lake.root, "en")
    first = lake.current("quality_model")["en"]
    run(profile, lake.root, "en")
    assert lake.current("quality_model")["en"] == first
    source = load_profile(str(profile)).quality_source("en")
    noted = next(v.content_hash for v in first.inputs if v.table == "source:quality_examples")
    assert noted == assets.examples_hash(source)
    write_lines(tmp_path / "menus.jsonl", menus(201))
    assert noted != assets.examples_hash(source)
    assert noted != assets.examples_hash(None)


@pytest.mark.parametrize(
    ("section", "name", "told"),
    [
        ("[quality.training]\nepoch = 3\n", "quality_training", "epoch"),
        ("[quality]\nshare = 2.0\n", "quality", "share"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, section, name, told):
    profile = load_profile(str(profile_with(tmp_path, section)))
    with pytest.raises(ProfileError, match=told):
        settings_of(profile, name)


def test_language_models_are_found_by_language_or_default(tmp_path):
    section = '[quality.perplexity.default]\nmodel = "lm/{language}.bin"\nsentencepiece = "lm/{language}.sp"\n'
    found = load_profile(str(profile_with(tmp_path, section))).perplexity_source("ga")
    assert (found.model, found.sentencepiece) == (f"{tmp_path}/lm/ga.bin", f"{tmp_path}/lm/ga.sp")
    (tmp_path / "none").mkdir()
    assert load_profile(str(profile_with(tmp_path / "none", ""))).perplexity_source("ga") is None
