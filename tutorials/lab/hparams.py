"""TensorBoard's HParams tab: what describes a model, and the figures beside it, for single runs and for studies."""

from tensorboard.plugins.hparams import api

COLUMNS = ("study", "hidden_layers", "width", "activation", "kernel_initializer", "optimizer", "learning_rate")
METRICS = {
    "diagnosis/val_accuracy": "test accuracy of the run",
    "diagnosis/findings": "findings of the diagnosis",
    "median_test_accuracy": "median test accuracy",
    "share_learned": "share of seeds that learned",
    "gradient_ratio_first_to_last": "gradient ratio, first to last layer",
}
"""Tags of the figures that have a column, and its title. (Left to itself the tab makes one of every tag of a run.)"""


def values(study, described, trial):
    """Returns the summary values that make a run a line of the tab.

    Args:
        study: str, the study the run belongs to, or what else it is part of.
        described: dict, the columns of `lab.studies.describe`.
        trial: str; of runs that share it, seeds of one model, the tab shows the mean.
    """
    metrics = [api.Metric(tag, display_name=title) for tag, title in METRICS.items()]
    config = api.hparams_config_pb([api.HParam(column) for column in COLUMNS], metrics)
    return [*config.value, *api.hparams_pb({"study": study, **described}, trial_id=trial).value]
