"""PyTorch in one process for each core, each with one thread: trials are dealt out, processes stay for the next."""

import functools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from benchmarks import memory
from benchmarks.measure import MEMORY, Run
from benchmarks.sweep.networks import Network
from dlnotes.lab.devices import cores


def eager(network: Network, rates: list[float], steps: int, precision: str = "float32") -> Run:
    """What `pytorch.eager` does, shared out; what is timed begins with everyone ready."""
    import torch  # noqa: F401  its absence is told here, not from a process

    hands = [rates[i :: cores()] for i in range(cores())]

    def run():
        busy = [(worker, tuple(hand)) for worker, hand in zip(workers(), hands, strict=True) if hand]
        waiting = [worker.submit(train, network, hand, steps, precision) for worker, hand in busy]
        losses, bytes_taken = zip(*(future.result() for future in waiting), strict=True)
        told = {} if None in bytes_taken else {MEMORY: sum(bytes_taken)}
        return {"loss": np.concatenate(losses), **told}

    return run


@functools.cache
def workers() -> list[ProcessPoolExecutor]:
    """A pool of one process for each core, so that the same one gets the same trials again."""
    return [ProcessPoolExecutor(1, get_context("spawn"), one_thread) for _ in range(cores())]


def one_thread() -> None:
    """How each process begins."""
    import torch

    torch.set_num_threads(1)


def train(network: Network, rates: tuple[float, ...], steps: int, precision: str) -> tuple[np.ndarray, int | None]:
    """In a process: some of the trials; their losses, and the memory that its first call took."""
    run, bytes_taken = ready(network, rates, steps, precision)
    return run()["loss"], bytes_taken


@functools.lru_cache(maxsize=1)
def ready(network: Network, rates: tuple[float, ...], steps: int, precision: str) -> tuple[Run, int | None]:
    """Its trials, made and warm at the first call, and the memory that one of them takes."""
    from benchmarks.sweep import pytorch

    run = pytorch.precise(precision, pytorch.eager(network, list(rates), steps))
    run()
    return run, memory.taken(run)
