"""What statements claim of people and causes, in sentences as they are written at night."""

import unicodedata

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.outages.claims import WORDS, About, claims_in, is_read

PEOPLE, CAUSE, REPAIRED = About.PEOPLE, About.CAUSE, About.REPAIRED
CLAIMING: dict[str, tuple[tuple[About, str], ...]] = {
    "en": (
        (PEOPLE, "Our engineers are on their way."),
        (PEOPLE, "An engineer is working on it."),
        (PEOPLE, "We have sent a technician to Dock Street."),
        (PEOPLE, "Our team is working on a fix."),
        (PEOPLE, "Somebody is on site now."),
        (PEOPLE, "We're on our way to the exchange."),
        (PEOPLE, "Two crews from the carrier will arrive at four."),
        (CAUSE, "It was caused by a fuse."),
        (CAUSE, "This is due to a power cut at the landlord's."),
        (CAUSE, "We have found the cause."),
        (CAUSE, "We now know what is wrong."),
        (CAUSE, "An engineer has found a broken fibre."),
        (CAUSE, "The cause was a card in our core router."),
        (CAUSE, "A power supply has failed."),
        (CAUSE, "A digger went through our fibre."),
        (REPAIRED, "The switch was replaced."),
        (REPAIRED, "Service was restored at 04:10."),
        (CAUSE, "The issue has been traced to a faulty line card."),
        (CAUSE, "Root cause has been identified."),
        (PEOPLE, "The carrier's engineers are splicing the fibre."),
        (REPAIRED, "Traffic has been rerouted over the second link."),
    ),
    "de": (
        (PEOPLE, "Unsere Techniker sind unterwegs."),
        (PEOPLE, "Ein Techniker ist vor Ort."),
        (PEOPLE, "Derzeit arbeiten unsere Ingenieure an der Behebung."),
        (PEOPLE, "Wir haben einen Techniker zum Standort geschickt."),
        (PEOPLE, "Unser Team arbeitet mit Hochdruck an einer Lösung."),
        (PEOPLE, "Die Kollegen sind dran."),
        (PEOPLE, "Wir sind bereits vor Ort."),
        (CAUSE, "Die Ursache ist gefunden."),
        (CAUSE, "Wir haben den Fehler eingegrenzt."),
        (CAUSE, "Die Störungsursache konnte ermittelt werden."),
        (CAUSE, "Wir wissen jetzt, woran es liegt."),
        (CAUSE, "Grund dafür ist eine Karte in unserem Kernrouter."),
        (CAUSE, "Der Ausfall wurde durch einen Bagger verursacht."),
        (CAUSE, "Aufgrund eines Stromausfalls im Gebäude sind Ihre Leitungen gestört."),
        (CAUSE, "Es liegt an einem defekten Netzteil."),
        (REPAIRED, "Das Netzteil wurde ausgetauscht."),
        (REPAIRED, "Die Störung ist behoben."),
        (PEOPLE, "Ein Mitarbeiter fährt gerade zum Rechenzentrum."),
        (PEOPLE, "Unsere Technik arbeitet mit Hochdruck an der Lösung."),
        (CAUSE, "Ursache ist ein Kabelschaden durch Bauarbeiten."),
        (CAUSE, "Ein Bagger hat unser Kabel durchtrennt."),
    ),
    "fr": (
        (PEOPLE, "Nos techniciens sont en route."),
        (PEOPLE, "Un technicien est sur place."),
        (PEOPLE, "Nous avons envoyé un technicien rue des Docks."),
        (PEOPLE, "Nos équipes sont mobilisées."),
        (PEOPLE, "Notre équipe travaille activement à la résolution."),
        (PEOPLE, "Nous sommes déjà sur place."),
        (CAUSE, "Nous avons trouvé la cause."),
        (CAUSE, "L’origine de la panne a été identifiée."),
        (CAUSE, "Nous savons maintenant pourquoi."),
        (CAUSE, "La panne est due à une coupure de courant."),
        (CAUSE, "La panne a été provoquée par une pelleteuse."),
        (CAUSE, "En raison d'un incendie, vos lignes sont coupées."),
        (CAUSE, "LA CAUSE EST CONNUE."),
        (REPAIRED, "La carte a été remplacée."),
        (REPAIRED, "Le service est rétabli."),
        (PEOPLE, "Un technicien va intervenir dans l'heure."),
        (PEOPLE, "Les équipes de l'opérateur interviennent."),
        (CAUSE, "L'incident est lié à une coupure de fibre."),
        (CAUSE, "Un câble a été sectionné."),
    ),
    "es": (
        (PEOPLE, "Nuestros técnicos están en camino."),
        (PEOPLE, "Un técnico está trabajando en ello."),
        (PEOPLE, "Hemos enviado un técnico al lugar."),
        (PEOPLE, "Nuestro equipo está trabajando para solucionarlo."),
        (CAUSE, "Hemos encontrado la causa."),
        (CAUSE, "Ya sabemos por qué ha ocurrido."),
        (CAUSE, "La avería fue causada por una excavadora."),
        (CAUSE, "Debido a un corte de luz, sus líneas no funcionan."),
        (CAUSE, "El origen es una fuente de alimentación."),
        (REPAIRED, "La tarjeta ha sido sustituida."),
        (REPAIRED, "El servicio se ha restablecido y está reparado."),
    ),
    "nl": (
        (PEOPLE, "Onze monteurs zijn onderweg."),
        (PEOPLE, "Er is een monteur ter plaatse."),
        (PEOPLE, "Ons team werkt eraan."),
        (PEOPLE, "Onze collega's zijn ermee bezig."),
        (CAUSE, "We hebben de oorzaak gevonden."),
        (CAUSE, "De oorzaak is een defecte voeding."),
        (CAUSE, "De storing is veroorzaakt door een graafmachine."),
        (CAUSE, "Door een stroomuitval werken uw lijnen niet."),
        (CAUSE, "Wij weten nu waardoor het komt."),
        (REPAIRED, "De voeding is vervangen."),
        (REPAIRED, "De storing is verholpen."),
    ),
}
HARMLESS: dict[str, tuple[str, ...]] = {
    "en": (
        "Sorry: our switch in Dock Street stopped working properly. We are looking into it.",
        "No change: we are still working on it.",
        "We know of a fault and are looking into it.",
        "We told you of a fault. There was none; we are sorry for the trouble.",
        "We do not know the cause yet.",
        "We have not found the cause yet, and will tell you more as soon as we know why.",
        "The cause is still unknown.",
        "We will write again once it is repaired.",
        "Mail is delayed. Nothing is lost: it waits with us.",
        "Your phones ring, but nobody hears you. Use your mobiles until service is restored.",
        "The next update is due to come at 05:15.",
        "Please let us know what you see, and ring our team if you need help.",
        "Because of this you cannot call abroad.",
        "We have found a workaround: use webmail.",
        "About 140 people cannot be reached.",
        "It works again. We watch it for a while before we call it over.",
        "Each brand of ours works as it did.",
        "We are currently experiencing problems with our telephony platform.",
        "Calls to our team may take longer than usual.",
        "If your router was restarted, please leave it on.",
    ),
    "de": (
        "Entschuldigung: unser Switch in der Dockstraße arbeitet nicht richtig. Wir sehen nach.",
        "Keine Änderung: wir arbeiten weiter daran.",
        "Wir wissen von einer Störung und sehen nach.",
        "Die Ursache ist noch nicht bekannt.",
        "Bisher kennen wir die Ursache nicht.",
        "Wir haben die Ursache noch nicht gefunden.",
        "Wir melden uns, sobald die Störung behoben ist.",
        "Wann die Leitung wiederhergestellt ist, wissen wir nicht.",
        "Aufgrund einer Störung können Sie derzeit nicht telefonieren.",
        "Wegen der Störung erreichen Sie uns nur mobil.",
        "Wir haben eine Störung festgestellt und untersuchen sie.",
        "Unser Team ist unter 030 1234567 für Sie da.",
        "Mails kommen verspätet an. Es geht nichts verloren.",
        "Es geht wieder. Wir beobachten es noch.",
        "Aus diesem Grund sind Anrufe ins Ausland nicht möglich.",
        "Der Unterbruch betrifft Ihre Internetleitung.",
        "Aktuell kommt es zu Einschränkungen bei der Telefonie.",
        "Die Ursache wird untersucht.",
        "Wegen Wartungsarbeiten ist das Portal nicht erreichbar.",
        "Bitte starten Sie Ihren Router nicht neu.",
    ),
    "fr": (
        "Désolés : notre commutateur ne fonctionne plus correctement. Nous cherchons pourquoi.",
        "Pas de changement : nous y travaillons toujours.",
        "Nous avons connaissance d'une panne et regardons ce qui se passe.",
        "La cause n'est pas encore connue.",
        "La cause est toujours inconnue.",
        "Nous n'avons pas encore trouvé l'origine de la panne.",
        "Nous ne savons pas pourquoi.",
        "Nous vous écrirons dès que le service sera rétabli.",
        "En raison d'une panne, vous ne pouvez pas téléphoner.",
        "Suite à une panne, vos courriels arrivent en retard. Rien n'est perdu.",
        "Nous avons constaté un incident.",
        "Notre équipe reste à votre disposition au 01 23 45 67 89.",
        "Nous savons que la panne vous gêne.",
        "Tout fonctionne de nouveau.",
        "Nous recherchons la cause.",
        "La cause est en cours d'analyse.",
        "Nous rencontrons actuellement des difficultés sur notre plateforme.",
    ),
    "es": (
        "Lo sentimos: nuestro conmutador no funciona bien. Lo estamos mirando.",
        "Sin cambios: seguimos en ello.",
        "Aún no conocemos la causa.",
        "Todavía no hemos encontrado la causa.",
        "Le escribiremos en cuanto esté reparado.",
        "Debido a una avería, no puede llamar.",
        "Hemos detectado un problema en su línea.",
        "Nuestro servicio técnico está a su disposición.",
        "Sabemos que la avería le molesta.",
        "El correo llega con retraso. No se pierde nada.",
    ),
    "nl": (
        "Sorry: onze switch werkt niet goed. We kijken ernaar.",
        "Geen verandering: we werken er nog aan.",
        "De oorzaak is nog niet bekend.",
        "We hebben de oorzaak nog niet gevonden.",
        "We kennen de oorzaak nog niet.",
        "We schrijven u zodra het hersteld is.",
        "Door een storing kunt u niet bellen.",
        "Vanwege de storing werkt uw internet niet.",
        "Ons team is bereikbaar op 020 123 4567.",
        "Mail komt later aan. Er gaat niets verloren.",
        "Het werkt weer. We houden het in de gaten.",
    ),
}


def test_every_language_that_a_page_offers_is_read() -> None:
    assert {code for code, _name in settings.LANGUAGES if not is_read(code)} == set()
    assert WORDS.keys() == CLAIMING.keys() == HARMLESS.keys()
    assert is_read("de-at")
    assert is_read("DE_CH")
    assert not is_read("pl")


@pytest.mark.parametrize(
    ("about", "sentence"), [row for rows in CLAIMING.values() for row in rows], ids=lambda one: str(one)[:40]
)
def test_a_claim_is_found(about: About, sentence: str) -> None:
    assert about in {claim.about for claim in claims_in(sentence)}
    assert about in {claim.about for claim in claims_in(sentence.upper())}


@pytest.mark.parametrize("sentence", [one for rows in HARMLESS.values() for one in rows])
def test_what_claims_nothing_is_let_through(sentence: str) -> None:
    assert claims_in(sentence) == ()


sentences = st.sampled_from([row for rows in CLAIMING.values() for row in rows])
harmless = st.sampled_from([one for rows in HARMLESS.values() for one in rows])


@given(st.lists(harmless, max_size=4), sentences, st.lists(harmless, max_size=4), st.sampled_from(["NFC", "NFD"]))
def test_a_claim_among_harmless_sentences_is_found_and_quoted_as_it_stands(
    before: list[str], claiming: tuple[About, str], after: list[str], form: str
) -> None:
    about, sentence = claiming
    text = unicodedata.normalize(form, " ".join([*before, sentence, *after]))
    found = {claim.about: claim.words for claim in claims_in(text)}
    assert about in found
    assert all(words in unicodedata.normalize("NFC", sentence) for words in found.values())


@given(st.text(max_size=2000))
def test_whatever_was_typed_is_read(text: str) -> None:
    assert {claim.about for claim in claims_in(text)} <= set(About)
