"""What is wrong with a training: the callback, the rules, the remedies that were counted, the wording, the command.

It imports nothing, so that `python -m callbacks diagnose --help` answers without loading TensorFlow.
"""
