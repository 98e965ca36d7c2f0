"""Trains the models of conf/models.yaml on published snapshots, and scores every live subscription each night."""
