"""Sendworthy: send lists decided in the warehouse."""
