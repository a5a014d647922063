"""Weight decay and dropout: do they compute what the course says they do?

In gradient descent a penalty lambda/2 ||W||² and a decay of the weights by alpha lambda are the same thing: W =
(1 - alpha lambda) W - alpha dJ/dW. Both are trained, with plain gradient descent and with Adam, where they are
not the same. And dropout is applied to random activations 2,000 times, to see whether their mean stays.
Found with 30 seeds: in gradient descent the weights end up the same to 2e-6; in Adam they do not, and with this
strength the penalty keeps it from learning (0.47) where the decay does not (0.82). Dropout keeps the mean to
0.001.
"""

from functools import partial

from tutorials.lab import Experiment, Measurement, main, mlp
from tutorials.lab.experiment import optimizer

DECAY = 0.01
DROPPED = (0.2, 0.5, 0.8)


def decayed(name, rate):
    """An optimizer that takes a share of every kernel away at each step, but not of the biases."""
    made = optimizer(name, rate, weight_decay=DECAY)
    made.exclude_from_weight_decay(var_names=["bias"])
    return made


def penalized():
    """Both kernels are penalized, the output's too: the decay knows no exception."""
    from keras.regularizers import L2

    model = mlp(1, 10, activation="tanh", kernel_regularizer=L2(DECAY / 2))
    model.layers[-1].kernel.regularizer = L2(DECAY / 2)
    return model


def drop(seed):
    """The mean of 500 activations after dropout over their mean before, over 2,000 masks, for each rate."""
    import keras
    import numpy as np

    random = np.random.RandomState(seed)
    x = np.abs(random.normal(size=(1, 500))).astype("float32")
    batch = np.repeat(x, 2000, axis=0)
    means = [keras.layers.Dropout(rate, seed=seed)(batch, training=True).numpy().mean() / x.mean() for rate in DROPPED]
    return {"mean_after_dropout": np.array(means)}


EXPERIMENTS = [
    Experiment("sgd_l2", "gradient descent, L2 penalty", penalized, partial(optimizer, "SGD", 0.1), epochs=100),
    Experiment("sgd_decay", "gradient descent, weight decay", partial(mlp, 1, 10, activation="tanh"),
               partial(decayed, "SGD", 0.1), epochs=100),
    Experiment("adam_l2", "Adam, L2 penalty", penalized, partial(optimizer, "Adam", 0.01), epochs=100),
    Experiment("adam_decay", "Adam, weight decay (AdamW)", partial(mlp, 1, 10, activation="tanh"),
               partial(decayed, "Adam", 0.01), epochs=100),
    Measurement("dropout_mean", "mean activation after dropout", drop),
]  # fmt: skip


def distance(ours, theirs):
    """The largest difference between two trainings' weights over the largest weight, (S,)."""
    import numpy as np

    pairs = list(zip(ours.trained, theirs.trained, strict=True))
    apart = np.stack([np.abs(a - b).reshape(len(a), -1).max(axis=1) for a, b in pairs])
    return apart.max(axis=0) / np.stack([np.abs(a).reshape(len(a), -1).max(axis=1) for a, _ in pairs]).max(axis=0)


def look(study):
    import numpy as np

    for name in ("sgd", "adam"):
        apart = np.median(distance(study.members[f"{name}_l2"], study.members[f"{name}_decay"]))
        print(f"{name}: penalty and decay end {apart:.1e} of the largest weight apart (median)")
    means = np.median(study.members["dropout_mean"].measured["mean_after_dropout"], axis=0)
    print("mean activation after dropout of 20, 50, 80 %: " + ", ".join(f"{mean:.4f}" for mean in means) + " of before")
    return {}


def run(settings):
    from tutorials.lab.studies import run_study

    return run_study("weight_decay", EXPERIMENTS, settings, look)


if __name__ == "__main__":
    main(run, __doc__, study=True)
