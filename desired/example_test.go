package desired_test

import (
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Load reads files of any file system; Resolve needs to be told what exists, where
// rules choose among it.
func Example() {
	files := fstest.MapFS{"fleet.yaml": {Data: []byte(`version: 1
defaults:
  on_failure: arn:${partition}:sqs:${region}:${account}:dlq
rules:
  - match: { functions: ["pay-*"], exclude: ["pay-sandbox"] }
    set: { maximum_retry_attempts: 0 }
functions:
  - name: orders:live
    maximum_retry_attempts: 2
`)}}
	document, err := desired.Load(files, "fleet.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	here := desired.Target{Account: "111111111111", Region: "eu-west-1"} // of the current credentials
	for _, d := range document.Discoveries(here, desired.Selection{}) {
		fmt.Println("list the functions of", d.Target, "for", d.Reason[0])
	}
	inventory := desired.Inventory{here: {Functions: []string{"other", "pay-in", "pay-sandbox"}}}
	fleet, err := document.Resolve(here, inventory, desired.Selection{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range fleet.Targets[0].Entries {
		fmt.Println(e.Name, e.Want[desired.MaximumRetryAttempts], e.Want[desired.OnFailure], "from", e.Origins.Settings[desired.OnFailure])
	}
	// Output:
	// list the functions of 111111111111/eu-west-1 for fleet.yaml:5 rules[0]
	// orders:live 2 arn:aws:sqs:eu-west-1:111111111111:dlq from fleet.yaml:3 defaults
	// pay-in 0 arn:aws:sqs:eu-west-1:111111111111:dlq from fleet.yaml:3 defaults
}

// Every problem is told at once, with its place and what to do about it; Explain
// has the reason.
func ExampleExplain() {
	files := fstest.MapFS{"fleet.yaml": {Data: []byte("version: 1\nfunctions:\n  - name: orders\n    maximum_retry_attempt: 0\n    on_failure:\n")}}
	_, err := desired.Load(files, "fleet.yaml")
	var problems desired.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Println(p)
		}
		e, _ := desired.Explain(problems[0].Code)
		fmt.Printf("%s (%s)\n%s\n", e.Title, e.Severity, e.Text)
	}
	// Output:
	// fleet.yaml:4:5: EI001 "maximum_retry_attempt" is not a key of an entry of functions; did you mean maximum_retry_attempts?
	// fleet.yaml:5:5: EI005 on_failure has no value; write none for no destination, or delete the key to leave the setting alone
	// unknown key (error)
	// A misspelt key would leave the setting as AWS holds it while the file says otherwise.
}

// A person's spelling of a config becomes its keys, and those their whole story.
func ExampleDocument_Sources() {
	files := fstest.MapFS{"fleet.yaml": {Data: []byte("version: 1\ndefaults: { maximum_retry_attempts: 1 }\nfunctions:\n  - { name: orders, maximum_retry_attempts: 0 }\n")}}
	document, err := desired.Load(files, "fleet.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	here := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	fleet, err := document.Resolve(here, nil, desired.Selection{})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := fleet.Find("function:orders:$LATEST")
	if err != nil {
		fmt.Println(err)
		return
	}
	told, err := document.Sources(here, nil, keys[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range told[desired.MaximumRetryAttempts].Sources {
		fmt.Println(s.Value, s.Origin, s.Applied)
	}
	// Output:
	// 1 fleet.yaml:2 defaults false
	// 0 fleet.yaml:4 functions[0] true
}
