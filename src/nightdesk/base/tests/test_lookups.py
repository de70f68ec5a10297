import pytest
from django.db.models import Q

from nightdesk.base.models import Promise


def test_words_of_the_program_stand_in_the_statement_itself():
    sql, beside = Promise.objects.filter(Q(kind__one_of={"page", "next_step"})).query.sql_with_params()
    assert "\"kind\" IN ('next_step', 'page')" in sql
    assert beside == ()


@pytest.mark.parametrize("words", [[], ["page", "x'; DROP TABLE base_promise; --"], ["Page"], [""]])
def test_nothing_else_ever_does(words):
    with pytest.raises(ValueError, match="only words of the program"):
        Promise.objects.filter(kind__one_of=words)
