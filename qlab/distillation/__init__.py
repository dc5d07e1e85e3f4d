"""The formulas of distillation: soft targets, divergence, loss and gradient."""

from qlab.distillation.loss import kl, loss, loss_gradient
from qlab.distillation.soft_targets import entropy, log_soft_targets, soft_targets

__all__ = ["entropy", "kl", "log_soft_targets", "loss", "loss_gradient", "soft_targets"]
