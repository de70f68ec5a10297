"""Customers, contracts and the services they buy. What the columns mean together is decided in `hours` and `promised`."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Upper

from nightdesk.access.models import Brand, User
from nightdesk.people.models import Person, Skill


class Hours(models.Model):
    """Support hours as a calendar. The JSON columns are described in `stored`."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=80)
    zone = models.CharField(max_length=50)
    week = models.JSONField()
    nation = models.CharField(max_length=2, default="")
    subdivision = models.CharField(max_length=10, default="")
    exceptions = models.JSONField(default=dict)
    public = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "name"], name="one_calendar_a_name")]

    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """A company or person that buys from a brand. `ref` is the number that we and they call it by.

    `sees` is the company's own rule: whose tickets each of their contacts sees. `service_manager` is who of ours answers
    when they escalate something.
    """

    class Sees(models.TextChoices):
        OWN = "own"
        MANAGERS_ALL = "managers_all"
        ALL = "all"

    brand = models.ForeignKey(Brand, models.PROTECT)
    name = models.CharField(max_length=160)
    ref = models.CharField(max_length=40)
    language = models.CharField(max_length=10, default="en-gb")
    zone = models.CharField(max_length=50, default="Europe/London")
    active = models.BooleanField(default=True)
    left_at = models.DateTimeField(null=True)
    """Since when they are not active; what they bought is bought no more from then on."""
    sees = models.CharField(max_length=12, choices=Sees, default=Sees.MANAGERS_ALL, db_default=Sees.MANAGERS_ALL)
    service_manager = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint("brand", Lower("ref"), name="one_customer_a_ref"),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """Somebody at the customer. `phone` is E.164; an empty `language` or `zone` is the customer's.

    `standing`: what they may do in the portal, see `standing`; "" where they do not log in. `invite` is the secret of the
    one link that lets them in first, "" once it was used. `mobile` is where they are texted, once a code sent there came
    back; `mobile_check` is the secret behind the code that is on its way to `mobile_asked`. `phone_said_at`: when
    somebody of the company last said themselves what `phone` is; None where our desk did. `confirmed_at`: when somebody
    of the company last said that they still belong there. From `left_at` on they speak for nobody.
    """

    class Standing(models.TextChoices):
        NONE = ""
        VIEWER = "viewer"
        MEMBER = "member"
        MANAGER = "manager"

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=120)
    email = models.EmailField(default="", blank=True)
    phone = models.CharField(max_length=20, default="")
    phone_said_at = models.DateTimeField(null=True)
    role = models.CharField(max_length=40, default="")
    language = models.CharField(max_length=10, default="")
    zone = models.CharField(max_length=50, default="")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="contacts")
    standing = models.CharField(
        max_length=7, choices=Standing, default=Standing.NONE, db_default=Standing.NONE, blank=True
    )
    may_call = models.BooleanField(default=True, db_default=True)
    may_authorise = models.BooleanField(default=False, db_default=False)
    texted_at_night = models.BooleanField(default=False, db_default=False)
    mobile = models.CharField(max_length=20, default="", db_default="")
    mobile_verified_at = models.DateTimeField(null=True)
    mobile_asked = models.CharField(max_length=20, default="", db_default="")
    mobile_check = models.CharField(max_length=32, default="", db_default="")
    mobile_check_until = models.DateTimeField(null=True)
    mobile_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    invite = models.CharField(max_length=32, default="", db_default="")
    invited_at = models.DateTimeField(null=True)
    joined_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "user"], name="one_contact_a_user_and_customer", condition=Q(user__isnull=False)
            ),
            # Nobody who has left is let in, whatever is forgotten.
            models.CheckConstraint(
                condition=Q(left_at=None) | (Q(standing="") & Q(user=None) & Q(invite="")), name="who_left_is_out"
            ),
        ]
        # As `email__iexact` asks for it: every mail that comes in does.
        indexes: ClassVar = [
            models.Index(Upper("email"), name="contact_email"),
            # Who is it that rings?
            models.Index(fields=["phone"], name="contact_phone", condition=~Q(phone="")),
            models.Index(fields=["mobile"], name="contact_mobile", condition=~Q(mobile="")),
        ]


class IdentityProvider(models.Model):
    """Where the contacts of a customer sign in with an account that their own company keeps (OpenID Connect).

    `issuer` is what it calls itself, to the letter; `client_id` and `client_secret` (sealed) are what we are to it.
    `domains`: the e-mail domains that it speaks for, in lower case. `allow_private`: it may stand in a private network.
    """

    customer = models.OneToOneField(Customer, models.CASCADE, related_name="identity_provider")
    issuer = models.CharField(max_length=300)
    client_id = models.CharField(max_length=255)
    client_secret = models.BinaryField()
    domains = models.JSONField()
    allow_private = models.BooleanField(default=False)
    set_at = models.DateTimeField()


class IdentityLink(models.Model):
    """The provider's account `sub` is `contact`: what it says of their e-mail address counts at the first sign-in alone."""

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="links")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identity_links")
    sub = models.CharField(max_length=255)
    linked_at = models.DateTimeField()
    signed_in_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "sub"], name="one_contact_a_sub"),
            models.UniqueConstraint(fields=["provider", "contact"], name="one_sub_a_contact"),
        ]


class Contract(models.Model):
    """What was promised to a customer, in force over [`valid_from`, `valid_until`) of local dates in the hours' zone.

    The JSON columns are described in `stored`; `not_at_night` lists work types. A customer has one contract at a time, so
    that what they are promised has one answer.
    """

    class OutOfHours(models.TextChoices):
        NOTHING = "nothing"
        EMAIL_ONLY = "email_only"
        FULL = "full"

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contracts")
    name = models.CharField(max_length=80)
    hours = models.ForeignKey(Hours, models.PROTECT)
    out_of_hours = models.CharField(max_length=10, choices=OutOfHours, default=OutOfHours.NOTHING)
    may_wake = models.JSONField(default=list)
    targets = models.JSONField(default=dict)
    not_at_night = models.JSONField(default=list)
    live_answer = models.BooleanField(default=False, db_default=False)
    """Who rings out of hours is put through to somebody at once, where they may wake anybody at all."""
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_from__lt=F("valid_until")), name="contract_has_length"
            ),
            # The customer as a range of one, so that no extension is needed to compare it in this kind of index.
            ExclusionConstraint(
                name="one_contract_at_a_time",
                expressions=[
                    (Func("customer_id", "customer_id", Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    (Func("valid_from", "valid_until", function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]


class Service(models.Model):
    """Something that a brand sells or runs. Alarms are about a service, and customers buy it."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    key = models.SlugField()
    name = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["brand", "key"], name="one_service_a_key")]

    def __str__(self) -> str:
        return self.name


class Running(models.Manager["Subscription"]):
    """Subscriptions that have not ended."""

    def get_queryset(self) -> models.QuerySet["Subscription"]:
        """Those that are bought now."""
        return super().get_queryset().filter(ended_at=None)


class Subscription(models.Model):
    """`customer` buys `service`, known to them as `label` (a circuit number, an address), over [`made_at`, `ended_at`).

    One that has ended is kept for what is counted of the time in which it ran, and stands nowhere else: `objects` has those
    that are bought now, `ever` has all. `made_at` is None where it was bought before anybody noted when.
    """

    objects = Running()
    ever: ClassVar[models.Manager["Subscription"]] = models.Manager()

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="subscriptions")
    service = models.ForeignKey(Service, models.PROTECT)
    label = models.CharField(max_length=120, default="")
    made_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "service", "label"], condition=Q(ended_at=None), name="one_subscription_a_label"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(made_at=None) | Q(made_at__lte=F("ended_at")),
                name="subscription_ends_after_it_began",
            ),
        ]


class SkillNeed(models.Model):
    """Whoever helps with this brand, customer or service must know `skill` at `level` or better."""

    skill = models.ForeignKey(Skill, models.CASCADE, related_name="needs")
    level = models.PositiveSmallIntegerField(default=2)
    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True)
    service = models.ForeignKey(Service, models.CASCADE, null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(brand__isnull=False, customer=None, service=None)
                | Q(brand=None, customer__isnull=False, service=None)
                | Q(brand=None, customer=None, service__isnull=False),
                name="skill_is_needed_by_one",
            ),
            models.UniqueConstraint(
                fields=["skill", "brand", "customer", "service"], name="one_need_a_skill", nulls_distinct=False
            ),
        ]


class Peer(models.Model):
    """A network we exchange traffic with: reached at once about faults, without a contract."""

    brand = models.ForeignKey(Brand, models.CASCADE)
    name = models.CharField(max_length=120)
    as_number = models.BigIntegerField()
    noc_email = models.EmailField(default="", blank=True)
    noc_phones = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["brand", "as_number"], name="one_peer_an_as"),
        ]
