"""The demo corpus is what its truth file says, line by line."""

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import demo.corpus
from demo.corpus.documents import write_document
from demo.corpus.faults import PER_900
from demo.corpus.make_corpus import DOCUMENTS, make_corpus
from demo.world.facts import Facts, is_held_out
from demo.world.text import LANGUAGES, WORDINGS, facts_in, instruction, remark, remark_count

SHIPPED = Path(demo.corpus.__file__).parent


def read_lines(path: Path) -> list[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes()), read_across_frames=True) as reader:
        return reader.read().split(b"\n")[:-1]


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def truths() -> dict[str, list[dict]]:
    """The truth of each shipped file, in line order."""
    files: dict[str, list[dict]] = {f"{language}.jsonl.zst": [] for language in LANGUAGES}
    for truth in read_jsonl(SHIPPED / "truth.jsonl"):
        files[truth["file"]].append(truth)
    return files


@pytest.fixture(scope="module")
def rows(truths) -> dict[str, list[tuple[dict, dict]]]:
    """For each language, (truth, row) of every line that is a row with a text."""
    return {
        file.removesuffix(".jsonl.zst"): [
            (truth, json.loads(line))
            for truth, line in zip(of_file, read_lines(SHIPPED / file), strict=True)
            if truth.get("id") and truth["truth"] not in ("null_text", "no_text")
        ]
        for file, of_file in truths.items()
    }


def shingles(text: str, language: str) -> set[tuple[str, ...]]:
    units = list(text) if language == "zh" else text.split()
    return {tuple(units[start : start + 5]) for start in range(len(units) - 4)}


def overlaps(texts: list[str], language: str) -> np.ndarray:
    """The share of 5-grams (Jaccard) that each text has in common with each other one."""
    grams = [shingles(text, language) for text in texts]
    columns = {gram: column for column, gram in enumerate(set().union(*grams))}
    table = np.zeros((len(grams), len(columns)), dtype=np.float32)
    for line, found in enumerate(grams):
        table[line, [columns[gram] for gram in found]] = 1
    shared, sizes = table @ table.T, table.sum(axis=1)
    return shared / (sizes[:, None] + sizes[None, :] - shared)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    small = {"en": 60, "ga": 40}
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        make_corpus(tmp_path / name, seed, small)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["en.jsonl.zst", "eval_prompts.jsonl", "ga.jsonl.zst", "truth.jsonl"]
    for name in names:
        one, again, other = ((tmp_path / run / name).read_bytes() for run in ("one", "again", "other"))
        assert one == again
        assert one != other


def test_the_shipped_files_are_what_the_command_makes(tmp_path):
    """Content, not bytes: another release of the compressor may pack the same lines differently."""
    make_corpus(tmp_path, seed=0)
    for name in ("truth.jsonl", "eval_prompts.jsonl"):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes()
    for language in LANGUAGES:
        name = f"{language}.jsonl.zst"
        assert read_lines(tmp_path / name) == read_lines(SHIPPED / name)


def test_the_truth_accounts_for_every_line(truths):
    for file, of_file in truths.items():
        assert [truth["line"] for truth in of_file] == list(range(1, len(read_lines(SHIPPED / file)) + 1))


def test_each_file_has_its_documents_every_kind_of_fault_and_few_of_them(truths):
    for language, count in DOCUMENTS.items():
        kinds = Counter(truth["truth"] for truth in truths[f"{language}.jsonl.zst"])
        assert kinds.pop("keep") == count
        assert set(kinds) == set(PER_900)
        assert 0.06 <= kinds.total() / (count + kinds.total()) <= 0.08


def test_a_file_is_several_frames():
    for language in LANGUAGES:
        assert (SHIPPED / f"{language}.jsonl.zst").read_bytes().count(b"\x28\xb5\x2f\xfd") > 1


def test_a_row_has_the_fields_of_a_corpus_and_the_id_of_its_truth(rows):
    for language, of_language in rows.items():
        for truth, row in of_language:
            assert list(row) == ["id", "url", "text", "language", "source", "license"]
            assert (row["id"], row["language"]) == (truth["id"], language)
            assert (row["source"], row["license"]) == ("demo-world", "CC0-1.0")
        assert len({row["id"] for _, row in of_language}) == len(of_language)


def test_lines_that_are_no_rows_fail_in_the_way_their_truth_names(truths):
    for file, of_file in truths.items():
        for truth, line in zip(of_file, read_lines(SHIPPED / file), strict=True):
            match truth["truth"]:
                case "bad_utf8":
                    with pytest.raises(UnicodeDecodeError):
                        line.decode()
                case "bad_json":
                    with pytest.raises(json.JSONDecodeError):
                        json.loads(line)
                case "blank_line":
                    assert line == b""
                case "not_an_object":
                    assert not isinstance(json.loads(line), dict)
                case "null_text":
                    assert json.loads(line)["text"] is None
                case "no_text":
                    assert "text" not in json.loads(line)


def test_each_paragraph_of_a_good_document_tells_one_story_that_is_not_held_out(rows):
    for language, of_language in rows.items():
        for truth, row in of_language:
            if truth["truth"] == "keep":
                paragraphs = row["text"].split("\n\n")
                stories = [Facts(**facts_in(paragraph, language)) for paragraph in paragraphs]
                assert len({story.animal for story in stories}) == len(paragraphs) in (2, 3)
                assert not any(map(is_held_out, stories))


def test_no_planted_row_tells_a_held_out_story_either(rows):
    for language, of_language in rows.items():
        for truth, row in of_language:
            # A row in the wrong language may be in any; the others are in their own.
            for written_in in LANGUAGES if truth["truth"] == "wrong_language" else (language,):
                for paragraph in set(row["text"].split("\n")):
                    facts = facts_in(paragraph, written_in)
                    assert not (facts["animal"] and facts["home"] and is_held_out(Facts(**facts)))


def test_about_half_of_the_paragraphs_hold_a_remark(rows):
    for language, of_language in rows.items():
        remarks = [remark(language, number) for number in range(remark_count(language))]
        paragraphs = [
            part for truth, row in of_language if truth["truth"] == "keep" for part in row["text"].split("\n\n")
        ]
        held = [sum(part in paragraph for part in remarks) for paragraph in paragraphs]
        assert max(held) == 1
        assert 0.4 < sum(held) / len(held) < 0.6


def test_only_planted_rows_are_near_duplicates(rows):
    for language, of_language in rows.items():
        good = {row["id"]: row["text"] for truth, row in of_language if truth["truth"] == "keep"}
        assert np.triu(overlaps(list(good.values()), language), k=1).max() < 0.7
        for truth, row in of_language:
            if truth["truth"] in ("near_duplicate", "pii"):
                assert 0.7 < overlaps([row["text"], good[truth["of"]]], language)[0, 1] < 1


def test_an_exact_duplicate_has_the_text_of_its_original(rows):
    for of_language in rows.values():
        texts = {row["id"]: row["text"] for _, row in of_language}
        copies = [truth for truth, _ in of_language if truth["truth"] == "exact_duplicate"]
        assert all(texts[truth["id"]] == texts[truth["of"]] for truth in copies)


def test_a_document_has_at_most_one_variant(truths):
    for of_file in truths.values():
        assert max(Counter(truth["of"] for truth in of_file if "of" in truth).values()) == 1


def test_personal_data_is_only_where_it_was_planted(rows):
    for of_language in rows.values():
        for truth, row in of_language:
            assert ("@example.com" in row["text"]) == (truth["truth"] == "pii")


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False), st.sampled_from(LANGUAGES))
def test_a_good_document_repeats_no_line_and_is_long_enough(rng, language):
    document = write_document(rng, language, "x")
    sentences = document.text.replace("\n\n", " ").replace("。", "。 ").replace("！", "！ ").split(". ")
    assert len(set(sentences)) == len(sentences)
    assert len(document.text if language == "zh" else document.text.split()) >= 40


def test_evaluation_prompts_ask_in_every_language_about_held_out_stories_only():
    prompts = read_jsonl(SHIPPED / "eval_prompts.jsonl")
    counts = Counter((prompt["kind"], prompt["language"]) for prompt in prompts)
    assert counts == {("base", "en"): 40} | {("same_language", language): 20 for language in LANGUAGES[1:]}
    assert len({prompt["prompt_id"] for prompt in prompts}) == len(prompts)
    for prompt in prompts:
        facts = Facts(**prompt["facts"])
        assert is_held_out(facts)
        assert prompt["instruction"] in {instruction(facts, prompt["language"], wording) for wording in range(WORDINGS)}


def test_prompts_of_a_group_ask_about_different_stories_of_all_the_animals_there_is_room_for():
    groups: dict[tuple[str, str], list[Facts]] = {}
    for prompt in read_jsonl(SHIPPED / "eval_prompts.jsonl"):
        groups.setdefault((prompt["kind"], prompt["language"]), []).append(Facts(**prompt["facts"]))
    for facts in groups.values():
        assert len(set(facts)) == len(facts)
        assert len({story.animal for story in facts}) == min(24, len(facts))
