"""Run twice by `test_several_processes.py`, as `in_two_processes.py RANK PORT [kill]`: one problem on both together."""

import os
import signal
import sys

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

rank, port, killed = int(sys.argv[1]), sys.argv[2], "kill" in sys.argv
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"127.0.0.1:{port}", 2, rank, heartbeat_timeout_seconds=10)

square = mf.Box((0.0, 0.0), (1.0, 1.0))
cubic = mf.Problem(
    square,
    interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 3 + jnp.exp(x[0]),
    boundary=mf.dirichlet(lambda x: x[0] * x[1]),
)
space = mf.Eigenbasis(mf.Gaussian(3.0), square.cloud(0.17, cluster=1.0), 6)
X = square.sample(50)

if killed:
    mf.solve(cubic, space, devices=2)
    print("solved", flush=True)
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    mf.solve(cubic, mf.Eigenbasis(mf.Gaussian(3.0), square.cloud(0.17, cluster=1.0), 7), devices=2)
    print("solved without its peer", flush=True)
else:
    alone, together = mf.solve(cubic, space), mf.solve(cubic, space, devices=jax.devices())
    print(f"{together.stats['device']}: {np.max(np.abs(alone(X) - together(X))):.1e} apart", flush=True)
    print(f"u = {float(together([0.3, 0.4])):.12f}", flush=True)  # each process by itself
    try:
        mf.solve(cubic, space, devices=[jax.devices()[0], *jax.devices()[:0]] if rank == 1 else 1)
    except ValueError as error:
        print(error, flush=True)
