"""The customers' addresses: their own pages under `/my/`, and the link of an invitation."""

from django.urls import URLPattern, path

from nightdesk.portal.views import company, home, joining, outages, people, shared, status, tickets, you

app_name = "portal"

urlpatterns: list[URLPattern] = [
    path("my/", home.home, name="home"),
    path("my/contract/", home.contract, name="contract"),
    path("my/tickets/", tickets.tickets, name="tickets"),
    path("my/tickets.csv", tickets.tickets_csv, name="tickets_csv"),
    path("my/tickets/new", tickets.new_ticket, name="new_ticket"),
    path("my/tickets/<uuid:ticket_id>/", tickets.ticket, name="ticket"),
    path("my/tickets/<uuid:ticket_id>/reply", tickets.reply, name="reply"),
    path("my/tickets/<uuid:ticket_id>/close", tickets.close, name="close"),
    path("my/tickets/<uuid:ticket_id>/reopen", tickets.reopen, name="reopen"),
    path("my/tickets/<uuid:ticket_id>/escalate", tickets.escalate, name="escalate"),
    path("my/tickets/<uuid:ticket_id>/files/<uuid:attachment_id>", tickets.attachment, name="attachment"),
    path("my/outages/", outages.outages, name="outages"),
    path("my/outages.csv", outages.outages_csv, name="outages_csv"),
    path("my/outages/feeds", outages.feeds, name="outage_feeds"),
    path("my/outages/feeds/make", outages.make_feeds, name="make_feeds"),
    path("my/outages/feeds/revoke", outages.revoke_feeds, name="revoke_feeds"),
    path("my/outages/<uuid:outage_id>/", outages.outage, name="outage"),
    path("my/outages/<uuid:outage_id>/share", outages.share, name="share_outage"),
    path("my/people/", people.people, name="people"),
    path("my/people.csv", people.people_csv, name="people_csv"),
    path("my/people/new", people.new_person, name="new_person"),
    path("my/people/rule", people.set_rule, name="set_rule"),
    path("my/people/<int:contact_id>/", people.person, name="person"),
    path("my/people/<int:contact_id>/change", people.change_person, name="change_person"),
    path("my/people/<int:contact_id>/invite", people.invite, name="invite"),
    path("my/people/<int:contact_id>/confirm", people.confirm, name="confirm"),
    path("my/people/<int:contact_id>/leave", people.leave, name="leave"),
    path("my/you/", you.you, name="you"),
    path("my/you/change", you.change, name="change_you"),
    path("my/you/mobile", you.mobile, name="mobile"),
    path("my/you/mobile/code", you.mobile_code, name="mobile_code"),
    path("my/you/tokens/new", you.new_token, name="new_token"),
    path("my/you/tokens/<int:token_id>/revoke", you.no_token, name="no_token"),
    path("my/companies/", company.choose, name="choose"),
    path("feeds/outages/<str:token>.atom", shared.feed, {"ending": "atom"}, name="outage_feed"),
    path("feeds/outages/<str:token>.ics", shared.feed, {"ending": "ics"}, name="work_feed"),
    path("shared/outage/<str:token>", shared.shared_outage, name="shared_outage"),
    path("shared/punctuality/<str:token>.csv", shared.shared_archive, {"ending": "csv"}, name="shared_archive_csv"),
    path("shared/punctuality/<str:token>", shared.shared_archive, name="shared_archive"),
    path("status/<slug:slug>/", status.status, name="status"),
    path("status/<slug:slug>/subscribe", status.subscribe, name="subscribe"),
    path("status/<slug:slug>/confirm/<str:secret>", status.confirm, name="confirm_subscriber"),
    path("status/<slug:slug>/<path:path>", status.status, name="status_file"),
    path("join/<int:contact_id>/<slug:invite>", joining.join, name="join"),
]
