"""Settings: what decides a table is in what is noted of it."""

import shutil

from tests.end_to_end.world import write_profile
from xl_assets.generation import prompts
from xl_assets.profile import load_profile
from xl_assets.settings import plain, settings_of


def noted(profile):
    return plain(settings_of(load_profile(str(profile)), "evaluation"))


def test_changing_a_users_own_judge_prompt_changes_the_evaluation_settings(tmp_path):
    folder = tmp_path / "prompts"
    shutil.copytree(prompts.__path__[0], folder)
    profile = write_profile(tmp_path, **{'release = "demo-1"': 'release = "demo-1"\nprompt_folder = "prompts"'})
    before = noted(profile)
    template = folder / "evaluation" / "pairwise.txt"
    template.write_text(template.read_text(encoding="utf-8") + "\nBe strict.", encoding="utf-8")
    prompts.load_prompt.cache_clear()
    after = noted(profile)
    assert before["prompts"]["evaluation/pairwise"] != after["prompts"]["evaluation/pairwise"]
    assert str(tmp_path) not in str(after)
