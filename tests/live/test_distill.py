import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qlab
from qlab.distillation import entropy, kl, loss, loss_gradient, soft_targets
from qlab.live import Distil, distill
from qlab.live.distill_state import DistilState
from qlab.metrics import within_noise
from tests.live.driving import (
    assert_control_moves_everything,
    assert_shown,
    pictures,
    readings,
    run_code,
    send,
    stations,
)

PROGRAM = Path(__file__).with_name("fake_distilling.py")
TRAITS = [name for name in DistilState.settings() if name != "scale"]  # it moves no number


@pytest.fixture(scope="module")
def shared():
    """One instrument for all tests that leave it as it was: it opens files."""
    return Distil(link="")


@pytest.fixture
def bench(shared):
    shared.state.own = ()
    shared.reset()
    return shared


def draw(bench):
    """Draw the present result on the artists, which a kept frame would leave as they were."""
    pictures(bench)
    return bench.pictures


def logits(bench):
    """Teacher's and student's logits for the image on screen, straight from the library."""
    index, name = bench.result.index, bench.result.shown.name
    image, label = qlab.data.load("mnist").test[index : index + 1]
    networks = qlab.networks.load("teacher_1200"), qlab.networks.load(name)
    return *(net.predict(image) for net in networks), label


# -- controls ----------------------------------------------------------------------


@pytest.mark.parametrize("trait", TRAITS)
def test_every_control_moves_pictures_and_numbers_to_what_the_library_says(bench, trait):
    for value in assert_control_moves_everything(bench, trait):
        assert value.key[list(bench.state.settings()).index(trait)] in stations(bench, trait)
        send(bench, trait, getattr(bench.state, trait))
    t, z, y = logits(bench)
    T, alpha = bench.state.temperature, bench.state.alpha
    p, q = soft_targets(t, T)[0], soft_targets(z, T)[0]
    expected = {
        "entropy_teacher": entropy(p) / math.log(2),
        "entropy_student": entropy(q) / math.log(2),
        "dark": 1 - p.max(),
        "kl": kl(p, q),
        "loss": loss(z, t, y, T, alpha),
        "hard": (1 - alpha) * loss(z, t, y, T, 0.0),
        "soft": alpha * loss(z, t, y, T, 1.0),
        "pull_soft": alpha * np.linalg.norm(loss_gradient(z, t, y, T, 1.0)),
        "pull_bare": alpha * np.linalg.norm(loss_gradient(z, t, y, T, 1.0, t_squared=False)),
        "pull_hard": (1 - alpha) * np.linalg.norm(loss_gradient(z, t, y, T, 0.0)),
    }
    shown = readings(bench)
    for name, value in expected.items():
        assert shown[name] == pytest.approx(float(value), rel=1e-12, abs=1e-15), name


@pytest.mark.parametrize("temperature", [1.0, 4.0, 30.0])
def test_the_pictures_show_the_arrays_of_the_library(bench, temperature):
    send(bench, "temperature", temperature)
    send(bench, "image", 8)
    t, z, y = logits(bench)
    p, q = soft_targets(t, temperature)[0], soft_targets(z, temperature)[0]
    drawn = draw(bench)
    for bars, heights in ((drawn.answers.first, p), (drawn.answers.second, q)):
        tops = [path.vertices[:, 1].max() for path in bars.get_paths()]
        assert tops == pytest.approx(heights.tolist())
    assert drawn.answers.ring.get_xdata() == [int(y[0])]
    widths = [drawn.gauge.first.get_width(), drawn.gauge.second.get_width()]
    assert widths == pytest.approx([entropy(p) / math.log(2), entropy(q) / math.log(2)])
    assert np.array_equal(
        drawn.digit.picture.get_array()[:28, :28], qlab.data.load("mnist").test.images[8, 0]
    )
    for line, squared in ((drawn.pulls.soft, True), (drawn.pulls.bare, False)):
        x, y_drawn = line.get_data()
        sizes = [
            0.9 * np.linalg.norm(loss_gradient(z, t, y, float(T), 1.0, t_squared=squared))
            for T in x
        ]
        assert (x[0], x[-1]) == pytest.approx((1.0, 30.0))
        assert y_drawn == pytest.approx(np.array(sizes))
    assert drawn.pulls.now.get_xdata().tolist() == [temperature, temperature]


def test_a_probability_axis_in_decades_changes_one_picture_and_no_number(bench):
    before, numbers = pictures(bench), readings(bench)
    send(bench, "scale", "log")
    assert_shown(bench)
    after = pictures(bench)
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    assert changed == {"answers"} and readings(bench) == numbers
    assert bench.pictures.answer_axes.get_yscale() == "log"
    send(bench, "scale", "linear")
    assert np.array_equal(pictures(bench)["answers"], before["answers"])


def test_an_exception_becomes_one_sentence_and_the_controls_live(bench, monkeypatch):
    def broken(p, q):
        raise RuntimeError("/home/someone/secret.py is broken")

    monkeypatch.setattr(distill, "kl", broken)
    send(bench, "temperature", 7.0)
    assert bench.message.count(".") <= 2 and "secret" not in bench.message
    monkeypatch.undo()
    send(bench, "temperature", 8.0)
    assert bench.message == "" and bench.result.temperature == 8.0


# -- images ------------------------------------------------------------------------


def test_the_ambiguous_images_are_those_of_highest_teacher_entropy(bench):
    send(bench, "order", "ambiguous")
    images, _ = qlab.data.load("mnist").test[: distill.SEARCHED]
    p = soft_targets(qlab.networks.load("teacher_1200").predict(images), 1)
    bits = entropy(p) / math.log(2)
    seen = []
    for place in (0, 1, 20, 39):
        send(bench, "image", place)
        seen.append(bits[bench.result.index])
    assert seen == pytest.approx(np.sort(bits)[::-1][[0, 1, 20, 39]], rel=1e-3)


def test_the_first_images_are_those_of_the_test_split(bench):
    send(bench, "image", 39)
    assert bench.result.index == 39


# -- the measured grid ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("temperature", "nearest"), [(1.0, 1), (1.4, 1), (1.45, 2), (5.0, 6), (26.0, 30), (30.0, 30)]
)
def test_the_student_is_the_one_taught_nearest_and_the_page_says_which(bench, temperature, nearest):
    bench.state.temperature = temperature
    assert bench.result.shown.name == f"student_30_t{nearest}"
    assert bench.values["error"].note == f"taught at T = {nearest}, α = 0.9, seed 0"
    drawn = draw(bench)
    (x,), _ = drawn.by_temperature.means.now.get_data()
    assert x == nearest
    assert drawn.by_temperature.here.get_xdata() == [temperature, temperature]
    assert drawn.by_alpha.here.get_xdata() == [0.9, 0.9]


@pytest.mark.parametrize("student", ["student_30", "student_100"])
def test_the_measured_errors_are_those_of_the_zoos_runs(bench, student):
    send(bench, "student", student)
    runs = qlab.networks.student_runs(student)
    taught = [run for run in runs if run.alpha == 0.9]
    temperatures = sorted({run.temperature for run in taught})
    drawn = draw(bench).by_temperature
    means = drawn.means.solid
    assert means.get_xdata().tolist() == temperatures
    for x, y in zip(*means.get_data(), strict=True):
        errors = [run.error.value for run in taught if run.temperature == x]
        assert y == pytest.approx(100 * np.mean(errors))
    dots = drawn.seeds.get_xydata()
    assert len(dots) == len(taught)
    alone = qlab.networks.mean_error([run for run in runs if run.alpha == 0])
    shown = bench.values["error_alone"]
    assert (shown.value, shown.low, shown.high) == (alone.value, alone.low, alone.high)
    assert (shown.source, shown.n) == ("cited", 10_000)
    band = drawn.band
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx(
        (100 * alone.low, 100 * alone.high)
    )
    assert (
        bench.values["error_mean"].label
        == f"Mean of {len(dots) // len(temperatures)} seeds at T = 4"
    )


def test_the_error_on_a_card_is_what_its_network_measures(bench):
    net = qlab.networks.load(bench.result.shown.name)
    accuracy = qlab.metrics.accuracy(net, qlab.data.load("mnist").test)
    shown = bench.values["error"]
    assert shown.value == pytest.approx(1 - accuracy.value)
    assert (shown.low, shown.high) == pytest.approx((1 - accuracy.high, 1 - accuracy.low), abs=1e-6)


def test_a_student_without_a_teacher_has_no_temperature_in_the_grid(bench):
    send(bench, "taught", "alone")
    assert bench.result.shown.name == "student_30_hard"
    assert "error_mean" not in bench.values
    assert len(draw(bench).by_temperature.means.now.get_xdata()) == 0


# -- presets -------------------------------------------------------------------------


def preset(bench, start):
    (found,) = [p for p in bench.PRESETS if p.name.startswith(start)]
    bench.choose(found)
    assert bench.message == "" and bench.presets.value is found
    return found.lesson


def test_every_preset_has_settings_of_its_own_and_a_lesson(bench):
    assert len(bench.PRESETS) >= 4
    for one in bench.PRESETS:
        bench.choose(one)
        assert_shown(bench)
        assert bench.presets.value is one and one.lesson.endswith(".")
    assert len({tuple(p.values.items()) for p in bench.PRESETS}) == len(bench.PRESETS)


def test_at_temperature_one_the_teacher_says_the_label_again(bench):
    preset(bench, "T = 1")
    assert bench.values["entropy_teacher"].value < 0.05
    assert bench.result.teacher[bench.result.label] > 0.99


def test_on_an_ambiguous_image_the_teacher_names_the_two_classes(bench):
    preset(bench, "Dark knowledge")
    at_one = soft_targets(logits(bench)[0], 1)[0]
    assert bench.result.label == 7 and set(np.argsort(at_one)[-2:]) == {7, 9}
    assert at_one[[7, 9]].min() > 0.4 and at_one[[7, 9]].sum() > 0.99
    assert set(np.argsort(bench.result.teacher)[-2:]) == {7, 9}  # softened, still these two
    assert bench.values["dark"].note == "most of it on 9"


def test_on_decades_the_wrong_answers_differ_by_thousands(bench):
    preset(bench, "It was there")
    wrong = np.delete(bench.result.teacher, bench.result.label)
    assert wrong.max() < 0.01 and wrong.max() / wrong.min() > 1000


def test_without_the_factor_the_soft_pull_is_smaller_by_its_square(bench):
    preset(bench, "Without T²")
    v = bench.values
    assert v["pull_bare"].value * 16.0**2 == pytest.approx(v["pull_soft"].value)


def test_at_the_highest_temperature_the_pull_is_near_that_of_matched_logits(bench):
    preset(bench, "T → 30")
    t, z, _ = logits(bench)
    gap = (z - z.mean()) - (t - t.mean())
    limit = np.linalg.norm(gap) / 10
    assert bench.result.limit == pytest.approx(limit, rel=1e-3)
    assert bench.values["pull_soft"].value == pytest.approx(limit, rel=0.25)


def test_small_students_err_least_at_small_temperatures_and_most_at_high_ones(bench):
    preset(bench, "A small student")
    grid = bench.result.grid
    errors = {T: grid.mean(T) for T in grid.by_temperature.x}
    assert errors[20.0].low > grid.alone.high
    best = sorted(errors, key=lambda T: errors[T].value)[:2]
    assert set(best) == {2.0, 3.0}
    assert all(within_noise(errors[T], grid.alone) for T in best)


def test_a_student_short_of_images_gains_from_its_teacher_beyond_noise(bench):
    preset(bench, "Short of images")
    grid = bench.result.grid
    errors = {T: grid.mean(T) for T in grid.by_temperature.x}
    assert all(error.high < grid.alone.low for T, error in errors.items() if T >= 2)
    hot = [error for T, error in errors.items() if T >= 6]
    assert all(within_noise(a, b) for a in hot for b in hot)
    assert qlab.networks.card("student_100_t8")["recipe"]["train_images"] == 5_000


# -- taking it along --------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"temperature": 1.0, "alpha": 0.0, "taught": "alone"},
        {"temperature": 30.0, "alpha": 1.0, "student": "student_100", "image": 8},
        {"temperature": 3.3, "alpha": 0.35, "order": "ambiguous", "image": 2},
    ],
)
def test_the_copied_code_prints_the_numbers_on_screen(bench, values):
    bench.state.offer(values)
    printed, shown = run_code(bench), readings(bench)
    assert printed.keys() == shown.keys()
    for name, value in shown.items():
        assert printed[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_a_link_brings_the_state_back(bench):
    bench.state.offer({"temperature": 3.3, "alpha": 0.35, "order": "ambiguous", "image": 7})
    there = Distil(link=bench.state.to_query())
    assert there.state.values() == bench.state.values()
    assert readings(there) == readings(bench)
    assert there.controls["temperature"].value == 3.3


def test_a_link_to_a_student_of_another_page_is_refused_in_one_sentence(bench):
    bench.state.from_query("taught=nearest")
    refused = bench.state.from_query("taught=here")
    assert len(refused) == 1 and refused[0].startswith("taught: one of nearest, alone is expected")
    assert bench.state.taught == "nearest"


def test_the_table_holds_what_the_pictures_show(bench):
    text = bench.csv()
    r = bench.result
    assert f"answers to test image {r.index} at T = 4" in text
    assert f"7,{float(r.teacher[7])},{float(r.student[7])}" in text
    rows = len(qlab.networks.student_runs())
    assert (
        sum(line.startswith("student_") and line.endswith("cited") for line in text.split("\n"))
        == rows
    )


def test_pictures_are_described_in_words(bench):
    bench.settle()
    words = bench.page.alts
    assert words["digit"].startswith("Test image 0, a 7. Entropy of the teacher's answer ")
    assert "Teacher: 7 with" in words["answers"]
    assert "At T = 4 the soft part pulls with" in words["pulls"]
    assert "without a teacher" in words["errors"]


def test_menus_are_ready_before_they_are_opened(bench):
    bench.settle()
    known = set(bench.results)
    assert bench.worker.idle
    for trait in ("student", "taught", "order", "scale"):
        for value in stations(bench, trait):
            assert bench.state.copy(**{trait: value}).key() in known


def test_the_kernel_never_loads_torch():
    code = (
        "import sys; from qlab.live import Distil; bench = Distil(temperature=2.0); "
        "bench.settle(); assert bench.message == ''; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


# -- training ----------------------------------------------------------------------------


@pytest.fixture
def school(monkeypatch):
    path = qlab.networks.trained.FOLDER / "student_30_t8.safetensors"
    monkeypatch.setattr(Distil, "PROGRAM", (sys.executable, str(PROGRAM), str(path)))
    return Distil(link="")


def train(bench):
    bench.training.panel.start()
    return bench.training.panel.job.wait(30)


def test_a_student_trained_here_joins_the_picture_and_can_be_shown(school):
    assert school.controls["taught"].options[-1][1] == "alone"
    assert school.training.card.layout.display == "none"
    school.state.offer({"temperature": 5.0, "alpha": 0.5})
    assert train(school) == "done"
    own = draw(school).by_temperature.own.solid.get_xydata()
    assert own == pytest.approx(np.array([[5.0, 5.0]]))  # T = 5, error 5 %
    assert draw(school).by_alpha.own.solid.get_xydata() == pytest.approx(np.array([[0.5, 5.0]]))
    assert school.controls["taught"].options[-1][1] == "here"
    send(school, "taught", "here")
    error = school.values["error"]
    assert (error.source, error.n, error.value) == ("measured", 10_000, pytest.approx(0.05))
    assert error.note == "taught here at T = 5, α = 0.5, seed 5"
    image, _ = qlab.data.load("mnist").test[:1]
    z = qlab.networks.load("student_30_t8").predict(image)  # the one that the program hands out
    assert school.result.student == pytest.approx(soft_targets(z, 5.0)[0])
    assert len(draw(school).by_temperature.own.now.get_xdata()) == 1
    assert "trained here" in school.figures["errors"].caption
    assert "student_30,5.0,0.5,5,0.05" in school.csv().replace("0.050000000000000044", "0.05")


def test_its_request_is_the_zoos_recipe_at_the_present_temperature_and_alpha(school):
    school.state.offer({"temperature": 12.0, "alpha": 0.25, "student": "student_100"})
    train(school)
    request = school.training.panel.job.request
    recipe = qlab.networks.card("student_100_hard")["recipe"]
    told = {"task": "distill", "network": "student_100", "temperature": 12.0, "alpha": 0.25}
    assert told.items() <= request.items()
    for name in ("epochs", "lr", "batch_size", "schedule", "train_images"):
        assert request[name] == recipe[name]
    assert request["seed"] not in {run.seed for run in qlab.networks.student_runs()}


def test_the_curve_follows_the_training_and_rings_the_epoch_that_is_kept(school):
    train(school)
    drawn = school.training.drawn
    assert school.training.card.layout.display == ""
    assert drawn.loss.get_ydata().tolist() == [2.0, 1.0, pytest.approx(2 / 3), 0.5]
    assert drawn.accuracy.get_xydata() == pytest.approx(np.array([[1, 91.0], [2, 92.0]]))
    assert drawn.best.get_xydata() == pytest.approx(np.array([[2, 92.0]]))
    assert "the best is epoch 2 with 92.00 % on validation" in school.page.alts["learning"]


def test_a_failed_training_says_one_sentence_and_the_next_one_works(school):
    train(school)  # seed 5
    assert train(school) == "failed"  # seed 6
    assert "no space left" in school.training.panel.shown.value
    assert len(school.state.own) == 1 and not school.training.panel.start_button.disabled
    send(school, "temperature", 2.0)
    assert_shown(school)


def test_stopping_keeps_the_best_and_the_page_stays_usable_meanwhile(school):
    school.training._seed = 7  # runs until it is stopped
    panel = school.training.panel
    panel.start()
    panel.job.wait(0.5)
    assert panel.running and panel.start_button.disabled and not panel.stop_button.disabled
    assert "<progress" in panel.shown.value and "s left" in panel.shown.value
    send(school, "temperature", 9.0)
    assert_shown(school)
    assert panel.running
    panel.stop()
    assert panel.job.wait(30) == "done"
    assert panel.shown.value.count("Stopped. Kept: epoch") == 1
    assert len(school.state.own) == 1


def test_each_student_trained_here_stays_a_point(school):
    train(school)
    school.training._seed = 8
    school.state.temperature = 20.0
    train(school)
    points = draw(school).by_temperature.own.solid.get_xdata()
    assert sorted(points) == [4.0, 20.0]
    send(school, "student", "student_100")
    assert len(draw(school).by_temperature.own.solid.get_xdata()) == 0


def test_the_copied_code_of_a_student_trained_here_trains_it_again(school):
    school.state.offer({"temperature": 5.0, "alpha": 0.5})
    train(school)
    school.training._seed = 9
    send(school, "student", "student_100")
    train(school)  # of another size, by another recipe
    send(school, "student", "student_30")
    send(school, "taught", "here")
    send(school, "temperature", 2.0)
    code = school.code()
    assert "train_images" not in code
    compile(code, "<copied>", "exec")
    assert "qlab.training.distill(start, teacher, mnist, 5, 0.5,\n    seed=5, epochs=" in code
    assert 'build("student_30", np.random.default_rng(5))' in code


def test_the_real_program_trains_measures_and_hands_over_a_student():
    bench = Distil(link="", temperature=2.0)
    bench.training.recipe = {"epochs": 1, "train_images": 512, "batch_size": 64}
    bench.training.panel.start()
    assert bench.training.panel.job.wait(120) == "done", bench.training.panel.shown.value
    (own,) = bench.state.own
    send(bench, "taught", "here")
    accuracy = qlab.metrics.accuracy(own.network, qlab.data.load("mnist").test)
    assert bench.values["error"].value == pytest.approx(1 - accuracy.value)
    assert bench.values["error"].source == "measured"
    assert 0.1 < bench.values["error"].value < 0.85  # 512 images teach a little
