"""Figures on real people: calibrated videos, and no 3D label."""
