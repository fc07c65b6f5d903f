package desired

// Codes of rules, of ignore and of guard.
var ruleExplanations = []Explanation{
	{
		Code: codeBadGlob, Title: "bad pattern", Severity: Error,
		Text: "A pattern for function names knows * (any characters), ? (one), [a-z] and [!a-z] (one of, none of) and {one,other}. " +
			"Everything else must be able to stand in a function name. A pattern has at most 512 characters and its braces stand for " +
			"at most 256 patterns.",
		Wrong: "rules:\n  - match: { functions: [\"orders-[a-z\"] }\n    set: { maximum_retry_attempts: 0 }\n",
		Right: "rules:\n  - match: { functions: [\"orders-[a-z]*\"] }\n    set: { maximum_retry_attempts: 0 }\n",
	},
	{
		Code: codeEmptyMatch, Title: "match chooses nothing", Severity: Error,
		Text: "A rule or an item of ignore has neither functions nor tags. Choosing every function has to be said: functions: " +
			"[\"*\"].",
		Wrong: exampleTarget + "rules:\n  - match: { targets: [prod] }\n    set: { maximum_retry_attempts: 0 }\n",
		Right: exampleTarget + "rules:\n  - match: { functions: [\"*\"], targets: [prod] }\n    set: { maximum_retry_attempts: 0 }\n",
	},
	{
		Code: codeRuleConflict, Title: "files disagree", Severity: Error,
		Text: "Rules of two files give one key different values for one field, or the defaults of two files do through their rules. " +
			"Within a file the later rule wins; between files there is no order that a reader could see, so they must agree.",
	},
	{
		Code: codeIdleRule, Title: "rule chooses nothing", Severity: Warning,
		Text: "A rule chose no function in any of its targets. Its pattern may be misspelt, or what it was for may be gone.",
	},
	{
		Code: codeIgnoreDeclared, Title: "declared and ignored", Severity: Error,
		Text:  "An entry declares a function that ignore takes out. One of the two is not meant.",
		Wrong: "functions:\n  - name: orders-canary\n    maximum_retry_attempts: 0\nignore:\n  - functions: [\"*-canary\"]\n",
		Right: "rules:\n  - match: { functions: [\"orders*\"] }\n    set: { maximum_retry_attempts: 0 }\nignore:\n  - functions: [\"*-canary\"]\n",
	},
	{
		Code: codeBadTag, Title: "bad tag", Severity: Error,
		Text: "Tag keys have at most 128 characters and tag values at most 256. The value \"*\" stands for any value.",
	},
	{
		Code: codeNoEffect, Title: "no effect", Severity: Warning,
		Text: "Something was written that changes nothing: a rule all of whose settings are set again by later rules or entries, an " +
			"ignore item or a pattern under exclude that no function matches, defaults that no entry and no rule of their file leaves " +
			"a setting to. Whoever reads the file believes otherwise. What depends on the functions that exist is told by plan and " +
			"audit, the rest by validate as well.",
	},
	{
		Code: codeEmptyTarget, Title: "nothing in a target", Severity: Warning,
		Text: "No rule chose any function in an account and region, while other targets have some. Mostly the region is wrong, or the " +
			"functions are in another.",
	},
	{
		Code: codeUnknownRegion, Title: "unknown region", Severity: Warning,
		Text: "A region has the form of one, is not among those that this version knows, and is nearly one of them. A new region needs no " +
			"new version: then leave it as it is.",
		Wrong: "targets:\n  - name: prod\n    account: \"111111111111\"\n    regions: [us-esat-1]\n" + exampleFunction,
		Right: exampleTarget + exampleFunction,
	},
	{
		Code: codeMayDisagree, Title: "files may disagree", Severity: Warning,
		Text: "Rules of two files would give a function of the named kind different values for one setting, which is EI062 as soon as there " +
			"is one. validate tells of it without knowing which functions exist; plan and audit know.",
	},
	{
		Code: codeBadLimit, Title: "bad limit", Severity: Error,
		Text: "A limit of guard is a whole number, or a share from 0% to 100%. A share is of the declared keys; it never allows fewer " +
			"than 10 changes or errors, so that a small fleet is not blocked by its size, except for 0%, which allows none.",
		Wrong: "guard: { max_changes: 130% }\n" + exampleFunction,
		Right: "guard: { max_changes: 30% }\n" + exampleFunction,
	},
}
