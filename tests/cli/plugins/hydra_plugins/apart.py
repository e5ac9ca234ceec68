"""A launcher as Hydra's plug-ins have them: each job in a process of its own, which gets everything by pickle."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from omegaconf.basecontainer import BaseContainer


class Apart(Launcher):
    """Launches jobs in fresh interpreters, as joblib's and submitit's launchers do."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.job, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        returned = []
        for index, overrides in enumerate(job_overrides, initial_job_idx):
            told = (index, list(overrides), self.context, self.config, self.job, Singleton.get_state()["instances"])
            done = subprocess.run(
                [sys.executable, "-m", "hydra_plugins.apart"],
                input=pickle.dumps(told),
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                check=True,
            )
            returned.append(pickle.loads(done.stdout))
        return returned


def register() -> None:
    """Make ``hydra/launcher=apart`` a choice."""
    Plugins.instance().register(Apart)
    node = {"_target_": "hydra_plugins.apart.Apart"}
    ConfigStore.instance().store(group="hydra/launcher", name="apart", node=node, provider="a test")


def run_told() -> None:
    """One job, in the process that is started for it."""
    answer, sys.stdout = sys.stdout.buffer, sys.stderr
    index, overrides, context, config, job, instances = pickle.load(sys.stdin.buffer)
    setup_globals()
    # plain pickle can't take the resolvers along, as joblib's does; they are those of any new process
    Singleton.set_state({"instances": instances, "omegaconf_resolvers": BaseContainer._resolvers})
    sweep: Any = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(sweep):
        sweep.hydra.job.id = sweep.hydra.job.num = index
    done = run_job(
        hydra_context=context,
        task_function=job,
        config=sweep,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    answer.write(pickle.dumps(done))
    answer.flush()


if __name__ == "__main__":
    run_told()
