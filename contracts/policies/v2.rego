# Hierarchical rules, deterministic: tenant < dataset < purpose. The rules themselves are data (data.yaml).
#
# plan: what happens to each column of a table, for one tier of roles and one purpose.
#
#   Input    {
#              "dataset": "public.orders",         the table
#              "purpose": "operations",            one of data.purposes
#              "tenant": "7",                      or null: for every tenant without rules of its own
#              "user": {"roles": ["analyst"]},
#              "columns": [{
#                "name": "email",
#                "classification": "confidential", public, internal, confidential or restricted
#                "sensitivity": "high",            low, medium or high
#                "rule": "tokenise",               what its contract promises: keep, generalise, tokenise, mask or drop
#                "to": 0,                          the level that its contract's rule generalises to, or 0
#                "top": 3                          the last level of its hierarchy, or 0 if it has none
#              }]
#            }
#   Output   {
#              "columns": [{
#                "name": "email",
#                "action": "mask",                 keep, generalise, tokenise, mask, seal or drop
#                "to": 0,                          the level that it is generalised to
#                "level": "purpose",               who decided: contract, redact, tenant, dataset or purpose
#                "rules": ["research-reads-no-names"]
#              }],
#              "conflicts": [{"column": "email", "level": "purpose", "rules": ["a", "b"], "actions": ["keep", "mask"]}]
#            }
#
# decision: whether this user may do this. Every @auth(abac: "…") asks it.
#
#   Input    {
#              "action": "admin.write",
#              "purpose": "operations",
#              "tenant": "7",                      or null
#              "dataset": "public.orders",         or null
#              "user": {
#                "roles": ["admin"],
#                "scopes": ["admin.*"]             or null: a token may be bound to less than its roles may do
#              }
#            }
#   Output   {"action": "admin.write", "allow": true, "level": "tenant", "rules": ["admins-administer"], "conflicts": []}
#            level is none where no grant speaks, and scope where the token itself is bound to less: not allowed, both.
#   allow    the set that holds the action if it is allowed, as rules of version 1 asked it.
#
# A purpose that data.purposes does not name gives no plan and no leave.
package intelgraph.policy.v2

import data.intelgraph.redact

# The weakest first; within a level the strictest wins, and that they differ is reported.
precedence := ["tenant", "dataset", "purpose"]

strictness := {"keep": 0, "generalise": 1, "tokenise": 2, "mask": 3, "seal": 4, "drop": 5}

plan := {"columns": columns, "conflicts": conflicts} if input.purpose in data.purposes

columns := [planned(column) | some column in input.columns]

# What a rule says narrows what the contract promises, and never widens it.
planned(column) := {
	"name": column.name,
	"action": chosen.action,
	"to": chosen.to,
	"level": chosen.level,
	"rules": chosen.rules,
} if {
	wishes := [wish | some wish in [promised(column), ruled(column), redacted(column)]; wish != null]
	chosen := strictest(wishes)
}

# Of several that are as strict, the first.
strictest(wishes) := [wish |
	some wish in wishes
	weight(wish) == max({weight(each) | some each in wishes})
][0]

weight(wish) := [strictness[wish.action], wish.to]

promised(column) := {"action": column.rule, "to": column.to, "level": "contract", "rules": []}

default ruled(_) := null

ruled(column) := {"action": winner.action, "to": winner.to, "level": level, "rules": names(heard)} if {
	level := last(levels_speaking(column))
	wishes := speaking(column, level)
	winner := strictest(wishes)
	heard := [wish | some wish in wishes; weight(wish) == weight(winner)]
}

levels_speaking(column) := [name | some name in precedence; count(speaking(column, name)) > 0]

default redacted(_) := null

redacted(column) := {"action": "mask", "to": 0, "level": "redact", "rules": ["redact"]} if {
	redact.hidden(column, input.user)
}

# What the rules of one level wish for a column, in the order of their names.
speaking(column, level) := [wish |
	some name in sort({rule.name | some rule in data.rules; rule.level == level; concerns(rule, column)})
	some rule in data.rules
	rule.name == name
	wish := feasible(rule, column)
]

# What has no hierarchy cannot be made coarser: it is masked. What has one is made no coarser than nothing at all.
feasible(rule, column) := {"name": rule.name, "action": "mask", "to": 0} if {
	rule.action == "generalise"
	column.top == 0
} else := {"name": rule.name, "action": "generalise", "to": min([rule.to, column.top])} if {
	rule.action == "generalise"
} else := {"name": rule.name, "action": rule.action, "to": 0}

conflicts := [conflict |
	some column in input.columns
	some level in precedence
	wishes := speaking(column, level)
	count({weight(wish) | some wish in wishes}) > 1
	conflict := {
		"column": column.name,
		"level": level,
		"rules": names(wishes),
		"actions": sort({wish.action | some wish in wishes}),
	}
]

names(wishes) := [wish.name | some wish in wishes]

concerns(rule, column) if {
	situated(rule)
	fits(rule, "classifications", column.classification)
	fits(rule, "sensitivities", column.sensitivity)
	fits(rule, "columns", column.name)
}

# What a rule or a grant does not speak of, it does not ask for.
situated(rule) if {
	fits(rule, "tenants", object.get(input, "tenant", null))
	fits(rule, "datasets", object.get(input, "dataset", null))
	fits(rule, "purposes", input.purpose)
	has_role(rule)
	not is_exempt(rule)
}

fits(rule, what, _) if not rule.when[what]

fits(rule, what, value) if value in rule.when[what]

has_role(rule) if not rule.when.roles

has_role(rule) if {
	some role in input.user.roles
	role in rule.when.roles
}

is_exempt(rule) if {
	some role in input.user.roles
	role in rule.unless.roles
}

allow contains decision.action if decision.allow

decision := {"action": input.action, "allow": false, "level": "scope", "rules": [], "conflicts": []} if {
	input.purpose in data.purposes
	not in_scope
} else := {
	"action": input.action,
	"allow": allows,
	"level": level,
	"rules": [grant.name | some grant in grants; grant.effect == effect],
	"conflicts": [clash | some each in precedence; some clash in clashes(each)],
} if {
	input.purpose in data.purposes
	level := last(granting_levels)
	grants := granting(level)
	effect := verdict(grants)
	allows := effect == "allow"
} else := {"action": input.action, "allow": false, "level": "none", "rules": [], "conflicts": []}

last(list) := list[count(list) - 1]

granting_levels := [name | some name in precedence; count(granting(name)) > 0]

granting(level) := [grant |
	some name in sort({grant.name | some grant in data.grants; grant.level == level})
	some grant in data.grants
	grant.name == name
	some pattern in grant.actions
	covers(pattern, input.action)
	situated(grant)
]

verdict(grants) := "deny" if {
	some grant in grants
	grant.effect == "deny"
} else := "allow"

clashes(level) := [{"level": level, "rules": names(grants), "actions": ["allow", "deny"]} |
	grants := granting(level)
	count({grant.effect | some grant in grants}) > 1
]

in_scope if object.get(input.user, "scopes", null) == null

in_scope if {
	some pattern in input.user.scopes
	covers(pattern, input.action)
}

covers(pattern, action) if pattern == action

covers(pattern, action) if {
	endswith(pattern, ".*")
	startswith(action, trim_suffix(pattern, "*"))
}
