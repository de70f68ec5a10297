"""What messages to several people cost: the seed paper's case, the break-even, and that sums are sums."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports.message_prices import (
    Line,
    MessagePrices,
    Way,
    break_even,
    line,
    message_cost,
    message_lines,
    total,
)

PAPER = MessagePrices(
    pager_month=Decimal(10),
    pager_message=Decimal("0.10"),
    text_message=Decimal("0.10"),
    bundle_message=Decimal("0.02"),
)
"""Robert Lister, 24 Hour Support Paper: a team of six."""
TEAM = 6
PRICES = st.decimals(0, 20, places=2)


def test_the_papers_message_costs_sixty_pence_to_six_people_and_saves_sixty_pounds():
    one = Decimal(1)
    assert message_cost(Way.PAGER, PAPER, Decimal(0), TEAM, TEAM) == 60
    assert message_cost(Way.PAGER, PAPER, one, TEAM, TEAM) - 60 == Decimal("0.10")
    assert message_cost(Way.TEXT, PAPER, one, TEAM, TEAM) == Decimal("0.60")
    assert message_cost(Way.BUNDLE, PAPER, one, TEAM, TEAM) == Decimal("0.12")


def test_the_papers_break_even():
    # 60 + 0.10 m = 0.60 m, and 60 + 0.10 m = 0.12 m.
    assert break_even(Way.TEXT, PAPER, TEAM, TEAM) == 120
    assert break_even(Way.BUNDLE, PAPER, TEAM, TEAM) == 3000
    for way, even in ((Way.TEXT, 120), (Way.BUNDLE, 3000)):
        assert message_cost(way, PAPER, Decimal(even), TEAM, TEAM) == message_cost(
            Way.PAGER, PAPER, Decimal(even), TEAM, TEAM
        )
    # To the one on call alone a text costs what a page does, and the subscriptions are never earned back.
    assert break_even(Way.TEXT, PAPER, 1, TEAM) is None
    assert break_even(Way.BUNDLE, PAPER, 1, TEAM) is None


def test_lines_say_how_many_at_what_price():
    assert message_lines(Way.PAGER, PAPER, Decimal(200), TEAM, TEAM) == [
        Line("pagers", Decimal("6.00"), Decimal(10)),
        Line("pager_messages", Decimal("200.00"), Decimal("0.10")),
    ]
    assert message_lines(Way.TEXT, PAPER, Decimal(200), TEAM, TEAM) == [
        Line("texts", Decimal("1200.00"), Decimal("0.10"))
    ]


def test_texts_of_a_bundle_are_paid_beyond_those_in_it():
    prices = MessagePrices(bundle_month=Decimal(15), bundle_texts=500, bundle_message=Decimal("0.05"))
    assert message_cost(Way.BUNDLE, prices, Decimal(83), 6, 6) == 15  # 498 texts
    assert message_cost(Way.BUNDLE, prices, Decimal(100), 6, 6) == 20


@given(
    st.builds(MessagePrices, PRICES, PRICES, PRICES, PRICES, st.integers(0, 60), PRICES), st.integers(1, 8), st.data()
)
def test_the_break_even_is_where_pagers_begin_to_pay(prices, people, data):
    each_to = data.draw(st.sampled_from([1, people]))
    for way in (Way.TEXT, Way.BUNDLE):
        even = break_even(way, prices, each_to, people)

        def pays(messages, way=way):
            months = (message_cost(each, prices, Decimal(messages), each_to, people) for each in (Way.PAGER, way))
            pagers, texts = months
            return pagers <= texts

        if even is None:
            assert not pays(200_000)
        else:
            assert all(pays(even + more) for more in (0, 1, 2, 5, 20, 60, 100, 5000))
            assert even == 0 or not pays(even - 1)


def test_pagers_that_are_cheaper_only_for_few_messages_have_no_break_even():
    dear = MessagePrices(pager_month=Decimal(1), pager_message=Decimal(1), bundle_month=Decimal(20), bundle_texts=300)
    assert break_even(Way.BUNDLE, dear, 1, TEAM) is None
    cheap_beyond = replace(dear, bundle_message=Decimal(2))
    # 6 + m is no more than 20 up to 14, and than 20 + 2 (m - 300) from 586 on.
    assert break_even(Way.BUNDLE, cheap_beyond, 1, TEAM) == 586


@given(st.lists(st.tuples(st.floats(0, 1e5), PRICES), max_size=20))
def test_the_sum_is_that_of_the_lines_as_they_stand(rows):
    lines = [line("texts", how_many, price) for how_many, price in rows]
    assert total(lines) == sum((each.amount for each in lines), Decimal(0))
    assert all(each.amount == each.amount.quantize(Decimal("0.01")) for each in lines)
    assert all(abs(each.amount - each.how_many * each.price) <= Decimal("0.005") for each in lines)
