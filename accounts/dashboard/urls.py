"""URLs of companies, the team, settings and the profile."""

from django.urls import path

from accounts.dashboard import bulk, companies, joining, policies, profile, saved_filters, team

app_name = "accounts"
urlpatterns = [
    path("companies/new/", companies.create_company_page, name="create_company"),
    path("companies/switch/", companies.switch_company, name="switch_company"),
    path("mode/", companies.switch_mode, name="switch_mode"),
    path("settings/", companies.settings_page, name="settings"),
    path("settings/policies/", policies.policies_page, name="policies"),
    path("second-factor/", policies.second_factor_page, name="second_factor"),
    path("team/", team.team_page, name="team"),
    path("team/transfer/", team.transfer, name="transfer"),
    path("team/invite/", team.invite, name="invite"),
    path("team/selected-invitations/revoke/", bulk.revoke_selected, name="revoke_selected"),
    path("team/selected-invitations/resend/", bulk.resend_selected, name="resend_selected"),
    path("team/invitations/<str:public_id>/revoke/", team.revoke, name="revoke_invitation"),
    path("team/invitations/<str:public_id>/resend/", team.resend, name="resend_invitation"),
    path("team/leave/", team.leave, name="leave"),
    path("team/<str:public_id>/role/", team.set_role, name="change_role"),
    path("team/<str:public_id>/remove/", team.remove, name="remove_member"),
    path("invitations/<str:token>/", joining.accept, name="accept_invitation"),
    path("saved-filters/", saved_filters.saved_filter_list, name="saved_filters"),
    path("saved-filters/save/", saved_filters.save, name="save_filter"),
    path("saved-filters/<str:public_id>/rename/", saved_filters.rename, name="rename_filter"),
    path("saved-filters/<str:public_id>/remove/", saved_filters.remove, name="remove_filter"),
    path("saved-filters/<str:public_id>/restore/", saved_filters.restore, name="restore_filter"),
    path("profile/", profile.profile_page, name="profile"),
    path("profile/devices/end/", profile.end_device, name="end_device"),
]
