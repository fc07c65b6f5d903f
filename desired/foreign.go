package desired

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Words of other tools. Whoever moves here from Terraform, CloudFormation, SAM, the CDK or
// the Serverless Framework writes them from habit, and a spelling guess would answer with
// something near that is meant for something else.
var foreign = map[string]string{
	"functionname":                       "write name: the function's, in an item of functions",
	"function":                           "write name: the function's, in an item of functions",
	"lambdafunctionname":                 "write name: the function's, in an item of functions",
	"functionarn":                        "write name: a full ARN is a name too",
	"eventinvokeconfig":                  "write the settings themselves, such as maximum_retry_attempts and on_failure, without a mapping around them",
	"asyncinvokeconfig":                  "write the settings themselves, such as maximum_retry_attempts and on_failure, without a mapping around them",
	"destinationconfig":                  "write on_success and on_failure themselves, without a mapping around them",
	"destinations":                       "write on_success and on_failure themselves, without a mapping around them",
	"onfailure":                          "write on_failure: and the ARN itself, or none",
	"onsuccess":                          "write on_success: and the ARN itself, or none",
	"destination":                        "write the ARN itself behind on_success or on_failure",
	"deadletterqueue":                    "write on_failure: it is asked for each event that failed for good, and has more to say than a dead-letter queue",
	"deadletterconfig":                   "write on_failure: it is asked for each event that failed for good, and has more to say than a dead-letter queue",
	"retryattempts":                      "write maximum_retry_attempts: 0 to 2",
	"maximumretryattempts":               "write maximum_retry_attempts: 0 to 2",
	"maxretryattempts":                   "write maximum_retry_attempts: 0 to 2",
	"retries":                            "write maximum_retry_attempts: 0 to 2",
	"maximumeventage":                    "write maximum_event_age_in_seconds: 60 to 21600",
	"maxeventage":                        "write maximum_event_age_in_seconds: 60 to 21600",
	"maximumeventageinseconds":           "write maximum_event_age_in_seconds: 60 to 21600",
	"resources":                          "this looks like a CloudFormation template: write an item of functions for each AWS::Lambda::EventInvokeConfig in it",
	"awstemplateformatversion":           "this looks like a CloudFormation template: write version: 1, and an item of functions for each AWS::Lambda::EventInvokeConfig in it",
	"transform":                          "this looks like a SAM template: write an item of functions for each EventInvokeConfig in it",
	"properties":                         "write the settings themselves, without Type and Properties around them",
	"type":                               "write the settings themselves, without Type and Properties around them",
	"resource":                           "this looks like Terraform: write an item of functions for each aws_lambda_function_event_invoke_config",
	"awslambdafunctioneventinvokeconfig": "this looks like Terraform: write an item of functions for each of these resources",
	"service":                            "this looks like serverless.yml: write an item of functions for each function that has destinations, maximumRetryAttempts or maximumEventAge",
	"provider":                           "this looks like serverless.yml: accounts and regions stand under targets",
	"alias":                              "write qualifier: the alias's name",
	"region":                             "write regions: [...], in an item of targets",
	"accountid":                          "write account: its twelve digits in quotes, in an item of targets",
}

// foreignWord answers a word of another tool, or is "". With a duration behind it the
// answer has the seconds.
func foreignWord(key string, value *yaml.Node) string {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ":", "").Replace(key))
	hint := foreign[plain]
	if strings.HasPrefix(hint, "write maximum_event_age_in_seconds") && value != nil {
		if s, ok := asSeconds(value.Value); ok {
			return fmt.Sprintf("write maximum_event_age_in_seconds: %d", s)
		}
	}
	return hint
}

// asSeconds reads a duration such as 2h.
//
// Fractions of a second, and nothing or less, are refused: an age takes neither.
func asSeconds(s string) (int, bool) {
	d, err := time.ParseDuration(s)
	if seconds := d.Seconds(); err == nil && seconds == math.Trunc(seconds) && seconds > 0 && seconds < 1e9 {
		return int(seconds), true
	}
	return 0, false
}
