"""The name that the library has in a wheel, for those that ask for it in a checkout too: TensorBoard for its tab."""

import sys

import callbacks

sys.modules[__name__] = callbacks
