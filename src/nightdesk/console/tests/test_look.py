"""The look of the staff pages: what can be read, what the content security policy would refuse, what the parts say."""

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, engines
from django.utils import timezone, translation

from nightdesk.console.templatetags.times import age_text, clock

ROOM = Path(__file__).parent.parent
TEMPLATES = sorted(path for path in (ROOM / "templates").rglob("*") if path.is_file())
NAMES = [str(path.relative_to(ROOM / "templates")) for path in TEMPLATES]
CSS = (ROOM / "static/console/nightdesk.css").read_text()
RULES = re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)
SCRIPT = (ROOM / "static/console/nightdesk.js").read_text()
AT = datetime(2025, 11, 25, 4, 12, 5, tzinfo=UTC)

every_template = pytest.mark.parametrize("name", NAMES)


def source(name: str) -> str:
    """The template's text without its comments."""
    text = (ROOM / "templates" / name).read_text()
    return re.sub(r"{% comment %}.*?{% endcomment %}|{#.*?#}", "", text, flags=re.DOTALL)


def render(name: str, **context: object) -> str:
    with timezone.override("Europe/London"):
        return engines["django"].engine.get_template(name).render(Context({"at": AT, **context}))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# ---- Contrast -------------------------------------------------------------------------------------------------------

GROUNDS = {"paper", "sheet", "raised"}
# What text and shapes may lie on, beside what the style sheet does with them.
TEXT = {
    "ink": GROUNDS,
    "soft": GROUNDS,
    "accent": {"paper", "sheet"},
    "fire": {"paper", "sheet"},
    "calm": {"paper", "sheet"},
    "sky": {"paper", "sheet"},
    "on-accent": {"accent"},
}
SHAPES = {
    "line": GROUNDS,
    "lamp": GROUNDS,
    "flame": GROUNDS,
    "dim-sky": GROUNDS,
    **dict.fromkeys(("ink", "soft", "accent", "fire", "calm", "sky"), GROUNDS),
    "on-accent": {"accent"},
}


def luminance(oklch: str) -> float:
    """WCAG's relative luminance of "L% C h" in OKLCH, clipped to sRGB as a screen does."""
    lightness, chroma, hue = (float(number.rstrip("%")) for number in oklch.split()[:3])
    lightness /= 100
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return sum(weight * min(1.0, max(0.0, part)) for weight, part in ((0.2126, red), (0.7152, green), (0.0722, blue)))


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


TOKENS = {
    name: {"day": day, "night": night}
    for name, day, night in re.findall(r"--([\w-]+): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\)", CSS)
}


def test_the_measure_agrees_with_known_contrasts():
    assert contrast("100% 0 0", "0% 0 0") == pytest.approx(21)
    assert contrast("62.796% .25768 29.234", "100% 0 0") == pytest.approx(3.998, abs=0.01)  # pure red on white


@pytest.mark.parametrize("theme", ["day", "night"])
def test_text_stands_at_seven_to_one_on_all_it_lies_on(theme):
    weak = {
        f"{name} on {ground}": round(contrast(TOKENS[name][theme], TOKENS[ground][theme]), 2)
        for name, grounds in TEXT.items()
        for ground in grounds
        if contrast(TOKENS[name][theme], TOKENS[ground][theme]) < 7
    }
    assert weak == {}


@pytest.mark.parametrize("theme", ["day", "night"])
def test_lines_and_shapes_stand_at_three_to_one(theme):
    weak = {
        f"{name} on {ground}": round(contrast(TOKENS[name][theme], TOKENS[ground][theme]), 2)
        for name, grounds in SHAPES.items()
        for ground in grounds
        if contrast(TOKENS[name][theme], TOKENS[ground][theme]) < 3
    }
    assert weak == {}


def test_the_style_sheet_writes_text_only_in_colours_that_were_measured():
    assert set(re.findall(r"(?<![-\w])color: var\(--([\w-]+)\)", RULES)) <= TEXT.keys()


def test_the_style_sheet_draws_lines_only_in_colours_that_were_measured():
    drawn = set()
    for value in re.findall(r"(?:border[\w-]*|outline|stroke|fill): ([^;}]*)", RULES):
        drawn |= set(re.findall(r"var\(--([\w-]+)\)", value)) & TOKENS.keys()
    assert drawn - SHAPES.keys() <= {"hair"} | GROUNDS


def test_the_faint_line_edges_nothing_that_can_be_pressed_or_filled_in():
    faint = [rule for rule in RULES.split("}") if "var(--hair)" in rule and "--hair:" not in rule]
    assert faint
    assert not [rule for rule in faint if re.search(r"\.(btn|chip|tag|field|choice|toast|undo)\b|input|kbd|rail", rule)]


def test_no_colour_is_written_outside_the_tokens():
    rest = RULES[RULES.index("@media") :]
    assert re.findall(r"oklch\(|rgba?\(|#[0-9a-f]{3,8}\b", rest) == ["#fff"]  # the ground of a QR code


# ---- What the content security policy refuses -----------------------------------------------------------------------


@every_template
def test_it_compiles(name):
    assert engines["django"].engine.get_template(name)


@every_template
def test_it_is_ours_that_is_drawn_and_not_another_app_s_of_the_same_name(name):
    assert Path(engines["django"].engine.get_template(name).origin.name) == ROOM / "templates" / name


@every_template
def test_nothing_inline(name):
    text = source(name)
    assert not re.search(r"<[^>]*\s(style|on[a-z]+|hx-on[\w:-]*)\s*=|<style|javascript:", text, re.IGNORECASE)
    for tag in re.findall(r"<script[^>]*>", text):
        assert " src=" in tag or 'type="application/json"' in tag


@every_template
def test_nothing_is_loaded_from_elsewhere(name):
    assert not re.search(r"""https?://|(src|href|action)\s*=\s*["']//""", source(name))


def test_the_style_sheet_loads_nothing():
    assert not re.search(r"@import|url\(", RULES)


@every_template
def test_every_static_file_that_it_names_is_there(name):
    for path in re.findall(r'{% static "([^"]+)" %}', source(name)):
        assert finders.find(path), path


# ---- Words ----------------------------------------------------------------------------------------------------------


@every_template
def test_an_icon_never_stands_without_text(name):
    for tag, inside in re.findall(r"<(a|button|summary)\b[^>]*>(.*?)</\1>", source(name), flags=re.DOTALL):
        if "{% lucide" in inside:
            spoken = re.sub(r"{% lucide.*?%}|<kbd>.*?</kbd>|<[^>]+>", "", inside)
            assert re.search(r"{% (block)?translate|{{", spoken), (tag, inside)


@every_template
def test_every_icon_is_hidden_from_screen_readers(name):
    assert all('aria_hidden="true"' in icon for icon in re.findall(r"{% lucide.*?%}", source(name)))


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".html")])
def test_all_text_can_be_translated(name):
    attributes = r"{% block (?:body_attributes|width|theme) %}.*?{% endblock %}"
    text = re.sub(attributes + r"|{% blocktranslate.*?{% endblocktranslate %}", "", source(name), flags=re.DOTALL)
    text = re.sub(r"<kbd>.*?</kbd>|<script.*?</script>|{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL)
    spoken = re.findall(r'\b(?:aria-label|alt|title|placeholder)="([^"]*[A-Za-z][^"]*)"', text)
    left = re.sub(r"<[^>]*>|&\w+;", " ", re.sub(r"<!doctype html>", "", text))
    assert [word for word in re.findall(r"[A-Za-z]{2,}", left) if word != "Nightdesk"] + spoken == []


def test_the_script_has_every_word_that_it_speaks_and_no_other():
    skeleton = source("console/skeleton.html")
    given = set(re.findall(r"data-([\w-]+)=", skeleton[skeleton.index('id="words"') :]))
    # Named in say("..."), in a choice inside say(...), in banner("...", ..., "..."), and as the states of live.show().
    spoken = {"live", "checking", "lost"} | set(re.findall(r'say\("(\w+)"', SCRIPT))
    for two in (r'say\(\w+ \? "(\w+)" : "(\w+)"', r'(?<!un)banner\("(\w+)", [^"]*"(\w+)"'):
        spoken |= {word for pair in re.findall(two, SCRIPT) for word in pair}
    assert {re.sub(r"[A-Z]", lambda letter: "-" + letter[0].lower(), word) for word in spoken} == given


# ---- Times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (AT, "04:12"),
        (AT - timedelta(hours=11), "17:12"),
        (AT - timedelta(hours=13), "Mon 24 Nov 15:12"),
        (AT.replace(hour=23), "23:12"),
        (AT.replace(year=2024), "Mon 25 Nov 2024 04:12"),
    ],
)
def test_a_time_names_its_day_where_the_hour_alone_would_mislead(instant, text):
    with timezone.override("Europe/London"), translation.override("en-gb"):
        assert clock(instant, AT) == text


def test_a_time_without_a_page_always_names_its_day():
    with timezone.override("Europe/London"), translation.override("en-gb"):
        assert clock(AT) == "Tue 25 Nov 2025 04:12"


def test_the_two_half_past_ones_of_the_night_when_clocks_go_back_can_be_told_apart():
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    with timezone.override("Europe/London"), translation.override("en-gb"):
        assert clock(first, first) == "01:30 BST"
        assert clock(first + timedelta(hours=1), first) == "01:30 GMT"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "under 1 min"),
        (59, "under 1 min"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (48 * 3600 - 1, "47 h 59 min"),
        (48 * 3600, "2 days"),
    ],
)
def test_an_age_is_said_in_whole_units_that_have_passed(seconds, text):
    assert age_text(seconds) == text


# ---- Parts ----------------------------------------------------------------------------------------------------------

PAGE = {
    "id": "7",
    "title": "Core switch <sw2> does not answer",
    "url": "/pages/7",
    "priority": "P1",
    "state": "triggered",
    "raised_at": AT - timedelta(minutes=4),
    "actions": [{"label": "I've got it", "url": "/pages/7/acknowledge", "verb": "acknowledge", "main": True}],
}
DUTY = {"name": "Amara", "initials": "AO", "until_at": datetime(2025, 11, 25, 8, tzinfo=UTC), "mine": False}


def test_an_unanswered_page_says_how_long_and_can_be_taken_without_javascript():
    html = render("console/parts/page_card.html", page=PAGE)
    assert "P1 · 4 min unanswered" in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))
    assert re.search(r'<form method="post" action="/pages/7/acknowledge">.*data-verb="acknowledge"', html)
    assert "data-unanswered" in html
    assert "<sw2>" not in html


def test_a_page_that_somebody_has_names_them_and_is_no_longer_red():
    html = render("console/parts/page_card.html", page={**PAGE, "state": "acknowledged", "owner": "Amara"})
    assert "P1 · Amara has it" in words(html)
    assert "data-unanswered" not in html
    assert "fire" not in html


def test_the_bar_says_who_is_on_call_and_until_when():
    html = render("console/base.html", on_call=[DUTY, {**DUTY, "name": "Jonas", "seat": "backup"}])
    assert "Amara is on call until 08:00" in words(html)
    assert "Jonas, backup until 08:00" in words(html)


def test_the_bar_tells_the_holder_that_it_is_them():
    assert "You are on call" in words(render("console/base.html", on_call=[{**DUTY, "mine": True}]))


def test_the_bar_says_that_nobody_is_on_call_only_where_that_is_known():
    assert "Nobody is on call" in words(render("console/base.html", on_call=[]))
    assert "Nobody is on call" not in words(render("console/base.html"))


def test_a_late_row_says_so_without_its_colour():
    assert words(render("console/parts/list_row.html", row={"at": AT, "title": "Call back", "late": True})) == (
        "late: 04:12 Call back"
    )


def test_the_month_keeps_its_decimal_points_in_german_and_reads_out_its_bars():
    bars = [{"from_pct": 33.5, "width_pct": 6.25, "kind": "gap", "text": "17:00–18:30, nobody"}]
    month = {"id": "m", "label": "Tonight", "now_pct": 17.25, "rows": [{"name": "Priya", "bars": bars}]}
    with translation.override("de"):
        html = render("console/parts/month.html", month=month)
    assert 'x="33.5%" width="6.25%"' in html
    assert 'x="17.25%"' in html
    assert "Priya 17:00–18:30, nobody 17:00–18:30, nobody" in words(html)  # on pointing, and read out


def test_a_refusal_says_what_was_asked_what_is_so_and_what_to_do():
    problem = {"title": "Taken", "asked": "Take page 7.", "so": "Jonas has it.", "do": "Ring Jonas.", "code": "illegal"}
    text = words(render("console/parts/problem.html", problem=problem))
    assert text.index("Take page 7.") < text.index("Jonas has it.") < text.index("Ring Jonas.")


@pytest.mark.parametrize(
    "name", ["403.html", "403_csrf.html", "404.html", "429.html", "500.html", "console/offline.html"]
)
def test_a_page_that_stands_alone_is_drawn_from_an_empty_context_and_leads_on(name):
    html = engines["django"].engine.get_template(name).render(Context())
    assert "<h1>" in html
    assert re.search(r'<a class="btn go" href="/">', html)


@pytest.mark.parametrize(
    ("cookie", "theme"), [(None, "night"), ("day", "day"), ("auto", "auto"), ('"><script>', "night")]
)
def test_the_theme_comes_from_the_cookie_and_night_is_the_default(cookie, theme):
    request = {"COOKIES": {"theme": cookie} if cookie else {}}
    assert f'data-theme="{theme}"' in render("console/base.html", request=request)
