"""In whose words an effect is told: the closest that the reader can read, and there always are some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.knowledge import queries, wording_actions
from nightdesk.knowledge.fields import BadTemplate
from nightdesk.knowledge.models import Phrase
from nightdesk.knowledge.phrase_book import Words, words_in
from nightdesk.knowledge.phrases import languages_to_try, placeholders_in
from nightdesk.knowledge.tests.conftest import Office

keys = st.tuples(
    st.sampled_from([None, 1, 2]), st.sampled_from(["down", "reduced"]), st.sampled_from(["en-gb", "de", "de-at", "fr"])
)


@given(st.dictionaries(keys, st.just(("words", ""))), st.sampled_from(["en-gb", "de", "de-at", "fr", "DE_CH"]))
def test_the_closest_words_in_the_best_language_are_told(
    book: dict[tuple[int | None, str, str], tuple[str, str]], language: str
) -> None:
    found = words_in(book, 1, "down", language)
    fitting = [key for key in book if key[0] in (None, 1) and key[1] == "down" and key[2] in languages_to_try(language)]
    if found is None:
        assert fitting == []
        return
    assert (found.service, "down", found.language) in fitting
    tried = languages_to_try(language)
    best = min((tried.index(key[2]), key[0] is None) for key in fitting)
    assert (tried.index(found.language), found.service is None) == best


def test_a_service_without_words_is_told_in_the_brands_and_then_in_what_is_built_in(office: Office) -> None:
    def told(service: int, effect: str = "down", language: str = "de") -> Words:
        return queries.phrase_for(queries.phrase_book(office.brand.pk), service, effect, language)

    def save(**more: object) -> Phrase:
        wanted = {"brand_id": office.brand.pk, "effect": "down", "text": "{{ service }} is dark."}
        return wording_actions.save_phrase(**wanted | more, **office.doing(office.mo))  # type: ignore[arg-type]

    assert told(office.lines.pk).text == "{{ service }} ist ausgefallen."
    assert told(office.lines.pk, language="en-gb").text == "{{ service }} does not work."
    save()
    row = save(service_id=office.lines.pk, text="No internet.", workaround="Mobile phones work.")
    assert told(office.lines.pk) == Words("No internet.", "Mobile phones work.", office.lines.pk, "en-gb")
    assert told(office.mail.pk).text == "{{ service }} is dark."
    save(text="{{ service }} ist aus.", language="DE")
    assert told(office.lines.pk).text == "{{ service }} ist aus.", "in German before the service's own in English"
    assert told(office.lines.pk, "degraded").text == "{{ service }} ist beeinträchtigt."
    # Said again it takes the place of what was said, and saying the same changes nothing.
    assert save(service_id=office.lines.pk, text="Nothing works.").pk == row.pk
    edited = Phrase.objects.get(pk=row.pk)
    save(service_id=office.lines.pk, text="Nothing works.")
    assert Phrase.objects.get(pk=row.pk).edited_at == edited.edited_at
    assert (edited.text, edited.workaround) == ("Nothing works.", "")
    wording_actions.remove_phrase(phrase_id=row.pk, **office.doing(office.mo))
    assert Phrase.objects.count() == 2


def test_words_that_nobody_could_read_are_refused(office: Office) -> None:
    wanted = {"brand_id": office.brand.pk, "effect": "down", "text": "It is dark."}
    for wrong, refusal in (
        ({"text": "{{ customer }} is dark."}, BadTemplate),
        ({"workaround": "{{ link }}"}, BadTemplate),
        ({"text": ""}, Invalid),
        ({"text": "x" * 301}, Invalid),
        ({"effect": "works"}, Invalid),
        ({"language": "english!"}, Invalid),
        ({"service_id": 10**9}, NotFound),
    ):
        with pytest.raises(refusal):
            wording_actions.save_phrase(**wanted | wrong, **office.doing(office.mo))  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        wording_actions.save_phrase(**wanted, **office.doing(office.bo))  # type: ignore[arg-type]
    assert not Phrase.objects.exists()


def test_what_is_built_in_names_the_service_alone() -> None:
    assert set(queries.BUILT_IN) == set(Phrase.Effect.values)
    assert all(placeholders_in(text) == {"service"} for text in queries.BUILT_IN.values())
