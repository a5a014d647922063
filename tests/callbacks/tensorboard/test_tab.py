"""The tab Layers: what the server finds and serves, and what a person sees in a real TensorBoard and a real browser."""

import contextlib
import json
import os
import re
import time
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest
from tensorboard.plugins import base_plugin
from werkzeug.test import Client

from callbacks import GradientMonitor
from callbacks.tensorboard import LayerArray, SummaryWriter
from callbacks.tensorboard.tab.plugin import LayersPlugin, log_dirs
from callbacks.tensorboard.tab.trainings import Training, Trainings, suggestion

HOSTILE = "<img src=x onerror=alert(1)>"


def write(directory, epochs=10, layers=("one", "two"), sizes=(1.0, 2.0), first=0, loss=0.1, accuracy=0.9):
    """Write some epochs of a training whose gradients have these sizes in its layers."""
    writer = SummaryWriter.open(directory)
    for epoch in range(first, first + epochs):
        arrays = {f"gradient_{name}": LayerArray(layers, np.array(sizes)) for name in ("abs_mean", "l2", "max")}
        writer.write(epoch, arrays=arrays | {"gradient_nonfinite": LayerArray(layers, np.zeros(len(layers)))})
        writer.write_metrics(epoch, {"loss": loss, "accuracy": accuracy})
    writer.close()
    return directory


def looked(*log_dir, **named):
    trainings = Trainings(dict(zip([""], log_dir, strict=False)) | named)
    trainings.look().join()
    return trainings


# ------------------------------------------------------------------------------------------------- what is found


def test_trainings_are_named_by_their_directories_and_the_newest_comes_first(tmp_path):
    for name in ("b/seed1", "a/seed1", "c"):
        write(tmp_path / name)
        time.sleep(0.01)
    other = SummaryWriter.open(tmp_path / "of_another_tool")
    other.write(0, {"loss": 1.0})
    other.close()
    found = looked(tmp_path).found()
    assert [one.name for one in found] == ["c", "a/seed1", "b/seed1"]
    assert [one.summary()["epochs"] for one in found] == [10, 10, 10]
    assert [one.name for one in looked(one=tmp_path / "a", two=tmp_path / "b").found()] == ["one/seed1", "two/seed1"]


def test_values_say_what_was_not_recorded_and_what_is_not_finite(tmp_path):
    layers = ["finite", "zero", "nonfinite", "frozen"]
    writer = SummaryWriter.open(tmp_path)
    for epoch in range(2):
        rows = {"abs_mean": [0.5, 0, np.nan, np.nan], "nonfinite": [0, 0, 3, np.nan if epoch else 0]}
        arrays = {f"gradient_{name}": LayerArray(layers, np.array(row)) for name, row in rows.items()}
        writer.write(epoch, arrays=arrays)
    writer.close()
    training = Training("run", tmp_path, 0)
    training.update()
    np.testing.assert_array_equal(training.values("gradient_abs_mean"), [[0.5, 0, np.inf, np.nan]] * 2)
    assert training.values("gradient_abs_mean").dtype == np.float32
    assert training.values("gradient_l2") is None
    assert training.values("nonsense") is None


def test_the_result_is_the_last_one_of_the_metric_that_tells_most(tmp_path):
    metrics = [
        ({"loss": 0.5, "val_loss": 0.6, "mae": 0.7}, ("val_loss", 0.6)),
        ({"loss": 0.5, "left_accuracy": 0.8}, ("left_accuracy", 0.8)),
        ({"accuracy": 0.9, "loss": 0.5, "val_accuracy": 0.8}, ("val_accuracy", 0.8)),
    ]
    for number, (logs, result) in enumerate(metrics):
        writer = SummaryWriter.open(tmp_path / str(number))
        for epoch in range(3):  # in the last one nothing is validated
            writer.write(epoch, arrays={"gradient_l2": LayerArray(["a"], np.ones(1))})
            said = {name: value for name, value in logs.items() if epoch < 2 or not name.startswith("val_")}
            writer.write_metrics(epoch, said)
        writer.close()
        training = Training("run", tmp_path / str(number), 0)
        training.update()
        name, value = training.summary()["result"]
        assert (name, value) == (result[0], pytest.approx(result[1]))
    nothing = Training("run", write(tmp_path / "nan", loss=np.nan, accuracy=np.nan), 0)
    nothing.update()
    assert nothing.summary()["result"] is None


def test_a_training_that_goes_on_is_read_on(tmp_path):
    write(tmp_path, epochs=3)
    training = Training("run", tmp_path, 0)
    training.update()
    assert (training.version, training.summary()["epochs"]) == (1, 3)
    training.update()
    assert training.version == 1  # no news
    write(tmp_path, epochs=2, first=3)
    training.update()
    assert (training.version, training.summary()["epochs"]) == (2, 5)


def test_a_training_that_was_deleted_is_gone(tmp_path):
    write(tmp_path / "a")
    (path,) = write(tmp_path / "b").iterdir()
    trainings = looked(tmp_path)
    path.unlink()
    trainings._looked = -np.inf
    trainings.look().join()
    assert [one.name for one in trainings.found()] == ["a"]


def test_a_link_to_elsewhere_is_not_followed(tmp_path):
    (path,) = write(tmp_path / "elsewhere").iterdir()
    inside = tmp_path / "logs" / "run"
    inside.mkdir(parents=True)
    try:
        (inside / path.name).symlink_to(path)
    except OSError:
        pytest.skip("this system makes no links")
    assert looked(tmp_path / "logs").found() == []


def test_the_newest_is_suggested_beside_the_newest_of_another_verdict():
    def training(name, verdict):
        return SimpleNamespace(name=name, verdict=verdict)

    newest_first = [training("d", "healthy"), training("c", "healthy"), training("b", "one class"), training("a", "x")]
    assert suggestion(newest_first) == ["b", "d"]  # the older is the first
    assert suggestion(newest_first[:2]) == ["c", "d"]
    assert suggestion(newest_first[:1]) == ["d"]
    assert suggestion([]) == []


# ------------------------------------------------------------------------------------------------ what is served


@pytest.fixture
def get(tmp_path):
    """Asks a plugin on `tmp_path` for one of its routes; returns the response."""
    write(tmp_path / "logs" / "run")
    (tmp_path / "secret").write_text("secret")
    plugin = LayersPlugin(base_plugin.TBContext(logdir=str(tmp_path / "logs")))
    plugin._trainings.look().join()
    routes = plugin.get_plugin_apps()

    def ask(route, **query):
        return Client(routes[route]).get(route, query_string=query)

    ask.routes = routes
    return ask


def test_the_answers_are_json_of_the_training(get):
    answer = get("/trainings").get_json()
    assert answer["is_complete"]
    assert answer["suggestion"] == ["run"]
    assert [one["name"] for one in answer["trainings"]] == ["run"]
    details = get("/training", run="run").get_json()
    assert details["recorded_epochs"] == [*range(10)]
    assert details["quantities"][0] == {
        "name": "gradient_abs_mean",
        "label": "mean |gradient|",
        "group": "gradient",
        "layers": ["one", "two"],
    }
    values = np.frombuffer(get("/values", run="run", quantity="gradient_abs_mean").data, "float32")
    np.testing.assert_array_equal(values.reshape(10, 2), [[1, 2]] * 10)


def test_metrics_that_are_nan_are_null(tmp_path):
    write(tmp_path, loss=np.nan)
    plugin = LayersPlugin(base_plugin.TBContext(logdir=str(tmp_path)))
    plugin._trainings.look().join()
    answer = Client(plugin.get_plugin_apps()["/training"]).get("/", query_string={"run": "."})
    assert json.loads(answer.data, parse_constant=pytest.fail)["metrics"]["loss"] == [None] * 10


@pytest.mark.parametrize("name", ["", "..", "../secret", "/etc", "run/../..", "nothing", "run\0"])
def test_only_trainings_that_were_found_are_served(get, name):
    for route in ("/training", "/values", "/histograms", "/changes"):
        answer = get(route, run=name, quantity="gradient_abs_mean", layer="one", epoch=0, before=name, after="run")
        assert answer.status_code == 404
        assert b"secret" not in answer.data


def test_every_answer_forbids_to_guess_its_type(get):
    assert {"/index.js", "/style.css", "/plotly.min.js"} < {*get.routes}
    for route in get.routes:
        answer = get(route, run="run")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert get("/index.js").mimetype == "text/javascript"


def test_log_directories_with_names_of_their_own():
    def context(logdir="", spec=""):
        return SimpleNamespace(logdir=logdir, flags=SimpleNamespace(logdir_spec=spec))

    assert {name: str(path) for name, path in log_dirs(context("logs")).items()} == {"": "logs"}
    spec = log_dirs(context(spec="a:logs/a,b:logs/b,logs/c"))
    assert {name: path.as_posix() for name, path in spec.items()} == {"a": "logs/a", "b": "logs/b", "2": "logs/c"}
    assert log_dirs(SimpleNamespace(logdir="", flags=None)) == {}


# --------------------------------------------------------------------------------------------- what a person sees


class Page:
    """The tab in a browser, and the questions that the tests ask of it."""

    def __init__(self, browser):
        self.browser = browser

    def open(self, address, state=""):
        self.browser.switch_to.default_content()
        self.browser.get("about:blank")
        self.browser.get(f"{address}/#layers{state}")
        self.wait(lambda: self.browser.find_elements("css selector", "iframe"))
        self.browser.switch_to.frame(0)
        self.wait(lambda: self.run("return document.querySelector('nav')"))
        return self

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def wait(self, condition, seconds=40):
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with contextlib.suppress(Exception):  # an element that was just replaced
                if found := condition():
                    return found
            time.sleep(0.1)
        raise AssertionError(f"waited in vain; the page says: {self.text()[:3000]}")

    def text(self):
        return self.run("return document.body.innerText")

    def says(self, *words):
        for one in words:
            self.wait(lambda one=one: one in self.text())

    def shown(self):
        """The trainings whose maps are drawn, from left to right."""
        script = "return [...document.querySelectorAll('article')].filter(a => a.querySelector('.main-svg'))"
        return [one.get_attribute("aria-label") for one in self.run(script)]

    def epoch(self):
        return int(self.run("return document.querySelector('output').textContent"))

    def click(self, words, selector="button"):
        for one in self.browser.find_elements("css selector", selector):
            if words in one.text:
                self.run("arguments[0].scrollIntoView({block: 'center'})", one)
                one.click()
                return
        raise AssertionError(f"no {selector} says {words}")

    def choose(self, quantity):
        script = """const select = document.querySelector('.toolbar select');
            select.value = [...select.options].find(o => o.text === arguments[0]).value;
            select.dispatchEvent(new Event('change'));"""
        self.run(script, quantity)

    def state(self):
        """The state in the address of TensorBoard's page."""
        return self.run("return parent.location.hash")

    def point_at(self, training, row, column, rows, columns):
        """Point at a cell of a map; returns what the page says about it."""
        from selenium.webdriver import ActionChains

        plot = self.run(f"return document.querySelector(`article[aria-label='{training}'] .map`)")
        self.run("arguments[0].scrollIntoView({block: 'center'})", plot)
        script = """const plot = arguments[0], layout = plot._fullLayout, frame = plot.getBoundingClientRect();
            return [layout.xaxis._offset, layout.xaxis._length, layout.yaxis._offset, layout.yaxis._length,
                    frame.width, frame.height];"""
        left, width, top, height, whole_width, whole_height = self.run(script, plot)
        x = left + width * (column + 0.5) / columns - whole_width / 2
        y = top + height * (1 - (row + 0.5) / rows) - whole_height / 2
        ActionChains(self.browser).move_to_element_with_offset(plot, round(x), round(y)).perform()
        return self.wait(
            lambda: self.run(f"return document.querySelector(`[aria-label='{training}'] .readout`).innerText")
        )


@pytest.fixture
def page(browser):
    yield Page(browser)
    browser.switch_to.default_content()


@pytest.mark.slow
@pytest.mark.xdist_group("tutorial_runs")
def test_it_opens_on_the_answer_and_a_person_reads_it(tutorial_runs, tensorboard, page):
    directory, diagnoses = tutorial_runs
    address = tensorboard(directory)
    page.open(address)
    page.wait(lambda: page.shown() == ["tanh", "relu"])
    page.says("vanishing gradient", "healthy", "Diagnosis after 25 epochs: 1 error.", "nothing found wrong")
    page.says("What changed from the first to the second", "activation of dense_1 and 4 more: tanh -> relu")
    assert page.epoch() == 25

    for name, row, epoch in (("tanh", 2, 10), ("relu", 5, 0)):
        said = page.point_at(name, row, epoch, rows=6, columns=25)
        layer, shown_epoch, value = re.fullmatch(r"(\S+), epoch (\d+): (\S+)", said).groups()
        assert (layer, int(shown_epoch)) == (f"dense_{row + 1}", epoch + 1)
        recorded = diagnoses[name].gradients.history["abs_mean"][epoch, row]
        assert float(value) == pytest.approx(recorded, rel=6e-3)  # three digits are shown

    finding = diagnoses["tanh"].findings[0]
    page.click(f"since epoch {diagnoses['tanh'].findings[1].epoch + 1}")
    page.wait(lambda: page.epoch() == diagnoses["tanh"].findings[1].epoch + 1)
    page.click(finding.layers[-1])
    page.wait(lambda: f"layer={finding.layers[-1]}" in page.state())
    page.says(f"in epoch {page.epoch()}")  # the sentence that reads the profile out

    page.choose("standard deviation of the activations")
    page.wait(lambda: page.run("return document.body.dataset.painted") == "activation_std")
    said = page.point_at("tanh", 0, 3, rows=6, columns=25)
    assert float(said.split()[-1]) == pytest.approx(diagnoses["tanh"].activations.history["std"][3, 0], rel=6e-3)

    page.wait(lambda: "activation_std" in page.state())
    linked = page.state()
    page.open(address, linked.removeprefix("#layers"))
    page.wait(lambda: page.run("return document.body.dataset.painted") == "activation_std")
    assert (page.shown(), page.state()) == (["tanh", "relu"], linked)
    assert page.epoch() == diagnoses["tanh"].findings[1].epoch + 1


@pytest.mark.slow
@pytest.mark.xdist_group("tutorial_runs")
def test_keys_move_the_epoch_and_a_training_is_taken_away_and_found_again(tutorial_runs, tensorboard, page):
    page.open(tensorboard(tutorial_runs[0]), "&run1=relu&run2=tanh&epoch=7")
    page.wait(lambda: page.shown() == ["relu", "tanh"])
    assert page.epoch() == 7
    from selenium.webdriver import ActionChains, Keys

    page.browser.find_element("css selector", ".sentence").click()
    for key, epoch in ((Keys.ARROW_RIGHT, 8), (Keys.ARROW_LEFT, 7), (Keys.HOME, 1), (Keys.END, 25)):
        ActionChains(page.browser).send_keys(key).perform()
        page.wait(lambda epoch=epoch: page.epoch() == epoch)
    page.click("Play")
    page.wait(lambda: 1 < page.epoch() < 25)
    page.wait(lambda: page.epoch() == 25)
    page.says("▶ Play")
    page.click("Play")
    ActionChains(page.browser).send_keys(Keys.HOME).perform()  # who chooses an epoch stops it
    page.says("▶ Play")
    assert page.epoch() == 1
    page.click("tanh", "nav label")
    page.wait(lambda: page.shown() == ["relu"])
    search = page.browser.find_element("css selector", "input[type=search]")
    search.send_keys("vanish")
    page.wait(lambda: len(page.browser.find_elements("css selector", "nav li")) == 1)
    page.click("tanh", "nav label")
    page.wait(lambda: page.shown() == ["relu", "tanh"])
    page.wait(lambda: "run2=tanh" in page.state())
    for name in ("tanh", "relu"):
        search.clear()
        search.send_keys(name)
        page.wait(lambda: len(page.browser.find_elements("css selector", "nav li")) == 1)
        page.click(name, "nav label")
    page.says("Choose a training in the list on the left.")
    assert page.run("return document.querySelector('.toolbar').offsetParent") is None  # nothing of the last one stays


@pytest.fixture(scope="module")
def served(tmp_path_factory, tensorboard):
    """A log directory and the address of the TensorBoard on it, which the tests below share."""
    directory = tmp_path_factory.mktemp("served")
    return directory, tensorboard(directory)


@pytest.mark.slow
@pytest.mark.xdist_group("tab")
def test_a_training_that_is_under_way_appears_and_grows(served, page):
    directory, address = served
    page.open(address)
    page.says("No training with callbacks of gradient-monitor here yet.")
    write(directory / "running", epochs=3)
    page.wait(lambda: page.shown() == ["running"])
    page.says("3 epochs")
    write(directory / "running", epochs=4, first=3)
    page.says("7 epochs")
    page.wait(lambda: page.epoch() == 7)


@pytest.mark.slow
@pytest.mark.xdist_group("tab")
def test_names_are_text_whatever_they_are(served, page):
    directory, address = served
    run = HOSTILE if os.name == "posix" else "run"
    write(directory / run, layers=(HOSTILE, "&lt;b&gt;", "größe_layer"), sizes=(1, 0, np.nan))
    page.open(address, f"&run1={quote(run)}")
    page.wait(lambda: page.shown() == [run])
    assert page.run("return document.querySelectorAll('img').length") == 0
    page.says(run, HOSTILE, "zero")
    options = page.run("return [...document.querySelectorAll('main select')[1].options].map(o => o.text)")
    assert options == [HOSTILE, "&lt;b&gt;", "größe_layer"]
    axis = page.run("return [...document.querySelectorAll('.map .yaxislayer-above text')].map(t => t.textContent)")
    assert "&lt;b&gt;" in axis


@pytest.mark.slow
@pytest.mark.xdist_group("tab")
def test_a_link_to_what_is_not_there_says_so(served, page):
    page.open(served[1], "&run1=nowhere%2Fseed1&epoch=9999")
    page.says("There is no training nowhere/seed1 here")


@pytest.mark.slow
@pytest.mark.xdist_group("tab")
def test_of_many_large_trainings_up_to_four_are_shown(served, page):
    directory, address = served
    layers = [f"layer_{number}" for number in range(60)]
    for number in range(20):
        write(directory / f"run_{number:02}", epochs=100, layers=layers, sizes=np.logspace(-number, 0, 60))
    page.open(address, "&run1=run_00&run2=run_19")
    page.browser.find_element("css selector", "input[type=search]").send_keys("run_")
    page.wait(lambda: len(page.browser.find_elements("css selector", "nav li")) == 20)
    chosen = ["run_00", "run_19"]
    page.wait(lambda: page.shown() == chosen)
    for name in ("run_05", "run_06"):
        page.click(name, "nav label")
        chosen.append(name)
        page.wait(lambda: page.shown() == chosen)
    assert len(page.browser.find_elements("css selector", "nav input[disabled]")) == 16
    page.says("4 can be shown at a time")


@pytest.mark.slow
@pytest.mark.xdist_group("tab")
def test_without_plotly_it_says_what_to_install(tmp_path, tensorboard, page, monkeypatch):
    (tmp_path / "stub" / "plotly").mkdir(parents=True)
    (tmp_path / "stub" / "plotly" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))
    write(tmp_path / "logs" / "run", sizes=(0.1, 0.2))
    page.open(tensorboard(tmp_path / "logs"))
    page.says("pip install gradient-monitor[tensorboard]", "Diagnosis after 10 epochs")


def test_a_monitor_writes_what_the_tab_reads(tmp_path):
    monitor = GradientMonitor(tmp_path)
    monitor.begin(["one", "two"])
    monitor.record(0, {name: np.array([1.0, 2.0]) for name in monitor.quantities})
    monitor._release()
    training = Training("run", tmp_path, 0)
    training.update()
    labels = {one["name"]: one["label"] for one in training.details()["quantities"]}
    assert labels == {f"gradient_{name}": label for name, label in GradientMonitor.QUANTITIES.items()}
