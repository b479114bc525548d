"""The parts of ``benchmarks/cost.py``, one file each, and what they share."""
