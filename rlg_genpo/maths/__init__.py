"""Formulas as functions of tensors: torch only."""
