"""Accounts, brands, roles and tokens."""

import hashlib
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from nightdesk.base.browsers import device_name


class Brand(models.Model):
    """A company that this installation speaks as. Roles, routes, customers and pages belong to one."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)
    zone = models.CharField(max_length=50, default="Europe/London")
    language = models.CharField(max_length=10, default="en-gb")
    region = models.CharField(max_length=2, default="GB")
    """ISO 3166 country in which a phone number without a prefix is read."""

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who logs in with `email`; without a password only a link by mail lets them in."""
        user = self.model(email=email.strip(), **fields)
        user.set_password(password)
        user.save(using=self._db, force_insert=True)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find by e-mail address, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """Somebody who can log in: one of the staff, or a customer's contact. Nobody is both, and neither becomes the other."""

    class Kind(models.TextChoices):
        STAFF = "staff"
        CUSTOMER = "customer"

    class Theme(models.TextChoices):
        NIGHT = "night"
        DAY = "day"
        AUTO = "auto"

    email = models.EmailField()
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.STAFF, db_default=Kind.STAFF)
    is_active = models.BooleanField(default=True)
    theme = models.CharField(max_length=5, choices=Theme, default=Theme.NIGHT)
    created_at = models.DateTimeField(null=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="one_user_an_address")]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What somebody is in a brand. The verb x role matrix says what each may do."""

    ENGINEER = "engineer"
    DESK = "desk"
    MANAGER = "manager"
    ADMIN = "admin"
    BUREAU = "bureau"
    READ_ONLY = "read-only"


class Grant(models.Model):
    """`user` has `role` in `brand`; without a brand, in every one."""

    user = models.ForeignKey(User, models.CASCADE, related_name="grants")
    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "brand", "role"], name="one_grant_a_role", nulls_distinct=False),
        ]


class Token(models.Model):
    """An API secret. Only its SHA-256 is kept; `hint` is what its start looked like. It acts for `user`, or as a machine
    of its own name, and only with verbs in `scopes`; or for a customer's contact, who stands in a room above this one.
    """

    name = models.CharField(max_length=80)
    hint = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True)
    brand = models.ForeignKey(Brand, models.CASCADE, null=True)
    contact_id = models.BigIntegerField(null=True, db_index=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    @staticmethod
    def digest_of(secret: str) -> str:
        """What is kept of a secret, in hex. One of 192 random bits needs no salt and no slow hash."""
        return hashlib.sha256(secret.encode()).hexdigest()


class Session(models.Model):
    """A browser in which `user` is signed in. `session_key`: of Django's own session, which ends with this row."""

    user = models.ForeignKey(User, models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40, unique=True)
    agent = models.CharField(max_length=300)
    address = models.GenericIPAddressField(null=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    @property
    def device(self) -> str:
        """What people call that browser."""
        return device_name(self.agent)
