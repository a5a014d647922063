"""What counts of the code that a function reaches."""

import functools
from unittest import mock

from tutorials.studies.source_code import sources


def doubled(function):
    @functools.wraps(function)
    def wrapper(x):
        return 2 * function(x)

    return wrapper


def helper(x):
    """Three times x."""
    return 3 * x  # a comment


@doubled
def decorated(x):
    return helper(x)


@functools.cache
def cached(x):
    return helper(x)


def code_of(*roots):
    return "\n".join(sources(roots).values())


def test_a_decorators_code_counts_and_what_it_wraps():
    code = code_of(decorated)
    assert "return 2 * function(x)" in code
    assert "return helper(x)" in code
    assert "return 3 * x" in code


def test_a_cache_does_not_hide_what_is_cached():
    assert "return 3 * x" in code_of(cached)


def test_comments_and_docstrings_do_not_count():
    assert "comment" not in code_of(helper)
    assert "Three" not in code_of(helper)


def test_values_of_enclosing_functions_count():
    def scaled(factor):
        return lambda x: factor * x

    assert sources([scaled(2)]) != sources([scaled(3)])
    assert sources([functools.partial(helper, 2)]) != sources([functools.partial(helper, 3)])


def test_an_object_that_has_every_attribute_ends():
    taken = mock.Mock()

    def takes(x):
        taken(x)

    assert "taken(x)" in code_of(takes)


NAMES = {"Dense", "Dropout", "Conv1D", "Conv2D", "Flatten", "Input"}


def mentions_a_set(x):
    return x in NAMES


def test_a_set_counts_in_an_order_that_is_the_same_in_every_process():
    """Python orders a set of strings anew in each process."""
    assert [*sources([mentions_a_set]).values()][1:] == [repr(name) for name in sorted(NAMES)[::-1]]
