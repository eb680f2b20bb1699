"""Where memory does not hold the states of all trials, the seeds run share by share, each a part of its own."""

import numpy as np
import xarray as xr

from dlnotes.lab import processes
from dlnotes.lab.devices import memory_budget
from dlnotes.lab.execute import Account, Runner
from dlnotes.lab.parts import Part
from dlnotes.lab.plan import Program

COPIES = 3  # of a trial's state: as it was, as it becomes, and one to measure with


def seed_shares(runner: Runner) -> list[range]:
    """The seeds in shares of equal size, halved until their states fit; all of them, most often."""
    seeds, budget = len(runner.setting.seeds), processes.everyone(memory_budget(runner.mesh)).min()
    size = seeds
    while size > 1 and COPIES * runner.shape.state_bytes * runner.program.conditions * size > budget * runner.mesh.size:
        size = -(-size // 2)
    return [range(start, min(start + size, seeds)) for start in range(0, seeds, size)]


def joined(program: Program, parts: list[Part]) -> Part:
    """The shares of a program as one part."""
    datasets = [part.dataset for part in parts]
    whole = xr.concat(datasets, "seed", data_vars="all", coords="minimal", compat="override", join="override")
    return Part(whole, total(program, [part.account for part in parts]))


def total(program: Program, accounts: list[Account]) -> Account:
    """The cost of all shares."""
    bad = [np.reshape(account.first_bad, (program.conditions, -1)) for account in accounts]
    return Account(
        compile_seconds=sum(account.compile_seconds for account in accounts),
        run_seconds=sum(account.run_seconds for account in accounts),
        trial_steps=sum(account.trial_steps for account in accounts),
        group=max(account.group for account in accounts),
        trials=sum(account.trials for account in accounts),
        first_bad=np.concatenate(bad, axis=1).ravel().tolist(),
    )
