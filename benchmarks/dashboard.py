"""What the tab Layers costs: 20 trainings of 100 layers and 1,000 epochs, in a real TensorBoard and a real browser.

    python -m benchmarks.dashboard [--trainings 20] [--layers 100] [--epochs 1000]

The trainings are written as the three monitors and `Diagnosis` write them, with made-up statistics, and opened in a
headless Chromium. Everything runs on this machine, so the server, TensorBoard's own loading of the same files and the
browser share its processors.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from callbacks import ActivationMonitor, Diagnosis, GradientMonitor, WeightNormMonitor
from callbacks.tensorboard.reader import runs
from tests.conftest import chromium, tensorboard_on

PAINTED = "return document.body.dataset.painted"
SWITCH = """
    const done = arguments[arguments.length - 1], quantity = arguments[0];
    const select = document.querySelector(".toolbar select");
    const began = performance.now();
    new MutationObserver(() => {
        if (document.body.dataset.painted === quantity)
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }).observe(document.body, { attributes: true });
    select.value = quantity;
    select.dispatchEvent(new Event("change"));
"""
STEP = """
    const done = arguments[arguments.length - 1], slider = document.querySelector("input[type=range]");
    const began = performance.now();
    slider.value = arguments[0];
    slider.dispatchEvent(new Event("input"));
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
"""


def write_training(directory: Path, layers: int, epochs: int, seed: int = 0) -> float:
    """Write one training of made-up statistics; return the seconds that it took.

    With an even `seed` the gradients vanish towards the input, with an odd one they do not.
    """
    random = np.random.RandomState(seed)
    names = [f"dense_{i}" for i in range(1, layers + 1)]
    size = 0.01 * 10.0 ** (np.linspace(-6, 0, layers) * (seed % 2 == 0))
    monitors = [GradientMonitor(directory), WeightNormMonitor(directory), ActivationMonitor(np.zeros(1), directory)]
    diagnosis = Diagnosis(directory, verbose=0)
    began = time.perf_counter()
    for monitor in monitors:
        monitor.begin(names)
    diagnosis._writer = type(monitors[0]._writer).open(directory)
    diagnosis._facts = {"planned_epochs": epochs, "optimizer": "SGD", "learning_rate": 0.01}
    for epoch in range(epochs):
        logs = {"loss": 0.7 - 0.4 * (seed % 2) * epoch / epochs, "accuracy": 0.5 + 0.4 * (seed % 2) * epoch / epochs}
        for monitor in monitors:
            row = {name: size * np.exp(random.normal(scale=0.1, size=layers)) for name in monitor.quantities}
            monitor.record(epoch, row | {"nonfinite": np.zeros(layers)})
        diagnosis._metrics[epoch], diagnosis._predictions[epoch] = logs, {}
        diagnosis._write_epoch(epoch, with_facts=epoch in (0, epochs - 1))
    for monitor in monitors:
        monitor._release()
    diagnosis._writer.close()
    return time.perf_counter() - began


def wait_for(browser, script: str) -> None:
    """Wait until a script returns something that is true."""
    while not browser.execute_script(script):
        time.sleep(0.05)  # asking more often takes a part of a processor from what is measured


def main(argv: Sequence[str] | None = None) -> None:
    """Write the trainings, open them, print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=20)
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1000)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = [
            write_training(folder / f"training_{number:02}", arguments.layers, arguments.epochs, number)
            for number in tqdm(range(arguments.trainings), unit="training", disable=None)
        ]
        print(f"{arguments.trainings} trainings of {arguments.layers} layers and {arguments.epochs} epochs")
        print(f"write an epoch             {1000 * np.median(seconds) / arguments.epochs:7.2f} ms")
        size = np.mean([path.stat().st_size for path in folder.rglob("*tfevents*")])
        print(f"event file of a training   {size / 1e6:7.1f} MB")
        began = time.perf_counter()
        (run,) = runs(folder / "training_00")
        assert len(run.evidence.epochs) == arguments.epochs
        print(f"read a training            {time.perf_counter() - began:7.2f} s")
        began = time.perf_counter()
        with tensorboard_on(folder) as address:
            print(f"start TensorBoard          {time.perf_counter() - began:7.2f} s")
            with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
                browser.get("about:blank")
                began = time.perf_counter()
                browser.get(f"{address}/#layers")
                wait_for(browser, "return document.querySelector('iframe')")
                frame = time.perf_counter() - began
                browser.switch_to.frame(0)
                wait_for(browser, PAINTED)
                painted = time.perf_counter() - began
                print(f"open, to the first maps    {painted:7.2f} s  (TensorBoard's own page: {frame:.2f} s)")
                wait_for(browser, f"return document.querySelectorAll('nav li').length == {arguments.trainings}")
                print(f"open, to the last training {time.perf_counter() - began:7.2f} s")
                time.sleep(2)
                quantities = ["weight_l1", "activation_std", "gradient_l2", "gradient_abs_mean"]
                times = [browser.execute_async_script(SWITCH, quantity) for quantity in quantities]
                print(f"switch quantity            {np.median(times) / 1000:7.2f} s  (largest {max(times) / 1000:.2f})")
                times = [browser.execute_async_script(STEP, epoch) for epoch in range(1, arguments.epochs, 100)]
                print(f"move the epoch slider      {np.median(times) / 1000:7.2f} s")


if __name__ == "__main__":
    main()
