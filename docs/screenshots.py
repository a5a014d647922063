"""Takes the pictures of the tab Layers: runs `gradient_diagnosis`, opens the link that it prints, and looks.

    python docs/screenshots.py

It needs `chromium` and `chromedriver` on the PATH, and writes docs/layers.png and docs/layers_below.png.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from benchmarks.dashboard import PAINTED, wait_for  # noqa: E402
from tests.conftest import chromium, tensorboard_on  # noqa: E402

WIDTH, HEIGHT = 1280, 910
EPOCH = 30  # early, while the gradient vanishes


def main() -> None:
    """Train, open the tab, save the two pictures."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "tutorials", "run", "gradient_diagnosis", "--logdir", name]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=DOCS.parent).stdout
        (link,) = [line.strip() for line in printed.splitlines() if "/#layers" in line]
        with (
            tensorboard_on(name) as address,
            tempfile.TemporaryDirectory() as profile,
            chromium(Path(profile)) as browser,
        ):
            browser.set_window_size(WIDTH, HEIGHT)
            browser.get(f"{address}/{link.rpartition('/')[2]}&epoch={EPOCH}")
            wait_for(browser, "return document.querySelector('iframe')")
            browser.switch_to.frame(0)
            wait_for(browser, PAINTED)
            time.sleep(2)  # for the fonts, and the histograms
            browser.save_screenshot(str(DOCS / "layers.png"))
            browser.set_window_size(WIDTH, HEIGHT + 20)
            browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
            time.sleep(2)
            browser.save_screenshot(str(DOCS / "layers_below.png"))


if __name__ == "__main__":
    main()
