"""What a statement claims of people and causes: somebody works on it, it is known what is wrong, it is put right.

Words, not meaning: a list for each language, looked for in every text, since nobody can tell which language somebody typed in.
They are written without accents, which the text loses too. Too much found costs its writer a tick; too little is a promise that
nobody made. A statement in a language without a list is not read at all, and its writer vouches for it whole.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class About(StrEnum):
    """What a claim is about: `PEOPLE` who do something, the `CAUSE`, and that a thing was `REPAIRED`."""

    PEOPLE = "people"
    CAUSE = "cause"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class Claim:
    """`words` as they stand in the text."""

    about: About
    words: str


@dataclass(frozen=True, slots=True)
class Words:
    """A language's words, as regular expressions of whole words.

    `experts` who do `anything` claim that they do it; `others`, who are spoken of in other ways too, only where they are `busy`;
    `we` says so of us. Whoever has `found` what is `wrong` knows the cause, and `because` says it. Neither these nor `repaired`
    count behind one of `unless` ("not yet", "as soon as").
    """

    experts: str
    anything: str
    others: str
    busy: str
    we: str
    found: str
    wrong: str
    known: str
    because: str
    repaired: str
    unless: str


WORDS: Mapping[str, Words] = {
    "en": Words(
        experts=r"engineers?|technicians?|electricians?|fitters?|jointers?|specialists?|crews?|contractors?",
        anything=r"is|are|was|were|has|have|had|will|went|arriv\w+|work\w*|sent|called|on (?:its|his|her|the|their) way"
        r"|en route|on[ -]site|found|fix\w*|repair\w*|replac\w*|investigat\w*|look\w*",
        others=r"teams?|colleagues?|staff|people|somebody|someone|experts?",
        busy=r"working on|at work|(?:is|are|'s|'re) on it|on (?:its|his|her|the|their) way|on[ -]site|en route|dispatched"
        r"|sent (?:out|a|an|our|some\w*)|investigat(?:e|es|ing)|repair(?:s|ing)?|fix(?:es|ing)?|replac(?:es|ing)"
        r"|looking (?:into|at)|arriv(?:ed|ing)|travelling|driving|(?:has|have) (?:found|fixed|repaired|replaced|identified)",
        we=r"we(?: are|'re) (?:already |now )?(?:on[ -]site|on our way|en route)",
        found=r"found|identified|located|isolated|discovered|traced|pinpointed",
        wrong=r"the (?:fault|problem|issue)|cause|reason|source|culprit|what|why",
        known=r"we (?:now |already )*(?:know|understand) (?:the (?:cause|reason|fault|problem)|what|why)"
        r"|(?:has|have|'ve) found (?:a|an|one) (?!way|workaround|problem|fault)\w+"
        r"|(?:cause|reason|culprit) (?:is|was|lies|turned out)(?! (?:not|still|as yet|yet|being|un\w+))",
        because=r"(?:caused|triggered|brought about) by|because of (?!this|that|it)|because (?:a|an|one|our|some\w*)"
        r"|due to (?!be|come|arrive|end|finish|start|begin)|owing to|(?:a|the) result of"
        r"|(?:supply|card|disk|router|switch|fuse|cable|module|optic|controller|battery|fan|pump|server)s? (?:has|have) failed"
        r"|a (?:faulty|failed)|power (?:cut|failure|outage)|fib(?:re|er) (?:cut|break)|burnt out|burned out|blown|severed"
        r"|human error|digger|excavator|lightning|cyber ?attack|software bug|misconfigur\w+|configuration error",
        repaired=r"fixed|repaired|replaced|restored|rebooted|restarted|rerouted",
        unless=r"not|\w+n't|never|no|nobody|until|till|when|once|soon as|if|unless|whether|before|how long|cannot",
    ),
    "de": Words(
        experts=r"techniker(?:n|in(?:nen)?)?|ingenieur(?:e|en|in(?:nen)?)?|elektriker\w*|monteur\w*|spezialist\w*|fachleuten?"
        r"|fachkraft|fachkrafte\w*|\w*trupps?|bereitschaftsdienst|rufbereitschaft",
        anything=r"ist|sind|war|waren|hat|haben|wird|werden|fahrt|fahren|kommt|kommen|arbeit\w*|unterwegs|vor ort|such\w*"
        r"|pruf\w*|kummer\w*|geschickt|gerufen|tausch\w*|reparier\w*|beheb\w*",
        others=r"teams?|technik|kolleg\w+|mitarbeiter\w*|personal|leuten?|jemand\w*|experten?",
        busy=r"unterwegs|vor ort|im einsatz|dran|daran|arbeite[nt] (?:[^.!?]{0,40} )?an|losgeschickt|geschickt|entsandt"
        r"|angekommen|eingetroffen|alarmiert|verstandigt|kummer\w+ sich|untersuch\w+|reparier\w+|beheb\w+|entstor\w+"
        r"|tausch\w+|wechsel\w+|fahrt|fahren",
        we=r"(?:wir sind|sind wir) (?:\w+ ){0,2}(?:vor ort|unterwegs)",
        found=r"gefunden|ermittelt|identifiziert|lokalisiert|eingegrenzt|herausgefunden",
        wrong=r"ursachen?|grund|fehler(?:quelle|stelle)|storungs(?:ursache|quelle|stelle)|(?<!einen )fehler|(?<!ein )problem"
        r"|(?<!einen )defekt|warum|woran|was",
        known=r"(?:wir wissen|wissen wir)(?: \w+)?,? (?:warum|woran|weshalb|was)"
        r"|(?:kennen wir|wir kennen) (?:\w+ ){0,2}(?:ursache|grund|fehler)(?! (?:\w+ ){0,2}nicht)"
        r"|ursache (?:\w+ ){0,3}(?:bekannt|klar|festgestellt|erkannt)"
        r"|(?:ursache|ausloser|schuld|(?<!diesem )grund) (?:dafur |hierfur |der storung |des ausfalls )?"
        r"(?:ist|sind|war|waren|liegt)(?! (?:noch|nicht|un\w+|weiter\w*|derzeit|bisher))",
        because=r"verursacht|ausgelost|hervorgerufen|zuruckzufuhren|liegt an|lag an|weil eine?"
        r"|(?:wegen|aufgrund|auf grund|infolge)(?! (?:\w+ )?(?:storung|ausfalls?|wartung\w*|unannehmlichkeit\w*)| ihre[rs]?)"
        r"|\w*bagger\w*|(?:kabel|faser|glasfaser|leitungs|rohr|wasserrohr)bruch|stromausfall\w*|kabelschaden|kurzschluss\w*"
        r"|blitz\w*|ein(?:em|es)? brand|hackerangriff\w*|cyberangriff\w*|(?:konfigurations|software|bedien)fehler\w*"
        r"|menschliches versagen|durchtrennt|durchgebrannt|defekte[mnrs]?",
        repaired=r"behoben|repariert|ausgetauscht|getauscht|ersetzt|wiederhergestellt|instand ?gesetzt|neu ?gestartet"
        r"|entstort|beseitigt",
        unless=r"nicht|kein\w*|nie|niemand|bis|sobald|wenn|falls|ob|bevor|wann|wie lange",
    ),
    "fr": Words(
        experts=r"techniciens?|techniciennes?|ingenieure?s?|electricien(?:ne)?s?|specialistes?|monteurs?|intervenants?",
        anything=r"est|sont|a|ont|etait|etaient|sera|seront|va|vont|arriv\w+|travaill\w+|interven\w+|intervien\w+|en route"
        r"|sur place|envoye\w*|cherch\w+|repar\w+|remplac\w+",
        others=r"equipes?|collegues?|collaborat\w+|personnel|quelqu'un|experts?",
        busy=r"en route|sur place|sur site|a (?:l'|pied d')(?:œ|oe)uvre|mobilise\w*|depeche\w*|envoye\w*|intervien\w+|interven\w+"
        r"|repar\w+|remplac\w+|analys\w+|recherch\w+|travaill\w+ (?:\w+ ){0,2}(?:a|sur|pour|dessus)"
        r"|(?:est|sont) arrive\w*|s'en occup\w+",
        we=r"nous sommes (?:deja )?(?:sur place|sur site|en route)",
        found=r"(?:trouve|identifie|localise|decouvert|determine|isole|cerne)e?s?",
        wrong=r"causes?|origines?|raisons?|(?<!une )panne|(?<!un )defaut|(?<!un )probleme|pourquoi|ce qui|d'ou",
        known=r"(?:nous|on) (?:savons|sait) (?:\w+ )?(?:pourquoi|ce qui|d'ou)"
        r"|(?:nous|on) (?:connaissons|connait) (?:\w+ )?(?:la (?:cause|raison)|l'origine)"
        r"|(?:cause|origine|raison) (?:\S+ ){0,4}(?:connue?|etablie?)"
        r"|(?:cause|origine|raison) (?:\w+ )?(?:est|etait|vient)"
        r"(?! (?:pas|encore|toujours|inconnue|en cours|a l'etude|connue|trouvee|identifiee))",
        because=r"(?:causee?s?|provoquee?s?|occasionnee?s?|entrainee?s?|declenchee?s?) par|due?s? (?:a|au|aux)"
        r"|a cause d(?:e|u|es|')|parce qu'une?"
        r"|suite (?:a|au|d'un\w*)(?! (?:une? |la |l'|cet |cette )?(?:panne|incident|perturbation|votre|vos))"
        r"|en raison d(?:e|u|es|')(?! ?(?:une? |la |l'|cet |cette )?(?:panne|incident|perturbation|derangement|maintenance))"
        r"|coupure (?:de courant|electrique|de (?:la )?fibre)|sectionnee?s?|pelleteuse|pelle mecanique|foudre|incendie"
        r"|court-circuit|erreur (?:humaine|de configuration)|cyberattaque|defectueu\w+|tombee?s? en panne|a lache",
        repaired=r"reparee?s?|remplacee?s?|retablie?s?|corrigee?s?|redemarree?s?|remise?s? en (?:service|etat|marche)",
        unless=r"ne|n'\w+|pas|aucune?|jamais|personne|des que|des qu'\w+|lorsqu\w+|quand|jusqu\w*|si|tant que|avant|une fois",
    ),
    "es": Words(
        experts=r"(?<!servicio )(?<!soporte )(?<!problema )(?<!fallo )tecnic[oa]s?|ingenier[oa]s?|electricistas?"
        r"|especialistas?|operarios?",
        anything=r"esta|estan|ha|han|va|van|fue|fueron|llega\w*|trabaja\w*|acud\w+|enviado\w*|en camino|busca\w*|repara\w*"
        r"|sustitu\w+",
        others=r"equipos?|companer[oa]s?|colegas|personal|alguien|expert[oa]s?",
        busy=r"en camino|sobre el terreno|en el lugar|trabajando|desplazad\w+|desplazando\w*|enviad\w+|investig\w+"
        r"|reparando|sustituyendo|analizando|revisando|(?:ha|han) (?:llegado|encontrado|reparado)|se ocup\w+",
        we=r"estamos (?:ya )?(?:en camino|sobre el terreno|en el lugar)",
        found=r"encontrado|identificado|localizado|descubierto|determinado|hallado",
        wrong=r"causas?|origen|motivos?|(?<!una )averia|(?<!un )fallo|(?<!un )problema|por que|lo que",
        known=r"sabemos (?:ya )?(?:por que|lo que)|conocemos (?:ya )?(?:la causa|el origen|el motivo)"
        r"|(?:causa|origen|motivo) (?:\w+ ){0,3}(?:conocid[oa]|encontrad[oa]|identificad[oa])"
        r"|(?:causa|origen|motivo) (?:\w+ )?(?:es|fue|era)(?! (?:aun|todavia|desconocid\w+))",
        because=r"(?:causad|provocad|ocasionad|originad)[oa]s? por|a causa de|a raiz de|porque una?"
        r"|(?:debid[oa] a|por culpa de)(?! (?:una? |la |el |esta |este )?(?:averia|incidencia|interrupcion))"
        r"|(?:corte|fallo) (?:de luz|electrico|de corriente|de fibra)|excavadora|un rayo|incendio|cortocircuito|ciberataque"
        r"|error (?:humano|de configuracion)|defectuos\w+|se ha (?:roto|quemado|fundido)",
        repaired=r"reparad[oa]s?|arreglad[oa]s?|sustituid[oa]s?|reemplazad[oa]s?|restablecid[oa]s?|restaurad[oa]s?"
        r"|reiniciad[oa]s?",
        unless=r"no|nunca|nadie|ningun[oa]?|en cuanto|cuando|hasta|si|antes de|una vez",
    ),
    "nl": Words(
        experts=r"monteurs?|technic(?:us|i)|ingenieurs?|elektricien\w*|specialist(?:en)?|storingsdienst",
        anything=r"is|zijn|was|waren|heeft|hebben|gaat|gaan|komt|komen|werk\w*|onderweg|ter plaatse|zoek\w*|gestuurd"
        r"|repar\w+|vervang\w+",
        others=r"teams?|collega'?s?|medewerkers?|personeel|mensen|iemand|experts?",
        busy=r"onderweg|ter plaatse|aan het werk|bezig|aan de slag|eraan|gestuurd|ingeschakeld|aangekomen|gearriveerd"
        r"|onderzoek(?:t|en)|repare(?:ert|ren)|herstel(?:t|len)|vervang(?:t|en)|zoek(?:t|en)",
        we=r"(?:we|wij) zijn (?:al |nu )?(?:onderweg|ter plaatse)",
        found=r"gevonden|achterhaald|vastgesteld|geidentificeerd|gelokaliseerd|ontdekt",
        wrong=r"oorza(?:ak|ken)|redenen?|(?<!een )fout|(?<!een )probleem|(?<!een )defect|waarom|waardoor",
        known=r"(?:we|wij) weten (?:\w+ )?(?:waarom|waardoor|wat)|oorzaak (?:\w+ ){0,3}bekend"
        r"|(?:we|wij) kennen (?:\w+ )?(?:de oorzaak|de reden)(?! (?:\w+ )?niet)"
        r"|(?:oorzaak|reden) (?:\w+ )?(?:is|was|ligt)(?! (?:nog|niet|on\w+))",
        because=r"veroorzaakt|te wijten aan|komt door|kwam door|omdat een|door een (?!storing|onderhoud|onderbreking)"
        r"|(?:vanwege|wegens|als gevolg van)(?! (?:een |de |het |deze |uw )?(?:storing|onderhoud|onderbreking|uitval|ongemak))"
        r"|stroom(?:storing|uitval)|kabelbreuk|glasvezelbreuk|graafmachine|graafschade|blikseminslag|kortsluiting"
        r"|cyberaanval|menselijke fout|configuratiefout|defecte|doorgebrand",
        repaired=r"hersteld|gerepareerd|verholpen|vervangen|herstart|opgelost",
        unless=r"niet|geen|nooit|niemand|tot|totdat|zodra|wanneer|als|of|voordat|hoe lang",
    ),
}
"""By language, without its country."""

NEAR = 60
"""So many letters may stand between two words of one claim."""
BEFORE = 30
"""So many letters before a claim, and no comma between, is looked for `unless`."""

_CLAUSE = re.compile(r"[,;:.!?\n–—]")


def is_read(language: str) -> bool:
    """Whether there are words for the language."""
    return language.lower().replace("_", "-").partition("-")[0] in WORDS


def claims_in(text: str) -> tuple[Claim, ...]:
    """What the text claims, the first of each kind; empty where it claims nothing."""
    kept = unicodedata.normalize("NFC", text)
    plain = "".join(unicodedata.normalize("NFD", letter)[0] for letter in kept).replace(
        "\N{RIGHT SINGLE QUOTATION MARK}", "'"
    )
    first: dict[About, tuple[int, int]] = {}
    for about, start, end in _found(plain):
        if about not in first or start < first[about][0]:
            first[about] = (start, end)
    return tuple(Claim(about, kept[slice(*first[about])]) for about in About if about in first)


def _found(plain: str) -> Iterator[tuple[About, int, int]]:
    for about, claimed, unless in _CLAIMED:
        for seen in claimed.finditer(plain):
            if unless is None or not unless.search(_clause(plain, seen.start()) + seen[0]):
                yield about, seen.start(), seen.end()
                break


def _clause(plain: str, start: int) -> str:
    """What stands before `start` in its part of the sentence, as far as it counts."""
    return _CLAUSE.split(plain[max(0, start - BEFORE) : start])[-1]


def _whole(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


def _near(one: str, other: str) -> str:
    """Both in one sentence, in either order."""
    between = rf"\b[^.!?\n]{{0,{NEAR}}}\b"
    return rf"(?:{one}){between}(?:{other})\b|\b(?:{other}){between}(?:{one})"


def _claimed(words: Words) -> Iterator[tuple[About, re.Pattern[str], re.Pattern[str] | None]]:
    unless = _whole(words.unless)
    yield About.PEOPLE, _whole(_near(words.experts, words.anything)), None
    yield About.PEOPLE, _whole(_near(words.others, words.busy)), None
    yield About.PEOPLE, _whole(words.we), None
    yield About.CAUSE, _whole(_near(words.found, words.wrong)), unless
    yield About.CAUSE, _whole(words.known), unless
    yield About.CAUSE, _whole(words.because), None
    yield About.REPAIRED, _whole(words.repaired), unless


_CLAIMED = tuple(one for words in WORDS.values() for one in _claimed(words))
