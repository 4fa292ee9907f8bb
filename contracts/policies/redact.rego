# Query-time redaction: who lacks clearance does not read what would hurt.
#
# Input    {"field": {"name": "email", "sensitivity": "high"}, "user": {"roles": ["analyst"]}}
# Output   redact: the set of names of fields that may not be read as they are.
#
# hidden   the same of any field and user, for other packages.
#
# What is not known to be harmless is taken to be harmful: a field without a sensitivity, or with another than
# these three, is redacted too.
package intelgraph.redact

redact contains input.field.name if hidden(input.field, input.user)

hidden(field, user) if {
	not harmless(field)
	not cleared(user)
}

harmless(field) if field.sensitivity in {"low", "medium"}

cleared(user) if "high-clearance" in user.roles
