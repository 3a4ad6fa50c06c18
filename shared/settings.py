"""Every setting a service reads from its environment, one frozen class a concern.

Read once, in a service's ``__main__``, and passed down as arguments. Values that must agree are
derived, not configured twice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.contracts.base import sentences
from shared.errors import Rejected


class QueueSettings(BaseSettings):
    """The Redis behind queues and records, and when a silent worker is given up."""

    model_config = SettingsConfigDict(env_prefix="TREX_QUEUE_", frozen=True, extra="forbid")

    url: SecretStr = SecretStr("redis://localhost:6379/0")
    """``TREX_QUEUE_URL``: may hold a password, so it is never printed."""

    heartbeat_s: float = Field(default=5.0, gt=0)
    """``TREX_QUEUE_HEARTBEAT_S``: seconds between two renewals of a lease."""

    stop_grace_s: float = Field(default=10.0, gt=0)
    """``TREX_QUEUE_STOP_GRACE_S``: seconds training gets to leave before it is killed."""

    health: Path | None = None
    """``TREX_QUEUE_HEALTH``: file in which a worker notes that it is healthy, for
    ``python -m shared.healthy``; unset notes nothing."""

    @property
    def gone_s(self) -> float:
        """Seconds after which a worker that says nothing any more counts as gone."""
        return 3 * self.heartbeat_s

    @property
    def lease_s(self) -> float:
        """Seconds a worker may hold work without renewing its lease.

        Derived, not configured. A worker that misses three heartbeats stops its own training, and
        the lease outlives that stop. So when the work is given away, nobody does it any more.
        """
        return 3 * self.heartbeat_s + self.stop_grace_s


class ArtifactSettings(BaseSettings):
    """Where checkpoints and prepared data lie."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_ARTIFACTS_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    folder: Path = Path(".trex/artifacts")
    """``TREX_ARTIFACTS_FOLDER``: seen by executor and evaluator under the same path, unless there
    is a URL; then each host has its own."""

    url: str | None = None
    """``TREX_ARTIFACTS_URL``: where hosts find what others made, such as ``s3://bucket/prefix`` or
    ``file:///mnt/nfs/trex``; the same for every service. Unset leaves all in the folder."""

    fetched_gib: float = Field(default=100.0, ge=0)
    """``TREX_ARTIFACTS_FETCHED_GIB``: copies from that URL that a host keeps; what was not wanted
    for longest goes first, and what is in use stays."""

    data_gib: float = Field(default=200.0, ge=0)
    """``TREX_ARTIFACTS_DATA_GIB``: prepared data of all jobs that is kept; what was not wanted for
    longest goes first, and what is in use stays."""


class EndpointSettings(BaseSettings):
    """A language model behind an endpoint; the variables begin with a prefix of its use."""

    url: str | None = None
    """``…URL``: a server that speaks OpenAI's chat completions; unset has no such model, and what
    asks it fails."""

    key: SecretStr | None = None
    """``…KEY``: unset for a server that wants none."""

    concurrency: int = Field(default=8, gt=0)
    """``…CONCURRENCY``: questions of one run that wait for a reply at the same time."""

    requests_per_minute: int | None = Field(default=None, gt=0)
    """``…REQUESTS_PER_MINUTE``: most requests of one run, those asked again counted; unset for as
    many as the server takes."""

    @property
    def prefix(self) -> str:
        """How its variables begin."""
        return str(self.model_config.get("env_prefix"))


class TeacherSettings(EndpointSettings):
    """``TREX_TEACHER_``: the language model that an executor's data operators may ask."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_TEACHER_", frozen=True, extra="forbid", env_ignore_empty=True
    )


class JudgeSettings(EndpointSettings):
    """``TREX_JUDGE_``: the language model that an evaluator asks to grade answers."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_JUDGE_", frozen=True, extra="forbid", env_ignore_empty=True
    )


class Price(BaseModel):
    """What a language model costs, in any unit of money, for each million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    """Of what it reads."""

    output: float = Field(ge=0)
    """Of what it writes."""


class LlmSettings(BaseSettings):
    """The language model that the researcher asks: where any client looks for one."""

    model_config = SettingsConfigDict(
        env_prefix="OPENAI_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    base_url: str = "http://localhost:8000/v1"
    """``OPENAI_BASE_URL``: a server that speaks OpenAI's chat completions."""

    api_key: SecretStr | None = None
    """``OPENAI_API_KEY``: unset for a server that wants none."""


class SemanticScholarSettings(BaseSettings):
    """Semantic Scholar, where the researcher looks for publications when it has the network."""

    model_config = SettingsConfigDict(
        env_prefix="S2_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    api_key: SecretStr | None = None
    """``S2_API_KEY``: unset shares a pool with everybody, which is often used up."""


class ResearcherSettings(BaseSettings):
    """What the researcher asks and reads."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_RESEARCHER_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    model: str | None = None
    """``TREX_RESEARCHER_MODEL``: what the server at ``OPENAI_BASE_URL`` calls it; unset asks no
    language model, and rules propose."""

    max_tokens: int = Field(default=4096, ge=256)
    """``TREX_RESEARCHER_MAX_TOKENS``: longest reply, thoughts included."""

    context_tokens: int | None = Field(default=None, ge=1)
    """``TREX_RESEARCHER_CONTEXT_TOKENS``: question and reply together; unset asks the server, and
    where it does not say takes 32,768."""

    temperature: float = Field(default=0.7, ge=0, le=2)
    """``TREX_RESEARCHER_TEMPERATURE``: of its sampling."""

    answer_s: float = Field(default=300.0, gt=0)
    """``TREX_RESEARCHER_ANSWER_S``: seconds without a reply after which a model counts as away."""

    wait_s: float = Field(default=60.0, ge=0)
    """``TREX_RESEARCHER_WAIT_S``: seconds that a new job waits for a model that is away, before it
    begins with what rules say."""

    prices: dict[str, Price] = {}
    """``TREX_RESEARCHER_PRICES``: for each million tokens, as JSON by the model's name:
    ``{"qwen3-32b": {"input": 0.1, "output": 0.3}}``."""

    tokens_per_day: int | None = Field(default=None, gt=0)
    """``TREX_RESEARCHER_TOKENS_PER_DAY``: of all jobs, by UTC; unset for no limit."""

    money_per_day: float | None = Field(default=None, gt=0)
    """``TREX_RESEARCHER_MONEY_PER_DAY``: likewise."""

    network: bool = False
    """``TREX_RESEARCHER_NETWORK``: whether literature and the hub may be searched: arXiv, Semantic
    Scholar and Hugging Face then learn what is looked for."""

    library: Path | None = None
    """``TREX_RESEARCHER_LIBRARY``: folder with PDF, Markdown and text files to look into."""

    catalogue: Path | None = None
    """``TREX_RESEARCHER_CATALOGUE``: YAML file of data sets at hand."""

    cache: Path = Path(".trex/research")
    """``TREX_RESEARCHER_CACHE``: folder for what was found, so that it is looked for once."""

    @model_validator(mode="after")
    def _money_has_a_price(self) -> Self:
        capped = self.model is not None and self.money_per_day is not None
        if capped and self.model not in self.prices:
            raise ValueError(
                f"wanted a price of {self.model!r} because money_per_day caps money, found none; "
                "add it to TREX_RESEARCHER_PRICES"
            )
        return self


class LauncherSettings(BaseSettings):
    """Where an executor has its runs trained."""

    model_config = SettingsConfigDict(env_prefix="TREX_LAUNCHER_", frozen=True, extra="forbid")

    kind: Literal["local", "accelerate", "slurm", "kubernetes"] = "local"
    """``TREX_LAUNCHER_KIND``: one process of this machine, several of it, or a cluster's job."""

    processes: int = Field(default=1, ge=1)
    """``TREX_LAUNCHER_PROCESSES``: that train one run together, a device each; 1 with local."""

    gpus: bool = True
    """``TREX_LAUNCHER_GPUS``: whether a cluster is asked for a GPU for each process."""

    gpu_locks: Path | None = None
    """``TREX_LAUNCHER_GPU_LOCKS``: folder by which the executors of a host share its GPUs, each
    taking one for each process; for kinds local and accelerate. Unset takes all that are seen."""

    cpus: int | None = Field(default=None, ge=1)
    """``TREX_LAUNCHER_CPUS``: cores for each process; unset takes what the cluster gives."""

    memory_gib: int | None = Field(default=None, ge=1)
    """``TREX_LAUNCHER_MEMORY_GIB``: for a whole run; unset takes what the cluster gives."""

    partition: str | None = None
    """``TREX_LAUNCHER_PARTITION``: of Slurm; unset takes its default."""

    image: str | None = None
    """``TREX_LAUNCHER_IMAGE``: of the executor, which Kubernetes starts."""

    namespace: str = "default"
    """``TREX_LAUNCHER_NAMESPACE``: of Kubernetes, where the jobs go."""

    volumes: dict[str, Path] = {}
    """``TREX_LAUNCHER_VOLUMES``: claims of Kubernetes and where they are mounted, as JSON:
    ``{"trex": "/artifacts", "rows": "/data"}``. The worker sees them at the same paths."""

    api: str = "https://kubernetes.default.svc"
    """``TREX_LAUNCHER_API``: of Kubernetes; an address of ``kubectl proxy`` from outside of it."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind == "local" and self.processes > 1:
            raise ValueError("several processes need kind accelerate, slurm or kubernetes")
        if self.kind == "kubernetes" and not (self.image and self.volumes):
            raise ValueError("kind kubernetes needs image and volumes")
        return self


class EvaluatorSettings(BaseSettings):
    """What answers for the models that an evaluator scores."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_EVALUATOR_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    scorer: Literal["transformers", "vllm"] = "transformers"
    """``TREX_EVALUATOR_SCORER``: a model in the evaluator's process, or servers of vLLM."""

    vllm_python: Path = Path(".venv-vllm/bin/python")
    """``TREX_EVALUATOR_VLLM_PYTHON``: interpreter that has vLLM; ``make vllm`` makes this one."""

    vllm_options: str = ""
    """``TREX_EVALUATOR_VLLM_OPTIONS``: further arguments of a server, as on a command line. Servers
    that share a device need ``--gpu-memory-utilization``, a share each."""

    vllm_servers: int = Field(default=1, ge=1)
    """``TREX_EVALUATOR_VLLM_SERVERS``: that may be up at the same time; the one not asked for
    longest gives way to another. Adapters need none beside that of their base model."""

    vllm_devices: str = Field(default="", pattern=r"^([^,\s]+(,[^,\s]+)*)?$")
    """``TREX_EVALUATOR_VLLM_DEVICES``: such as ``0,1``, a server for each, in place of a number of
    servers; empty lets every server see what the evaluator sees."""

    vllm_answer_s: float = Field(default=600.0, gt=0)
    """``TREX_EVALUATOR_VLLM_ANSWER_S``: seconds without a reply to a few dozen prompts after which
    a server counts as hung."""

    vllm_url: str | None = None
    """``TREX_EVALUATOR_VLLM_URL``: a server that somebody else runs, for one base model and its
    adapters; see `services.evaluator.vllm.elsewhere`. Unset starts servers."""

    vllm_key: SecretStr | None = None
    """``TREX_EVALUATOR_VLLM_KEY``: of that server; unset for one that wants none."""

    # What comes from the environment is text, which no choice of numbers is equal to.
    max_lora_rank: Annotated[Literal[8, 16, 32, 64, 128, 256, 320, 512], BeforeValidator(int)] = 64
    """``TREX_EVALUATOR_MAX_LORA_RANK``: of adapters that a server takes. It reserves memory,
    and on a CPU every adapter is as slow as one of this rank."""

    lm_eval_python: Path = Path(".venv-lm-eval/bin/python")
    """``TREX_EVALUATOR_LM_EVAL_PYTHON``: interpreter that has lm-evaluation-harness, for guards
    such as ``lm_eval:piqa``; ``make lm-eval`` makes this one."""

    lm_eval_tasks: Path | None = None
    """``TREX_EVALUATOR_LM_EVAL_TASKS``: folder with YAML files of tasks beside the harness's own;
    they may hold code, which is run."""

    logs: Path = Path(".trex/logs")
    """``TREX_EVALUATOR_LOGS``: folder for what the servers and the harness say."""

    @model_validator(mode="after")
    def _says_once_how_many_servers(self) -> Self:
        if self.vllm_devices and self.vllm_servers > 1:
            raise ValueError("vllm_devices has one server each; leave vllm_servers out")
        return self

    vault: Path = Path(".trex/vault")
    """``TREX_EVALUATOR_VAULT``: sealed rows, the record of every score, and the key it is signed
    with; no other service may see this folder."""


class FtbenchSettings(BaseSettings):
    """Where the published files of benchmark tasks lie."""

    model_config = SettingsConfigDict(env_prefix="FTBENCH_", frozen=True, extra="forbid")

    data: Path | None = None
    """``FTBENCH_DATA``: a folder a task; for the evaluator and `ftbench`. Unset fetches them."""


class PlannerSettings(BaseSettings):
    """Where the REST API listens and who may use it."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_PLANNER_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    """``TREX_PLANNER_HOST``: anything but loopback needs a token."""

    port: int = Field(default=8686, ge=0, le=65535)
    """``TREX_PLANNER_PORT``: 0 takes a free one."""

    token: SecretStr | None = None
    """``TREX_PLANNER_TOKEN``: what clients send as bearer token; unset leaves the API open."""

    join_token: SecretStr | None = None
    """``TREX_PLANNER_JOIN_TOKEN``: what other hosts show to join as executors, with `trex join`.
    They are told all that follows. Unset lets none join."""

    join_queue_url: SecretStr | None = None
    """``TREX_PLANNER_JOIN_QUEUE_URL``: the queue's Redis as other hosts reach it."""

    join_environment: dict[str, SecretStr] = {}
    """``TREX_PLANNER_JOIN_ENVIRONMENT``: further variables for them, as JSON, such as keys of the
    artifact store: ``{"AWS_ENDPOINT_URL": "http://minio:9000"}``."""


class MetricsSettings(BaseSettings):
    """Where a worker serves its metrics to Prometheus; the planner does so at its API."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_METRICS_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    """``TREX_METRICS_HOST``: metrics have no token, so mind who can reach it."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """``TREX_METRICS_PORT``: of ``/metrics``; unset serves none, 0 takes a free one."""


class LogSettings(BaseSettings):
    """How services write their logs."""

    model_config = SettingsConfigDict(
        env_prefix="TREX_LOG_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    format: Literal["text", "json"] | None = None
    """``TREX_LOG_FORMAT``: unset is json where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set."""


class ClientSettings(BaseSettings):
    """How the ``trex`` command finds a running system."""

    model_config = SettingsConfigDict(env_prefix="TREX_", frozen=True, extra="forbid")

    home: Path = Path(".trex")
    """``TREX_HOME``: where a system started by ``trex up`` keeps everything it writes."""

    url: str | None = None
    """``TREX_URL``: a system elsewhere, for example ``http://planner:8686``."""

    token: SecretStr | None = None
    """``TREX_TOKEN``: the bearer token of that system."""


READERS: tuple[type[BaseSettings], ...] = (
    QueueSettings,
    ArtifactSettings,
    TeacherSettings,
    JudgeSettings,
    LlmSettings,
    SemanticScholarSettings,
    ResearcherSettings,
    LauncherSettings,
    EvaluatorSettings,
    FtbenchSettings,
    PlannerSettings,
    MetricsSettings,
    LogSettings,
    ClientSettings,
)


def read_settings(environ: Mapping[str, str]) -> None:
    """Check the environment once, before a service starts.

    Raises:
        Rejected: a ``TREX_`` variable that no setting reads, nearly always a typing error, or one
            whose value is out of its range.
    """
    known = {
        f"{reader.model_config['env_prefix']}{field}".upper()
        for reader in READERS
        for field in reader.model_fields
    }
    stray = sorted(name for name in environ if name.startswith("TREX_") and name not in known)
    if stray:
        raise Rejected(f"nothing reads {', '.join(stray)}; known are {', '.join(sorted(known))}")
    for reader in READERS:
        try:
            reader()
        except ValidationError as error:
            prefix = reader.model_config["env_prefix"]
            raise Rejected(f"{prefix}*: {'; '.join(sentences(error.errors()))}") from None
        except SettingsError as error:  # what should be JSON and is not
            raise Rejected(f"{reader.model_config['env_prefix']}*: {error}") from None
