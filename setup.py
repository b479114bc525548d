"""Metadata of rlg_genpo; build settings stand in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
version: dict[str, str] = {}
exec((HERE / "rlg_genpo" / "version.py").read_text(), version)

#: what writes ONNX files and runs them
EXPORT = ["onnx", "onnxscript", "onnxruntime"]
EXTRAS = {
    "envpool": ["envpool>=1.2.5"],
    "mujoco": ["gymnasium[mujoco]"],
    "marl": ["vmas>=1.5.2", "gymnasium-robotics>=1.4.2"],
    "isaaclab": [
        # 2.3 runs on Python 3.11 alone and 3.0 on 3.12 alone, which brings no rl_games and no gym
        "isaaclab[isaacsim]>=2.3,<3; python_version == '3.11'",
        "isaacsim>=5.1; python_version == '3.11'",
        "isaaclab>=3; python_version == '3.12'",
        "gym>=0.23.1",
    ],
    "mjlab": ["mjlab>=1.6"],
    "export": EXPORT,
    "plot": ["matplotlib"],
    "docs": ["mkdocs<2", "mkdocs-material>=9.6,<10", "mkdocstrings-python>=1.16", "ziamath>=0.12"],
    # leapp is what Isaac Lab exports with. The Makefile adds Isaac Lab's own code, without its
    # dependencies.
    "test": [
        *EXPORT,
        "leapp",
        "pytest",
        "pytest-xdist",
        "hypothesis",
        "gym>=0.26",
        "hydra-core",
        "toml",
        "prettytable",
    ],
    "dev": ["ruff", "pyright", "import-linter", "pre-commit", "build"],
}

#: packages of YAML files; they lie beside rlg_genpo/, in task_configs/
CONFIGS = ["rlg_genpo.task_configs", "rlg_genpo.task_configs.isaaclab"]

setup(
    name="rlg_genpo",
    version=version["__version__"],
    description="Generative policies for rl_games and Isaac Lab",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    python_requires=">=3.10,<3.14",
    packages=[*find_packages(include=["rlg_genpo", "rlg_genpo.*"]), *CONFIGS],
    package_dir={"rlg_genpo.task_configs": "task_configs"},
    package_data={**{package: ["*.yaml"] for package in CONFIGS}, "rlg_genpo": ["py.typed"]},
    install_requires=[
        "rl-games>=1.6.1",
        "torch>=2.2.2",
        "gymnasium",
        "pyyaml",
        "click>=8.1",
        "tqdm",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["rlg-genpo = rlg_genpo.cli:main"],
        # loaded by the old gym, which Isaac Lab's rl_games wrapper imports
        "gym.envs": ["__root__ = rlg_genpo.isaaclab:open_door"],
        # imported by Isaac Lab from 3.0 on
        "isaaclab.tasks": ["rlg_genpo = rlg_genpo.isaaclab.door"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
