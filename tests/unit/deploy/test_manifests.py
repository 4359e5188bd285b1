"""The manifests and the Dockerfile say what the code says. Rendered as a user would, with `kubectl kustomize`."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripted import ScriptedService

from flytewarm.cli import main
from flytewarm_server.config import ServerConfig, TcpAddress, UnixAddress, load_config
from flytewarm_server.rpc.server import LIVENESS
from security_files import SecurityFiles

ROOT = Path(__file__).resolve().parents[3]
OVERLAYS = ("deployment", "deployment-tls", "sidecar")
FILES = SecurityFiles(Path(tempfile.mkdtemp()))
# What the volumes of Secrets hold.
MOUNTED = {
    "/etc/flytewarm/tls/tls.crt": FILES.certificate,
    "/etc/flytewarm/tls/tls.key": FILES.key,
    "/etc/flytewarm/tokens/tokens": FILES.tokens,
}
Manifest = dict[str, Any]


@functools.cache
def _rendered(overlay: str) -> dict[str, Manifest]:
    """Manifests by kind."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        message = "kubectl is needed to render deploy/kustomize"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    command = [kubectl, "kustomize", str(ROOT / "deploy/kustomize/overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    manifests = list(yaml.safe_load_all(done.stdout))
    by_kind = {manifest["kind"]: manifest for manifest in manifests}
    assert len(by_kind) == len(manifests)
    return by_kind


def _template(overlay: str) -> Manifest:
    manifests = _rendered(overlay)
    workload = manifests["Job" if overlay == "sidecar" else "Deployment"]
    template: Manifest = workload["spec"]["template"]
    return template


def _service_container(overlay: str) -> Manifest:
    pod = _template(overlay)["spec"]
    (container,) = (item for item in _containers(pod) if item["name"] == "flytewarm")
    return container


def _containers(pod: Manifest) -> list[Manifest]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def _config(overlay: str) -> ServerConfig:
    container = _service_container(overlay)
    environment = {item["name"]: item["value"] for item in container.get("env", [])}
    arguments = [argument.split("=", 1) for argument in container["args"]]
    return load_config(
        ["=".join([name, *(str(MOUNTED.get(one, one)) for one in value)]) for name, *value in arguments], environment
    )


def _config_of_deployment() -> tuple[TcpAddress, TcpAddress]:
    config = _config("deployment")
    (listen,) = config.listen
    assert isinstance(listen, TcpAddress)
    assert config.http is not None
    return listen, config.http


def _socket() -> UnixAddress:
    (listen,) = _config("sidecar").listen
    assert isinstance(listen, UnixAddress)
    return listen


def _dockerfile(instruction: str) -> list[str]:
    """The arguments of an instruction, in the last stage."""
    stage = re.split(r"^FROM .*$", (ROOT / "deploy/Dockerfile").read_text(), flags=re.MULTILINE)[-1]
    return re.findall(rf"^{instruction} (.*)$", stage, flags=re.MULTILINE)


# Both


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_service_understands_its_arguments(overlay: str) -> None:
    config = _config(overlay)
    requested = _service_container(overlay)["resources"]["requests"]
    assert config.workers == int(requested["cpu"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_there_is_time_to_drain(overlay: str) -> None:
    config = _config(overlay)
    arguments = " ".join(_service_container(overlay)["args"])
    assert "--drain-grace=" in arguments
    assert "--cancel-grace=" in arguments
    assert _template(overlay)["spec"]["terminationGracePeriodSeconds"] > config.drain_grace + config.cancel_grace


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_there_is_time_to_start(overlay: str) -> None:
    probe = _service_container(overlay)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > _config(overlay).start_timeout


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_confined(overlay: str) -> None:
    pod = _template(overlay)["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert "hostNetwork" not in pod
    allowed = {"emptyDir", "secret"} if overlay == "deployment-tls" else {"emptyDir"}
    assert not [volume for volume in pod["volumes"] if not allowed.intersection(volume)]
    for container in _containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_the_service_writes_to_is_a_volume(overlay: str) -> None:
    """The image leaves TMPDIR alone, so that the temporary directory is /tmp there, whatever it is here."""
    pod = _template(overlay)["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in _service_container(overlay)["volumeMounts"]}
    assert mounts["/tmp"] in volumes
    assert not [line for line in _dockerfile("ENV") if "TMPDIR" in line]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_do_not_become_options(overlay: str) -> None:
    assert _template(overlay)["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_are_of_this_version(overlay: str) -> None:
    images = {container["image"] for container in _containers(_template(overlay)["spec"])}
    assert images == {f"flytewarm:{version('flytewarm')}"}


# The Deployment


def test_container_ports_are_those_listened_on() -> None:
    listen, http = _config_of_deployment()
    ports = {port["name"]: port["containerPort"] for port in _service_container("deployment")["ports"]}
    assert ports == {"grpc": listen.port, "http": http.port}
    assert {listen.host, http.host} == {"0.0.0.0"}


def test_the_liveness_probe_asks_whether_the_process_lives() -> None:
    listen, _ = _config_of_deployment()
    probe = _service_container("deployment")["livenessProbe"]
    assert probe["grpc"] == {"port": listen.port, "service": LIVENESS}


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe"])
def test_probes_ask_the_health_service(probe: str) -> None:
    listen, _ = _config_of_deployment()
    assert _service_container("deployment")[probe]["grpc"] == {"port": listen.port}


def test_the_service_is_headless_and_finds_the_pods() -> None:
    listen, http = _config_of_deployment()
    service = _rendered("deployment")["Service"]["spec"]
    assert service["clusterIP"] == "None"
    assert {(port["port"], port["targetPort"]) for port in service["ports"]} == {
        (listen.port, "grpc"),
        (http.port, "http"),
    }
    assert service["selector"] == _template("deployment")["metadata"]["labels"]
    assert service["selector"] == _rendered("deployment")["Deployment"]["spec"]["selector"]["matchLabels"]


def test_the_policy_protects_these_pods_only() -> None:
    policy = _rendered("deployment")["NetworkPolicy"]["spec"]
    selected = policy["podSelector"]["matchLabels"]
    assert selected == _template("deployment")["metadata"]["labels"]
    assert not selected.items() <= _template("sidecar")["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress"]


def test_the_policy_lets_labelled_clients_and_prometheus_in() -> None:
    grpc, http = _rendered("deployment")["NetworkPolicy"]["spec"]["ingress"]
    assert grpc == {
        "from": [{"podSelector": {"matchLabels": {"flytewarm-client": "true"}}}],
        "ports": [{"port": "grpc"}],
    }
    (prometheus,) = http["from"]
    assert list(prometheus) == ["namespaceSelector"]
    assert http["ports"] == [{"port": "http"}]


# The Deployment with TLS


def test_with_tls_nothing_is_insecure() -> None:
    config = _config("deployment-tls")
    assert _config("deployment").insecure
    assert not config.insecure
    assert config.tls_cert
    assert config.token_file
    for named in MOUNTED:
        assert f"={named}" in "".join(_service_container("deployment-tls")["args"])


def test_secrets_are_for_the_services_group_and_nobody_else() -> None:
    pod = _template("deployment-tls")["spec"]
    secrets = [volume for volume in pod["volumes"] if "secret" in volume]
    assert [volume["secret"]["defaultMode"] for volume in secrets] == [0o440] * 2
    mounts = {one["name"]: one for one in _service_container("deployment-tls")["volumeMounts"]}
    for volume in secrets:
        directory = mounts[volume["name"]]["mountPath"]
        assert [name for name in MOUNTED if name.startswith(f"{directory}/")]
        assert mounts[volume["name"]]["readOnly"] is True


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_over_tls_are_of_https(probe: str) -> None:
    asked = _service_container("deployment-tls")[probe]
    path = "/healthz" if probe == "livenessProbe" else "/readyz"
    assert asked["httpGet"] == {"path": path, "port": "http", "scheme": "HTTPS"}
    assert asked["failureThreshold"] == _service_container("deployment")[probe]["failureThreshold"]
    assert asked["periodSeconds"] == _service_container("deployment")[probe]["periodSeconds"]


# The sidecar


def test_the_sidecar_is_a_native_one_without_ports() -> None:
    (sidecar,) = _template("sidecar")["spec"]["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert "ports" not in sidecar
    assert _config("sidecar").http is None
    assert not _config("sidecar").insecure


@pytest.mark.parametrize(("probe", "options"), [("startupProbe", []), ("livenessProbe", ["--live"])])
def test_sidecar_probes_use_the_socket(probe: str, options: list[str]) -> None:
    command = _service_container("sidecar")[probe]["exec"]["command"]
    assert command == ["flytewarm", "status", *options, "--target", str(_socket())]


def test_the_sidecar_is_live_while_it_does_not_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """The probe's own arguments, on a service that answers NOT_SERVING."""
    program, *arguments = _service_container("sidecar")["livenessProbe"]["exec"]["command"]
    assert program == "flytewarm"
    with tempfile.TemporaryDirectory(prefix="fw-") as directory, ScriptedService(Path(directory)) as service:
        service.health = b"\x08\x02"
        assert main([*arguments[:-1], service.target]) == 0
    assert main([*arguments[:-1], service.target]) == 3


def test_both_containers_share_the_socket() -> None:
    (main,) = _template("sidecar")["spec"]["containers"]
    environment = {item["name"]: item["value"] for item in main["env"]}
    assert environment == {"FLYTEWARM_TARGET": str(_socket())}
    directory = os.path.dirname(_socket().path)
    volumes = [
        {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        for container in (main, _service_container("sidecar"))
    ]
    assert volumes[0][directory] == volumes[1][directory]
    assert volumes[0]["/tmp"] != volumes[1]["/tmp"]


# The image


def test_the_image_runs_as_the_manifests_user() -> None:
    (user,) = _dockerfile("USER")
    uid, gid = map(int, user.split(":"))
    assert uid > 0
    for overlay in OVERLAYS:
        context = _template(overlay)["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (uid, gid, gid)


def test_the_image_serves() -> None:
    (entrypoint,) = _dockerfile("ENTRYPOINT")
    assert json.loads(entrypoint) == ["flytewarm", "serve"]
    listen, http = _config_of_deployment()
    assert _dockerfile("EXPOSE") == [f"{listen.port} {http.port}"]


def test_the_image_is_built_from_what_the_context_has() -> None:
    build = (ROOT / "deploy/Dockerfile").read_text()
    assert re.search(r"^ARG BASE=python:3\.11-slim$", build, flags=re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", build, flags=re.MULTILINE)) == {"${BASE}"}
    copied = {name for line in re.findall(r"^COPY (?!--)(.*) \S+$", build, flags=re.MULTILINE) for name in line.split()}
    lines = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert "--constraint constraints.txt" in build


def test_the_documented_command_line_is_understood(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "deployment.md").read_text()
    (command,) = re.findall(r"^    exec flytewarm serve (.*?)\n\n", text, flags=re.MULTILINE | re.DOTALL)
    config = load_config(shlex.split(command.replace("/app ", f"{tmp_path} ").replace("\\\n", "")), {})
    assert (config.workers, config.drain_grace, config.preload) == (4, 60, ("my_project.tasks",))
