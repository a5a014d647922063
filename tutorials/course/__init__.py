"""The rest of the course: what makes networks trainable, and what makes them general, each technique measured."""

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
