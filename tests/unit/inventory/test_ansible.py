"""The corpus of inventories and patterns, against what the real Ansible answered (tests/live/test_ansible.py asks it again)."""

import json
from functools import cache
from pathlib import Path

import pytest

from mng.errors import MngError
from mng.inventory import patterns
from mng.inventory.ansible import load
from mng.inventory.hosts import Hosts
from mng.inventory.script import Scripts
from tests.unit.inventory.cases import ANSWERS, CORPUS, FILES, KEYS, Case, cases

ANSWER = json.loads(ANSWERS.read_text())


@cache
def inventory(name: str) -> Hosts:
    return load([CORPUS / name], Scripts(Path("/nonexistent")))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def meant(case: Case, files: Path) -> list[str]:
    """As ansible prints it, which takes a pattern without sense for one without hosts."""
    name, pattern, limit = case
    hosts = inventory(name)

    def stray(term: str) -> list[str]:
        return [next((one for one in patterns.HERE if one in hosts.vars), term)] if term in patterns.HERE else []

    try:
        found = patterns.select(patterns.split(pattern), hosts.names, stray)
        kept = patterns.select(patterns.limits(limit, lambda word: files / word), hosts.names, stray) if limit else found
    except MngError:
        return []
    return [host for host in found if host in kept]


def test_there_are_enough() -> None:
    assert len(cases()) >= 300
    assert {json.dumps(case) for case in cases()} == ANSWER["listed"].keys()
    assert sum(bool(hosts) for hosts in ANSWER["listed"].values()) > 200


@pytest.mark.parametrize("case", cases(), ids=" ".join)
def test_a_pattern_means_what_it_means_to_ansible(case: Case, files: Path) -> None:
    assert meant(case, files) == ANSWER["listed"][json.dumps(case)]


@pytest.mark.parametrize("which", ANSWER["variables"])
def test_a_host_has_the_variables_that_ansible_gives_it(which: str) -> None:
    name, host = which.split(" ")
    found = inventory(name).variables(host)
    assert {key: found[key] for key in KEYS if key in found} == ANSWER["variables"][which]
