"""Reading staff: who somebody is when they do something, and how each is reached."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.models import Grant, Role, Token, User
from nightdesk.access.queries import grants_of, token_of
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import NotFound, NotSignedIn
from nightdesk.base.rows import fetch
from nightdesk.journal.models import Entry
from nightdesk.people.models import ContactMethod, NotifyRule, Person, Team


def actor_of_user(user: User, scopes: Collection[str] | None = None) -> Actor:
    """Who acts when `user` is logged in: their person on the staff list, or themselves where they are not on it.

    Raises NotSignedIn for a user, or a person, who is no longer active, and NotFound for a customer's account: nothing
    of the staff's is there for it.
    """
    return actor_as(user, Person.objects.filter(user=user).first(), scopes)


def actor_as(user: User, person: Person | None, scopes: Collection[str] | None = None) -> Actor:
    """As `actor_of_user`, of whom it is known already who they are on the staff list."""
    if user.kind != User.Kind.STAFF:
        raise NotFound(_("A page of the staff was asked for."), _("There is none here."), _("Look at your own pages."))
    if not user.is_active or (person is not None and not person.active):
        raise NotSignedIn(
            _("%s asked to come in.") % user.name, _("That account is closed."), _("Ask an admin to open it again.")
        )
    return Actor(
        "person",
        id=str(person.id) if person is not None else f"user-{user.pk}",
        name=person.name if person is not None else user.name,
        grants=grants_of(user),
        scopes=frozenset(scopes) if scopes is not None else None,
    )


def actor_of_person(person_id: int) -> Actor:
    """Who acts when this person answers by a way that proves who they are (SMS, link, key of the phone).

    One without an account acts as an engineer of their teams' brands: whoever is rung may answer. One who is no longer
    active, or whose account is closed, has no role left. Raises NotFound.
    """
    person = Person.objects.select_related("user").filter(pk=person_id).first()
    if person is None:
        raise NotFound(_("The person %s was asked for.") % person_id, _("There is none."), _("Look at the staff list."))
    if not person.active:
        grants = frozenset[tuple[int | None, str]]()
    elif person.user is not None:
        grants = grants_of(person.user)
    else:
        brands = Team.objects.filter(members=person).values_list("brand_id", flat=True)
        grants = frozenset((brand_id, Role.ENGINEER.value) for brand_id in brands)
    return Actor("person", id=str(person.id), name=person.name, grants=grants)


def actor_of_token(secret: str, at: datetime) -> Actor:
    """Who acts with the API token that has this secret; see `actor_for`. Raises NotSignedIn, NotFound."""
    return actor_for(token_of(secret, at))


def actor_for(token: Token) -> Actor:
    """Who acts when a request brings this API token: its user with their roles, or a machine of the token's name.

    Either is kept to the token's scopes, and to its brand if it has one. Raises NotSignedIn, and NotFound for a token of a
    customer's contact.
    """
    if token.user is None:
        grants = frozenset({(token.brand_id, "machine")})
        return Actor("machine", id=str(token.pk), name=token.name, grants=grants, scopes=frozenset(token.scopes))
    actor = actor_of_user(token.user, token.scopes)
    if token.brand_id is None:
        return actor
    here = {(token.brand_id, role) for brand_id, role in actor.grants if brand_id in (None, token.brand_id)}
    return Actor("person", id=actor.id, name=actor.name, grants=frozenset(here), scopes=actor.scopes)


def readings_of(person_id: int) -> QuerySet[Entry]:
    """Who read, or took away, what is private of the person: entries of the journal, the last first."""
    kinds = ("person.read", "keeping.person-exported")
    rows = Entry.objects.filter(kind__in=kinds, subject_kind="person", subject_id=str(person_id))
    return rows.order_by("-at", "-id")


def user_id_of(actor: Actor) -> int | None:
    """The account that the actor signs in with; None for a machine, and for a person without one."""
    if actor.kind != "person":
        return None
    if actor.id.startswith("user-"):
        return int(actor.id.removeprefix("user-"))
    return Person.objects.filter(pk=int(actor.id)).values_list("user_id", flat=True).first()


def brands_of(person: Person) -> set[int | None]:
    """The brands whose managers look after this person: those of their teams, else those in which they have a role.

    None stands for a role in every brand. Empty: nobody's yet.
    """
    teams: set[int | None] = set(Team.objects.filter(members=person).values_list("brand_id", flat=True))
    return teams or set(Grant.objects.filter(user=person.user_id).values_list("brand_id", flat=True))


CutOff = Callable[[Collection[int], datetime], Mapping[int, str]]
"""(people, instant) -> contact method -> why it reaches nobody then: a fault that is known, or planned work."""

CUT_OFF: list[CutOff] = []
"""Filled by `nightdesk.wiring`: rooms further up know what has failed."""


def cut_off(person_ids: Collection[int], at: datetime) -> dict[int, str]:
    """Which of the people's contact methods a known fault, or planned work, has cut off at `at`, and which that is."""
    found: dict[int, str] = {}
    for ask in CUT_OFF:
        found |= ask(person_ids, at)
    return found


# Read by every alarm. SQL by hand, as Django needs several times as long to put these together as PostgreSQL to answer.
METHODS = "SELECT * FROM people_contactmethod WHERE person_id = ANY(%s) ORDER BY id"
RULES = "SELECT * FROM people_notifyrule WHERE person_id = ANY(%s) ORDER BY after, id"


def contacts_and_rules(person_ids: Collection[int]) -> dict[int, tuple[list[ContactMethod], list[NotifyRule]]]:
    """Every way to reach each person and their notify rules, soonest first; two queries however many they are.

    Each id asked for is there, with empty lists for one who has nothing. Broken and unconfirmed methods are among them:
    whether a doubtful address is better than none is for who asks to decide. A rule's `method` is loaded.
    """
    found: dict[int, tuple[list[ContactMethod], list[NotifyRule]]] = {person_id: ([], []) for person_id in person_ids}
    methods = {method.pk: method for method in fetch(ContactMethod, METHODS, [list(found)])}
    for method in methods.values():
        found[method.person_id][0].append(method)
    for rule in fetch(NotifyRule, RULES, [list(found)]):
        # A method added between the two queries is not known yet, and its rule not either.
        if rule.method_id in methods:
            rule.method = methods[rule.method_id]
            found[rule.person_id][1].append(rule)
    return found
