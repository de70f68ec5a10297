"""The customers' addresses: their own pages under `/my/`, and the link of an invitation."""

from django.urls import URLPattern, path

from nightdesk.portal.views import company, home, joining, people, tickets, you

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
    path("join/<int:contact_id>/<slug:invite>", joining.join, name="join"),
]
