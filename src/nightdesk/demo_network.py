"""Quayside's network: two sites, a core switch, access switches, two uplinks, a mail cluster, and what customers buy of it."""

from typing import Any

from nightdesk.access.models import Brand
from nightdesk.customers.models import Customer, Service, Subscription
from nightdesk.knowledge import wording_actions
from nightdesk.outages import part_actions
from nightdesk.outages.part_import_actions import apply_parts_import
from nightdesk.outages.part_list import plan_parts

NETWORK = b"""\
key,name,kind,aliases,provider,provider_ref,public_name,position,needs
dock-street,Dock Street,site,,,,Dock Street,1,
mill-lane,Mill Lane,site,,,,Mill Lane,2,
dock-r1,"Dock Street, rack 1",rack,,,,,,dock-street
sw2,"Core switch sw2, Dock Street",device,sw2.dock.quayside.example,,,,,dock-r1
sw1,Access switch sw1,device,sw1.dock.quayside.example,,,,,sw2
sw3,Access switch sw3,device,sw3.dock.quayside.example,,,,,sw2
lon-1187,Line to Mill Lane LON-1187,circuit,,Estuary,LON-1187,,,sw2
lon-1204,Line to Mill Lane LON-1204,circuit,,Downland,LON-1204,,,sw2
sw4,"Access switch sw4, Mill Lane",device,sw4.mill.quayside.example,,,,,mill-lane; any of lon-1187 lon-1204
up-estuary,Transit Estuary,upstream,,Estuary,TRN-0440,,,
up-downland,Transit Downland,upstream,,Downland,DL-77-2,,,
internet,Way to the Internet,shared,,,,Internet,3,any of up-estuary up-downland
mx1,Mail server mx1,device,mx1.quayside.example,,,,,dock-r1
mx2,Mail server mx2,device,mx2.quayside.example,,,,,dock-r1
mx3,Mail server mx3,device,mx3.quayside.example,,,,,mill-lane
mail-cluster,Mail cluster,shared,,,,Mail,4,2 of mx1 mx2 mx3; internet
pbx1,Telephone server pbx1,device,pbx1.quayside.example,,,,,dock-r1
pbx2,Telephone server pbx2,device,pbx2.quayside.example,,,,,mill-lane
voice-platform,Telephone platform,shared,,,,Phones,5,any of pbx1 pbx2; internet
ns1,Resolver ns1,device,ns1.quayside.example,,,,,dock-r1
ns2,Resolver ns2,device,ns2.quayside.example,,,,,mill-lane
dark-7,Dark fibre 7 to the pier,circuit,,Estuary,DF-0007,,,
"""
NEEDS = b"""\
customer,service,needs
,lines,internet
,dock-street,sw2
,mail,mail-cluster
,voice,voice-platform
,dns,any of ns1 ns2
HF-100,lines,sw1
ML-101,lines,sw4
CS-103,lines,sw3
NL-104,dock-street,sw3
"""
PHRASES = (
    (
        "lines",
        "down",
        "en-gb",
        "{{ service }}: nothing reaches the Internet.",
        "Mobile phones and their hotspots work.",
    ),
    ("lines", "down", "de", "{{ service }}: Es gibt keine Verbindung ins Internet.", "Mobiltelefone gehen weiter."),
    ("lines", "degraded", "en-gb", "{{ service }}: slow, and calls may break off.", ""),
    (
        "mail",
        "down",
        "en-gb",
        "{{ service }}: nothing is sent or delivered. Nothing is lost.",
        "Write from another address.",
    ),
    ("voice", "down", "en-gb", "{{ service }}: no calls in or out.", "Give out a mobile number."),
    (None, "reduced", "en-gb", "{{ service }} works. One of two ways has failed; the other carries it.", ""),
)


def build_network(brand: Brand, doing: dict[str, Any]) -> None:
    """The parts and what needs them, in whose words a failure is told, and what their own mail and phones run over."""
    for content in (NETWORK, NEEDS):
        apply_parts_import(brand_id=brand.pk, plan=plan_parts(content), **doing)
    services = {row.key: row.pk for row in Service.objects.filter(brand=brand)}
    for service, effect, language, text, workaround in PHRASES:
        wording_actions.save_phrase(
            brand_id=brand.pk, service_id=services[service] if service else None, effect=effect, language=language,
            text=text, workaround=workaround, **doing,
        )  # fmt: skip
    for ref, channel, service in (("ML-101", "email", "mail"), ("HF-100", "voice", "voice")):
        customer = Customer.objects.get(brand=brand, ref=ref)
        over = Subscription.objects.get(customer=customer, service=services[service])
        part_actions.save_reach(customer_id=customer.pk, channel=channel, subscription_ids=[over.pk], **doing)
