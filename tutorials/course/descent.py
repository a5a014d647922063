"""Descent: which way does each optimizer go, down a ravine and past a saddle point?

The ravine is f(x) = 0.1 x1² + 2 x2², steep across and flat along; the saddle f(x) = x1²/2 - x2²/2 + x2⁴/4,
where the start is a hair's breadth off the ridge that leads to the saddle point. All optimizers are Keras's
own, at the same learning rate (AdaDelta, which has none in the course, at 1). `animate("descent.gif")` draws
them as they go.
Found with 30 starts: momentum turns half as often as gradient descent and is two hundred times lower after 20
steps; Nesterov's variant flies off at this rate. RMSProp arrives first and then trembles, as its steps do not
shrink; AdaGrad's do. Past the saddle all are three to thirty times faster than gradient descent.
"""

import functools

from tutorials.lab import Measurement, main
from tutorials.lab.experiment import optimizer

OPTIMIZERS = {
    "gradient descent": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.5}),
    "Nesterov": ("SGD", {"momentum": 0.5, "nesterov": True}),
    "AdaGrad": ("Adagrad", {"initial_accumulator_value": 0.0}),
    "RMSProp": ("RMSprop", {"rho": 0.9}),
    "AdaDelta": ("Adadelta", {"rho": 0.95}),
    "Adam": ("Adam", {}),
}
RAVINE_RATE, RAVINE_STEPS = 0.4, 100
SADDLE_RATE, SADDLE_STEPS = 0.05, 300
RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.45)


def ravine(x):
    return 0.1 * x[..., 0] ** 2 + 2 * x[..., 1] ** 2


def saddle(x):
    return x[..., 0] ** 2 / 2 - x[..., 1] ** 2 / 2 + x[..., 1] ** 4 / 4


def path(name, rate, landscape, start, steps, **options):
    """Returns where an optimizer goes, an array (steps + 1, 2) that begins with the start."""
    return _compiled(name, rate, landscape, steps, tuple(options.items()))(start).numpy()


@functools.cache
def _compiled(name, rate, landscape, steps, options):
    import keras
    import tensorflow as tf

    x = keras.Variable(tf.zeros(2))
    kind, own = OPTIMIZERS[name]
    made = optimizer(kind, 1.0 if name == "AdaDelta" else rate, **own | dict(options))
    made.build([x])
    fresh = [tf.constant(variable) for variable in made.variables]

    def step(i, places):
        with tf.GradientTape() as tape:
            value = landscape(x.value)
        made.apply([tape.gradient(value, x.value)], [x])
        return i + 1, tf.tensor_scatter_nd_update(places, [[i + 1]], [tf.identity(x.value)])

    def go(start):
        for variable, value in zip([x, *made.variables], [start, *fresh], strict=True):
            variable.assign(value)
        places = tf.tensor_scatter_nd_update(tf.zeros((steps + 1, 2)), [[0]], [start])
        return tf.while_loop(lambda i, _: i < steps, step, [0, places])[1]

    compiled = tf.function(go).get_concrete_function(tf.TensorSpec((2,)))
    return lambda start: compiled(tf.constant(start, tf.float32))


def down_the_ravine(seed):
    """The ways of all optimizers from one random start, and of two of them at several rates."""
    import numpy as np

    start = np.random.RandomState(seed).uniform((-5, -2), (-3, -1))
    ways = [path(name, RAVINE_RATE, ravine, start, RAVINE_STEPS) for name in OPTIMIZERS]
    by_rate = [
        [path(name, rate, ravine, start, RAVINE_STEPS) for rate in RATES] for name in ("gradient descent", "momentum")
    ]
    return {"paths": np.array(ways), "by_rate": np.array(by_rate)}


def past_the_saddle(seed):
    """The ways of all optimizers from one random start near the ridge; momentum with the usual 0.9."""
    import numpy as np

    start = np.random.RandomState(seed).uniform((0.5, 0.0005), (1.5, 0.0015))
    heavy = {"momentum": {"momentum": 0.9}, "Nesterov": {"momentum": 0.9}}
    ways = [path(name, SADDLE_RATE, saddle, start, SADDLE_STEPS, **heavy.get(name, {})) for name in OPTIMIZERS]
    return {"paths": np.array(ways)}


EXPERIMENTS = [
    Measurement("ravine", "down 0.1 x1² + 2 x2²", down_the_ravine),
    Measurement("saddle", "past a saddle point", past_the_saddle),
]


def look(study):
    import numpy as np

    from tutorials.course.figures import paths

    bottoms = np.median(ravine(study.members["ravine"].measured["paths"]), axis=0)[:, (20, 100)]
    away = np.abs(study.members["saddle"].measured["paths"][..., 1]) > 0.5
    left = np.where(away.any(axis=2), away.argmax(axis=2), np.inf)
    for name, (soon, late), steps in zip(OPTIMIZERS, bottoms, np.median(left, axis=0), strict=True):
        print(f"{name:17} ravine: f = {soon:.1e} after 20 steps, {late:.1e} after 100; off the saddle at {steps:.0f}")
    return {
        "ravine": paths(
            study.members["ravine"],
            ravine,
            [*OPTIMIZERS],
            "20 steps down the ravine: momentum swings half as often and gets further",
            20,
            (5, 2.5),
        ),
        "saddle": paths(
            study.members["saddle"],
            saddle,
            [*OPTIMIZERS],
            "100 steps past the saddle: gradient descent alone is still there",
            100,
            (1.6, 1.3),
        ),
    }


def animate(file, start=(-5, -2), steps=40):
    """Draws the optimizers' ways down the ravine as an animated picture, a `.gif` file."""
    from tutorials.course.figures import animation

    ways = {name: path(name, RAVINE_RATE, ravine, start, steps) for name in OPTIMIZERS}
    animation(ways, ravine).save(file, writer="pillow", fps=8)


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("descent", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
