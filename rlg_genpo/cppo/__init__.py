"""Conditional PPO: a Gaussian step on a frozen flow, distilled into it."""
