"""Engines that evaluate the models."""
