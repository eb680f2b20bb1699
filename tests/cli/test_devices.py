"""`dlnotes devices`: what is there is shown, and an idle accelerator is pointed at with the mend that fits."""

import pytest

from dlnotes.cli import devices, main
from dlnotes.cli.devices import Machine, cuda_extra, idle_accelerator, nvidia_driver


def test_shows_devices_memory_versions_and_cache(capsys):
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert out.count("cpu, cpu") == 2
    for word in ("host ", "GiB free", "hosts     1", "cache ", "versions  python 3.", "jax 0."):
        assert word in out


@pytest.mark.parametrize(
    ("machine", "hint"),
    [
        (Machine(), None),
        (Machine(nvidia=True, driver=590), 'pip install "jax[cuda13]"'),
        (Machine(nvidia=True, driver=580), 'pip install "jax[cuda13]"'),
        (Machine(nvidia=True, driver=550), 'pip install "jax[cuda12]"'),
        (Machine(nvidia=True, driver=None), 'pip install "jax[cuda13]"'),
        (Machine(nvidia=True, driver=470), "its driver 470 is too old for JAX; update it to 580"),
        (Machine(nvidia=True, driver=590, packages=frozenset({"jax-cuda13-plugin"})), "check the driver"),
        (Machine(nvidia=True, driver=590, wanted_platforms="cpu"), "JAX_PLATFORMS=cpu keeps JAX from it"),
        (Machine(tpu=True), 'pip install "jax[tpu]"'),
        (Machine(tpu=True, packages=frozenset({"libtpu"})), "check the driver"),
        (Machine(amd=True), 'pip install "jax[rocm7-local]"'),
    ],
)
def test_an_idle_accelerator_is_pointed_at(machine, hint):
    found = idle_accelerator({"cpu"}, machine)
    assert (found is None) == (hint is None)
    assert hint is None or hint in str(found)
    assert idle_accelerator({"gpu"}, machine) is None


def test_the_extras_named_are_extras_of_jax():
    from importlib import metadata

    extras = set(metadata.metadata("jax").get_all("Provides-Extra") or ())
    assert {cuda_extra(None), cuda_extra(550), "tpu", "rocm7-local"} <= extras


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("echo 580.65.06", 580),
        ("echo 550.1; echo 550.1", 550),
        ("echo failed; exit 9", None),
        ("echo none", None),
        (None, None),
    ],
)
def test_the_driver_is_asked_of_nvidia_smi(tmp_path, monkeypatch, script, wanted):
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_driver() == wanted


def test_no_backend_is_one_line(monkeypatch, capsys):
    def broken():
        raise RuntimeError("no backend\nat all")

    monkeypatch.setattr(devices.jax, "local_devices", broken)
    assert main(["devices"]) == 2
    assert capsys.readouterr().err == "dlnotes: JAX finds no device (no backend at all); see JAX_PLATFORMS\n"


def test_an_accelerators_memory_is_told():
    class Device:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 4 * 2**30, "bytes_in_use": 2**30}

    assert devices.memory_of(Device()) == ", 3.0 of 4.0 GiB free"
