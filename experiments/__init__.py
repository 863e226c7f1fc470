"""The paper's experiments, hunters and the blindfold: `python -m experiments.NAME`."""
