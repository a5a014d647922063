import numpy as np

from callbacks.evidence import Evidence, MonitorRecord


def test_evidence_until_an_epoch_and_its_accuracy():
    record = MonitorRecord(["a"], {"l2": np.array([[1.0], [2.0], [3.0]])})
    evidence = Evidence([0, 1, 2], {"val_acc": np.zeros(3), "binary_accuracy": np.array([0.5, 0.6, 0.7])}, record)
    cut = evidence.until(2)
    assert cut.epochs == [0, 1]
    assert cut.accuracy.tolist() == [0.5, 0.6]
    assert cut.gradients.history["l2"].tolist() == [[1], [2]]
    assert cut.weights is None
    assert Evidence([0], {"loss": np.ones(1)}).accuracy is None
