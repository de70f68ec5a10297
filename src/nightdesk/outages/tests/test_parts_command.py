"""`nightdesk parts`: everything that the pages do, by keys."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command

from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.outages.models import Part, Reach
from nightdesk.outages.part_import_actions import PartsUnfit
from nightdesk.outages.tests.conftest import Network
from tests.peers import netbox


def test_a_network_is_built_asked_and_taken_apart_again(network: Network, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        call_command("parts", *words)
        return capsys.readouterr().out

    said("save", "up1", "Transit", "upstream", "--provider", "Estuary")
    said("save", "sw1", "Switch", "device", "--alias", "sw1.dock")
    said("save", "sw1", "Core switch", "device")
    assert said("needs", "--part", "sw1", "any of up1") == "up1\n"
    assert said("needs", "--service", "mail", "sw1") == "sw1\n"
    assert said("needs", "--service", "lines", "--customer", "C-1", "--label", "L1", "sw1") == "sw1\n"
    assert said("needs", "--service", "lines", "--customer", "c-1", "--label", "l1") == "sw1\n"
    said("phrase", "down", "{{ service }}: nothing is delivered.", "--service", "mail")
    told = said("what-if", "up1")
    assert "Mail: down (2 down; customers: 2)\n    Mail: nothing is delivered." in told
    assert {line.split()[0] for line in said("weak").splitlines() if "2 customers" in line} == {"up1", "sw1"}
    assert json.loads(said("list", "--json"))[0]["needs"] == "up1"
    said("reach", "email", "mail", "--customer", "C-1")
    assert Reach.objects.get().customer_id == network.acme.pk
    said("phrase", "down", "--service", "mail")
    said("needs", "--part", "sw1", "none")
    said("retire", "up1")
    assert "up1" not in said("list")


def test_a_file_and_a_netbox_are_taken_whole_or_not_at_all(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "parts.csv"
    file.write_text("host;kind\nsw1;device\n", encoding="utf-8")
    call_command("parts", "import", str(file), "--column", "host=key", "--dry-run")
    assert "made          1  sw1" in capsys.readouterr().out
    assert not Part.objects.exists()
    call_command("parts", "import", str(file), "--column", "host=key", "--json")
    assert json.loads(capsys.readouterr().out)["made"] == ["sw1"]
    file.write_text("key;needs\nsw1;nowhere\n", encoding="utf-8")
    with pytest.raises(PartsUnfit, match="line 2, needs"):
        call_command("parts", "import", str(file))
    monkeypatch.setenv("NETBOX_TOKEN", netbox.TOKEN)
    with netbox.netbox() as (url, _asked):
        call_command("parts", "netbox", url)
    assert Part.objects.filter(key__startswith="nb/").count() == 12
    lists = tmp_path / "lists.json"
    lists.write_text(json.dumps(netbox.lists()), encoding="utf-8")
    call_command("parts", "netbox", str(lists), "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["same"] == 12


def test_what_is_not_there_is_named(network: Network, tmp_path: Path) -> None:
    for words in (
        ["list", "--brand", "north"],
        ["retire", "nowhere"],
        ["import", str(tmp_path / "none.csv")],
        ["needs", "--service", "beer"],
        ["needs", "--service", "lines", "--customer", "C-1"],
        ["needs", "--service", "lines", "--customer", "C-9"],
        ["reach", "email", "mail", "--customer", "C-1", "--contact", "a@b.example"],
        ["phrase", "down", "--service", "mail"],
    ):
        with pytest.raises(NotFound):
            call_command("parts", *words)
    for words in (["needs"], ["needs", "--service", "mail", "3 of a"]):
        with pytest.raises(Invalid):
            call_command("parts", *words)
