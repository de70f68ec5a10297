"""What fails together is named; what does not is left alone."""

import pytest

from nightdesk.standby.networks import network_of, shared, table_of

TABLE = table_of(
    "203.0.113.0/24 AS64500 ours, 198.51.100.0/24 AS64500 ours\n203.0.113.128/25 AS64501 # X\n2001:db8::/32 AS64500 ours"
)


def test_two_prefixes_of_one_name_are_one_network() -> None:
    assert network_of("203.0.113.9", TABLE) == network_of("198.51.100.9", TABLE) == "AS64500 ours"
    assert network_of("203.0.113.200", TABLE) == "AS64501"  # the narrower one
    assert network_of("2001:db8::1", TABLE) == "AS64500 ours"


def test_without_a_name_neighbours_are_one_network() -> None:
    assert network_of("192.0.2.1", ()) == network_of("192.0.99.1", ()) != network_of("192.1.2.1", ())


def test_what_hangs_on_the_main_sites_network_is_named() -> None:
    found = shared(
        {"status": ["192.0.2.1"], "dns": ["192.0.2.2", "198.51.100.1"]}, {"web": ["203.0.113.1"], "mail": []}, TABLE
    )
    assert [(each.ours, each.theirs, each.name) for each in found] == [("dns", "web", "AS64500 ours")]


def test_a_line_that_is_no_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        table_of("nonsense AS1")
