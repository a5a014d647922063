"""Shallow tanh: one hidden layer of five units, the way networks were built before 2010.

Question: can a small network of the old school learn the two circles? It has the hyperbolic tangent in
its hidden layer and weights drawn uniformly from [0, 1]. The tutorial reports 0.816 on both halves.
Found with seed 1: it does, 0.812 and 0.824; it reaches 80 % near epoch 200 and gains little from there on.
Of 30 seeds all learn, to 0.822 in the median.
"""

from tutorials.lab import Experiment, main


def build_model():
    from keras import Input, Sequential
    from keras.initializers import RandomUniform
    from keras.layers import Dense

    return Sequential(
        [
            Input((2,)),
            Dense(5, "tanh", kernel_initializer=RandomUniform(0, 1), name="dense_1"),
            Dense(1, "sigmoid", kernel_initializer=RandomUniform(0, 1), name="dense_2"),
        ]
    )


EXPERIMENT = Experiment("shallow_tanh", "tanh, 1 hidden layer", build_model, published=(0.816, 0.816))


def run(settings):
    from tutorials.lab.runs import train

    return [train(EXPERIMENT, settings)]


if __name__ == "__main__":
    main(run, __doc__)
