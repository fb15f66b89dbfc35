"""The page on judges: it lists the judges that there are, and its example is one."""

import re

from xl_assets.evaluation.judges.config import load_judge, shipped_judges
from xl_assets.profile import CHECKOUT

PAGE = (CHECKOUT / "docs" / "judges.md").read_text(encoding="utf-8")


def test_every_shipped_judge_is_listed():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(shipped_judges())


def test_the_example_is_a_judge(tmp_path):
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "judge.toml").write_text(example[1])
    (tmp_path / "template.txt").write_text("{instruction} {response_a} {response_b}")
    shipped = load_judge("pairwise_logprob")
    assert load_judge(tmp_path).sampling == shipped.sampling
    assert load_judge(tmp_path).labels == shipped.labels
