"""What the catalogs' tool finds, and that it finds what is wrong. That ours are whole is `make check`."""

import io
from datetime import UTC, datetime
from gettext import GNUTranslations

import pytest
from babel.messages import Catalog

from tools.catalogs import (
    LANGUAGES,
    Text,
    brought_up_to_date,
    catalog_of,
    compiled,
    faults_of,
    texts,
    texts_of,
    written,
)

WANTED = {Text("Save"): ["a.py"], Text("{n} line", "{n} lines"): ["b.html"]}


def catalog(**said: object) -> Catalog:
    made = Catalog("de")
    made.add("Save", string=said.get("save", "Speichern"))
    made.add(("{n} line", "{n} lines"), string=said.get("lines", ("{n} Leitung", "{n} Leitungen")))
    return made


def test_texts_of_modules_and_templates_are_found(tmp_path):
    module, page = tmp_path / "a.py", tmp_path / "a.html"
    module.write_text(
        'x = _("One").format()\ny = ngettext("{n} a", "{n} b", n)\nz = other("No")\n'
        'class Gone(Refusal):\n    title = "It is gone"\n'
    )
    page.write_text(
        '{% load i18n %}{% translate "Two (2)" %}{{ at|date:_("j M") }}'
        "{% blocktranslate trimmed with a=b count n=rows %}\n {{ n }} row of {{ a }}\n"
        "{% plural %}{{ n }} rows{% endblocktranslate %}"
    )
    assert set(texts_of(module)) == {Text("One"), Text("{n} a", "{n} b"), Text("It is gone")}
    assert set(texts_of(page)) == {Text("Two (2)"), Text("j M"), Text("%(n)s row of %(a)s", "%(n)s rows")}


def test_a_whole_catalog_has_no_fault():
    assert list(faults_of(catalog(), WANTED)) == []


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"save": ""}, "has no translation"),
        ({"save": "Speichern {n}"}, "names"),
        ({"save": " Speichern"}, "white space"),
        ({"lines": ("", "{n} Leitungen")}, "has no translation"),
        ({"lines": ("{n} Leitung", "{m} Leitungen")}, "names"),
    ],
)
def test_what_is_wrong_is_found(said, fault):
    (line,) = faults_of(catalog(**said), WANTED)
    assert fault in line


def test_a_singular_may_leave_its_number_out():
    assert list(faults_of(catalog(lines=("eine Leitung", "{n} Leitungen")), WANTED)) == []


def test_new_and_old_texts_are_told_and_mended_and_no_translation_is_lost():
    changed = {Text("Save"): ["a.py"], Text("Send"): ["a.py"]}
    assert [line.partition(" is ")[2].partition(";")[0] for line in faults_of(catalog(), changed)] == [
        "said no more",
        "new",
    ]
    mended = brought_up_to_date(catalog(), changed)
    assert mended.get("Save").string == "Speichern"
    assert not mended.get("Send").string
    assert mended.get("{n} line") is None


def test_what_is_compiled_says_what_is_written():
    read = GNUTranslations(io.BytesIO(compiled(catalog())))
    assert read.gettext("Save") == "Speichern"
    assert read.ngettext("{n} line", "{n} lines", 2) == "{n} Leitungen"


def test_the_same_texts_are_the_same_bytes():
    assert written(catalog()) == written(catalog())
    later = catalog()
    later.creation_date = datetime(2031, 1, 1, tzinfo=UTC)
    assert compiled(later) == compiled(catalog())
    assert b"Date" not in written(catalog())


@pytest.mark.parametrize("language", LANGUAGES)
def test_ours_are_as_the_tool_writes_them(language):
    kept = catalog_of(language)
    assert written(brought_up_to_date(kept, texts())) == written(kept)
