package desired

// Codes of function names and entries.
var nameExplanations = []Explanation{
	{
		Code: codeBadFunctionName, Title: "bad function name", Severity: Error,
		Text: "A name is none of the forms that Lambda accepts: NAME, function:NAME, ACCOUNT:function:NAME, or " +
			"arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, each with or without :QUALIFIER. Names have letters, digits, hyphens, " +
			"underscores and dots. For patterns such as orders-* use a rule.",
		Wrong: "functions:\n  - name: orders-*\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: orders-eu\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeBadQualifier, Title: "bad qualifier", Severity: Error,
		Text: "A qualifier is an alias, a version number or $LATEST, of at most 128 characters. It is case-sensitive: an alias called " +
			"latest is something else than $LATEST, and $latest is neither.",
		Wrong: "functions:\n  - name: orders\n    qualifier: $latest\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: orders\n    qualifier: $LATEST\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeQualifiersDisagree, Title: "qualifiers disagree", Severity: Error,
		Text:  "The name has a qualifier and the key qualifier has another one. AWS refuses such a call as well.",
		Wrong: "functions:\n  - name: orders:live\n    qualifier: beta\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: orders\n    qualifier: beta\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeNotATarget, Title: "not in a declared target", Severity: Error,
		Text: "A name gives an account, a region or a partition that no declared target has, or none of those that the entry is " +
			"limited to. Without a targets section the target is that of the current credentials.",
		Wrong: exampleTarget + "functions:\n  - name: arn:aws:lambda:eu-west-1:111111111111:function:orders\n    maximum_retry_attempts: 0\n",
		Right: exampleTarget + "functions:\n  - name: arn:aws:lambda:us-east-1:111111111111:function:orders\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeDuplicateEntry, Title: "declared twice", Severity: Error,
		Text: "Two entries declare the same record, in one file or in two, and however they spell it: orders, orders:$LATEST and the " +
			"full ARN are one key.",
		Wrong: "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n  - name: orders:$LATEST\n    maximum_retry_attempts: 1\n",
		Right: "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n  - name: orders:live\n    maximum_retry_attempts: 1\n",
	},
	{
		Code: codeRemoveWithSettings, Title: "removed and set", Severity: Error,
		Text:  "remove: true asks for no record, and the entry has settings as well. remove: false is the same as leaving it out.",
		Wrong: "functions:\n  - name: orders\n    remove: true\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: orders\n    remove: true\n",
	},
	{
		Code: codeLongFunctionName, Title: "long function name", Severity: Error,
		Text: "A function name has at most 64 characters. Lambda's interface takes up to 140, and then answers that there is no such " +
			"function: there can be none.",
		Wrong: "functions:\n  - name: orders-orders-orders-orders-orders-orders-orders-orders-orders-or\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
	},
}
