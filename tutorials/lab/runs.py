"""What a script writes: a directory for every run, and in it the metrics of each epoch."""

from pathlib import Path

import keras

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


class EpochMetrics(keras.callbacks.Callback):
    """Write each epoch's loss and accuracy for TensorBoard, as `keras.callbacks.TensorBoard` does but ten times faster.

    The tags are `epoch_loss` and `epoch_accuracy` in the folders `train` and `validation` of the run's directory. The
    network's depth, width, activation, initializer, optimizer and learning rate go to the HParams tab.

    Args:
        log_dir: the run's directory.

    >>> model.fit(x, y, epochs=500, callbacks=[EpochMetrics("logs/deep_tanh/seed1")])
    """

    def __init__(self, log_dir: str | Path) -> None:
        super().__init__()
        self._log_dir = Path(log_dir)
        self._writers: dict[str, SummaryWriter] = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._writers = {
            "": SummaryWriter.open(self._log_dir / "train"),
            "val_": SummaryWriter.open(self._log_dir / "validation"),
            "run": SummaryWriter.open(self._log_dir),  # shared with the monitors of the same directory
        }
        described = hyperparameter_values("single runs", describe(self.model), trial=self._log_dir.parent.name)
        self._writers["run"].write(0, values=described)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        metrics = logs or {}
        validation = {name: value for name, value in metrics.items() if name.startswith("val_")}
        training = {name: value for name, value in metrics.items() if name not in validation}
        for prefix, values in (("", training), ("val_", validation)):
            scalars = {f"epoch_{name.removeprefix(prefix)}": value for name, value in values.items()}
            self._writers[prefix].write(epoch, scalars)

    def on_train_end(self, logs: dict | None = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
