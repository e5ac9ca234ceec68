"""Slurm on this machine for a test: its own daemons with one node, or the cluster that is here already."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CONF = """
ClusterName=wsol
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldPort={port}
SlurmdPort={port_of_node}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MinJobAge=300
KillWait=3
JobRequeue=1
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why there can be no Slurm here; empty where there can."""
    if answers():
        return ""
    absent = [name for name in ("slurmctld", "slurmd", "munged", "sbatch", "srun") if found(name) is None]
    if absent:
        return f"no Slurm here: {', '.join(absent)} not installed (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "no Slurm answers, and only root can start one"


def found(name: str) -> str | None:
    """The path of a program, also where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def answers() -> bool:
    """Whether a cluster is here with a node that is up."""
    if found("sinfo") is None:
        return False
    try:
        words = ["sinfo", "--noheader", "--format=%t"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and bool({"idle", "mix", "alloc"} & set(done.stdout.split()))


@contextmanager
def slurm(place: Path) -> Iterator[None]:
    """A block in which Slurm runs jobs. Daemons that it had to start are ended behind it."""
    if answers():
        yield
        return
    before = os.environ.get("SLURM_CONF")
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool", "munge"):
        (place / name).mkdir(parents=True)
    conf = place / "slurm.conf"
    conf.write_text(
        CONF.format(host=host, place=place, port=_free(), port_of_node=_free(), cores=os.cpu_count(), memory=_memory())
    )
    key = place / "munge" / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    os.environ["SLURM_CONF"] = str(conf)
    with ExitStack() as ends:
        ends.callback(_restore, before)
        munged = [found("munged"), "--foreground", "--force", f"--socket={place}/munge.socket", f"--key-file={key}"]
        munged += [f"--{name}-file={place}/munge/munge.{name}" for name in ("pid", "log", "seed")]
        _start(munged, place / "munged.log", ends)
        _wait(lambda: (place / "munge.socket").exists(), "munged", place)
        _start([found("slurmctld"), "-D", "-c"], place / "slurmctld.log", ends)
        _start([found("slurmd"), "-D", "-N", host], place / "slurmd.log", ends)
        _wait(answers, "slurmd", place)
        yield


def _start(words: list[str | None], log: Path, ends: ExitStack) -> None:
    with log.open("w") as file:
        process = subprocess.Popen([word or "" for word in words], stdout=file, stderr=file)

    def end() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    ends.callback(end)


def _wait(ready: Callable[[], bool], what: str, place: Path) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if time.monotonic() > deadline:
            logs = "\n".join(file.read_text()[-2000:] for file in sorted(place.glob("*.log")))
            raise AssertionError(f"{what} did not start:\n{logs}")
        time.sleep(0.2)


def _restore(conf: str | None) -> None:
    if conf is None:
        del os.environ["SLURM_CONF"]
    else:
        os.environ["SLURM_CONF"] = conf


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _memory() -> int:
    """MB of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
