"""The messages for a form that was already submitted (core.ui.one_time_forms)."""

NO_SECOND_PAYMENT = "This form was already submitted: no money was moved a second time."
NOTHING_CREATED = "This form was already submitted: nothing was created a second time."
