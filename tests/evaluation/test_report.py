import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest
from rich.console import Console

from tests.evaluation.made_up import HOSTILE, report_data
from tests.evaluation.made_up_report import whole_report_data
from xl_assets.evaluation.funnel import FUNNEL
from xl_assets.evaluation.report import render_report
from xl_assets.evaluation.report_data import ModelCard, ReportData
from xl_assets.evaluation.summary import summary, summary_table


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_data(self, text):
        self.shown += text


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_report(report_data()))


@pytest.fixture(scope="module")
def whole() -> str:
    return render_report(whole_report_data(prompts=12))


def test_the_same_data_gives_the_same_bytes():
    assert render_report(report_data()) == render_report(report_data())


@pytest.mark.parametrize("every_table", [False, True])
def test_the_page_has_no_script_no_request_and_a_policy_that_allows_none(page, whole, every_table):
    page = Page(whole) if every_table else page
    assert not {"script", "link", "iframe", "img", "object", "embed", "form"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not [name for name in names if name.startswith("on")]
    assert not names & {"src", "style", "xlink:href"}
    links = [value for name, value in page.attributes if name == "href"]
    assert all(link.startswith("#") for link in links)
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in (value or ""))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_the_only_addresses_on_the_page_are_names_of_xml(whole):
    html = render_report(report_data()) + whole
    assert set(re.findall(r"https?://[^\"'\s<]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_hostile_model_output_is_shown_as_text_and_adds_no_element(page):
    hostile = Page(render_report(report_data(reply=HOSTILE)))
    assert HOSTILE in hostile.shown
    assert sorted(hostile.tags) == sorted(page.tags)


def test_a_hostile_criterion_is_text_in_tables_and_plots_alike(page):
    hostile = Page(render_report(report_data(criterion=HOSTILE)))
    assert "script" not in hostile.tags
    assert "img" not in hostile.tags
    assert hostile.tags.count("table") == page.tags.count("table")


def test_element_ids_are_unique_over_all_plots(page, whole):
    assert len(page.ids) == len(set(page.ids))
    ids = Page(whole).ids
    assert len(ids) == len(set(ids))


def test_links_within_the_page_lead_somewhere(page, whole):
    for each in (page, Page(whole)):
        linked = {value.removeprefix("#") for name, value in each.attributes if name == "href" and value}
        assert linked <= set(each.ids)


def test_every_table_has_a_caption_and_every_plot_its_figures_in_words(whole):
    every = Page(whole)
    assert every.tags.count("caption") == every.tags.count("table")
    words = [value or "" for name, value in every.attributes if name == "aria-label"]
    assert every.tags.count("figure") == sum(1 for pair in every.attributes if pair == ("role", "img"))
    assert any("German, fine-tuned: " in told and " to " in told for told in words)


def test_the_page_has_every_part_where_there_are_all_tables(whole):
    shown = Page(whole).shown
    for part in (
        "Length-controlled", "without the instructions' difficulty", "LCPR", "chrF and BLEU", "What changed",
        "Since release r0", "The judge was another model then.", "Bradley-Terry", "order consistency",
        "Judgements without a preference", "timeout", "Surrogate judge", "The judge's raw words",
        "if wrong language loses", "of answers in the language",
    ):  # fmt: skip
        assert part in shown


def test_the_page_says_how_many_prompts_are_translations_and_why_others_are_none():
    rejected = [[], [{"reason": "too_short", "rows": 2}]]
    rows = {"step": "prompt_translations", "language": ["de", "ga"], "rows_in": 5, "kept": [5, 3], "rejected": rejected}
    cards = (ModelCard("prompt_translator", "<b>small</b>", "f" * 32, "CC0-1.0"),)
    data = replace(whole_report_data(), translations=pl.DataFrame(rows, schema=FUNNEL), models=cards)
    told = "English prompts in translation by <b>small</b>: 8 of 10, in 2 languages; rejected: too short 2."
    assert told in Page(render_report(data)).shown
    assert "in translation" not in Page(render_report(whole_report_data())).shown


def test_parts_without_a_table_are_left_out_and_not_linked(page):
    assert not {"surrogate", "overlap", "change", "ratings"} & set(page.ids)
    links = [value for name, value in page.attributes if name == "href"]
    assert not {"#surrogate", "#overlap", "#change", "#ratings"} & set(links)


def test_every_table_and_list_of_surrogate_figures_says_so(whole):
    section = whole[whole.index('<section id="surrogate"') :]
    section = section[: section.index("</section>")]
    captions = re.findall(r"<caption>(.*?)</caption>", section)
    assert captions
    assert all("surrogate" in caption.lower() for caption in captions)
    assert "No judge said this." in section


def test_a_judges_raw_words_are_shown_as_text_and_cut(whole):
    every = Page(whole)
    assert HOSTILE in every.shown
    assert "more characters" in every.shown
    assert whole.count("Output (a) is in the right language. ") < 2000
    assert "<script" not in whole


def test_hostile_names_of_judges_and_reasons_add_no_element(whole):
    data = whole_report_data(prompts=12)
    named = pl.lit(HOSTILE)
    hostile = replace(
        data,
        judge_figures=data.judge_figures.with_columns(judge=named, judge_model=named),
        judgements=data.judgements.with_columns(
            reason=pl.when(pl.col("reason").is_not_null()).then(named), failure=named, verdict=named
        ),
        model_scores=data.model_scores.with_columns(why=pl.when(~pl.col("headline")).then(named)),
        earlier=replace(data.earlier, release=HOSTILE, notes=(HOSTILE,)),
    )
    found = Page(render_report(hostile))
    assert not {"script", "img"} & set(found.tags)
    assert HOSTILE in found.shown


def test_a_withheld_win_rate_is_nowhere_on_the_page_but_among_the_counts(whole):
    data = whole_report_data(prompts=12)
    short = data.win_rates.filter(language="mt", kind="cross_lingual", model="fine_tuned").row(0, named=True)
    assert short["win_rate"] is None
    section = whole[whole.index('<section id="results"') :]
    table = section[section.index("<table") : section.index("</table>")]
    assert f"{short['scored_only']:.1f}" not in table[table.index("Maltese") : table.index("Portuguese")]
    assert "Scored prompts alone" in section


def test_the_page_shows_release_date_models_and_licences(page):
    for part in ("Release r1", "21 November 2026", "demo teacher", "a" * 32, "Apache-2.0"):
        assert part in page.shown


def test_the_page_shows_answers_side_by_side_with_verdicts_and_how_to_trace(page):
    for part in (
        "The fox lives in the forest.",
        "Der Fuchs lebt im Wald.",
        "Der Rotfuchs lebt im Wald.",
        "not in German: English",
        "better than the reference: 90 of 100",
        "No usable answer: ran into length limit",
        "no verdict: missing",
        "xl trace row0",
    ):
        assert part in page.shown


def test_a_win_rate_of_low_coverage_is_marked_and_warned_of(page):
    assert ("class", "marked") in page.attributes
    assert "No headline win rate of the base model: German: 2 of 3 pairs have a verdict (66.66 %)" in page.shown
    assert "No headline win rate of the fine-tuned model" not in page.shown


def test_intervals_are_called_by_the_confidence_they_were_made_with():
    shown = Page(render_report(replace(report_data(), confidence=0.9))).shown
    assert "90 % interval" in shown
    assert "95 %" not in shown


def test_a_report_of_nothing_says_so():
    shown = Page(render_report(ReportData("r0", "today"))).shown
    assert "No response was evaluated." in shown
    assert "No step was counted." in shown
    assert json.dumps(summary(ReportData("r0", "today")))


def test_the_summary_has_funnel_fidelity_win_rate_and_cost():
    figures = json.loads(json.dumps(summary(report_data()), allow_nan=False))
    german = figures["languages"]["de"]
    assert german["funnel"]["seed_documents"] == {"rows_in": 10, "kept": 8, "rejected": {"bad_json": 2}}
    assert german["kind"] == "cross_lingual"
    assert german["language_fidelity"] == {"base": 0.0, "fine_tuned": 1.0}
    tuned = german["win_rate"]["fine_tuned"]
    assert tuned["win_rate"] == pytest.approx(90)
    assert tuned["low"] <= tuned["win_rate"] <= tuned["high"]
    assert german["win_rate"]["base"]["missing"] == 1
    assert figures["average"]["language_fidelity"] == {"base": 0.0, "fine_tuned": 1.0}
    assert figures["steps"]["questions"] == {
        "calls": 10, "prompt_tokens": 100, "completion_tokens": 50, "tokens": 150, "seconds": 2.5,
    }  # fmt: skip


def test_a_language_that_was_not_evaluated_still_has_its_funnel():
    data = report_data()
    other = data.funnel.head(1).with_columns(pl.lit("mt").alias("language"))
    figures = summary(ReportData("r1", "today", funnel=pl.concat([data.funnel, other]), win_rates=data.win_rates))
    assert figures["languages"]["mt"]["kind"] is None
    assert figures["languages"]["mt"]["funnel"]["seed_documents"]["kept"] == 8


def test_the_terminal_table_fits_80_columns_and_names_every_language():
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(summary_table(report_data()))
    text = console.export_text()
    for part in ("German", "Irish", "Average", "0.0 → 100.0", "10.0 → 90.0", "7/10"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


def test_markup_in_a_release_name_is_not_obeyed_by_the_terminal():
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(summary_table(ReportData("[red]r[/]", "today")))
    assert "[red]r[/]" in console.export_text()
