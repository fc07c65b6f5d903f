package desired

const (
	exampleTarget   = "targets:\n  - name: prod\n    account: \"111111111111\"\n    regions: [us-east-1]\n"
	exampleFunction = "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n"
)

// Codes of targets.
var targetExplanations = []Explanation{
	{
		Code: codeBadAccount, Title: "bad account id", Severity: Error,
		Text: "An account is not twelve digits in quotes. Without quotes YAML reads a number, and one that begins with 0 as octal: " +
			"012345670123 would become another account.",
		Wrong: "targets:\n  - name: prod\n    account: 012345670123\n    regions: [us-east-1]\n" + exampleFunction,
		Right: "targets:\n  - name: prod\n    account: \"012345670123\"\n    regions: [us-east-1]\n" + exampleFunction,
	},
	{
		Code: codeBadRegion, Title: "bad region", Severity: Error,
		Text:  "A region does not look like one. New regions need no new version of this tool: only the form is checked.",
		Wrong: "targets:\n  - name: prod\n    account: \"111111111111\"\n    regions: [us-east]\n" + exampleFunction,
		Right: exampleTarget + exampleFunction,
	},
	{
		Code: codeBadRole, Title: "bad role", Severity: Error,
		Text: "role_arn is not the ARN of a role, has fewer than 20 or more than 2048 characters, or is a role of another account or " +
			"partition than the target's. A role acts in its own account, so the run would stop at the check of the account id.",
		Wrong: exampleTarget + "    role_arn: arn:aws:iam::222222222222:role/eventinvoke\n" + exampleFunction,
		Right: exampleTarget + "    role_arn: arn:aws:iam::111111111111:role/eventinvoke\n" + exampleFunction,
	},
	{
		Code: codeBadExternalID, Title: "bad external id", Severity: Error,
		Text: "STS takes external ids of 2 to 1224 letters, digits and +=,.@:/_-.",
		Wrong: exampleTarget + "    role_arn: arn:aws:iam::111111111111:role/eventinvoke\n    external_id: \"fleet 7\"\n" +
			exampleFunction,
		Right: exampleTarget + "    role_arn: arn:aws:iam::111111111111:role/eventinvoke\n    external_id: fleet-7\n" + exampleFunction,
	},
	{
		Code: codeDuplicateTarget, Title: "duplicate target", Severity: Error,
		Text: "Two targets have one label, or one account and region. An account in a region has one quota, one set of credentials " +
			"and one lock, so it is one target.",
		Wrong: exampleTarget + "  - name: live\n    account: \"111111111111\"\n    regions: [us-east-1]\n" + exampleFunction,
		Right: exampleTarget + "  - name: live\n    account: \"111111111111\"\n    regions: [eu-west-1]\n" + exampleFunction,
	},
	{
		Code: codeUnknownLabel, Title: "unknown target", Severity: Error,
		Text:  "An entry, a rule or an item of ignore names a target that the targets section does not declare.",
		Wrong: exampleTarget + exampleFunction + "    targets: [prdo]\n",
		Right: exampleTarget + exampleFunction + "    targets: [prod]\n",
	},
	{
		Code: codeStrayExternalID, Title: "external id without role", Severity: Error,
		Text:  "An external id is sent when a role is assumed. Without role_arn nothing is assumed, and the id would do nothing.",
		Wrong: exampleTarget + "    external_id: fleet-7\n" + exampleFunction,
		Right: exampleTarget + "    role_arn: arn:aws:iam::111111111111:role/eventinvoke\n    external_id: fleet-7\n" + exampleFunction,
	},
	{
		Code: codeMixedPartitions, Title: "regions of different partitions", Severity: Error,
		Text: "The partitions of AWS (aws, aws-cn, aws-us-gov and others) share neither accounts nor credentials, so one account " +
			"cannot have regions in two.",
		Wrong: "targets:\n  - name: prod\n    account: \"111111111111\"\n    regions: [us-east-1, cn-north-1]\n" + exampleFunction,
		Right: exampleTarget + "  - name: china\n    account: \"222222222222\"\n    regions: [cn-north-1]\n" + exampleFunction,
	},
	{
		Code: codeBadLabel, Title: "bad label", Severity: Error,
		Text: "The name of a target has characters that would not survive on a command line or in a file name, or more than 64 of " +
			"them.",
		Wrong: "targets:\n  - name: prod/eu\n    account: \"111111111111\"\n    regions: [us-east-1]\n" + exampleFunction,
		Right: "targets:\n  - name: prod-eu\n    account: \"111111111111\"\n    regions: [us-east-1]\n" + exampleFunction,
	},
	{
		Code: codeDuplicateItem, Title: "item stands twice", Severity: Error,
		Text:  "A list has the same item twice. One of them was mostly meant to be something else.",
		Wrong: exampleTarget + exampleFunction + "    targets: [prod, prod]\n",
		Right: exampleTarget + exampleFunction + "    targets: [prod]\n",
	},
}
