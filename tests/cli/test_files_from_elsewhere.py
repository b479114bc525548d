"""A YAML that somebody else wrote, or wrote badly: `check` and `train` say the same of it."""

import logging
from pathlib import Path

import pytest
import yaml

from benchmarks import malformed
from rlg_genpo import ConfigError
from rlg_genpo.cli import configs, main

EMPTY = "as the key is left empty; write one, or delete the line."


def text(name: str = "multigoal_genpo") -> str:
    return configs.find(name).read_text()


@pytest.fixture
def said(tmp_path, capsys, monkeypatch):
    """What both commands say of a text, which must be the same, in one line and without a run."""
    monkeypatch.chdir(tmp_path)

    def of(content: str | bytes, *words: str) -> str:
        path = Path("mine.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        sentences = []
        for command in (["check"], ["train"]):
            assert main([*command, str(path), *words]) == 2
            sentences.append(capsys.readouterr().err)
        assert sentences[0] == sentences[1] and sentences[0].startswith("error: ")
        assert not Path("runs").exists()
        return sentences[0]

    return of


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_frames:", f"config.max_frames: must be a number, got None, {EMPTY}"),
        ("save_frequency:", f"config.save_frequency: must be a whole number, got None, {EMPTY}"),
        ("save_best_after:", f"config.save_best_after: must be a whole number, got None, {EMPTY}"),
        ("clip_actions: 'False'", "config.clip_actions: must be true or false, got 'False'."),
        ("mixed_precision: 'off'", "config.mixed_precision: must be true or false, got 'off'."),
        ("value_bootstrap: 'None'", "config.value_bootstrap: must be true or false, got 'None'."),
        ("torch_compile: 'False'", "config.torch_compile: must be true, false, one of"),
        ("seq_len: 8", "config.seq_len: unknown key, did you mean 'seq_length'?"),
        ("max_frame: 8", "config.max_frame: unknown key, did you mean 'max_frames'?"),
        ("full_experiment_name: ${x}", "'${x}' refers to a value that stands elsewhere"),
        ("max_steps: 100", "config.max_steps: must be -1, as 1.6.5 cannot read another; write"),
        ("weight_decay: heavy", "config.weight_decay: must be a number, got 'heavy'."),
        ("device: gpu", "config.device: must be cpu, cuda or cuda:N, got gpu."),
        ("seq_length: 7", "seq_length: 7 does not divide num_actors * horizon_length"),
    ],
)
def test_a_line_of_config_is_named(said, line, message):
    name = line.partition(":")[0]
    lines = [one for one in text().splitlines() if one.strip().partition(":")[0] != name]
    at = next(i for i, one in enumerate(lines) if one.startswith("  config:"))
    assert message in said("\n".join([*lines[: at + 1], f"    {line}", *lines[at + 1 :]]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("network.separate='no way'", "network.separate: must be true or false, got"),
        ("network.mlp.activation=mush", "network.mlp.activation: must be one of relu, tanh"),
        ("network.mlp.units=64", "network.mlp.units: must be a list, got 64."),
        ("network.mlp.units=[64, 0]", "network.mlp.units: must be a list of widths, each at"),
        ("network.mlp.initializer=null", "network.mlp.initializer: must be a block of keys, got"),
        (
            "network.mlp.initializer={name: glorot}",
            "network.mlp.initializer: must be a block with a name, one of default",
        ),
        (
            "network.mlp.initializer={name: orthogonal_initializer, gian: 2}",
            "network.mlp.initializer.gian: unknown option, did you mean 'gain'?",
        ),
        ("network.rnn=null", "network.rnn: must be a block of keys, got None"),
        ("network.cnn=null", "network.cnn: must be a block of keys, got None"),
        ("network.rnn={name: lstm, units: 8}", "network.rnn.layers: missing"),
        (
            "network.cnn={type: conv2d, activation: relu, initializer: {name: default}, convs: 3}",
            "network.cnn.convs: must be a list of blocks",
        ),
        ("config.reward_shaper={scale_value: high}", "reward_shaper.scale_value: must be a number"),
        ("config.env_config=null", "config.env_config: must be a block of keys, got None"),
        ("config.env_config={goals: four}", "env_config.goals: must be a whole number, got 'four'"),
        ("config.player=null", f"config.player: must be a block of keys, got None, {EMPTY}"),
        ("config.player={deterministic: 'yes'}", "config.player.deterministic: must be true or"),
        ("config.player={determenistic: True}", "determenistic: unknown key, did you mean 'deter"),
        (
            "config.central_value_config={minibatch_size: 64, mini_epochs: 1, learning_rate: 1e-3,"
            " clip_value: True, normalize_input: True, network: {name: actor_critc}}",
            "central_value_config.network.name: 'actor_critc': unknown name, did you mean",
        ),
        ("config.population_based_training=True", "config.pbt_idx: missing; population_based"),
        ("config.self_play_config={}", "self_play_config.update_score: missing; the mean score"),
        ("config.features=3", "config.features: must be a block of keys, got 3."),
        ("seed=many", "params.seed: must be a whole number, got 'many'."),
        ("seed=-1", "params.seed: must be a whole number in [0, 2**31), got -1."),
        ("torch_threads=all", "params.torch_threads: must be auto or a whole number, got 'all'."),
        ("algo.name={a: 1}", "params.algo.name: unknown, {'a': 1}"),
    ],
)
def test_an_override_is_held_to_the_same(said, words, message):
    assert message in said(text(), words)


def test_discrete_actions_are_named(said):
    pytest.importorskip("envpool")
    sentence = said(text("pendulum_genpo"), "config.env_config.env_name=CartPole-v1")
    assert "CartPole-v1 has the action space Discrete(2); a continuous vector is needed" in sentence


def eightfold(name: str, bigger: str) -> str:
    """A list that has another one eight times, by its anchor."""
    return f"{bigger}: &{bigger} [{', '.join(['*' + name] * 8)}]\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("params: {name: é}".encode("latin-1"), "line 1 holds the byte 0xe9, which is no UTF-8;"),
        (b"a: 1\nb: \xff\n", "line 2 holds the byte 0xff"),
        ("params: {a: 1, b: 2, a: 3}", "the key a stands twice, in lines 1 and 1; delete one"),
        ("x:\n  k: 1\ny: 2\nx: 3\n", "the key x stands twice, in lines 1 and 4; delete one"),
        ("params: [unclosed", "not valid YAML"),
        ("params: {a: 2024-13-45}", "not valid YAML: month must be in 1..12"),
        ("params: {a: !!int word}", "not valid YAML"),
        ("params: {a: !!bool word}", "not valid YAML"),
        ("params: {a: !!timestamp word}", "not valid YAML"),
        ("params: {a: !!python/object/apply:os.getcwd []}", "not valid YAML"),
        ("params: &a [*a]", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(map(eightfold, "abcdef", "bcdefg")),
            "not valid YAML: more than 100000 values",
        ),
        ("", "must be a block of keys with `params:` at the top"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_yaml_is_named(said, content, message):
    sentence = said(content)
    assert "mine.yaml: " in sentence and message in sentence


def test_other_encodings_of_unicode_are_read(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        path = tmp_path / f"{encoding}.yaml"
        path.write_bytes("params: {name: é}".encode(encoding))
        assert configs.load(path) == {"name": "é"}


def test_a_merge_key_is_no_key_twice(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("b: &b {x: 1, y: 2}\nparams: {<<: *b, x: 3}\n")
    assert configs.load(path) == {"x": 3, "y": 2}


def test_an_override_of_a_shared_block_changes_one_place(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("params: {network: {mlp: &m {units: [8]}}, config: {central: {mlp: *m}}}")
    params = configs.load(path)
    configs.override(params, ["network.mlp.units=[4]"])
    assert params == {
        "network": {"mlp": {"units": [4]}},
        "config": {"central": {"mlp": {"units": [8]}}},
    }
    params["network"]["mlp"]["units"].append(3)
    assert params["config"]["central"]["mlp"]["units"] == [8]


def test_numbers_as_words_train(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    params = configs.load(configs.find("multigoal_ppo"))
    config = params["config"]
    for name in ("gamma", "tau", "e_clip", "critic_coef", "entropy_coef", "bounds_loss_coef"):
        config[name] = str(config[name])
    config.update(weight_decay="1e-4", max_epochs=1, reward_shaper={"scale_value": "1e-1"})
    Path("mine.yaml").write_text(yaml.safe_dump({"params": params}))
    assert main(["train", "mine.yaml", "--name", "a"]) == 0
    assert configs.load(Path("runs/a/config.yaml"))["config"]["weight_decay"] == 1e-4


def test_keys_that_nobody_reads_are_said(tmp_path, caplog):
    path = tmp_path / "a.yaml"
    params = configs.load(configs.find("multigoal_genpo"))
    params["config"]["a_key_of_mine"] = 3
    params["config"]["layers"] = 3
    params["player"] = {"deterministic": True}
    path.write_text(configs.dump(params))
    with caplog.at_level(logging.WARNING):
        assert main(["check", str(path)]) == 0
    assert "params.config.a_key_of_mine: neither rl_games nor rlg_genpo reads it." in caplog.text
    assert (
        "params.player: neither rl_games nor rlg_genpo reads it; it belongs under params.config"
        in caplog.text
    )


def test_words_to_isaac_lab_are_said(tmp_path, caplog):
    path = tmp_path / "a.yaml"
    genpo = text("isaaclab/ant_genpo").replace("clip_actions: 1.0", "clip_actions: 1e2", 1)
    path.write_text(genpo.replace("entropy_coef: 0.0", "entropy_coef: 1e-3"))
    with caplog.at_level(logging.WARNING):
        assert main(["check", str(path)]) == 0
    assert (
        "params.env.clip_actions: 1e2 is a number here and a word to Isaac Lab; write 1.0e+2."
        in caplog.text
    )
    # Our agents make a number of it.
    assert "entropy_coef" not in caplog.text


def test_mutations_are_refused_by_key_value_and_way_out(caplog):
    outcomes = malformed.mutate(60, seed=3)
    assert {one.broken.kind for one in outcomes} == set(malformed.KINDS)
    assert [one for one in outcomes if not one.well] == []
    assert malformed.table(outcomes)[2].startswith("| misspelt | 12 | 12 | 12 |")


def test_what_is_not_broken_passes():
    for name in malformed.BASES:
        assert malformed.refusal(text(name)) is None


def test_a_fuzzed_configuration_is_refused_in_words_or_passes():
    pytest.importorskip("hypothesis")
    ends = malformed.fuzz(150, seed=1)
    assert ends["passed"] and ends["refused"] and sum(ends.values()) >= 100


def test_an_override_is_yaml_too():
    with pytest.raises(
        ConfigError, match=r"params\.a: '\{b: 1, b: 2\}' is not a YAML value; .*twice"
    ):
        configs.override({"a": 1}, ["a={b: 1, b: 2}"])


def test_words_that_look_like_numbers_stay_words(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(configs.dump({"name": "1e-3", "rate": 1e-3}))
    assert configs.load(path) == {"name": "1e-3", "rate": 1e-3}
