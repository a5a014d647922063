import pytest


@pytest.mark.parametrize("mode", ["graph", "eager", "mixed_float16"])
def test_two_replicas_give_the_figures_of_one_device(run_python, tmp_path, mode):
    ran = run_python("tests/callbacks/mirrored.py", mode, tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "two replicas give the figures of one device" in ran.stdout
