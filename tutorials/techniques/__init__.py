"""Further techniques of the course: learning from few samples, and choosing hyperparameters."""

SECTIONS = (
    "amount_of_data",
    "fine_tuning",
    "normalization",
    "penalties",
    "noise",
    "pruning",
    "ensembles",
    "learning_rate",
    "hyperparameter_search",
    "feature_selection",
)
