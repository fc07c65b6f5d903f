package desired

// Codes of files and of YAML.
var fileExplanations = []Explanation{
	{
		Code: codeUnknownKey, Title: "unknown key", Severity: Error,
		Text: "A key is not one that the format knows in this place. It is an error and not a warning, because a misspelt key would " +
			"leave a setting as it is in AWS while the file seems to say otherwise.",
		Wrong: "functions:\n  - name: orders\n    maximum_retry_attempt: 0\n",
		Right: "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeDuplicateKey, Title: "duplicate key", Severity: Error,
		Text:  "A mapping has the same key twice. YAML readers differ in which of the two they take, so neither is taken.",
		Wrong: "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n    maximum_retry_attempts: 1\n",
		Right: "functions:\n  - name: orders\n    maximum_retry_attempts: 1\n",
	},
	{
		Code: codeWrongType, Title: "wrong type", Severity: Error,
		Text: "A value is of another kind than its key asks for: a list where a text is due, a number where a mapping is due. YAML " +
			"takes unquoted digits, dates, true and false for something other than text; quotes make them text. Explicit tags " +
			"such as !!str are not accepted.",
		Wrong: "functions:\n  - name: 2024\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: \"2024\"\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeMissingKey, Title: "missing key", Severity: Error,
		Text: "A mapping lacks a key that it cannot do without. Every YAML document of a fleet file begins with version: 1. A file " +
			"without anything in it has the same code: it may have been cut short.",
		Wrong: "functions:\n  - qualifier: live\n    maximum_retry_attempts: 0\n",
		Right: "functions:\n  - name: orders\n    qualifier: live\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeEmptyValue, Title: "empty value", Severity: Error,
		Text: "A key has no value, or an empty list, mapping or text. Nobody can tell whether that means nothing or was forgotten. " +
			"For a destination write none to have none, or delete the key to leave the field alone.",
		Wrong: "functions:\n  - name: orders\n    on_failure:\n",
		Right: "functions:\n  - name: orders\n    on_failure: none\n",
	},
	{
		Code: codeUnknownValue, Title: "unknown value", Severity: Error,
		Text:  "A key that takes one of a few words has another one.",
		Wrong: "undeclared: reprot\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
		Right: "undeclared: report\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeOutOfRange, Title: "out of range", Severity: Error,
		Text: "A number or the length of a text is outside of what is allowed. Lambda takes 0 to 2 for maximum_retry_attempts and 60 " +
			"to 21600 for maximum_event_age_in_seconds; it would refuse the write.",
		Wrong: "functions:\n  - name: orders\n    maximum_event_age_in_seconds: 30\n",
		Right: "functions:\n  - name: orders\n    maximum_event_age_in_seconds: 60\n",
	},
	{
		Code: codeNotInteger, Title: "not a plain integer", Severity: Error,
		Text: "A number is spelt in a way that YAML readers understand differently, or that is not an integer to them at all: quoted, " +
			"with a fraction, an exponent, a leading zero, an underscore, or in another base.",
		Wrong: "functions:\n  - name: orders\n    maximum_event_age_in_seconds: 1e3\n",
		Right: "functions:\n  - name: orders\n    maximum_event_age_in_seconds: 1000\n",
	},
	{
		Code: codeSyntax, Title: "not YAML", Severity: Error,
		Text: "The YAML parser cannot read the file. The line is the parser's, mostly that on which the broken block begins. Nothing " +
			"below it was read, so more problems may follow once this one is mended.",
		Wrong: "functions:\n  - name: orders\n   qualifier: live\n",
		Right: "functions:\n  - name: orders\n    qualifier: live\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeVersion, Title: "unknown version", Severity: Error,
		Text:  "The version of the format is not 1. It is a plain number, not in quotes.",
		Wrong: "version: 2\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
		Right: "version: 1\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeNoSuchPath, Title: "nothing at this path", Severity: Error,
		Text: "A path names no file, a directory without a .yaml or .yml file that is not hidden, or a pattern that matches nothing. " +
			"It is an error because a fleet file that is not read looks like a smaller fleet.",
	},
	{
		Code: codeUnreadable, Title: "unreadable file", Severity: Error,
		Text: "A file or directory cannot be read, or is not UTF-8 text.",
	},
	{
		Code: codeTooLarge, Title: "file too large", Severity: Error,
		Text: "A file has more than 16 MiB, or more than 4,000,000 values and separators. Parsed YAML takes many times its size in " +
			"memory, so one file is bounded. Any number of files may be loaded together, and a directory or pattern names them all.",
	},
	{
		Code: codeTooManyProblems, Title: "too many problems", Severity: Error,
		Text: "More than 1,000 problems were found. The first 1,000 by file and line are shown; this line counts the others. So " +
			"many have mostly one cause.",
	},
	{
		Code: codeMergeKey, Title: "merge key", Severity: Error,
		Text: "The merge key << is not read. Whether a merged key counts as written here or there, and which of two wins, differs " +
			"between readers, and the line of a setting could not be shown. Share settings with defaults or a rule. Anchors and " +
			"aliases for whole values work.",
		Wrong: "defaults: &base\n  maximum_retry_attempts: 0\nfunctions:\n  - name: orders\n    <<: *base\n",
		Right: "defaults:\n  maximum_retry_attempts: 0\nfunctions:\n  - name: orders\n",
	},
	{
		Code: codeTooManyAliases, Title: "aliases expand too far", Severity: Error,
		Text: "The aliases of a file stand for more than 200,000 values more than the file holds. A few lines of aliases of aliases " +
			"can stand for billions, so the expansion is bounded.",
	},
	{
		Code: codeSecondSection, Title: "section stands twice", Severity: Error,
		Text: "targets, guard, undeclared, missing_functions and missing_qualifiers may stand in one file only, and defaults once in each file. The YAML " +
			"documents of one file count as one file. With two of them, a reader of one could not trust it.",
		Wrong: "undeclared: report\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n---\nversion: 1\nundeclared: delete\n",
		Right: "undeclared: delete\nfunctions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
	},
	{
		Code: codeNoEntries, Title: "no entries", Severity: Error,
		Text: "After everything was resolved, no key is declared. A truncated file or a rule that has stopped matching looks like " +
			"that, and success would hide it.",
		Wrong: "defaults:\n  maximum_retry_attempts: 0\n",
		Right: "defaults:\n  maximum_retry_attempts: 0\nfunctions:\n  - name: orders\n",
	},
	{
		Code: codeManagesNothing, Title: "nothing to manage", Severity: Error,
		Text: "An entry, or a rule with the defaults of its file, sets no field. A field that is set nowhere is left as AWS holds it, " +
			"so the entry would do nothing.",
		Wrong: "functions:\n  - name: orders\n",
		Right: "functions:\n  - name: orders\n    maximum_retry_attempts: 0\n",
	},
}
