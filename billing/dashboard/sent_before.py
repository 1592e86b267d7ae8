"""What a person is told whose form was sent before (core.ui.one_time_forms)."""

NO_SECOND_PAYMENT = "This form was sent before: it moved no money a second time."
NOTHING_CREATED = "This form was sent before: it created nothing a second time."
