"""Tests of rlg_genpo.envs: adapters to real simulators."""
