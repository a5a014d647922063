"""What a script writes: a directory for every run, and in it what TensorBoard shows besides the monitors' part."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import keras
from matplotlib.figure import Figure

from callbacks.plots import png
from callbacks.tensorboard import SummaryWriter

from .hyperparameters import describe, hyperparameter_values


def new_run(log_dir: str | Path, name: str, seed: int) -> Path:
    """Make and return a directory that no other run has: LOG_DIR/NAME/seed1, the second time seed1_2, and so on.

    >>> new_run("logs", "deep_tanh", seed=1)
    PosixPath('logs/deep_tanh/seed1')
    """
    number = 1
    while True:
        directory = Path(log_dir, name, f"seed{seed}" if number == 1 else f"seed{seed}_{number}")
        try:
            directory.mkdir(parents=True)
            return directory
        except FileExistsError:
            number += 1


def write_image(log_dir: str | Path, name: str, figure: Figure) -> None:
    """Write a figure for TensorBoard's Images tab, under a name."""
    with contextlib.closing(SummaryWriter.open(log_dir)) as writer:
        writer.write(0, images={name: png(figure)})


def write_trial(
    log_dir: str | Path,
    model: keras.Model,
    setting: Mapping[str, float],
    validation_accuracy: float,
    test_accuracy: float,
) -> None:
    """Write a trial of a search as a run for TensorBoard's HParams tab; a trial that is there already is left alone.

    Args:
        log_dir: the trial's own directory.
        model: a compiled model of the trial's setting.
        setting: the searched hyperparameters: `learning_rate`, `batch_size`, `penalty`.
        validation_accuracy, test_accuracy: the means over the trial's seeds.
    """
    log_dir = Path(log_dir)
    if log_dir.exists():
        return
    scalars = {"mean_validation_accuracy": validation_accuracy, "mean_test_accuracy": test_accuracy}
    described = hyperparameter_values(
        log_dir.parents[1].name, describe(model) | dict(setting), trial="/".join(log_dir.parts[-2:])
    )
    with contextlib.closing(SummaryWriter.open(log_dir)) as writer:
        writer.write(0, scalars, values=described)


class EpochMetrics(keras.callbacks.Callback):
    """Write each epoch's loss and accuracy, and what describes the model, for TensorBoard.

    The metrics are scalars `Summary/loss`, `Summary/val_accuracy` and so on, in the run of the monitors that log to the
    same directory. The network's depth, width, activation, initializer, optimizer and learning rate go to the HParams
    tab.

    Args:
        log_dir: the run's directory.

    >>> model.fit(x, y, epochs=500, callbacks=[EpochMetrics("logs/deep_tanh/seed1")])
    """

    def __init__(self, log_dir: str | Path) -> None:
        super().__init__()
        self._log_dir = Path(log_dir)
        self._writer: SummaryWriter | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._writer = SummaryWriter.open(self._log_dir)  # shared with the monitors of the same directory
        described = hyperparameter_values("single runs", describe(self.model), trial=self._log_dir.parent.name)
        self._writer.write(0, values=described)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self._writer is not None:
            self._writer.write_metrics(epoch, logs or {})

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
