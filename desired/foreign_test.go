package desired

import (
	"strings"
	"testing"
)

// Who comes from another tool is answered with our words, at the line of theirs.
func TestWordsOfOtherTools(t *testing.T) {
	const entry = "version: 1\nfunctions:\n  - name: orders\n    "
	for _, row := range []struct{ yaml, want string }{
		{"version: 1\nfunctions:\n  - FunctionName: orders\n", `3:5: EI001 "FunctionName" is not a key of an entry of functions; write name: the function's`},
		{"version: 1\nfunctions:\n  - function_name: orders\n", "write name: the function's"},
		{entry + "EventInvokeConfig: { MaximumRetryAttempts: 0 }\n", "4:5: EI001 \"EventInvokeConfig\" is not a key of an entry of functions; write the settings themselves"},
		{entry + "destination_config: { on_failure: x }\n", "write on_success and on_failure themselves"},
		{entry + "DestinationConfig: { OnFailure: x }\n", "write on_success and on_failure themselves"},
		{entry + "destinations: { onFailure: x }\n", "write on_success and on_failure themselves"},
		{entry + "OnFailure: { Destination: x }\n", "write on_failure: and the ARN itself"},
		{entry + "on_failure: { destination: x }\n", "EI003 on_failure is a mapping, not a string; write the ARN itself, or none"},
		{entry + "retryAttempts: 0\n", "write maximum_retry_attempts: 0 to 2"},
		{entry + "maximumRetryAttempts: 0\n", "write maximum_retry_attempts: 0 to 2"},
		{entry + "MaximumRetryAttempts: 0\n", "write maximum_retry_attempts: 0 to 2"},
		{entry + "maximum_event_age: 3600\n", "write maximum_event_age_in_seconds: 60 to 21600"},
		{entry + "maximumEventAge: 2h\n", "write maximum_event_age_in_seconds: 7200"},
		{entry + "maximum_event_age_in_seconds: 2h\n", "EI003 maximum_event_age_in_seconds is the string \"2h\", not a number; write 7200: it is in seconds"},
		{"version: 1\nResources: { A: { Type: AWS::Lambda::EventInvokeConfig } }\n", "this looks like a CloudFormation template"},
		{"version: 1\nresource: { aws_lambda_function_event_invoke_config: {} }\n", "this looks like Terraform"},
		{"version: 1\nservice: shop\nfunctions:\n  orders: { maximumRetryAttempts: 0 }\n", "EI003 functions is a mapping, not a list; write a list, each item with - name: NAME"},
		{"version: 1\nservice: shop\n", "this looks like serverless.yml"},
		{entry + "Maximum_Retry_Attempts: 0\n", "did you mean maximum_retry_attempts?"},
		{entry + "maximum_retry_attemps: 0\n", "did you mean maximum_retry_attempts?"},
	} {
		_, err := Load(oneFile(row.yaml), "fleet.yaml")
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s\ngives %v\nwant %s", row.yaml, err, row.want)
		}
	}
}
