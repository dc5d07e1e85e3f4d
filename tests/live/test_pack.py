"""What the Pack instrument shows is what is written, and what the library computes."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from qlab import codebooks, coding, core, data, metrics, networks, pruning, ranges
from qlab.core import QuantSpec
from qlab.live import Pack
from qlab.live.pack import _beside
from qlab.live.pack_state import PackState
from qlab.live.worker import finish
from tests.live.driving import (
    assert_control_moves_everything,
    assert_refuses_answers,
    assert_shown,
    pictures,
    readings,
    run_code,
    send,
    standing_in,
    stations,
)

TRAITS = list(PackState.settings())
NEEDS = {"gap_bits": {"sparsity": 0.9}}
SMALL = {"layer": "fc3"}


@pytest.fixture(scope="module")
def instrument():
    return Pack(**SMALL)


@pytest.fixture
def pack(instrument):
    instrument.state.offer(PackState(**SMALL).values())
    instrument.say("")
    return instrument


def by_library(s):
    """Codes, levels of all codes, the code of 0, bytes of what they mean: from the library."""
    W = networks.load("lenet_300_100").weights[s.layer]
    pruned = np.where(pruning.magnitude(W, s.sparsity), W, np.float32(0))
    if s.grid == "affine":
        qparams = ranges.minmax(pruned, QuantSpec(bits=s.bits))
        q = core.quantize(pruned, qparams)
        top = 2 ** (s.bits - 1) - 1
        return W, q, core.dequantize(np.arange(-top, top + 1), qparams), -top, 0, 4
    coded = codebooks.kmeans(pruned, bits=s.bits, zero=s.sparsity > 0)
    zero = int(np.flatnonzero(coded.levels == 0)[0]) if s.sparsity > 0 else None
    return W, coded.codes, coded.levels, 0, zero, 4 * 2**s.bits


def assert_equals_library(pack):
    r, s = pack.result, pack.state
    W, q, levels, lowest, zero, meaning = by_library(s)
    assert r.exact
    assert_array_equal(r.levels, levels)
    counts = np.bincount(q.ravel() - lowest, minlength=len(levels))
    assert_array_equal(r.counts, counts)
    lengths = coding.huffman_lengths(counts)
    assert_array_equal(r.lengths, lengths)
    sizes = coding.sizes(q, s.bits, meaning=meaning, zero=zero, gap_bits=s.gap_bits)
    symbol = q.ravel()[s.weight] - lowest
    shown = readings(pack)
    expected = {name: size.total for name, size in sizes.items() if name != "entropy"} | {
        "entropy": coding.entropy(counts),
        "huffman_bits": counts @ lengths / q.size,
        "sqnr": metrics.sqnr(W, levels[q - lowest]),
        "zeros": 0.0 if zero is None else np.mean(q == zero),
        "dense": 4 * q.size,
        "bound": sizes["entropy"].codes,
        "weight": W.ravel()[s.weight],
        "level": levels[symbol],
        "word": lengths[symbol],
    }
    for name, value in expected.items():
        assert shown[name] == pytest.approx(float(value), rel=1e-9), name
    word = coding.canonical_codes(lengths)[symbol]
    assert r.word == (f"{int(word):0{lengths[symbol]}b}" if lengths[symbol] else "")
    pictures(pack)  # a kept frame moves no artist
    assert_array_equal(pack.figures["words"].artists[1].get_data().values, lengths)
    blocks = pack.figures["line"].artists[0].get_data()
    assert blocks.edges[-1] == pytest.approx(1)
    assert_array_equal(blocks.values, np.sort(lengths[lengths > 0]))
    ends = pack.figures["bytes"].artists[2].get_data().values[::2]  # where the last part ends
    names = ("packed", "bitmap", "relative_index", "huffman", "deep_compression")
    bits = [8 * sizes[name].total / q.size for name in names]
    assert ends[:5] == pytest.approx(bits, rel=1e-12)  # sums of three parts


@pytest.mark.parametrize("trait", TRAITS)
def test_every_control_moves_pictures_and_numbers_to_what_the_library_computes(pack, trait):
    assert pack.state.offer(NEEDS.get(trait, {})) == []
    if trait == "layer":  # the first one settled: its table would be made later
        pack.state.offer({"bits": 4})
    assert_control_moves_everything(pack, trait, lambda: assert_equals_library(pack))


@pytest.mark.parametrize("grid", ["affine", "kmeans"])
def test_every_control_works_with_every_grid(pack, grid):
    for trait in ("bits", "sparsity", "gap_bits", "weight"):
        for value in stations(pack, trait):
            pack.state.offer({**PackState(**SMALL).values(), "grid": grid})
            pack.state.offer({trait: value})
            assert_equals_library(pack)


def test_what_is_written_is_read_again_and_as_long_as_shown(pack):
    for settings in ({"sparsity": 0.8}, {"grid": "kmeans", "bits": 3}):
        pack.state.offer({**PackState(**SMALL).values(), **settings})
        expected = "bytes" if pack.result.decoded else "coming"  # unless an earlier test was here
        assert pack.values["rans"].form == expected
        assert (pack.values["best"].form == "coming") == (expected == "coming")
        pack.settle(everything=False)
        assert_shown(pack)
        s, found = pack.state, pack.result.decoded
        _, q, _, _, _, meaning = by_library(s)
        assert found.same
        assert "read again: all codes the same" in pack.values["time_huffman"].note
        for name, coder in coding.CODERS.items():
            assert pack.values[name].value == len(coder.encode(q)) + meaning
        for name in ("time_packed", "time_huffman", "time_rans", "layer_before", "layer_after"):
            value = pack.values[name]
            assert value.source == "measured" and 0 < value.low <= value.value <= value.high
        best = min(pack.result.sizes[n].total for n in pack.result.sizes if n != "entropy")
        assert pack.values["best"].value == 4 * q.size / best
        pictures(pack)
        ends = pack.figures["bytes"].artists[2].get_data().values[::2]
        assert ends[5] == pytest.approx(8 * pack.values["rans"].value / q.size, rel=1e-12)


def test_codes_that_did_not_come_back_would_be_shown(pack, monkeypatch):
    pack.state.offer({"bits": 7})
    broken = coding.Coder(coding.rans_encode, lambda data, n: np.zeros(n, np.int32))
    monkeypatch.setitem(coding.CODERS, "rans", broken)
    pack.settle(everything=False)
    assert not pack.result.decoded.same
    assert "NOT the same" in pack.values["time_rans"].note
    monkeypatch.undo()
    pack.decoded.clear()
    pack.results.clear()


def test_a_large_table_is_estimated_at_once_and_exact_at_rest(pack, monkeypatch):
    monkeypatch.setattr("qlab.live.pack.QUICK", 300)
    pack.codes.clear()
    pack.results.clear()
    pack.state.offer({"grid": "kmeans", "bits": 3})
    assert pack.values["entropy"].source == "estimated"
    assert "being computed" in pack.values["entropy"].note
    before, quick = pack.values["sqnr"].value, [f.image.value for f in pack.figures.values()]
    pack.settle(everything=False)
    assert pack.values["entropy"].source == "derived" and pack.values["sqnr"].value > before
    assert all(f.image.value != was for f, was in zip(pack.figures.values(), quick, strict=True))
    assert_equals_library(pack)
    pack.state.offer({"sparsity": 0.5})
    assert 0 in pack.result.levels and not pack.result.exact
    pack.settle(everything=False)
    assert_equals_library(pack)


@pytest.mark.parametrize(
    "settings",
    [
        "layer=fc3&bits=4",
        "layer=fc3&bits=6&grid=kmeans",
        "layer=fc3&grid=kmeans&sparsity=0.9&bits=3&gap_bits=2&weight=999",
        "layer=fc2&sparsity=0.95&bits=8&weight=17",
    ],
)
def test_copied_code_prints_the_same_numbers(pack, settings):
    assert pack.state.from_query(settings) == []
    pack.settle(everything=False)
    printed = run_code(pack)
    assert set(printed) == {n for n in pack.values if not n.startswith(("time_", "layer_"))}
    for name, number in printed.items():
        shown = float(pack.values[name].value)
        assert number == pytest.approx(shown, rel=1e-6, abs=1e-9), name
    assert len(pack.code().strip().splitlines()) <= 24


def measured_by_library(s):
    """The network with one layer decoded, and the float network, on all test images."""
    net, test = networks.load("lenet_300_100"), data.load("mnist").test
    _, q, levels, lowest, _, _ = by_library(s)
    return [
        metrics.accuracy(n, test) for n in (net.with_weights({s.layer: levels[q - lowest]}), net)
    ]


@pytest.mark.parametrize(
    ("settings", "noise"),
    [({"bits": 8}, "within noise"), ({"bits": 2, "layer": "fc2"}, "beyond noise")],
)
def test_the_accuracy_with_one_layer_decoded_is_measured_on_all_test_images(pack, settings, noise):
    pack.state.offer(settings)
    pack.settle(everything=False)
    now, was = measured_by_library(pack.state)
    shown, change = pack.values["accuracy"], pack.values["change"]
    assert (shown.value, shown.low, shown.high) == (now.value, now.low, now.high)
    assert (shown.n, shown.source, shown.form) == (10_000, "measured", "percent")
    assert change.value == now.value - was.value and change.note == noise
    assert f"coded {shown.text}" in pack.page.said
    assert f"accuracy,{now.value!r},{now.low},{now.high},10000,measured" in pack.csv()


def test_until_it_is_measured_the_accuracy_says_that_it_is_not(pack):
    pack.settle(everything=False)  # now an estimate of this layer takes no time
    pack.state.offer({"sparsity": 0.77})
    drawn = pack.values["accuracy"]
    assert (drawn.source, drawn.n, pack.values["change"].n) == ("estimated", 1000, 1000)
    rows = np.random.default_rng(0).permutation(10_000)[:1000]
    net, test = networks.load("lenet_300_100"), data.load("mnist").test[rows]
    _, q, levels, lowest, _, _ = by_library(pack.state)
    some = metrics.accuracy(net.with_weights({"fc3": levels[q - lowest]}), test)
    assert drawn.value == some.value
    pack.state.offer({"layer": "fc1"})  # the whole network: too much for a moving hand
    for name in ("accuracy", "change"):
        value = pack.values[name]
        assert (value.text, value.provenance) == ("coming …", "to be measured")
    pack.settle(everything=False)
    assert pack.values["accuracy"].n == 10_000


def test_what_was_measured_once_is_known_at_once(pack, monkeypatch):
    pack.state.offer({"bits": 3, "sparsity": 0.6})
    pack.settle(everything=False)
    found = pack.values["accuracy"]
    monkeypatch.setattr(networks.Network, "run", None)  # no image goes through it again
    pack.state.offer({"weight": 5, "gap_bits": 3})  # the codes stay
    assert pack.values["accuracy"] == found and found.source == "measured"
    pack.settle(everything=False)
    assert pack.message == ""


def test_a_long_measurement_yields_after_each_batch(pack):
    s = PackState(layer="fc1", bits=4)
    codes, images = finish(pack.codes_of(s)), []
    run = networks.Network.run
    pack.accuracies.known.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            networks.Network,
            "run",
            lambda net, x, *rest, **how: images.append(len(x)) or run(net, x, *rest, **how),
        )
        for _ in pack.accuracies.measure(s, codes, _beside):
            assert sum(images) <= 500  # of fc1's batches, about 5 ms
            images.clear()


def test_what_the_hand_has_left_behind_is_not_begun_in_another_thread():
    begun, holds = [], threading.Event()
    first = _beside(holds.wait)
    next(first)
    left = _beside(lambda: begun.append("left"))
    next(left)
    left.close()
    holds.set()
    finish(_beside(lambda: begun.append("wanted")))
    assert begun == ["wanted"]


def test_presets_teach_something_that_is_so(pack):
    r = {}
    for preset in pack.PRESETS:
        pack.choose(preset)
        assert pack.message == "" and preset.lesson
        if preset.name == "One symbol takes nearly all":
            pack.settle(everything=False)
        r[preset.name] = pack.result
    bell = r["A bell in five bits"]
    assert 8 * bell.sizes["huffman"].total / bell.n < 3.5 < 5
    table = r["A table leaves less to gain"]
    assert 0.88 < table.mean / table.bits < 0.92 and bell.mean / bell.bits < 0.7
    # packed, a bit more costs the even steps more than it brings; coded it does not
    a_bit = 20 * np.log10(2)
    assert table.sqnr > bell.sqnr - a_bit * (bell.bits - table.bits)
    assert bell.sqnr > table.sqnr - a_bit * (table.mean - bell.mean)
    one = r["One symbol takes nearly all"]
    assert one.mean >= 1 and 8 * one.sizes["rans"].total / one.n < 0.9
    deep = r["Deep Compression, first layer"]
    pack.choose(next(p for p in pack.PRESETS if p.name.startswith("Deep Compression")))
    pack.settle(everything=False)
    assert pack.values["change"].value < -0.1 and pack.values["change"].note == "beyond noise"
    share = deep.sizes["deep_compression"].total / (4 * deep.n)
    assert 0.02 < share < 0.03
    mask = r["When the mask costs most"].sizes
    assert mask["bitmap"].index > 0.8 * mask["bitmap"].total
    assert mask["relative_index"].total < mask["bitmap"].total / 2
    small = r["Too small for its table"].sizes["packed"]
    assert small.table / small.codes == pytest.approx(1 / 3, abs=0.02)


def test_tables_of_more_than_six_bits_are_not_offered(pack):
    pack.state.offer({"bits": 8})
    pack.state.offer({"grid": "kmeans"})
    assert pack.state.grid == "affine"
    pack.state.offer({"bits": 6, "grid": "kmeans"})
    assert pack.state.grid == "kmeans"
    send(pack, "bits", 7)
    assert pack.state.grid == "affine"


def fair(counts):
    """Huffman's lengths, with a list and a loop, as a learner may write it."""
    nodes = [(int(n), [i]) for i, n in enumerate(counts) if n]
    lengths = np.zeros(len(counts), int)
    while len(nodes) > 1:
        nodes.sort(key=lambda node: node[0])
        (a, left), (b, right), *rest = nodes
        lengths[left + right] += 1
        nodes = [*rest, (a + b, left + right)]
    return lengths


@pytest.mark.parametrize("grid", ["affine", "kmeans"])
def test_a_right_function_in_the_place_of_the_librarys_makes_no_difference(pack, grid):
    pack.state.offer({"grid": grid})
    with standing_in(pack, "packing.huffman_lengths", fair) as standing:
        assert (standing.works, standing.trouble, standing.difference) == (True, "", None)
        assert standing.results[pack.state.key()].mean == pack.result.mean


def test_a_wrong_function_is_shown_beside_and_its_first_difference_is_marked(pack):
    before = pictures(pack)
    with standing_in(pack, "packing.huffman_lengths", lambda n: np.where(n > 0, 5, 0)) as standing:
        right = pack.result.lengths
        found = standing.difference
        first = int(np.flatnonzero(right != np.where(pack.result.counts > 0, 5, 0))[0])
        assert (found.index, found.reference, found.other) == ((first,), right[first], 5)
        own = standing.results[pack.state.key()]
        assert own.mean == 5 and own.sizes["huffman"].codes == 625
        assert "yours: 5.000 bits" in pack.values["huffman_bits"].note
        moved = {n for n, p in pictures(pack).items() if not np.array_equal(p, before[n])}
        assert "words" in moved
        pack.settle(everything=False)
        assert pack.message == ""
    for name, pixels in pictures(pack).items():
        if name != "bytes":  # arithmetic coding was written meanwhile
            assert_array_equal(pixels, before[name])


def test_words_that_are_short_and_do_not_fit_are_a_difference(pack):
    with standing_in(pack, "packing.huffman_lengths", lambda n: (n > 0).astype(int)) as standing:
        assert standing.difference is not None
        assert standing.results[pack.state.key()].kraft > 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda n: None, "returned nothing"),
        (lambda n: n[:3], r"returned shape \(3,\)"),
        (lambda n: n / 7, "no whole numbers of bits"),
        (lambda n: -n, "below 0"),
        (lambda n: 1 / 0 * n, "division by zero"),
    ],
)
def test_what_a_function_cannot_mean_is_one_sentence_and_the_librarys_is_shown(
    pack, answer, sentence
):
    assert_refuses_answers(pack, "packing.huffman_lengths", answer, sentence)


def test_the_table_lists_the_words(pack):
    pack.state.offer({"bits": 2})
    assert "codes\nlevel,count,bits of the word\n" in pack.csv()
