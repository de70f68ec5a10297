"""Phones and browsers that take notifications."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.api.auth import actor_of
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.people import readable_people
from nightdesk.api.scope import one
from nightdesk.api.values import Id
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.channels import actions
from nightdesk.channels.models import Device

router = Router(tags=["people"])


class DeviceOut(Schema):
    """`seen_at`: it last showed something of ours. `gone_at`: its push service said that it takes no more.

    `method_id` is the way to reach somebody that it is: remove that, and the device is gone with it.
    """

    id: str
    method_id: int
    label: str
    service: str
    made_at: datetime
    seen_at: datetime | None
    gone_at: datetime | None

    @staticmethod
    def resolve_id(device: Device) -> str:
        """The device's id, which is its method's address."""
        return str(device.id)

    @staticmethod
    def resolve_label(device: Device) -> str:
        """What people call it."""
        return device.method.label

    @staticmethod
    def resolve_service(device: Device) -> str:
        """The host of its push service; the whole endpoint is as good as a key."""
        return urlsplit(device.endpoint).hostname or ""


class DeviceIn(Schema):
    """What a browser's subscription says; the keys in base64url."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "https://push.example.net/send/1",
                    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
                    "label": "Chrome on Android",
                }
            ]
        },
    )
    endpoint: str = Field(min_length=1, max_length=1000)
    p256dh: str = Field(min_length=1, max_length=100)
    auth: str = Field(min_length=1, max_length=40)
    label: str = Field("", max_length=40)


class PushKeyOut(Schema):
    """The public half of the key pair that signs notifications, as `applicationServerKey` takes it."""

    key: str


@router.get("/people/{person_id}/devices", response=Listing[DeviceOut])
def list_devices(request: HttpRequest, person_id: Id, cut: Query[Cut]) -> Any:
    """Somebody's phones and browsers that take notifications."""
    person = one(readable_people(request), id=person_id)
    return list_rows(request, Device.objects.filter(method__person=person).select_related("method"), DeviceOut, cut)


@router.post("/people/{person_id}/devices", response={201: DeviceOut})
def add_device(request: HttpRequest, person_id: Id, body: DeviceIn) -> Any:
    """Notify the browser that you subscribed with our key; only your own can be added."""
    return actions.add_device(person_id=person_id, **body.dict(), by=actor_of(request), via=Door.API, at=clock.now())


@router.post("/push-key", response=PushKeyOut)
def make_push_key(request: HttpRequest) -> Any:
    """The key that a browser subscribes with; made where there is none, and otherwise the one there is."""
    actor = actor_of(request)
    if brands_for(actor, "add_device") == set():
        raise forbidden(actor, "add_device")
    return {"key": actions.make_push_key(by=actor, via=Door.API, at=clock.now()).public}


@router.post("/push-key/replace", response=PushKeyOut)
def replace_push_key(request: HttpRequest) -> Any:
    """Sign with a new key: every phone is cut off until its owner adds it again. Only for a key that was lost or seen."""
    return {"key": actions.replace_push_key(by=actor_of(request), via=Door.API, at=clock.now()).public}
