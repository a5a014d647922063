"""The rest of the course: techniques that help networks to train and to generalize, each of them measured."""

SECTIONS = (
    "backpropagation",
    "activation_functions",
    "remedies",
    "recurrent",
    "averages",
    "descent",
    "optimizers",
    "batch_size",
    "weight_decay",
    "regularization",
    "model_selection",
    "advice",
)
