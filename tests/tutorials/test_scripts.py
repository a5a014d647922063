import pytest

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
def test_script_runs_by_its_path(run_python, tmp_path, name):
    ran = run_python(f"tutorials/vanishing/{name}.py", "--epochs", 2, "--seed", 3, "--logdir", tmp_path)
    assert ran.returncode == 0, ran.stderr
    figures = {f"{path.parent.parent.name}/{path.name}" for path in tmp_path.glob("*/*/*.png")}
    assert figures == WRITES[name]
    for path in tmp_path.glob("*/*/*.png"):
        assert path.stat().st_size > 10_000
        assert path.parent.name.endswith("_seed3")
    if name != "two_circles":
        assert ran.stdout.count("Train: ") == len([figure for figure in figures if figure.endswith("accuracy.png")])
