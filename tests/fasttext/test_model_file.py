"""Reading a model's file, whole or not."""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.language_identifier import LanguageIdentifier
from tests.fasttext.models import trained
from xl_assets.fasttext import ModelFileError, UnsupportedModel
from xl_assets.fasttext.model_file import HIERARCHICAL_SOFTMAX, read_model

LID = LanguageIdentifier().path


def test_the_shipped_model_is_read() -> None:
    model = read_model(LID)
    assert model.arguments._asdict() == {
        "dim": 16,
        "word_ngrams": 1,
        "loss": HIERARCHICAL_SOFTMAX,
        "model": 3,
        "bucket": 2_000_000,
        "minn": 2,
        "maxn": 4,
    }
    assert (model.words, len(model.labels), model.labels[2]) == (7235, 176, "__label__de")


def test_a_dense_matrix_stays_in_the_file_and_is_the_librarys(tmp_path: Path) -> None:
    path, own = trained(tmp_path, None, minn=2, maxn=3)
    model = read_model(path)
    assert np.array_equal(model.input, own.get_input_matrix())
    assert np.array_equal(model.output, own.get_output_matrix())
    assert not model.input.flags.owndata
    assert not model.input.flags.writeable


def test_a_quantised_matrix_is_decoded_as_the_library_does(tmp_path: Path) -> None:
    path, own = trained(tmp_path, {"qnorm": True, "dsub": 3}, minn=2, maxn=3)
    model = read_model(path)
    for row in (0, 5, model.words + 17):
        np.testing.assert_allclose(model.input[row], own.get_input_vector(row), rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.0001, 0.01, 0.2, 0.7, 0.99, 0.99999])
def test_a_cut_off_file_is_named_with_the_remedy(tmp_path: Path, share: float) -> None:
    whole = LID.read_bytes()
    path = tmp_path / "cut.ftz"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelFileError, match=r"cut\.ftz.*(give a supervised fastText model|fastText's)"):
        read_model(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_other_file_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("foreign") / "model.bin"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="give a supervised fastText model"):
        read_model(path)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_head_is_refused_or_read_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(LID.read_bytes())
    for place, value in changes:
        damaged[place] = value
    path = tmp_path_factory.mktemp("damaged") / "model.ftz"
    path.write_bytes(damaged)
    with suppress(ModelFileError):
        assert len(read_model(path).labels) > 0
    path.unlink()


def test_an_older_format_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "old.bin"
    path.write_bytes(struct.pack("<ii", 793712314, 11) + bytes(100))
    with pytest.raises(UnsupportedModel, match="version 11"):
        read_model(path)


def test_word_vectors_are_no_classifier(tmp_path: Path) -> None:
    import fasttext

    text = tmp_path / "text.txt"
    text.write_text("the dog sleeps in the garden\n" * 50)
    fasttext.train_unsupervised(str(text), dim=4, epoch=1, bucket=100, thread=1, verbose=0).save_model(
        str(tmp_path / "vectors.bin")
    )
    with pytest.raises(UnsupportedModel, match="no supervised"):
        read_model(tmp_path / "vectors.bin")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"no fastText model .*nope\.bin"):
        read_model(tmp_path / "nope.bin")
