"""Model bindings: what can't be used is named with its remedy, and no secret is ever written."""

import pytest
from pydantic import ValidationError

from xl_assets.generation.binding import BindingError, ModelBinding, Transport

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_model(folder, *, template=True, weights="model.safetensors"):
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    if weights:
        (folder / weights).write_bytes(b"w")
    if template:
        (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    return folder


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BindingError, match=r"role judge: no model folder .*nowhere"):
        ModelBinding(role="judge", model=str(tmp_path / "nowhere")).check()


def test_a_folder_that_is_no_model_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BindingError, match=r"is not a model folder: it has no config\.json"):
        ModelBinding(role="judge", model=str(tmp_path)).check()


@pytest.mark.parametrize(("weights", "said"), [(None, "it has no weights"), ("pytorch_model.bin", "pickled")])
def test_only_safetensors_are_weights(tmp_path, weights, said):
    with pytest.raises(BindingError, match=rf"{said}.*save it as \*.safetensors"):
        ModelBinding(role="judge", model=str(make_model(tmp_path / "m", weights=weights))).check()


def test_a_model_without_a_chat_template_is_named(tmp_path):
    with pytest.raises(BindingError, match=r"no chat template.*chat_template.jinja"):
        ModelBinding(role="judge", model=str(make_model(tmp_path / "m", template=False))).check()


def test_an_adapter_must_be_one(tmp_path):
    model = str(make_model(tmp_path / "m"))
    with pytest.raises(BindingError, match="no adapter folder"):
        ModelBinding(role="base", model=model, adapter=str(tmp_path / "a")).check()
    (tmp_path / "a").mkdir()
    with pytest.raises(BindingError, match=r"no adapter_config.json and no adapter_model.safetensors"):
        ModelBinding(role="base", model=model, adapter=str(tmp_path / "a")).check()


@pytest.mark.parametrize("revision", [None, "main", "v1.0", COMMIT[:7]])
def test_a_hub_model_must_be_pinned_to_a_commit(revision):
    with pytest.raises(BindingError, match="needs its commit as revision"):
        ModelBinding(role="judge", model="org/model", revision=revision).fingerprint()
    assert ModelBinding(role="judge", model="org/model", revision=COMMIT).check().folder is None


def test_remote_code_is_off():
    assert ModelBinding(role="judge", model="org/model").trust_remote_code is False


def test_a_server_loads_its_adapters_itself():
    with pytest.raises(ValidationError, match="give the adapter's served NAME as model"):
        ModelBinding(role="base", engine="openai_server", model="m", adapter="folder")


def test_a_binding_comes_back_from_json_as_it_went(tmp_path, monkeypatch):
    make_model(tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    binding = ModelBinding(role="teacher", model="./m", licence="apache-2.0", transport=Transport(batch_size=3))
    read = ModelBinding.from_json(binding.to_json())
    monkeypatch.chdir("/")
    assert read.folder == tmp_path / "m"
    assert (read.name, read.fingerprint(), read.transport) == ("m", binding_fingerprint(tmp_path), binding.transport)


def binding_fingerprint(folder):
    return ModelBinding(role="any", model=str(folder / "m")).fingerprint()


def test_keys_are_refused_wherever_they_are_pasted():
    with pytest.raises(ValidationError, match="NAME of an environment variable"):
        Transport(api_key_env="sk-proj-abc123")
    with pytest.raises(ValidationError, match="must not hold secrets"):
        Transport(env={"HF_TOKEN": "hf_abc"})
    with pytest.raises(BindingError) as caught:
        ModelBinding.from_json('{"role": "judge", "model": "m", "api_key": "sk-proj-abc123"}')
    assert "api_key" in str(caught.value)
    assert "sk-proj" not in str(caught.value)


def test_prices_are_per_million_tokens():
    binding = ModelBinding(role="judge", engine="openai_server", model="m", price_in=2.5, price_out=10)
    assert binding.cost(2_000_000, 100_000) == pytest.approx(6.0)
