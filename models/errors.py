"""What can be wrong with a model or the frame it is asked to score; each message says what was found, wanted and what to do."""

from __future__ import annotations

from conf.errors import ClosedLoopError


class FeatureContractBroken(ClosedLoopError):
    """A frame does not carry the features a model was trained on, by name and type."""


class ModelRefused(ClosedLoopError):
    """A stored model is not what was promoted, or not in the one form that is loaded."""


class NotEnoughHistory(ClosedLoopError):
    """There are not enough labelled snapshots to train and validate in the order of time."""
