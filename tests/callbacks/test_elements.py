"""Large kernels, of which some elements stand for all, against NumPy on all of them."""

import keras
import numpy as np
import pytest
from keras import layers

from callbacks import GradientMonitor, WeightNormMonitor
from callbacks._elements import MAX_ELEMENTS, MIN_ELEMENTS, GradientReader, chosen_elements
from tests.callbacks.tape import BACKEND, STATISTICS, array, gradients_by_tape, largest_error

R = np.random.RandomState(0)


def test_large_kernels_share_the_elements_that_are_looked_at():
    small, *large = chosen_elements([100, 300_000, 5_000_000])
    assert small is None
    assert [len(places) for places in large] == [MAX_ELEMENTS // 2] * 2
    assert chosen_elements([10_000] * 10) == [None] * 10  # less than twice its share each
    many = chosen_elements([10_000] * 300)
    assert {len(places) for places in many} == {MIN_ELEMENTS}
    for places, size in zip(large, (300_000, 5_000_000), strict=True):
        assert (np.diff(places) > 0).all()
        assert places[-1] < size
        assert abs(places.mean() / size - 0.5) < 0.01
    for one, other in zip(many, chosen_elements([10_000] * 300), strict=True):
        np.testing.assert_array_equal(one, other)


def read(gradients, **options):
    reader = GradientReader([gradient.size for gradient in gradients], **options)
    found = reader.statistics({i: keras.ops.convert_to_tensor(gradient) for i, gradient in enumerate(gradients)})
    return {name: array(values) for name, values in found._asdict().items()}


@pytest.mark.parametrize("is_exact", [True, False])
def test_statistics_of_large_gradients(is_exact):
    gradients = [R.standard_normal(size).astype("float32") for size in (50, 400_000, 700_000)]
    gradients[1][::3] = 0
    found = read(gradients, is_exact=is_exact)
    tolerance = 1e-4 if is_exact else 0.02
    for name in ("abs_mean", "l2", "zero_fraction"):
        expected = [STATISTICS[name]([gradient.astype("float64")]) for gradient in gradients]
        np.testing.assert_allclose(found[name], expected, rtol=tolerance, err_msg=name)
    means = [gradient.astype("float64").mean() for gradient in gradients]
    np.testing.assert_allclose(found["mean"], means, atol=1e-6)  # of all elements in any case


def test_every_element_that_is_not_finite_is_counted():
    gradient = R.standard_normal(400_000).astype("float32")
    gradient[::1000] = np.nan
    gradient[5::100_000] = np.inf
    found = read([gradient, gradient[:10] * 0 + 1])
    assert found["nonfinite"].tolist() == [404, 2]
    assert np.isfinite(found["l2"]).all()


def wide(units=70_000):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(units, "tanh", name="wide"), layers.Dense(1, name="out")])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def test_the_monitors_say_which_layers_are_sampled_and_by_how_much():
    x = R.normal(size=(16, 8)).astype("float32")
    model, gradients, exact, weights = (
        wide(),
        GradientMonitor(),
        GradientMonitor(sampled_steps=None),
        WeightNormMonitor(),
    )
    before = array(model.layers[0].kernel)
    model.fit(x, x[:, :1], batch_size=8, shuffle=False, verbose=0, callbacks=[gradients, exact, weights])
    steps = gradients_by_tape(wide(), x, x[:, :1], 8)
    assert (
        gradients.sampled_elements
        == weights.sampled_elements
        == {
            "wide": MAX_ELEMENTS // 2,
            "out": MAX_ELEMENTS // 2,
        }
    )
    assert exact.sampled_elements == {}
    assert largest_error(exact.history, steps) < 2e-4
    for name in ("abs_mean", "l2"):
        np.testing.assert_allclose(gradients.history[name], exact.history[name], rtol=0.02)
    np.testing.assert_allclose(gradients.history["mean"], exact.history["mean"], atol=1e-7)
    after = array(model.layers[0].kernel)
    assert weights.history["l1"][0, 0] == pytest.approx(np.abs(after).sum(), rel=0.02)
    assert weights.history["l1_change"][0, 0] == pytest.approx(np.abs(after - before).sum(), rel=0.02)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has dense gradients only")
@pytest.mark.parametrize("options", [{}, {"jit_compile": True}] if BACKEND == "tensorflow" else [{}])
def test_rows_that_were_looked_up_twice_count_once(options):
    tokens = R.randint(0, 30, (16, 5))

    def build():
        keras.utils.set_random_seed(1)
        stack = [layers.Embedding(1500, 40, name="embedding"), layers.GlobalAveragePooling1D(), layers.Dense(1)]
        model = keras.Sequential([keras.Input((5,), dtype="int32"), *stack])
        model.compile(keras.optimizers.SGD(0.1), "mse", **options)
        return model

    target, monitor, weights = R.normal(size=(16, 1)), GradientMonitor(), WeightNormMonitor()
    build().fit(tokens, target, batch_size=8, shuffle=False, verbose=0, callbacks=[monitor, weights])
    assert largest_error(monitor.history, gradients_by_tape(build(), tokens, target, 8)) < 2e-4
