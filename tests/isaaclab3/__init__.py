"""Isaac Lab 3.0 itself, without Isaac Sim: `make test-isaaclab`."""
