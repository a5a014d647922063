"""How long TensorBoard takes to load 20 runs of 20 layers and 500 epochs, as the callbacks write them.

Run with `python -m tests.benchmarks.dashboard`. The figures are random numbers, but go through the callbacks
that write those of a training; each page is timed in a headless Chromium until all wanted words are on it.
"""

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
from callbacks.summaries import SummaryWriter
from tests.conftest import VISIBLE_TEXT, chromium, unused_port

RUNS, LAYERS, EPOCHS = 20, 20, 500
PAGES = {
    "?tagFilter=gradient_abs_mean#timeseries": ["gradient_abs_mean/dense_1"],
    "#custom_scalars": ["mean |gradient| of each layer", "gradient_abs_mean/dense_20"],
    "#text": ["nothing found wrong"],
    "#images": ["gradient_history"],
}


def write(directory):
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
    for epoch in range(EPOCHS):
        for monitor in monitors:
            row = {name: np.abs(random.normal(size=LAYERS)) for name in monitor.quantities}
            monitor.record(epoch, row, counts={"sampled_steps": 16} if monitor is monitors[0] else None)
        names = ("loss", "accuracy", "val_loss", "val_accuracy", "findings")
        writer.write(epoch, {f"diagnosis/{name}": random.rand() for name in names})
    writer.write(EPOCHS - 1, texts={"diagnosis/report": "## Diagnosis after 500 epochs: nothing found wrong"})
    writer.close()
    for monitor in monitors:
        Monitor.on_train_end(monitor)


def main():
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        for number in tqdm(range(RUNS), unit="run"):
            write(Path(folder, f"run_{number:02}"))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*tfevents*"))
        print(f"{RUNS} runs of {LAYERS} layers and {EPOCHS} epochs: {size / 1e6:.0f} MB in all, written in")
        print(f"{time.perf_counter() - began:.0f} s")
        port = unused_port()
        address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port)]
        began = time.perf_counter()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not loaded(address):
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


def loaded(address):
    """Whether the last epoch of the last run's last tag is there."""
    query = f"run=run_{RUNS - 1:02}&tag=diagnosis/findings"
    try:
        with urllib.request.urlopen(f"{address}/data/plugin/scalars/scalars?{query}", timeout=60) as answer:
            return json.load(answer)[-1][1] == EPOCHS - 1
    except (OSError, ValueError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    main()
