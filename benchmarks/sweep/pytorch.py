"""The same networks in PyTorch, on a GPU where it finds one: trial by trial, and all trials at once by torch.func."""

import math

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.measure import Run
from benchmarks.sweep.networks import Network, data

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# By default the ninth network or size would run uncompiled, with no more than a warning.
torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 10_000
torch._dynamo.config.fail_on_recompile_limit_hit = True
torch._inductor.config.force_disable_caches = True  # compile times are those of a first run


class Classifier(nn.Module):
    """Cross-entropy of a ReLU network with He's initialization."""

    def __init__(self, network: Network):
        super().__init__()
        n, layers, inputs = network.width, [], 1 if network.stride else network.side**2
        for i in range(network.depth - 1):
            if network.stride:
                stride = network.stride if i == 0 else 1
                layers += [nn.Conv2d(inputs, n, 3, stride, padding=1, padding_mode="circular"), nn.ReLU()]
            else:
                layers += [nn.Linear(inputs, n), nn.ReLU()]
            inputs = n
        places = ((network.side - 1) // network.stride + 1) ** 2 if network.stride else 1
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(n * places, 10))
        self.shape = (1, network.side, network.side) if network.stride else (network.side**2,)
        for layer in self.layers:
            if hasattr(layer, "weight"):
                nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / layer.weight[0].numel()))
                nn.init.zeros_(layer.bias)

    def forward(self, x, labels):
        return F.cross_entropy(self.layers(x.reshape(-1, *self.shape)), labels)


class Autoencoder(nn.Module):
    """−ELBO in bits per pixel, with LeCun's initialization."""

    def __init__(self, network: Network):
        super().__init__()
        n, latents, self.pixels = network.width, network.latents, network.side**2
        self.encode, self.mean, self.log_variance = (
            nn.Linear(self.pixels, n),
            nn.Linear(n, latents),
            nn.Linear(n, latents),
        )
        self.decode, self.logits = nn.Linear(latents, n), nn.Linear(n, self.pixels)
        for layer in self.children():
            nn.init.normal_(layer.weight, 0.0, math.sqrt(1 / layer.in_features))
            nn.init.zeros_(layer.bias)

    def forward(self, x, noise):
        h = F.softplus(self.encode(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        logits = self.logits(F.softplus(self.decode(mean + torch.exp(0.5 * log_variance) * noise)))
        kl = 0.5 * (mean**2 + torch.expm1(log_variance) - log_variance).sum(-1)
        likelihood = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        return (kl - likelihood).mean() / (self.pixels * math.log(2))


class Task:
    """Networks, batches and optimizers of one kind."""

    def __init__(self, network: Network):
        self.network, self.adam = network, network.kind == "autoencoder"
        some = data(network)
        self.x = torch.as_tensor(np.asarray(some.train_images)).reshape(len(some.train_images), -1).to(DEVICE)
        self.labels = torch.as_tensor(np.asarray(some.train_labels)).long().to(DEVICE)

    def module(self, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return (Autoencoder if self.adam else Classifier)(self.network).to(DEVICE)

    def batch(self, *trials: int):
        """Images, drawn with replacement, with their labels or noise: [*trials, batch, …]."""
        index = torch.randint(len(self.x), (*trials, self.network.batch), device=DEVICE)
        second = torch.randn(*index.shape, self.network.latents, device=DEVICE) if self.adam else self.labels[index]
        return self.x[index], second

    def optimizer(self, params, rate: float) -> torch.optim.Optimizer:
        """Fused: one call for all parameters, the fastest on CPU and GPU."""
        if self.adam:
            return torch.optim.Adam(params, rate, fused=True)
        return torch.optim.SGD(params, rate, momentum=0.9, fused=True)


def precise(precision: str, run: Run) -> Run:
    """On a GPU PyTorch's products are of float32 unless one allows tf32, JAX's the other way round: both are told."""
    allowed = precision == "tensorfloat32"

    def at_this_precision():
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        return run()

    return at_this_precision


def eager(network: Network, rates: list[float], steps: int, compiled: bool = False) -> Run:
    """One trial after the other, step by step: zero_grad, backward, step; `compiled` with torch.compile."""
    task = Task(network)
    modules = [task.module(seed) for seed in range(len(rates))]
    starts = [[p.detach().clone() for p in module.parameters()] for module in modules]
    forward = [torch.compile(module, dynamic=False) for module in modules] if compiled else modules

    def train(i):
        params = list(modules[i].parameters())
        with torch.no_grad():
            torch._foreach_copy_(params, starts[i])
        optimizer, total = task.optimizer(params, rates[i]), torch.zeros((), device=DEVICE)
        for _ in range(steps):
            loss = forward[i](*task.batch())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total / steps

    return lambda: {"loss": torch.stack([train(i) for i in range(len(rates))]).cpu().numpy()}


def ensemble(network: Network, rates: list[float], steps: int, compiled: bool = False) -> Run:
    """All trials at once: torch.func's vmap of the gradient over stacked parameters, and the optimizer on the stack."""
    task = Task(network)
    modules = [task.module(seed) for seed in range(len(rates))]
    start, _ = stack_module_state(modules)
    start = {name: p.detach() for name, p in start.items()}
    template = task.module(0).to("meta")
    values_and_gradients = vmap(grad_and_value(lambda params, *batch: functional_call(template, params, batch)))
    update = adam if task.adam else momentum
    rate = torch.tensor(rates, device=DEVICE)
    columns = {name: rate.reshape(-1, *[1] * (p.dim() - 1)) for name, p in start.items()}

    def step(params, state, t, x, second):
        gradients, loss = values_and_gradients(params, x, second)
        params, state = update(params, gradients, state, columns, t)
        return params, state, loss

    step = torch.compile(step, dynamic=False) if compiled else step

    @torch.no_grad()
    def run():
        params = {name: p.clone() for name, p in start.items()}
        state = tuple({name: torch.zeros_like(p) for name, p in params.items()} for _ in range(1 + task.adam))
        total = torch.zeros(len(rates), device=DEVICE)
        for t in range(steps):
            params, state, loss = step(params, state, torch.tensor(t + 1.0), *task.batch(len(rates)))
            total += loss
        return {"loss": (total / steps).cpu().numpy()}

    return run


def momentum(params, gradients, state, rates, t):
    """v ← 0.9 v + g; θ ← θ − αv, in place."""
    (v,) = (list(part.values()) for part in state)
    torch._foreach_mul_(v, 0.9)
    torch._foreach_add_(v, [gradients[name] for name in params])
    torch._foreach_sub_(list(params.values()), torch._foreach_mul(v, list(rates.values())))
    return params, state


def adam(params, gradients, state, rates, t):
    """Kingma and Ba's, in place."""
    m, v = (list(part.values()) for part in state)
    g = [gradients[name] for name in params]
    torch._foreach_lerp_(m, g, 0.1)
    torch._foreach_mul_(v, 0.999)
    torch._foreach_addcmul_(v, g, g, 0.001)
    below = torch._foreach_sqrt(torch._foreach_div(v, 1 - 0.999**t))
    torch._foreach_add_(below, 1e-8)
    step = torch._foreach_mul(torch._foreach_div(m, below), [rate / (1 - 0.9**t) for rate in rates.values()])
    torch._foreach_sub_(list(params.values()), step)
    return params, state
