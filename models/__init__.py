"""Features, training, calibration, promotion and the safe text-model loader; registry.py alone imports MLflow, allocation is the optimiser."""
