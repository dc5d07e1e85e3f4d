import json

import pytest

from qlab import networks
from qlab.networks import quantized_runs, trained


def test_every_setting_has_a_run_of_each_seed_and_every_rounded_network_one():
    table = networks.quantized_table()
    by_setting = {}
    for run in table.runs:
        key = (run.method, run.weight_bits, run.activation_bits)
        by_setting.setdefault(key, []).append(run.seed)
    for (method, *_), seeds in by_setting.items():
        assert tuple(seeds) == ((None,) if method in ("minmax", "mse") else table.seeds)
    from benchmarks.qat_stored import RECIPE, settings

    assert table.recipe == RECIPE
    asked = {(s["method"], s["weight_bits"], s["activation_bits"]) for s in settings()}
    assert asked == {key for key in by_setting if key[0] not in ("minmax", "mse")}


def test_errors_are_cited_with_their_intervals():
    for run in networks.quantized_table().runs:
        e = run.error
        assert 0 < e.low < e.value < e.high < 1
        assert (e.n, e.source) == (10_000, "cited")
        assert round(e.value * e.n) == pytest.approx(e.value * e.n, abs=1e-6)


def test_a_missing_or_damaged_file_is_one_sentence(tmp_path, monkeypatch):
    whole = json.loads((trained.FOLDER / quantized_runs.FILE).read_text())
    monkeypatch.setattr(trained, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"lacks a file.*Run `python -m benchmarks"):
        networks.quantized_table()
    damaged = [
        "{",
        "[]",
        json.dumps({**whole, "runs": []}),
        json.dumps({**whole, "runs": [{"method": "lsq"}]}),
        json.dumps({k: v for k, v in whole.items() if k != "seeds"}),
    ]
    for text in damaged:
        (tmp_path / quantized_runs.FILE).write_text(text)
        with pytest.raises(ValueError, match="results are damaged, expected runs"):
            networks.quantized_table()


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one measurement"):
        networks.mean_of([])
