"""What else the course names: what pays where samples are few, and how to choose what has to be chosen."""

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
