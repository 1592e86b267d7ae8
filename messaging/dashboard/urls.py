"""URLs of the message pages, below /messages/."""

from __future__ import annotations

from django.urls import path

from messaging.dashboard.views import bulk, invoices, messages, senders, statistics, suppressions, templates

app_name = "messaging"

urlpatterns = [
    path("", messages.message_list, name="list"),
    path("new/", messages.compose, name="compose"),
    path("selected/cancel/", bulk.cancel_selected, name="cancel_selected"),
    path("invoices/<str:public_id>/send/", invoices.send, name="send_invoice"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("mailbox/", statistics.mailbox, name="mailbox"),
    path("mailbox/<str:name>/", statistics.mail, name="mail"),
    path("senders/", senders.sender_list, name="senders"),
    path("senders/appeal/", senders.appeal, name="appeal"),
    path("senders/domains/add/", senders.add_domain, name="add_domain"),
    path("senders/domains/<str:public_id>/", senders.domain_detail, name="sender_domain"),
    path("senders/domains/<str:public_id>/verify/", senders.verify, name="verify_domain"),
    path("senders/domains/<str:public_id>/rotate/", senders.rotate_key, name="rotate_domain_key"),
    path("senders/domains/<str:public_id>/remove/", senders.remove_domain, name="remove_domain"),
    path("senders/sms/ask/", senders.claim_sms, name="claim_sms"),
    path("senders/sms/<str:public_id>/remove/", senders.remove_sms, name="remove_sms"),
    path("senders/countries/", senders.countries, name="sms_countries"),
    path("senders/spend/", senders.spend, name="sms_spend"),
    path("suppressions/", suppressions.suppression_list, name="suppressions"),
    path("suppressions/add/", suppressions.suppress, name="suppress"),
    path("suppressions/selected/remove/", bulk.remove_selected, name="remove_selected"),
    path("suppressions/<str:public_id>/remove/", suppressions.remove, name="remove_suppression"),
    path("templates/", templates.template_list, name="templates"),
    path("templates/new/", templates.create, name="create_template"),
    path("templates/<str:public_id>/", templates.detail, name="template"),
    path("templates/<str:public_id>/preview/", templates.show_preview, name="preview_template"),
    path("templates/<str:public_id>/edit/", templates.edit, name="edit_template"),
    path("templates/<str:public_id>/delete/", templates.delete, name="delete_template"),
    path("<str:public_id>/", messages.detail, name="detail"),
    path("<str:public_id>/cancel/", messages.cancel, name="cancel"),
]
