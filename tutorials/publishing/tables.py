"""The tables and sentences of the documentation, each a function of the published results that returns Markdown."""

from collections.abc import Callable, Iterable, Sequence

from tutorials import catalogue
from tutorials.course import advice, remedies
from tutorials.studies import LEARNED, Experiment, Replicates
from tutorials.studies.csv_files import Row
from tutorials.studies.judging import DOES_NOT_HOLD, HOLDS
from tutorials.studies.study_tables import median_and_quartiles, train_and_test

import numpy as np
from tabulate import tabulate

from callbacks.diagnosis import data_rules, model_rules, training_rules
from callbacks.diagnosis.cures import MIN_SHARE
from callbacks.diagnosis.rules import RULES

from .kept import Results


def cures(results: Results) -> list[Row]:
    """Return what cured each fault: a row for each network as it is, `remedy` empty, and one for each remedy."""
    members = results.study("advice").members
    rows = []
    for i, fault in enumerate(advice.FAULTS, 1):
        activation = str(fault.network["activation"])
        for name, remedy in [(f"a{i}", ""), *((f"a{i}_{j}", one) for j, one in enumerate(fault.remedies, 1))]:
            learned = members[name].learned
            rows.append(
                {
                    "rule": fault.rule,
                    "activation": activation,
                    "network": fault.title,
                    "remedy": remedy,
                    "learned": str(learned.sum()),
                    "seeds": str(len(learned)),
                }
            )
    return rows


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return tabulate(escaped, head, tablefmt="pipe", disable_numparse=True)


def tutorial_table(results: Results) -> str:
    """The tutorial's own accuracies beside those measured with the first seed, and with all."""
    rows = []
    for name in ("shallow_tanh", "deep_tanh", "deep_relu", "deeper_relu"):
        study = results.study(name)
        experiments = catalogue.script("vanishing", name).experiments_on()
        published = {one.name: one.published for one in experiments if isinstance(one, Experiment)}
        for experiment, members in study.members.items():
            own = published[experiment]
            rows.append(
                (
                    study.title(experiment),
                    own if isinstance(own, str) else train_and_test(*own),
                    train_and_test(members.train_accuracy[0], members.test_accuracy[0]),
                    median_and_quartiles(members.test_accuracy),
                    f"{members.learned.sum()} of {len(members.seeds)}",
                )
            )
    head = ("model", "published train / test", "seed 1 train / test", "test, median (quartiles)", "seeds that learned")
    return markdown(head, rows)


def claims_table(folder: str) -> Callable[[Results], str]:
    """Returns a block: the verdict on every claim of a folder's scripts."""

    def table(results: Results) -> str:
        rows = []
        for claim in catalogue.claims(folder):
            if claim.key in results.claims:
                row = results.claims[claim.key].row()
                verdict = row["verdict"] if row["verdict"] == "holds for some seeds" else f"**{row['verdict']}**"
                measured = row["median (quartiles)"]
                rows.append((claim.key, claim.sentence, claim.published, claim.rule, measured, row["seeds"], verdict))
        head = ("", "claim", "published", "rule for a seed", "measured, median (quartiles)", "seeds", "verdict")
        return markdown(head, rows)

    return table


def study_table(*names: str) -> Callable[[Results], str]:
    """Returns a block: the accuracies of some studies, a line per configuration."""

    def table(results: Results) -> str:
        rows = [row for name in names for row in results.study(name).rows()]
        return markdown([*rows[0]], [[*row.values()] for row in rows])

    return table


def league_table(results: Results) -> str:
    """How many seeds learn with each technique on each of the three networks."""
    members = results.study("remedies").members
    rows = []
    for name, (title, _) in remedies.TECHNIQUES.items():
        cells, total = [title], 0
        for network in remedies.NETWORKS:
            found = members.get(f"{network}_{name}")
            cells.append(f"{found.learned.sum()} ({np.median(found.test_accuracy):.3f})" if found else "-")
            total += int(found.learned.sum()) if found else 0
        rows.append((total, cells))
    rows.sort(key=lambda row: -row[0])
    seeds = len(members["vanishing_plain"].seeds)
    head = ["technique", *(f"{title} ({network})" for network, (title, _) in remedies.NETWORKS.items())]
    table = markdown(head, [cells for _, cells in rows])
    return f"{table}\n\nSeeds that learn, of {seeds}, and in brackets the median test accuracy."


def advice_table(results: Results) -> str:
    """Which remedy cured which fault: those that help nine seeds in ten, and those that do not."""
    rows = cures(results)
    table = []
    for fault in advice.FAULTS:
        own = [row for row in rows if (row["rule"], row["network"]) == (fault.rule, fault.title)]
        (without,) = (row for row in own if not row["remedy"])
        tried = sorted((row for row in own if row["remedy"]), key=lambda row: -int(row["learned"]))
        helps = [row for row in tried if int(row["learned"]) >= MIN_SHARE * int(row["seeds"])]
        cells = (
            "; ".join(f"{row['remedy']} ({row['learned']})" for row in group)
            for group in (helps, [row for row in tried if row not in helps])
        )
        table.append((fault.rule.replace("_", " "), f"{fault.title} ({without['learned']})", *cells))
    return markdown(("fault", "network", "cures it alone", "does not"), table)


def causes_table(results: Results) -> str:
    """What tells dead units from vanishing gradients in the ReLU networks that fail."""
    rows = results.rows("causes")
    return markdown([*rows[0]], [[*row.values()] for row in rows])


def findings(results: Results) -> str:
    """The findings of the README, five sentences with their numbers."""
    tutorial = {name: results.study(name).members for name in ("deep_tanh", "deep_relu", "shallow_tanh", "deeper_relu")}
    tanh, relu = tutorial["deep_tanh"]["deep_tanh"], tutorial["deep_relu"]["deep_relu"]
    glorot = results.study("xavier").members["deep_tanh_glorot"]
    deepest = tutorial["deeper_relu"]["relu_20_layers"]
    league_members = results.study("remedies").members
    width = results.study("width").members
    wide, narrow = (width[f"tanh_3_layers_{units}_wide"] for units in (25, 5))
    penalty = results.study("weight_decay").members

    def learned(members: Replicates) -> str:
        return f"{members.learned.sum()} of {len(members.seeds)}"

    better = results.claims["T4b"].true
    verdicts = [one.verdict for one in results.claims.values()]
    holds, some, no = (verdicts.count(one) for one in ("holds", "holds for some seeds", "does not hold"))
    l2, decay = (np.median(penalty[name].test_accuracy) for name in ("adam_l2", "adam_decay"))
    accuracies = [f"{np.median(one.test_accuracy):.3f}" for one in (glorot, relu)]
    dying = {name: learned(league_members[f"dying_{name}"]) for name in ("auxiliary", "batch_normalization")}
    return f"""\
- **Of the course's {len(verdicts)} claims {holds} hold,** {some} hold for some seeds, {no} do not.
- **Deep tanh fails because of its weights, not because of tanh.** With weights uniform in [0, 1] {learned(tanh)} seeds
  learn; with Glorot weights {learned(glorot)}, to a median test accuracy of {accuracies[0]}, beside {accuracies[1]} of
  deep ReLU.
- **Deep ReLU is faster than shallow tanh, not better:** seed by seed it wins {better.sum()} of {len(better)}.
- **Very deep ReLU networks die rather than vanish.** With 20 layers {learned(deepest)} seeds learn; with a loss on
  every hidden layer {dying["auxiliary"]}, with batch normalization {dying["batch_normalization"]}.
- **Width does not cure depth, and with Adam an L2 penalty is not weight decay.** Three tanh layers of 5 units learn
  with {learned(narrow)} seeds, three of 25 units with {learned(wide)}. At the same strength the L2 penalty ends at a
  test accuracy of {l2:.2f}, weight decay at {decay:.2f}.
"""


def rules_sentence(results: Results) -> str:
    """How the verdicts are made."""
    versions = ", ".join(f"{row['package']} {row['version']}" for row in results.rows("versions"))
    return (
        f"A claim holds where {HOLDS:.0%} of the seeds or more bear it out, does not hold where {DOES_NOT_HOLD:.0%} or "
        f"fewer do, and holds for some seeds in between. A network has *learned* where its test accuracy is {LEARNED} "
        f"or more. Measured with {versions}."
    )


def rules_list(results: Results) -> str:
    """The rules of `Diagnosis` by what they look at, each with the first line of what it says of itself."""
    blocks = []
    for heading, module in (
        ("The compiled model, before the first step", model_rules),
        ("The data, after the first batch or the first epoch", data_rules),
        ("The training, epoch by epoch", training_rules),
    ):
        own = {name: rule for name, rule in RULES.items() if rule.__module__ == module.__name__}
        rows = [f"- `{name}`: {(rule.__doc__ or name).splitlines()[0]}" for name, rule in own.items()]
        blocks += [f"**{heading}**", "\n".join(rows)]
    return "\n\n".join(blocks)


BLOCKS: dict[str, Callable[[Results], str]] = {
    "tutorial": tutorial_table,
    "verdicts": rules_sentence,
    "findings": findings,
    "claims_vanishing": claims_table("vanishing"),
    "claims_extensions": claims_table("extensions"),
    "claims_course": claims_table("course"),
    "claims_techniques": claims_table("techniques"),
    "causes": causes_table,
    "exercises": study_table("xavier", "adam", "depth"),
    "league": league_table,
    "recurrent": study_table("recurrent"),
    "batch_size": study_table("batch_size"),
    "regularization": study_table("regularization"),
    "advice": advice_table,
    "rules": rules_list,
}
"""A block of the pages, by its name, as a function of the results."""
