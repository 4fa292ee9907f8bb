package intelgraph.redact_test

import data.intelgraph.redact

redacted(sensitivity, roles) := answer if {
	field := {"name": "email", "sensitivity": sensitivity}
	answer := redact.redact with input as {"field": field, "user": {"roles": roles}}
}

test_high_is_redacted_without_clearance if redacted("high", ["analyst"]) == {"email"}

test_high_is_read_with_clearance if redacted("high", ["analyst", "high-clearance"]) == set()

test_low_and_medium_need_no_clearance if {
	every sensitivity in ["low", "medium"] {
		redacted(sensitivity, []) == set()
	}
}

test_an_unknown_sensitivity_is_redacted if redacted("unheard of", ["admin"]) == {"email"}

test_a_field_without_a_sensitivity_is_redacted if {
	redact.redact == {"email"} with input as {"field": {"name": "email"}, "user": {"roles": []}}
}

test_a_user_without_roles_has_no_clearance if {
	redact.redact == {"email"} with input as {"field": {"name": "email", "sensitivity": "high"}, "user": {}}
}
