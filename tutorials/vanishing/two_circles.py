"""The two-circles problem: 1,000 samples of two classes that no straight line separates.

What does a network have to learn here? A closed boundary between an inner and an outer circle. The noise (standard
deviation 0.1) makes the circles overlap, so even the best boundary misclassifies some samples and no model reaches
100 %.
"""

from tutorials.lab import new_run, plot_samples, two_circles
from tutorials.script import Script


def run(seed=1, epochs=None, log_dir="logs"):
    """Plot the samples of both halves, coloured by class; nothing is trained."""
    train, test = two_circles()
    for half, (x, y) in (("train", train), ("test", test)):
        print(f"{half}: {len(x)} samples, {int(y.sum())} of the inner circle, from {x.min():.2f} to {x.max():.2f}")
    log_dir = new_run(log_dir, "two_circles", seed)
    plot_samples(train, test).savefig(log_dir / "two_circles.png", dpi=120)


SCRIPT = Script(__doc__, run)

if __name__ == "__main__":
    SCRIPT.main()
