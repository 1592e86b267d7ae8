"""URLs of the pages that belong to no single app."""

from django.urls import path, re_path

from config.pages import find, key_usage, overview, plan, request_fixes, security_txt, theme
from config.pages.docs import views as docs

app_name = "pages"
urlpatterns = [
    path("", overview.overview_page, name="overview"),
    path("first-steps/", overview.choose_first_steps, name="first_steps"),
    path("plan/", plan.plan_page, name="plan"),
    path("plan/request/", plan.ask, name="request_tier"),
    path("plan/withdraw/", plan.withdraw, name="withdraw_tier"),
    path("keys/<str:client_id>/usage/", key_usage.key_usage_page, name="key_usage"),
    path("find/", find.find_page, name="find"),
    path("find/open/", find.open_found, name="open_found"),
    path("requests/<str:public_id>/fix/", request_fixes.fix_request, name="fix_request"),
    path("theme/", theme.choose_theme, name="theme"),
    path(".well-known/security.txt", security_txt.security_txt, name="security_txt"),
    path("docs/", docs.docs_index, name="docs"),
    path("docs/search/", docs.search_page, name="docs_search"),
    path("docs/pomelo.postman_collection.json", docs.postman_collection, name="postman_collection"),
    path("llms.txt", docs.llms_txt, name="llms_txt"),
    path("docs/verify_audit.py", docs.verify_audit, name="verify_audit"),
    re_path(r"^docs/(?P<slug>[a-z0-9-]+)\.md$", docs.doc_markdown, name="doc_markdown"),
    # With or without the slash: the `type` of an error is /docs/errors#code. /docs/api is the API reference.
    re_path(r"^docs/(?!api/?$)(?P<slug>[a-z0-9-]+)/?$", docs.doc_page, name="doc"),
]
