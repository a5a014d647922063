"""What cured each fault."""


def advice_for(rule, activations):
    return []
