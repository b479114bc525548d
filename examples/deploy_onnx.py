"""An exported policy in MuJoCo by onnxruntime and numpy alone: no torch, no rl_games, no rlg_genpo.

    rlg-genpo train halfcheetah_genpo --frames 1000000
    rlg-genpo export runs/halfcheetah_genpo_seed5 --verify
    python examples/deploy_onnx.py runs/halfcheetah_genpo_seed5/exported/policy.onnx 3

plays three episodes in gymnasium's MuJoCo (pip install onnxruntime "gymnasium[mujoco]") and prints
their returns, and how long an action took. On a robot :class:`Policy` is all there is to copy.
"""

import json
import sys
import time

import gymnasium
import numpy as np
import onnxruntime


class Policy:
    """One observation in, the environment's action out.

    Args:
        path: an ONNX file of ``rlg-genpo export``, with or without ``--sample``.
        seed: of the noise that ``--sample`` wants.
    """

    def __init__(self, path: str, seed: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # such small networks gain nothing by a second one
        self.session = onnxruntime.InferenceSession(path, options)
        self.facts = self.session.get_modelmeta().custom_metadata_map
        self.inputs = json.loads(self.facts["inputs"])
        self.outputs = [port["name"] for port in json.loads(self.facts["outputs"])]
        self.random = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Forget the episode: the states of a recurrent policy are zero at its start."""
        remembered = [p for p in self.inputs if f"next_{p['name']}" in self.outputs]
        self.states = {p["name"]: np.zeros(shape_of(p), p["dtype"]) for p in remembered}

    def act(self, observation: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
        """The action (D,) for one observation, or for a dictionary of its parts."""
        if not isinstance(observation, dict):
            observation = {"observation": observation}
        given = dict(self.states)
        for port in self.inputs:
            name = port["name"]
            if name in observation:
                given[name] = np.asarray(observation[name], port["dtype"])[None]
            elif name == "noise":
                given[name] = self.random.standard_normal(shape_of(port), port["dtype"])
        found = dict(zip(self.outputs, self.session.run(self.outputs, given), strict=True))
        self.states = {name: found[f"next_{name}"] for name in self.states}
        return found["action"][0]


def shape_of(port: dict) -> list[int]:
    """Of a batch of one."""
    return [1 if width == "batch" else width for width in port["shape"]]


def main() -> None:
    path = sys.argv[1]
    episodes = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    policy = Policy(path)
    env = gymnasium.make(policy.facts["task"])
    for episode in range(episodes):
        observation, _ = env.reset(seed=episode)
        policy.reset()
        total, taken, over = 0.0, [], False
        while not over:
            start = time.perf_counter()
            action = policy.act(observation)
            taken.append(time.perf_counter() - start)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, over = total + reward, terminated or truncated
        said = (
            f"return {total:9.2f}  length {len(taken):5d}  {1e6 * np.median(taken):.0f} us a step"
        )
        print(f"episode {episode + 1}  {said}")


if __name__ == "__main__":
    main()
