"""Measurements: what README states, measured again. Timings live here and never in a test."""
