"""How long TensorBoard takes to load 20 runs of 20 layers and 500 epochs, as the callbacks write them.

Run with `python -m benchmarks.dashboard`. The statistics are random numbers, but go through the callbacks that write
those of a training; each page is timed in a headless Chromium until all that is wanted is on it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from tqdm import tqdm

from callbacks import ActivationMonitor, GradientMonitor, WeightNormMonitor
from callbacks.monitor import Monitor
from callbacks.tensorboard import SummaryWriter
from tests.conftest import VISIBLE_TEXT, chromium, unused_port

LAYERS = 20
PAGES = {
    "?tagFilter=gradient_abs_mean#timeseries": ["gradient_abs_mean/dense_1"],
    "#custom_scalars": ["mean |gradient| of each layer", f"gradient_abs_mean/dense_{LAYERS}"],
    "#text": ["nothing found wrong"],
    "#images": ["gradient_history"],
}


def write(directory, epochs):
    """One run, as `Diagnosis(directory, probe=...)` writes it."""
    random = np.random.RandomState(0)
    layers = [f"dense_{number}" for number in range(1, LAYERS + 1)]
    writer = SummaryWriter.open(directory)
    monitors = [
        GradientMonitor(directory),
        WeightNormMonitor(directory),
        ActivationMonitor(np.zeros((1, 1)), directory),
    ]
    for monitor in monitors:
        monitor.begin(layers)
    for epoch in range(epochs):
        for monitor in monitors:
            row = {name: np.abs(random.normal(size=LAYERS)) for name in monitor.quantities}
            monitor.record(epoch, row, counts={"sampled_steps": 16} if monitor is monitors[0] else None)
        names = ("loss", "accuracy", "val_loss", "val_accuracy", "findings")
        writer.write(epoch, {f"diagnosis/{name}": random.rand() for name in names})
    writer.write(epochs - 1, texts={"diagnosis/report": f"## Diagnosis after {epochs} epochs: nothing found wrong"})
    writer.close()
    for monitor in monitors:
        Monitor.on_train_end(monitor)


def main(argv=None):
    """Write the runs, start TensorBoard, print how long it and each page take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--epochs", type=int, default=500, help="of each run (default: 500)")
    arguments = parser.parse_args(argv)
    runs, epochs = arguments.runs, arguments.epochs
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for number in tqdm(range(runs), unit="run"):
            write(Path(folder, f"run_{number:02}"), epochs)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*tfevents*"))
        print(f"{runs} runs of {LAYERS} layers and {epochs} epochs: {size / 1e6:.0f} MB in all, written in")
        print(f"{time.perf_counter() - began:.0f} s")
        port = unused_port()
        address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port)]
        began = time.perf_counter()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not loaded(address, runs, epochs):
                time.sleep(0.2)
            print(f"TensorBoard has loaded everything after {time.perf_counter() - began:.1f} s")
            with chromium(Path(folder, "browser")) as browser:
                for page, wanted in PAGES.items():
                    browser.get("about:blank")
                    began = time.perf_counter()
                    browser.get(f"{address}/{page}")
                    wanted = [words.replace(" ", "") for words in wanted]
                    while not all(words in browser.execute_script(VISIBLE_TEXT) for words in wanted):
                        time.sleep(0.1)
                    print(f"  {page:45} {time.perf_counter() - began:5.1f} s")
        finally:
            server.terminate()
            server.wait()


def loaded(address, runs, epochs):
    """Whether the last epoch of the last run's last tag is there."""
    query = f"run=run_{runs - 1:02}&tag=diagnosis/findings"
    try:
        with urllib.request.urlopen(f"{address}/data/plugin/scalars/scalars?{query}", timeout=60) as answer:
            return json.load(answer)[-1][1] == epochs - 1
    except (OSError, ValueError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    main()
