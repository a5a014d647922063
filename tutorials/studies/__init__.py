"""Many seeds: experiments trained seed by seed, kept on disk, and judged.

An `Experiment` is one configuration of a script, built by the function that the script's own `fit` trains; `study`
trains it with many seeds; a `Claim` says what a seed has to show.
"""

from .experiment import Experiment, Measurement
from .judging import Claim, Judgement, judge
from .many_seeds import replicate
from .replicates import LEARNED, Replicates
from .store import Study
from .study import study
from .study_plots import number_of_seeds
from .study_tables import gradient_ratio, learned_sentence, text_table

__all__ = [
    "LEARNED",
    "Claim",
    "Experiment",
    "Judgement",
    "Measurement",
    "Replicates",
    "Study",
    "gradient_ratio",
    "judge",
    "learned_sentence",
    "number_of_seeds",
    "replicate",
    "study",
    "text_table",
]
