package intelgraph.policy.v2_test

import data.intelgraph.policy.v2

column := {"name": "c", "classification": "internal", "sensitivity": "low", "rule": "keep", "to": 0, "top": 0}

reading := {
	"dataset": "public.orders",
	"purpose": "operations",
	"tenant": null,
	"user": {"roles": ["analyst"]},
	"columns": [column],
}

rule(name, level, action) := {"name": name, "level": level, "when": {}, "action": action}

# What becomes of a column under these rules.
planned(rules, asked) := answer if {
	answer := v2.plan.columns[0] with input as asked
		with data.rules as rules
		with data.purposes as ["operations", "research"]
}

outcome(rules) := [answer.action, answer.level, answer.rules] if answer := planned(rules, reading)

test_without_rules_the_contract_decides if outcome([]) == ["keep", "contract", []]

test_purpose_beats_dataset_beats_tenant if {
	every case in [
		{"at": ["tenant"], "who": "tenant"},
		{"at": ["tenant", "dataset"], "who": "dataset"},
		{"at": ["dataset", "tenant"], "who": "dataset"},
		{"at": ["tenant", "purpose"], "who": "purpose"},
		{"at": ["purpose", "dataset"], "who": "purpose"},
		{"at": ["dataset", "purpose", "tenant"], "who": "purpose"},
	] {
		rules := [rule(level, level, {"tenant": "drop", "dataset": "mask", "purpose": "tokenise"}[level]) | some level in case.at]
		action := {"tenant": "drop", "dataset": "mask", "purpose": "tokenise"}[case.who]
		outcome(rules) == [action, case.who, [case.who]]
	}
}

test_a_stronger_level_may_take_back_what_a_weaker_one_asked if {
	outcome([rule("all", "tenant", "drop"), rule("this", "purpose", "keep")]) == ["keep", "contract", []]
}

test_nothing_widens_the_contract if {
	promised := object.union(reading, {"columns": [object.union(column, {"rule": "mask"})]})
	answer := planned([rule("wide", "purpose", "keep")], promised)
	answer.action == "mask"
	answer.level == "contract"
}

test_of_one_level_the_strictest_wins_in_any_order if {
	every order in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
		actions := {"a": "keep", "b": "drop", "c": "mask"}
		outcome([rule(name, "dataset", actions[name]) | some name in order]) == ["drop", "dataset", ["b"]]
	}
}

test_rules_that_agree_are_both_named if {
	outcome([rule("b", "dataset", "mask"), rule("a", "dataset", "mask")]) == ["mask", "dataset", ["a", "b"]]
}

conflicts(rules) := answer if {
	answer := v2.plan.conflicts with input as reading
		with data.rules as rules
		with data.purposes as ["operations"]
}

test_a_conflict_names_column_level_and_rules if {
	conflicts([rule("b", "dataset", "keep"), rule("a", "dataset", "mask"), rule("z", "purpose", "mask")]) == [{
		"column": "c",
		"level": "dataset",
		"rules": ["a", "b"],
		"actions": ["keep", "mask"],
	}]
}

test_rules_that_agree_or_are_of_two_levels_are_no_conflict if {
	conflicts([rule("a", "dataset", "mask"), rule("b", "dataset", "mask"), rule("c", "purpose", "keep")]) == []
}

coarser(to) := object.union(rule("coarse", "purpose", "generalise"), {"to": to})

layered(top) := object.union(reading, {"columns": [object.union(column, {"top": top})]})

test_generalising_ends_at_the_top_of_the_hierarchy if {
	planned([coarser(2)], layered(3)) == {"name": "c", "action": "generalise", "to": 2, "level": "purpose", "rules": ["coarse"]}
	planned([coarser(7)], layered(3)).to == 3
}

test_the_higher_of_two_levels_wins if {
	promised := object.union(reading, {"columns": [object.union(column, {"rule": "generalise", "to": 2, "top": 3})]})
	planned([coarser(1)], promised).to == 2
	planned([coarser(3)], promised).to == 3
}

test_what_has_no_hierarchy_is_masked if planned([coarser(1)], reading).action == "mask"

test_high_sensitivity_is_masked_without_clearance if {
	sensitive := object.union(reading, {"columns": [object.union(column, {"sensitivity": "high"})]})
	planned([], sensitive) == {"name": "c", "action": "mask", "to": 0, "level": "redact", "rules": ["redact"]}
	cleared := object.union(sensitive, {"user": {"roles": ["high-clearance"]}})
	planned([], cleared).action == "keep"
}

speaks(when, unless) if {
	ruling := object.union(rule("only", "tenant", "drop"), {"when": when, "unless": unless})
	planned([ruling], object.union(reading, {"tenant": "7"})).action == "drop"
}

test_a_rule_speaks_where_all_of_its_when_holds if {
	every when in [
		{},
		{"tenants": ["7"]},
		{"datasets": ["public.orders", "x"]},
		{"purposes": ["operations"]},
		{"roles": ["x", "analyst"]},
		{"classifications": ["internal"]},
		{"sensitivities": ["low"]},
		{"columns": ["c"]},
		{"columns": ["c"], "roles": ["analyst"], "tenants": ["7"]},
	] {
		speaks(when, {})
	}
}

test_a_rule_is_silent_where_anything_of_its_when_does_not_hold if {
	every when in [
		{"tenants": ["8"]},
		{"datasets": ["x"]},
		{"purposes": ["research"]},
		{"roles": ["x"]},
		{"classifications": ["restricted"]},
		{"sensitivities": ["high"]},
		{"columns": ["x"]},
		{"columns": ["c"], "roles": ["analyst"], "tenants": ["8"]},
	] {
		not speaks(when, {})
	}
}

test_a_rule_is_silent_for_who_is_exempt if {
	speaks({}, {"roles": ["x"]})
	not speaks({}, {"roles": ["analyst"]})
}

test_an_unknown_purpose_gives_no_plan if {
	not v2.plan with input as object.union(reading, {"purpose": "fun"}) with data.purposes as ["operations"]
}

test_a_column_with_an_unknown_rule_is_not_planned if {
	strange := object.union(reading, {"columns": [object.union(column, {"rule": "publish"})]})
	plan := v2.plan with input as strange with data.purposes as ["operations"]
	plan.columns == []
}

grants := [
	{"name": "admins", "level": "tenant", "when": {"roles": ["admin"]}, "actions": ["admin.write", "catalog.*"], "effect": "allow"},
	{"name": "frozen", "level": "dataset", "when": {"datasets": ["ice"]}, "actions": ["admin.write"], "effect": "deny"},
	{"name": "thawed", "level": "purpose", "when": {"purposes": ["repair"]}, "actions": ["admin.write"], "effect": "allow"},
	{"name": "strange", "level": "tenant", "when": {"tenants": ["9"]}, "actions": ["admin.write"], "effect": "deny"},
]

asking := {
	"action": "admin.write",
	"purpose": "operations",
	"tenant": null,
	"dataset": null,
	"user": {"roles": ["admin"], "scopes": null},
}

decided(change) := answer if {
	answer := v2.decision with input as object.union(asking, change)
		with data.grants as grants
		with data.purposes as ["operations", "repair"]
}

test_a_grant_allows_what_it_names if {
	decided({}) == {"action": "admin.write", "allow": true, "level": "tenant", "rules": ["admins"], "conflicts": []}
	decided({"action": "catalog.read"}).allow
}

test_what_no_grant_speaks_of_is_not_allowed if {
	decided({"action": "admin.read"}) == {"action": "admin.read", "allow": false, "level": "none", "rules": [], "conflicts": []}
	not decided({"action": "catalogue.read"}).allow
	not decided({"action": "catalog"}).allow
	not decided({"user": {"roles": ["analyst"], "scopes": null}}).allow
}

test_the_stronger_level_decides if {
	decided({"dataset": "ice"}) == {"action": "admin.write", "allow": false, "level": "dataset", "rules": ["frozen"], "conflicts": []}
	decided({"dataset": "ice", "purpose": "repair"}).rules == ["thawed"]
	decided({"dataset": "ice", "purpose": "repair"}).allow
}

test_a_clash_denies_and_is_told if {
	decided({"tenant": "9"}) == {
		"action": "admin.write",
		"allow": false,
		"level": "tenant",
		"rules": ["strange"],
		"conflicts": [{"level": "tenant", "rules": ["admins", "strange"], "actions": ["allow", "deny"]}],
	}
}

test_a_token_bound_to_less_does_less if {
	decided({"user": {"roles": ["admin"], "scopes": ["admin.write"]}}).allow
	decided({"user": {"roles": ["admin"], "scopes": ["catalog.read", "admin.*"]}}).allow
	decided({"user": {"roles": ["admin"], "scopes": ["catalog.read"]}}).level == "scope"
	not decided({"user": {"roles": ["admin"], "scopes": []}}).allow
	not decided({"user": {"roles": ["analyst"], "scopes": ["admin.*"]}}).allow
}

test_an_unknown_purpose_gives_no_leave if {
	decided({"purpose": "fun"}) == {"action": "admin.write", "allow": false, "level": "none", "rules": [], "conflicts": []}
}

test_allow_holds_the_action_that_is_allowed if {
	v2.allow == {"admin.write"} with input as asking with data.grants as grants with data.purposes as ["operations"]
	v2.allow == set() with input as asking with data.grants as [] with data.purposes as ["operations"]
}
