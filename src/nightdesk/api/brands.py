"""Companies that this installation speaks as."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from nightdesk.access.models import Brand
from nightdesk.api.listing import Cut, Listing, list_rows
from nightdesk.api.scope import readable

router = Router(tags=["brands"])


class BrandOut(Schema):
    """`zone` is an IANA name, `region` the ISO 3166 country in which phone numbers without a prefix are read."""

    id: int
    name: str
    slug: str
    zone: str
    language: str
    region: str


@router.get("", response=Listing[BrandOut])
def list_brands(request: HttpRequest, cut: Query[Cut]) -> Any:
    """The brands in which you have a role."""
    return list_rows(request, readable(request, "read_pages", Brand.objects.all(), "id"), BrandOut, cut)
