"""An administrator sets where a customer's contacts sign in with accounts of their own company."""

import pytest
from django.urls import reverse

from nightdesk.console.tests.company import Company
from nightdesk.customers.models import IdentityProvider


@pytest.mark.django_db
def test_it_is_set_changed_and_taken_away_on_the_customers_page(company: Company) -> None:
    customer_id = company.quay.ids["customer_id"]
    page = reverse("console:customer", args=[customer_id])
    url = reverse("console:own_sign_in", args=[customer_id])
    admin, desk = company.client(company.reader("admin")), company.client(company.reader("desk"))
    assert url in admin.get(page).content.decode()
    assert url not in desk.get(page).content.decode()
    given = {
        "issuer": "https://id.acme.example",
        "client_id": "us",
        "client_secret": "the secret",
        "domains": "acme.example, acme.test",
    }
    told = admin.post(url, given, follow=True).content.decode()
    row = IdentityProvider.objects.get(customer=customer_id)
    assert f"/sign-in/{row.pk}/back" in told
    assert row.domains == ["acme.example", "acme.test"]
    assert "https://id.acme.example" in desk.get(page).content.decode()
    shown = admin.get(url).content.decode()
    assert f"/sign-in/{row.pk}/back" in shown
    assert "the secret" not in shown
    sealed = bytes(row.client_secret)
    admin.post(url, given | {"client_secret": "", "domains": "acme.example"})
    row.refresh_from_db()
    assert (row.domains, bytes(row.client_secret)) == (["acme.example"], sealed)
    refused = admin.post(url, given | {"issuer": "http://id.acme.example"})
    assert refused.status_code == 422
    assert "that is an address that begins with https://" in refused.content.decode()
    assert desk.post(reverse("console:no_own_sign_in", args=[customer_id])).status_code == 403
    admin.post(reverse("console:no_own_sign_in", args=[customer_id]))
    assert not IdentityProvider.objects.exists()
