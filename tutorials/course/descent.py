"""Descent: the path that each optimizer takes, down a ravine and past a saddle point.

The ravine is f(x) = 0.1 x1² + 2 x2², flat along x1 and steep across it, along x2. The saddle is
f(x) = x1²/2 - x2²/2 + x2⁴/4; the start is about 0.001 away from the ridge x2 = 0, which leads to the saddle point. All
optimizers are Keras's own, at the same learning rate (AdaDelta, which has none in the course, at 1).
`animate("descent.gif")` draws their paths as an animation.
Found with 30 starts: momentum crosses the ravine half as often as gradient descent, and after 20 steps its f is two
hundred times smaller; Nesterov's variant diverges at this rate. RMSProp arrives first and then oscillates, because its
steps do not shrink; AdaGrad's do. All leave the saddle three to thirty times faster than gradient descent.
"""

import functools

from tutorials.course.course_plots import animation, paths
from tutorials.lab import new_run
from tutorials.script import Script
from tutorials.studies import Measurement

import keras
import numpy as np
import tensorflow as tf

RAVINE_RATE, RAVINE_STEPS = 0.4, 100
OPTIMIZERS = {
    "gradient descent": lambda rate: keras.optimizers.SGD(rate),
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.5),
    "Nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.5, nesterov=True),
    "AdaGrad": lambda rate: keras.optimizers.Adagrad(rate, initial_accumulator_value=0.0),
    "RMSProp": lambda rate: keras.optimizers.RMSprop(rate, rho=0.9),
    "AdaDelta": lambda rate: keras.optimizers.Adadelta(1.0, rho=0.95),
    "Adam": lambda rate: keras.optimizers.Adam(rate),
}
RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.45)
"""The rates at which gradient descent and momentum are compared."""

SADDLE_RATE, SADDLE_STEPS = 0.05, 300
SADDLE_OPTIMIZERS = OPTIMIZERS | {
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
}
"""Past the saddle momentum has its usual 0.9; in the ravine 0.9 would oscillate for longer."""


def ravine(x):
    return 0.1 * x[..., 0] ** 2 + 2 * x[..., 1] ** 2


def saddle(x):
    return x[..., 0] ** 2 / 2 - x[..., 1] ** 2 / 2 + x[..., 1] ** 4 / 4


def path(build_optimizer, rate, landscape, start, steps):
    """The places that an optimizer passes through, an array (steps + 1, 2) that begins with the start."""
    return _compiled(build_optimizer, rate, landscape, steps)(start).numpy()


@functools.cache
def _compiled(build_optimizer, rate, landscape, steps):
    """All steps of an optimizer as one compiled function of the start, because 300 steps from Python are slow."""
    x = keras.Variable(tf.zeros(2))
    optimizer = build_optimizer(rate)
    optimizer.build([x])
    fresh = [tf.constant(variable) for variable in optimizer.variables]

    def step(i, places):
        with tf.GradientTape() as tape:
            value = landscape(x.value)
        optimizer.apply([tape.gradient(value, x.value)], [x])
        return i + 1, tf.tensor_scatter_nd_update(places, [[i + 1]], [tf.identity(x.value)])

    def descend(start):
        for variable, value in zip([x, *optimizer.variables], [start, *fresh], strict=True):
            variable.assign(value)
        places = tf.tensor_scatter_nd_update(tf.zeros((steps + 1, 2)), [[0]], [start])
        return tf.while_loop(lambda i, _: i < steps, step, [0, places])[1]

    compiled = tf.function(descend).get_concrete_function(tf.TensorSpec((2,)))
    return lambda start: compiled(tf.constant(start, tf.float32))


def down_the_ravine(seed):
    """The paths of all optimizers from one random start, and those of two of them at several rates."""
    start = np.random.RandomState(seed).uniform((-5, -2), (-3, -1))
    by_optimizer = [path(build, RAVINE_RATE, ravine, start, RAVINE_STEPS) for build in OPTIMIZERS.values()]
    by_rate = [
        [path(OPTIMIZERS[name], rate, ravine, start, RAVINE_STEPS) for rate in RATES]
        for name in ("gradient descent", "momentum")
    ]
    return {"paths": np.array(by_optimizer), "by_rate": np.array(by_rate)}


def past_the_saddle(seed):
    """The paths of all optimizers from one random start near the ridge."""
    start = np.random.RandomState(seed).uniform((0.5, 0.0005), (1.5, 0.0015))
    by_optimizer = [path(build, SADDLE_RATE, saddle, start, SADDLE_STEPS) for build in SADDLE_OPTIMIZERS.values()]
    return {"paths": np.array(by_optimizer)}


EXPERIMENTS = [
    Measurement("ravine", "down 0.1 x1² + 2 x2²", down_the_ravine),
    Measurement("saddle", "past a saddle point", past_the_saddle),
]


def show(ravine_paths, saddle_paths):
    """Print how far the optimizers get and draw their paths, arrays (seeds, optimizers, steps + 1, 2)."""
    heights = np.median(ravine(ravine_paths), axis=0)[:, (20, 100)]
    away = np.abs(saddle_paths[..., 1]) > 0.5
    left = np.where(away.any(axis=2), away.argmax(axis=2), np.inf)
    for name, (soon, late), steps in zip(OPTIMIZERS, heights, np.median(left, axis=0), strict=True):
        print(f"{name:17} ravine: f = {soon:.1e} after 20 steps, {late:.1e} after 100; off the saddle at {steps:.0f}")
    names = list(OPTIMIZERS)
    return {
        "ravine": paths(ravine_paths, ravine, names, "20 steps down the ravine", 20, (5, 2.5)),
        "saddle": paths(saddle_paths, saddle, names, "100 steps past the saddle", 100, (1.6, 1.3)),
    }


def run(seed=1, epochs=None, log_dir="logs"):
    """Descend from one start each; there is nothing to train, so `epochs` has no effect."""
    log_dir = new_run(log_dir, "descent", seed)
    figures = show(down_the_ravine(seed)["paths"][None], past_the_saddle(seed)["paths"][None])
    for name, figure in figures.items():
        figure.savefig(log_dir / f"{name}.png", dpi=120)


def summarize(study):
    return show(study.members["ravine"].measured["paths"], study.members["saddle"].measured["paths"])


def animate(file, start=(-5, -2), steps=40):
    """Draw the optimizers' paths down the ravine as an animation, a `.gif` file."""
    by_optimizer = {name: path(build, RAVINE_RATE, ravine, start, steps) for name, build in OPTIMIZERS.items()}
    animation(by_optimizer, ravine).save(file, writer="pillow", fps=8)


SCRIPT = Script(__doc__, run, EXPERIMENTS, summarize)

if __name__ == "__main__":
    SCRIPT.main()
