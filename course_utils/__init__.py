"""Helpers of the lab course "Generative models for images I: introduction and basics on image restoration"."""

__version__ = "0.1.0"
