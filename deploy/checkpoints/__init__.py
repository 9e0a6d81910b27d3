"""Checkpoints an operator can trust: what there is to go back to, savepoints, restore, fresh start."""
from deploy.checkpoints.planning import Plan, plan
from deploy.checkpoints.restoring import fresh, restore

__all__ = ["Plan", "fresh", "plan", "restore"]
