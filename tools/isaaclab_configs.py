"""Writes the YAMLs of task_configs/isaaclab/ from tables, so that they cannot drift apart.

    python tools/isaaclab_configs.py            write them
    python tools/isaaclab_configs.py --check    exit 1 if one differs from what would be written

The tables are tools/isaaclab_tables.py, the text is tools/isaaclab_templates.py. Five kinds of
file, each saying in its header which number is from where:

GenPO, conditional PPO           Isaac Lab's own rl_games settings, or our baseline's where it has
                                 none; the flow stands on the Gaussian of their trunk.
GenPO, paper                     on a task of its paper, the paper's settings; what the paper leaves
                                 open is the task's rsl_rl config's (the released code is a fork of
                                 rsl_rl), and what belongs to the interface is the task's own
                                 rl_games YAML's, or Anymal-C's where it has none.
DDPL                             the same, with a diffusion policy for each of the task's agents.
a baseline                       Gaussian PPO for a task without an rl_games YAML: its rsl_rl
                                 config, translated.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from textwrap import fill, indent

import isaaclab_templates as text
import yaml_files
from isaaclab_tables import PAPERS, SHIPPED, TRANSLATED, Network, Stock, Task, Training

from rlg_genpo.isaaclab import tasks

FOLDER = yaml_files.TASK_CONFIGS / "isaaclab"
ALL = {**SHIPPED, **TRANSLATED}
#: widths of a head that stands on a trunk
NARROW = [64, 64]


def document(header: str, stock: Stock, head: str, config: str) -> str:
    """A whole file."""
    return f"{header}params:\n  seed: 42\n\n{env(stock)}{head}{config}"


def env(stock: Stock) -> str:
    """What Isaac Lab's wrapper reads; a key left out means no clipping."""
    lines = ["  env:"]
    if stock.clip_observations is not None:
        lines.append(f"    clip_observations: {stock.clip_observations}")
    if stock.clip_actions is not None:
        lines.append(f"    clip_actions: {stock.clip_actions}")
    if len(lines) == 1:
        lines = ["  env: {}"]
    return "\n".join(lines) + "\n\n"


def trunk(network: Network) -> str:
    mlp = yaml_files.mlp(network.units, network.activation)
    return {None: mlp, "cnn": text.CNN + mlp, "lstm": mlp + text.LSTM}[network.front]


def rest(network: Network, separate: bool = False) -> str:
    """What a generative policy's network has beside the policy's own blocks."""
    return f"separate: {separate}\n{yaml_files.space()}{trunk(network)}"


def config(
    name: str, stock: Stock, training: Training, network: Network, rule: str = "adaptive"
) -> str:
    return text.CONFIG.format(
        name=name,
        rule=rule,
        stock=stock,
        training=training,
        per_env=training.horizon // training.minibatches,
        central=indent(text.CENTRAL, "    ") if network.asymmetric else "",
    )


def header(template: str, stem: str, task: Task, notes: tuple[str, ...], **values: str) -> str:
    """The comment at a file's top."""
    file = task.stock.file
    if stem in TRANSLATED:
        file += " (the task has none of its own)"
    filled = template.format(
        task=tasks.task(stem, None),
        file=file,
        envs=task.envs,
        minibatch=task.minibatch,
        **values,
    )
    entries = [*filled.splitlines(), *notes, *text.CLOSING.splitlines()]
    return "".join(comment(entry) for entry in entries)


def comment(entry: str) -> str:
    if not entry:
        return "#\n"
    first, rest = "# ", "#   "
    return fill(entry, 100, initial_indent=first, subsequent_indent=rest) + "\n"


def paper(stem: str) -> str:
    task, paper = ALL[stem], PAPERS[stem]
    values = {
        "algo.compression": "norm",
        "algo.cross_entropy_coef": paper.training.entropy,
        "network.flow.units": paper.units,
        **paper.flow,
    }
    # The paper's runs clipped no actions.
    stock = replace(task.stock, mixed_precision=False, clip_actions=None, rescale_actions=False)
    network = Network(paper.units)
    return document(
        header(text.PAPER_HEADER, stem, task, paper.notes),
        stock,
        yaml_files.head("genpo", f"separate: False\n{trunk(network)}", values, "paper"),
        config(f"{stem}_genpo_paper", stock, replace(paper.training, entropy=0.0), network),
    )


def genpo(stem: str) -> str:
    task = ALL[stem]
    return document(
        header(text.TRUNK_HEADER, stem, task, task.notes, source=source(stem, task)),
        task.stock,
        yaml_files.head("genpo", rest(task.network, stem in TRANSLATED)),
        config(f"{stem}_genpo", task.stock, task.training, task.network),
    )


def source(stem: str, task: Task) -> str:
    """Whose Gaussian settings a file keeps."""
    if stem in TRANSLATED:
        return f"{stem}_ppo.yaml beside this, Isaac Lab 2.3.2's rsl_rl config translated"
    return f"Isaac Lab 2.3.2's {task.stock.file}"


def cppo(stem: str) -> str:
    task = ALL[stem]
    network = task.network
    values = yaml_files.cppo_widths(network.units, network.activation)
    widths = "those of the task's PPO"
    if network.front is not None:
        values = yaml_files.cppo_widths(NARROW, network.activation)
        widths = "narrow, on the trunk's features"
    said = header(
        text.CPPO_HEADER, stem, task, task.notes, source=source(stem, task), widths=widths
    )
    return document(
        said,
        task.stock,
        yaml_files.head("cppo", rest(network, stem in TRANSLATED), values),
        config(f"{stem}_cppo", task.stock, task.training, network),
    )


def ddpl(stem: str) -> str:
    task = ALL[stem]
    values = {
        "network.agents": [
            dict(zip(("name", "obs", "act"), one, strict=True)) for one in task.agents
        ],
        "network.diffusion.units": task.denoiser,
        # as on VMAS, where they were tried
        "network.diffusion.sampling_steps": 10,
        "algo.proposal_states": 0.25,
        "algo.tilt_limit": 0.5,
        "algo.policy_lr": 3e-3,
    }
    return document(
        header(text.DDPL_HEADER, stem, task, task.notes),
        task.stock,
        yaml_files.head("ddpl", f"separate: False\n{trunk(task.network)}", values),
        config(f"{stem}_ddpl", task.stock, task.training, task.network, rule="linear"),
    )


def baseline(stem: str) -> str:
    task = TRANSLATED[stem]
    return document(
        header(text.BASELINE_HEADER, stem, task, task.notes),
        task.stock,
        yaml_files.gaussian_head(trunk(task.network), separate=True),
        config(f"{stem}_ppo", task.stock, task.training, task.network),
    )


def written() -> Mapping[str, str]:
    """File name to text."""
    files = {}
    for stem, task in ALL.items():
        writers = {"ddpl": ddpl} if task.agents else {"genpo": genpo, "cppo": cppo}
        if stem in TRANSLATED:
            writers["ppo"] = baseline
        if stem in PAPERS:
            writers["genpo_paper"] = paper
        files |= {f"{stem}_{policy}.yaml": write(stem) for policy, write in writers.items()}
    return files


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, FOLDER, written(), "tools/isaaclab_configs.py"))
