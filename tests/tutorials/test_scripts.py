import pytest

from tutorials import catalogue
from tutorials.extensions import SECTIONS as EXTENSIONS
from tutorials.lab import Settings
from tutorials.lab.studies import run_study
from tutorials.vanishing import SECTIONS

WRITES = {
    "two_circles": {"two_circles/two_circles.png"},
    "shallow_tanh": {"shallow_tanh/accuracy.png"},
    "deep_tanh": {"deep_tanh/accuracy.png"},
    "deep_relu": {"deep_relu/accuracy.png"},
    "deeper_relu": {"relu_15_layers/accuracy.png", "relu_20_layers/accuracy.png"},
    "gradient_diagnosis": {
        "deep_tanh_gradients/accuracy.png",
        "deep_tanh_gradients/gradients.png",
        "deep_relu_gradients/accuracy.png",
        "deep_relu_gradients/gradients.png",
        "deep_relu_gradients/tanh_against_relu.png",
    },
}


@pytest.mark.parametrize("name", SECTIONS)
def test_script_trains_and_draws(run_python, tmp_path, capsys, name):
    if (
        name == "gradient_diagnosis"
    ):  # by its path, as a reader may run any of them; the others save a start of TensorFlow
        ran = run_python(f"tutorials/vanishing/{name}.py", "--epochs", 2, "--seed", 3, "--logdir", tmp_path)
        assert ran.returncode == 0, ran.stderr
        said = ran.stdout
    else:
        catalogue.script("vanishing", name).run(Settings(epochs=2, seed=3, logdir=tmp_path))
        said = capsys.readouterr().out
    figures = {f"{path.parent.parent.name}/{path.name}" for path in tmp_path.glob("*/*/*.png")}
    assert figures == WRITES[name]
    for path in tmp_path.glob("*/*/*.png"):
        assert path.stat().st_size > 10_000
        assert path.parent.name.endswith("_seed3")
    if name != "two_circles":
        assert said.count("Train: ") == len([figure for figure in figures if figure.endswith("accuracy.png")])


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@pytest.mark.parametrize(
    ("name", "chosen", "figure", "words"),
    [
        ("xavier", slice(None), "gradient_profile", "Glorot: "),
        ("adam", slice(0, 10, 5), "accuracy_by_learning_rate", "Adam, at its best rate, 0.001: "),
        ("weight_change", slice(None), "weight_change", "(input to output)"),
        ("depth", slice(3), "accuracy_by_depth", "The first depth at which fewer than 90% learn, tanh, 1 x 5"),
        ("width", slice(0, 50, 10), "width_by_depth", "25 units: seeds that learned"),
        ("advice", slice(0, 2), None, "0  Glorot uniform weights"),
    ],
)
def test_extension_tells_and_draws(logdir, capsys, name, chosen, figure, words):
    script = catalogue.script("diagnosis" if name == "advice" else "extensions", name)
    run_study(name, script.EXPERIMENTS[chosen], Settings(epochs=2, seeds=2, logdir=logdir), script.look)
    assert words in capsys.readouterr().out
    if figure:
        assert (logdir / "study" / name / f"{figure}.png").stat().st_size > 10_000


def test_an_extension_runs_by_its_path(run_python, tmp_path):
    ran = run_python(
        "tutorials/extensions/weight_change.py", "--epochs", 2, "--seeds", 2, "--jobs", 2, "--logdir", tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "study" / "weight_change" / "results.csv").exists()
    assert set(EXTENSIONS) == {"xavier", "adam", "weight_change", "depth", "width"}
