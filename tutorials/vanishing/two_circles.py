"""The two-circles problem: 1,000 points of two classes that no straight line separates.

Question: what does a network have to learn here? A closed boundary between an inner and an outer
circle. The noise (standard deviation 0.1) makes the circles overlap, so even the best boundary
misplaces some points and no model reaches 100 %.
"""

from tutorials.lab import main


def run(settings):
    """Draws the points of both halves, coloured by class."""
    from tutorials.lab.data import two_circles
    from tutorials.lab.figures import save, scatter
    from tutorials.lab.runs import new_run

    train, test = two_circles()
    for words, (x, y) in (("train", train), ("test", test)):
        print(f"{words}: {len(x)} points, {int(y.sum())} of the inner circle, from {x.min():.2f} to {x.max():.2f}")
    save(scatter(train, test), new_run(settings.logdir, "two_circles", settings.seed) / "two_circles.png")
    return []


if __name__ == "__main__":
    main(run, __doc__)
