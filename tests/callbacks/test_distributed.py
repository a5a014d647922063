import pytest


@pytest.mark.slow
def test_two_replicas_give_the_statistics_of_one_device(run_python, tmp_path):
    ran = run_python("tests/callbacks/two_replicas.py", tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    modes = [line.split(":")[0] for line in ran.stdout.splitlines() if "the statistics of one device" in line]
    assert modes == ["graph", "eager", "mixed_float16"]
