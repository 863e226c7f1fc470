"""The paper's experiments, each carried out by `python -m experiments.NAME`."""
