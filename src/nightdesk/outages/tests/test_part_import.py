"""A list of parts: read whatever it holds, every problem by its line, and taken whole or not at all."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.refusals import Forbidden
from nightdesk.outages import part_queries
from nightdesk.outages.models import Need, Part
from nightdesk.outages.needs_text import Wanted, write_needs
from nightdesk.outages.part_import_actions import PartsImport, PartsUnfit, apply_parts_import
from nightdesk.outages.part_list import COLUMNS, HEADER_WORDS, KIND_WORDS, KINDS, Owner, plan_parts, word
from nightdesk.outages.tests.conftest import Network

LIST = b"""key;name;type;hostname;depends on;status page name;rack unit
site-1;Dock Street;site;;;;
sw1;Core 1;switch;sw1.dock;site-1;Dock Street;12
up1;;transit;;none;;
up2;;transit;;;;
sw2;Access;device;sw2.dock sw2;2 of sw1 up1 up2;;
sw2;;;;site-1;;
"""
NEEDS = b"""customer,service,label,needs
C-1,lines,L1,sw2.dock
mill,Internet lines,,sw2; any of up1 up2
,mail,,sw1
"""


def take(network: Network, content: bytes, *, dry_run: bool = False, **more: object) -> PartsImport:
    plan = plan_parts(content, **more)  # type: ignore[arg-type]
    return apply_parts_import(brand_id=network.brand.pk, plan=plan, dry_run=dry_run, **network.doing(network.mo))


def standing(network: Network) -> dict[str, str]:
    rows = Part.objects.filter(brand=network.brand, retired_at=None)
    needs = part_queries.needs_of("part", [row.pk for row in rows])
    return {row.key: write_needs(needs.get(row.pk, ())) for row in rows}


def test_a_list_is_taken_and_the_same_list_again_changes_nothing(network: Network) -> None:
    supposed = take(network, LIST, dry_run=True)
    assert supposed.made == ["site-1", "sw1", "up1", "up2", "sw2"]
    assert not Part.objects.exists()
    assert supposed.ignored == ("rack unit",)
    done = take(network, LIST)
    assert (done.made, done.needs, done.problems) == (supposed.made, supposed.needs, [])
    assert standing(network)["sw2"] == "site-1; 2 of sw1 up1 up2"
    sw1 = Part.objects.get(key="sw1")
    assert (sw1.kind, sw1.aliases, sw1.public, sw1.public_name) == ("device", ["sw1.dock"], True, "Dock Street")
    again = take(network, LIST)
    assert not again.does_something
    assert again.same == 5
    assert take(network, NEEDS).needs == ["c-1 lines L1", "mill internet lines", "mail"]
    assert not take(network, NEEDS).does_something
    lines = part_queries.needs_of("subscription", [network.bought("L3").pk])
    assert write_needs(lines[network.bought("L3").pk]) == "sw2; any of up1 up2"
    assert network.kinds() == ["parts.imported", "parts.imported"]


def test_an_empty_field_says_nothing_and_none_takes_away(network: Network) -> None:
    take(network, LIST)
    done = take(network, b"key,name,needs,public_name\nsw1,Core one,,none\nsw2,,none,\n")
    assert (done.changed, done.needs, done.same) == (["sw1"], ["sw2"], 1)
    assert standing(network)["sw1"] == "site-1"
    assert standing(network)["sw2"] == "none"
    assert Part.objects.get(key="sw1").public is False
    assert Part.objects.get(key="sw2").name == "Access"


def test_what_the_whole_list_does_not_have_is_retired_and_comes_back_when_it_does(network: Network) -> None:
    take(network, LIST)
    fewer = b"key,kind,needs\nsite-1,site,\nsw1,device,\nsw2,device,site-1\n"
    assert take(network, fewer).retired == []
    assert take(network, fewer, whole=True).retired == ["up1", "up2"]
    assert take(network, b"key,retired\nsw2,yes\n").retired == ["sw2"]
    assert set(standing(network)) == {"site-1", "sw1"}
    assert take(network, LIST).changed == ["up1", "up2", "sw2"]
    # Of a list in which one line cannot be read nothing is missing for sure.
    assert take(network, fewer + b"up1,tree,\n", dry_run=True, whole=True).retired == []


def test_every_problem_is_told_by_its_line_and_nothing_is_taken(network: Network) -> None:
    network.part("sw0")
    network.needs("service", network.mail.pk, "sw0")
    wrong = (
        b"key,kind,needs,retired,customer,service,label\n"
        b"a,site,b,,,,\n"
        b"b,device,a,,,,\n"
        b"c,tree,5 of a,,,,\n"
        b"d,,,,,,\n"
        b"e,device,nowhere,,,,\n"
        b"sw0,,,yes,,,\n"
        b",,a,,C-1,lines,\n"
        b",,a,,C-1,lines,L9\n"
        b",,a,,Nobody,lines,\n"
        b",,a,,,beer,\n"
        b",,a,,,,\n"
        b"!,site,,,,,\n"
    )
    told = take(network, wrong, dry_run=True)
    places = sorted({problem.place for problem in told.problems})
    assert places == sorted(
        ["line 4, kind", "line 4, needs", "line 5", "line 6, needs", "sw0", "line 8, needs", "line 9, needs",
         "line 10, needs", "line 11, needs", "line 12, key", "line 13, key", "needs"]
    )  # fmt: skip
    by_place = {problem.place: problem.so for problem in told.problems}
    assert by_place["sw0"] == "It would be retired, and Mail needs it."
    assert by_place["needs"].startswith("They would need one another in a circle: ")
    assert "L1, L2" in by_place["line 8, needs"]
    with pytest.raises(PartsUnfit) as refused:
        take(network, wrong)
    assert len(refused.value.extra["problems"]) == len(told.problems)
    assert set(standing(network)) == {"sw0"}
    assert Need.objects.count() == 1
    assert "parts.imported" not in network.kinds()


def test_two_lines_that_say_different_things_of_one_part_are_a_problem() -> None:
    plan = plan_parts(b"key,name,kind,provider\na,One,site,\na,Two,,Estuary\n")
    assert [(one.place, one.so) for one in plan.problems] == [("line 3, name", "The line 2 says One.")]
    agreed = plan_parts(b"key,name,kind,provider\na,One,site,\na,,,Estuary\n").parts[0]
    assert (agreed.name, agreed.provider) == ("One", "Estuary")


def test_whoever_reads_it_may_say_what_a_column_means() -> None:
    content = "Nummer;Bezeichnung;Art;name\n7;Kern;Standort;x\n".encode("cp1252")
    plan = plan_parts(content, {"Nummer": "key", "Bezeichnung": "name"})
    assert [(part.key, part.name) for part in plan.parts] == [("7", "Kern")]
    assert plan.ignored == ("Art", "name")
    wrong = plan_parts(content, {"Nummer": "number"})
    assert wrong.problems[0].place == "mapping"
    assert "Nummer = number" in wrong.problems[0].what
    assert "key or service" in plan_parts(content).problems[0].so


def test_whoever_has_no_role_for_it_imports_nothing(network: Network) -> None:
    for dry_run in (True, False):
        with pytest.raises(Forbidden):
            apply_parts_import(
                brand_id=network.brand.pk, plan=plan_parts(LIST), dry_run=dry_run, **network.doing(network.bo)
            )


def test_the_words_for_columns_and_kinds_are_such_as_headers_become() -> None:
    assert all(word(name) == name for name in [*HEADER_WORDS, *KIND_WORDS])
    assert set(HEADER_WORDS.values()) == set(COLUMNS)
    assert set(KIND_WORDS.values()) == set(KINDS) == set(Part.Kind.values)


@given(st.binary(max_size=120) | st.text(alphabet='key,needs;a1 of\n"none\t|', max_size=120).map(str.encode))
def test_any_file_gives_a_plan_or_its_problems(content: bytes) -> None:
    for whole in (content, b"key,kind,needs,aliases\n" + content):
        plan = plan_parts(whole)
        assert all(problem.place and problem.so and problem.do for problem in plan.problems)
        assert len({part.key for part in plan.parts}) == len(plan.parts)


keys = st.sampled_from(["a", "sw-1", "x/2"])


@given(st.dictionaries(keys, st.lists(st.lists(keys, min_size=1, unique=True), max_size=3), min_size=1))
def test_what_is_written_as_a_file_is_read_as_the_same(said: dict[str, list[list[str]]]) -> None:
    file = io.StringIO()
    lines = csv.writer(file)
    lines.writerow(["key", "kind", "needs"])
    for key, needs in said.items():
        lines.writerow([key, "device", write_needs([Wanted(tuple(some)) for some in needs])])
    plan = plan_parts(file.getvalue().encode())
    assert not plan.problems
    read = {one.owner: {key for need in one.needs for key in need.keys} for one in plan.needs}
    assert read == {Owner(key=key): {one for some in needs for one in some} for key, needs in said.items()}
