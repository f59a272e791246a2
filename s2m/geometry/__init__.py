"""Rigid geometry: cameras and axes, Procrustes alignment, angles. Rotation formulas come from ``roma``."""
