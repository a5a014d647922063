"""One run of an experiment, as the scripts make it: trained, watched, diagnosed, and written down for TensorBoard."""

import dataclasses
from datetime import datetime
from pathlib import Path

import keras
from tqdm import tqdm

from callbacks import Diagnosis
from callbacks.report import plain
from callbacks.summaries import SummaryWriter

from . import figures, hparams
from .command import INTERRUPTED
from .experiment import Experiment
from .studies import describe
from .training import compiled_model, fit


@dataclasses.dataclass(frozen=True)
class Result:
    """What one run of an experiment gave: accuracies after training, history by epoch, diagnosis, where it wrote."""

    experiment: Experiment
    train_accuracy: float
    test_accuracy: float
    history: dict
    diagnosis: Diagnosis
    directory: Path


def train(experiment, settings, histogram_freq=0):
    """Trains an experiment; prints its accuracies and what is wrong with it, draws the accuracies.

    Args:
        experiment: an `Experiment`.
        settings: `Settings`.
        histogram_freq: histograms of gradients and weights are written every so many epochs; 0 writes none.

    Returns:
        A `Result`.
    """
    directory = new_run(settings.logdir, experiment.name, settings.seed)
    epochs = settings.epochs or experiment.epochs
    model = compiled_model(experiment, settings.seed)
    data = experiment.task.data()
    diagnosis = Diagnosis(directory, histogram_freq, probe=data[0][0], verbose=0)
    callbacks = [EpochMetrics(directory, experiment), Progress(experiment.name), diagnosis]
    train, *_, watched = data
    history = fit(model, train, watched, epochs, experiment.batch_size, settings.seed, callbacks).history

    accuracies = [model.evaluate(*half, verbose=0)[1] for half in data[:2]]
    print("Train: {:.3f}, Test: {:.3f}".format(*accuracies))
    print(plain(diagnosis.findings, epochs), flush=True)
    result = Result(experiment, *accuracies, history, diagnosis, directory)
    figures.save(figures.accuracy(result), directory / "accuracy.png")
    return result


def new_run(logdir, name, seed):
    """Makes and returns a directory that no other run has: LOGDIR/NAME/DATE_TIME_seedS."""
    moment = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for again in ["", *(f"_{number}" for number in range(2, 1000))]:
        directory = Path(logdir, name, f"{moment}_seed{seed}{again}")
        try:
            directory.mkdir(parents=True)
            return directory
        except FileExistsError:
            continue
    raise FileExistsError(f"{directory} and those before it exist already.")


class EpochMetrics(keras.callbacks.Callback):
    """Writes an epoch's metrics where Keras's TensorBoard callback writes them, in a tenth of its time.

    Tags `epoch_loss` and `epoch_accuracy`, in the folders `train` and `validation` of the run's directory; and the
    experiment's description, for the HParams tab.
    """

    def __init__(self, directory, experiment):
        super().__init__()
        self._directory, self._experiment = directory, experiment

    def on_train_begin(self, logs=None):
        described = hparams.values("single runs", describe(self._experiment), self._experiment.name)
        self._run = SummaryWriter.open(self._directory)  # the diagnosis writes there, too
        self._run.write(0, values=described)
        self._writers = {"": SummaryWriter.open(self._directory / "train")}
        self._writers["val_"] = SummaryWriter.open(self._directory / "validation")

    def on_epoch_end(self, epoch, logs=None):
        validation = {name: value for name, value in logs.items() if name.startswith("val_")}
        training = {name: value for name, value in logs.items() if name not in validation}
        for prefix, metrics in (("", training), ("val_", validation)):
            scalars = {f"epoch_{name.removeprefix(prefix)}": value for name, value in metrics.items()}
            self._writers[prefix].write(epoch, scalars)

    def on_train_end(self, logs=None):
        for writer in (self._run, *self._writers.values()):
            writer.close()


class Progress(keras.callbacks.Callback):
    """Shows a bar of the epochs done, with the accuracies of the last."""

    def __init__(self, name):
        super().__init__()
        self._name = name

    def on_train_begin(self, logs=None):
        self._bar = tqdm(total=self.params["epochs"], desc=self._name, unit="epoch")

    def on_epoch_end(self, epoch, logs=None):
        self._bar.set_postfix_str(f"accuracy {logs['accuracy']:.3f}, test {logs['val_accuracy']:.3f}", refresh=False)
        self._bar.update()
        if INTERRUPTED.is_set():
            raise KeyboardInterrupt

    def on_train_end(self, logs=None):
        self._bar.close()
