"""Two JAX processes on one machine share the rows of a dense problem; a dead one ends the other."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_several_devices import environment

SCRIPT = Path(__file__).with_name("in_two_processes.py")
BOUND = 300  # seconds, of which most are compilation


def started(*words: str) -> list[subprocess.Popen]:
    """Both processes, at a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment(1)}
    return [subprocess.Popen([sys.executable, SCRIPT, str(rank), port, *words], **pipes) for rank in range(2)]


@pytest.fixture
def processes():
    running: list[subprocess.Popen] = []
    yield lambda *words: running.extend(started(*words)) or running
    for process in running:
        process.kill()
        process.communicate()  # which closes the pipes


def test_each_process_has_the_solution_of_one(processes):
    outputs = [process.communicate(timeout=BOUND) for process in processes()]
    lines = [output.splitlines() for output, _ in outputs]
    errors = "\n".join(error[-2000:] for _, error in outputs)
    assert all(len(own) >= 2 for own in lines), errors
    for own in lines:
        found = [line for line in own if line.startswith("2 × cpu in 2 processes: ")]
        assert found, own
        assert float(found[0].split()[-2]) < 1e-10
    values = [next(line for line in own if line.startswith("u = ")) for own in lines]
    assert values[0] == values[1]
    assert any("process 1 of 2 has none of the devices" in line for line in lines[1])


def test_a_dead_process_ends_the_other(processes):
    """JAX aborts it, or raises what its transport says: it does not wait for ever, and does not go on by itself."""
    one, other = processes("kill")
    other.communicate(timeout=BOUND)
    died = time.monotonic()
    output, _ = one.communicate(timeout=BOUND)
    assert other.returncode < 0
    assert one.returncode != 0
    assert "solved without its peer" not in output
    assert time.monotonic() - died < BOUND
