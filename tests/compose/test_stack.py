"""What docker-compose.yaml and the image promise, without an engine; tests/compose/run.py proves that it runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime import containers

ROOT = Path(__file__).resolve().parents[2]
STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
STAYING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
ENDING = SERVICES.keys() - STAYING.keys()
OWN_START = {"postgres", "broker"}  # their images begin as root and hand over to a user of their own

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())
every_staying = pytest.mark.parametrize("service", STAYING.values(), ids=STAYING.keys())


def test_every_part_of_the_pipeline_is_there() -> None:
    airflow = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert STAYING.keys() == airflow | {"postgres", "broker", "s3", "simulator"}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {
        "simulator",
        "simulator-connections",
    }
    assert SERVICES["worker"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


@every_staying
def test_what_stays_tells_its_health_and_starts_again(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"


@every_service
def test_what_is_waited_for_is_waited_for_until_it_is_well(service: dict[str, Any]) -> None:
    for name, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if name in ENDING else "service_healthy"
        assert how == {"condition": wanted}, name


@every_service
def test_resources_are_limited(service: dict[str, Any]) -> None:
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]


@every_service
def test_nothing_has_rights_that_it_does_not_need(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert not {"privileged", "pid", "ipc"} & service.keys()


def test_nothing_stays_root() -> None:
    for name, service in STAYING.items():
        assert name in OWN_START or int(service["user"].split(":")[0]) >= 1000, name
    assert {name for name, service in SERVICES.items() if service.get("user", "").startswith("0")} == {"volumes"}
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == OWN_START | {"volumes"}


def test_ports_are_published_on_this_machine_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${RESUMPTION_PORT:-8080}:8080"]}
    assert STACK["networks"]["inside"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["inside"] for name in ("postgres", "broker", "s3"))


def test_base_images_have_a_plain_tag() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^(?:FROM|# syntax).*", dockerfile, re.MULTILINE) == ["FROM python:3.13-slim-trixie"]
    images = {service["image"] for service in SERVICES.values()}
    own = "${RESUMPTION_IMAGE:-resumption:latest}"
    assert images == {own, "postgres:17", "valkey/valkey:8", "chrislusf/seaweedfs:4.48"}


def test_two_databases_with_an_owner_each() -> None:
    script = (ROOT / "containers/databases.sh").read_text(encoding="utf-8")
    assert re.findall(r"create database (\w+) owner (\w+);", script) == [
        ("airflow", "airflow"),
        ("warehouse", "resumption"),
    ]
    assert "superuser" not in script


def test_every_secret_is_a_file_that_is_made_and_none_is_like_another(tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    containers.make_secrets(once)
    containers.make_secrets(again)
    made = {path.name: path.read_text(encoding="utf-8") for path in once.iterdir()}
    for name, secret in STACK["secrets"].items():
        assert secret == {"file": f"${{RESUMPTION_SECRETS:-./.secrets}}/{name}"}
        assert made[name].strip() != (again / name).read_text(encoding="utf-8").strip(), name
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == STACK["secrets"].keys()
    assert once.stat().st_mode & 0o077 == 0


@every_service
def test_no_secret_stands_in_the_environment(service: dict[str, Any]) -> None:
    for name, value in service.get("environment", {}).items():
        if re.search("PASSWORD|SECRET|TOKEN|_KEY|URL|CONN", name):
            assert name.endswith(("_FILE", "_USERS")) or re.fullmatch(r"(http|s3)://[^@]*|\$\{RESUMPTION_URL:.*", value)


def test_secrets_made_once_stay(tmp_path: Path) -> None:
    containers.make_secrets(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    containers.make_secrets(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
