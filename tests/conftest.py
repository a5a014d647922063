import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of a test's time goes into compiling what then runs for a few epochs: let the compiler take less trouble.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

ROOT = Path(__file__).parent.parent


def pytest_terminal_summary(terminalreporter):
    """Say how far the recorded gradients were from those of the backend's automatic differentiation."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    errors = {
        report.nodeid: value for report in reports for name, value in report.user_properties if name == "relative_error"
    }
    if errors:
        import keras  # only here, because it takes seconds

        worst = max(errors, key=errors.__getitem__)
        modes = f"{len(errors)} training modes on {keras.backend.backend()}"
        error = f"largest relative error of a gradient {errors[worst]:.1e}"
        terminalreporter.write_line(f"{modes}: {error}, in {worst.partition('::')[2]}")


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def run_python():
    """Runs `python ARGUMENTS` from the root of the checkout, as a user would; returns the finished process."""

    def run(*arguments, **options):
        options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 300} | options
        return subprocess.run([sys.executable, *map(str, arguments)], check=False, **options)

    return run


def unused_port():
    """Returns the number of a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def free_port():
    return unused_port


@contextlib.contextmanager
def tensorboard_on(logdir):
    """A real TensorBoard server on a log directory; a context manager that gives the address of its pages."""
    port = unused_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--port", port, "--host", "127.0.0.1"]
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _answering(server, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(10)


def _answering(server, address):
    """Waits until the server answers; returns the address."""
    for _ in range(1200):
        assert server.poll() is None, "tensorboard ended"
        try:
            urllib.request.urlopen(f"{address}/data/runs", timeout=5).close()
            return address
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("tensorboard did not answer in 60 s")


@pytest.fixture(scope="session")
def tensorboard():
    """Starts real TensorBoard servers: call it with a log directory, get the address of its pages."""
    with contextlib.ExitStack() as servers:
        yield lambda logdir: servers.enter_context(tensorboard_on(logdir))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium driven by Selenium; skips where there is none."""
    if not all(chromium_and_driver()):
        pytest.skip("needs chromium and chromedriver on the PATH (Debian: apt install chromium chromium-driver)")
    with chromium(tmp_path_factory.mktemp("chromium")) as chrome:
        yield chrome


def chromium_and_driver():
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None), shutil.which("chromedriver")


def chromium(profile):
    """Returns a new headless browser that keeps its profile in a folder; a context manager."""
    from selenium import webdriver

    binary, driver = chromium_and_driver()

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = "headless no-sandbox disable-gpu disable-dev-shm-usage no-first-run disable-background-networking"
    for flag in (*flags.split(), "disable-component-update", "disable-sync", "disable-quic", "window-size=1500,3000"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={profile}")
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


VISIBLE_TEXT = """
    const read = node => node.nodeType === Node.TEXT_NODE ? node.textContent
        : ["STYLE", "SCRIPT"].includes(node.nodeName) ? ""
        : [...(node.shadowRoot ? [node.shadowRoot] : []), ...node.childNodes].map(read).join(" ");
    return read(document.body).replace(/\\s/g, "");
"""


@pytest.fixture(scope="session")
def shows(browser):
    """Opens a page and waits until all of the wanted words are on it, whatever white space is between them."""

    def wait(address, wanted):
        browser.get("about:blank")
        browser.get(address)
        for _ in range(100):
            text = browser.execute_script(VISIBLE_TEXT)
            missing = [words for words in wanted if words.replace(" ", "") not in text]
            if not missing:
                return
            time.sleep(0.3)
        raise AssertionError(f"{missing} not found on {address}: {text[:2000]}")

    return wait
