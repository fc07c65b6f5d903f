package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
)

// The parts of the two templates that the rules are about. An intrinsic function
// is read as a text: "!GetAtt Queue.Arn".
type (
	stack struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
		Resources struct {
			Function    stackPart[stackFunction] `yaml:"Function"`
			Rule        stackPart[stackRule]     `yaml:"Rule"`
			Queue       stackPart[stackQueue]    `yaml:"Queue"`
			DeadLetters stackPart[stackQueue]    `yaml:"DeadLetters"`
			QueuePolicy stackPart[stackPolicies] `yaml:"QueuePolicy"`
			Role        stackPart[stackPolicies] `yaml:"Role"`
			Member      stackPart[stackRole]     `yaml:"Member"`
			History     struct {
				DeletionPolicy string `yaml:"DeletionPolicy"`
			} `yaml:"History"`
		} `yaml:"Resources"`
	}
	stackPart[T any] struct {
		Properties T `yaml:"Properties"`
	}
	stackFunction struct {
		Handler       string   `yaml:"Handler"`
		Runtime       string   `yaml:"Runtime"`
		Architectures []string `yaml:"Architectures"`
		Timeout       int      `yaml:"Timeout"`
		Environment   struct {
			Variables map[string]string `yaml:"Variables"`
		} `yaml:"Environment"`
		EventInvokeConfig struct {
			Retries     *int `yaml:"MaximumRetryAttempts"`
			Age         int  `yaml:"MaximumEventAgeInSeconds"`
			Destination struct {
				OnFailure map[string]string `yaml:"OnFailure"`
			} `yaml:"DestinationConfig"`
		} `yaml:"EventInvokeConfig"`
		Events struct {
			Sweep   stackPart[sweep] `yaml:"Sweep"`
			Changes struct {
				Properties struct {
					Queue   string         `yaml:"Queue"`
					Answers []string       `yaml:"FunctionResponseTypes"`
					Window  int            `yaml:"MaximumBatchingWindowInSeconds"`
					Scaling map[string]int `yaml:"ScalingConfig"`
				} `yaml:"Properties"`
			} `yaml:"Changes"`
		} `yaml:"Events"`
	}
	// sweep is a schedule, here and in the ECS example.
	sweep struct {
		Window      map[string]any    `yaml:"FlexibleTimeWindow" json:"FlexibleTimeWindow"`
		Retry       map[string]int    `yaml:"RetryPolicy" json:"RetryPolicy"`
		DeadLetters map[string]string `yaml:"DeadLetterConfig" json:"DeadLetterConfig"`
	}
	stackRule struct {
		Pattern struct {
			Source     []string `yaml:"source"`
			DetailType []string `yaml:"detail-type"`
			Detail     struct {
				EventSource []string    `yaml:"eventSource"`
				EventName   []eventName `yaml:"eventName"`
			} `yaml:"detail"`
		} `yaml:"EventPattern"`
		Targets []map[string]any `yaml:"Targets"`
	}
	stackQueue struct {
		Delay      int            `yaml:"DelaySeconds"`
		Visibility int            `yaml:"VisibilityTimeout"`
		Retention  int            `yaml:"MessageRetentionPeriod"`
		Encrypted  bool           `yaml:"SqsManagedSseEnabled"`
		Redrive    map[string]any `yaml:"RedrivePolicy"`
	}
	stackRole struct {
		Policies []struct {
			Document struct {
				Statement []any `yaml:"Statement"`
			} `yaml:"PolicyDocument"`
		} `yaml:"Policies"`
	}
	stackPolicies struct {
		Queues   []string `yaml:"Queues"`
		Document struct {
			Statement []struct {
				Principal any    `yaml:"Principal"`
				Condition any    `yaml:"Condition"`
				Action    string `yaml:"Action"`
			} `yaml:"Statement"`
		} `yaml:"PolicyDocument"`
	}
)

// eventName is one match of an event pattern: a name as it is, or what it begins with.
type eventName struct {
	Exact  string
	Prefix string `yaml:"prefix"`
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (n *eventName) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&n.Exact)
	}
	type plain eventName
	return node.Decode((*plain)(n))
}

func (n eventName) matches(name string) bool {
	return name == n.Exact || n.Prefix != "" && strings.HasPrefix(name, n.Prefix)
}

func readTemplate(t *testing.T, name string) stack {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal(deployFile(t, name), &node); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	spellOut(&node)
	var got stack
	if err := node.Decode(&got); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return got
}

// spellOut makes texts of intrinsic functions.
func spellOut(n *yaml.Node) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(n.Tag + " " + n.Value)}
	}
	for _, child := range n.Content {
		spellOut(child)
	}
}

const toDeadLetters = "!GetAtt DeadLetters.Arn"

func TestLambdaTemplate(t *testing.T) {
	got := readTemplate(t, "lambda/template.yaml")
	f, q, dead := got.Resources.Function.Properties, got.Resources.Queue.Properties, got.Resources.DeadLetters.Properties
	changes := f.Events.Changes.Properties
	redrive := q.Redrive["deadLetterTargetArn"]
	target := got.Resources.Rule.Properties.Targets[0]
	for _, rule := range []struct {
		why string
		ok  bool
	}{
		{"it runs on provided.al2023, arm64", f.Runtime == "provided.al2023" && slices.Equal(f.Architectures, []string{"arm64"}) && f.Handler == "bootstrap"},
		{"more than its margin is left to work in", time.Duration(f.Timeout)*time.Second > 10*lambdaMargin},
		{"Lambda does not repeat a failed run", f.EventInvokeConfig.Retries != nil && *f.EventInvokeConfig.Retries == 0},
		{"a failed run is not lost either", f.EventInvokeConfig.Destination.OnFailure["Destination"] == toDeadLetters},
		{"a batch fails by message", slices.Equal(changes.Answers, []string{"ReportBatchItemFailures"}) && changes.Queue == "!GetAtt Queue.Arn"},
		{"as few invocations at once as there can be", changes.Scaling["MaximumConcurrency"] == 2},
		{"an event is looked at after the settle time", time.Duration(q.Delay)*time.Second >= worker.DefaultSettle},
		{"a message stays invisible for six timeouts", q.Visibility >= 6*f.Timeout},
		{"what cannot be handled ends among the dead letters", redrive == toDeadLetters && q.Redrive["maxReceiveCount"] == 10},
		{"dead letters wait two weeks, the longest that there is", dead.Retention == int((14 * 24 * time.Hour).Seconds())},
		{"both queues are encrypted", q.Encrypted && dead.Encrypted},
		{"the rule feeds the queue", target["Arn"] == "!GetAtt Queue.Arn"},
		{"the history outlives the stack", got.Resources.History.DeletionPolicy == "Retain"},
	} {
		if !rule.ok {
			t.Errorf("not so: %s", rule.why)
		}
	}
	checkSweep(t, "template.yaml", f.Events.Sweep.Properties)
	statements := got.Resources.QueuePolicy.Properties.Document.Statement
	if len(statements) != 1 || !strings.Contains(fmt.Sprint(statements[0].Principal), "events.amazonaws.com") || !strings.Contains(fmt.Sprint(statements[0].Condition), "aws:SourceArn:!GetAtt Rule.Arn") {
		t.Errorf("not only the rule may send to the queues: %v", statements)
	}
	env := f.Environment.Variables
	if env["EVENTINVOKE_APPLY"] != "!Ref Apply" || got.Parameters["Apply"].Default != "false" {
		t.Error("as it is given away, it must only observe")
	}
	if !strings.HasPrefix(env["EVENTINVOKE_HISTORY"], "!Sub s3://") {
		t.Errorf("EVENTINVOKE_HISTORY is %q: a function has no disk that lasts", env["EVENTINVOKE_HISTORY"])
	}
	env["EVENTINVOKE_APPLY"] = got.Parameters["Apply"].Default
	started(t, "lambda/template.yaml", []string{"lambda"}, env)
}

// TestAlarmsOfTheStack: each is about a metric that the function writes, under the
// name by which it knows itself; cfn-lint, which others wrote, finds nothing wrong.
func TestAlarmsOfTheStack(t *testing.T) {
	golden, err := os.ReadFile("../../internal/worker/metrics/testdata/emf.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`Namespace: eventinvoke\n +MetricName: (\w+)\n +Dimensions: \[{ Name: (\w+), Value: !Ref Function }\]`).FindAllSubmatch(deployFile(t, "lambda/template.yaml"), -1)
	if len(names) < 6 {
		t.Errorf("only %d alarms", len(names))
	}
	for _, m := range names {
		if !bytes.Contains(golden, fmt.Appendf(nil, `"Name":"%s"`, m[1])) || string(m[2]) != "function" {
			t.Errorf("no such metric: %s by %s", m[1], m[2])
		}
	}
	lint(t, "cfn-lint", "pip install cfn-lint", "lambda/template.yaml", "lambda/map.yaml", "accounts/member.yaml")
}

// lint runs somebody else's check over files of deploy, or skips what is left of the test.
func lint(t *testing.T, program, install string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: %s", program, install)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir = deployFolder
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// checkSweep holds a schedule to few attempts, since the next one is the retry.
func checkSweep(t *testing.T, where string, s sweep) {
	t.Helper()
	if attempts, said := s.Retry["MaximumRetryAttempts"]; !said || attempts > 3 || s.Retry["MaximumEventAgeInSeconds"] > 3600 {
		t.Errorf("%s: the schedule is tried again %v: few and soon, or the attempts pile up", where, s.Retry)
	}
	if s.Window["Mode"] != "FLEXIBLE" || s.DeadLetters["Arn"] == "" {
		t.Errorf("%s: window %v, dead letters %v", where, s.Window, s.DeadLetters)
	}
}

// eventNames are names that CloudTrail gives to Lambda's calls, and whether the
// call may change a record or what a rule chooses.
var eventNames = map[string]bool{
	"PutFunctionEventInvokeConfig": true, "UpdateFunctionEventInvokeConfig": true, "DeleteFunctionEventInvokeConfig": true,
	"CreateFunction": true, "CreateFunction20150331": true, "DeleteFunction": true, "DeleteFunction20150331": true, "PublishVersion20150331": true,
	"CreateAlias20150331": true, "UpdateAlias20150331": true, "DeleteAlias20150331": true,
	"TagResource20170331v2": true, "UntagResource20170331v2": true,
	"CreateFunctionUrlConfig": false, "DeleteFunctionConcurrency20171031": false, "UpdateFunctionCode20150331v2": false,
	"UpdateFunctionConfiguration20150331v2": false, "AddPermission20150331v2": false, "PublishLayerVersion20181031": false,
}

// TestRulesDeliverWhatTheDecoderNeeds: the event rules let through the calls
// that the worker looks at, and no others.
func TestRulesDeliverWhatTheDecoderNeeds(t *testing.T) {
	home := readTemplate(t, "lambda/template.yaml").Resources.Rule.Properties.Pattern
	for _, file := range []string{"lambda/template.yaml", "accounts/member.yaml"} {
		pattern := readTemplate(t, file).Resources.Rule.Properties.Pattern
		if diff := cmp.Diff(home, pattern); diff != "" {
			t.Errorf("%s lets other events through (-template +region):\n%s", file, diff)
		}
	}
	used := map[eventName]bool{}
	for name, needed := range eventNames {
		delivered := false
		for _, match := range home.Detail.EventName {
			if match.matches(name) {
				delivered, used[match] = true, true
			}
		}
		if delivered != needed {
			t.Errorf("%s: delivered %v, needed %v", name, delivered, needed)
		}
		event, err := json.Marshal(map[string]any{
			"source": home.Source[0], "detail-type": home.DetailType[0], "account": account, "region": region,
			"detail": map[string]any{
				"eventSource": home.Detail.EventSource[0], "eventName": name, "recipientAccountId": account, "awsRegion": region,
				"requestParameters": map[string]any{"functionName": "orders", "name": "live", "resource": "arn:aws:lambda:eu-west-1:111111111111:function:orders"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		hints, err := events.Decode(event)
		if err != nil || worker.Classify(hints).Needed() != needed {
			t.Errorf("%s: the decoder makes %v, %v of it; needed %v", name, hints, err, needed)
		}
	}
	if len(used) != len(home.Detail.EventName) {
		t.Errorf("of %d patterns only %v match a known call", len(home.Detail.EventName), used)
	}
}

// TestMemberTemplate: a region's events may go to one bus, and nowhere else.
func TestMemberTemplate(t *testing.T) {
	got := readTemplate(t, "accounts/member.yaml").Resources
	target := got.Rule.Properties.Targets[0]
	if target["Arn"] != "!Ref Home" || target["RoleArn"] != "!GetAtt Role.Arn" {
		t.Errorf("the rule sends to %v", target)
	}
	if fmt.Sprint(target["DeadLetterConfig"]) != fmt.Sprint(map[string]any{"Arn": toDeadLetters}) || got.DeadLetters.Properties.Retention != int((14*24*time.Hour).Seconds()) {
		t.Errorf("what cannot be forwarded ends in %v, kept for %d s", target["DeadLetterConfig"], got.DeadLetters.Properties.Retention)
	}
	if s := got.QueuePolicy.Properties.Document.Statement; len(s) != 1 || !strings.Contains(fmt.Sprint(s[0].Condition), "aws:SourceArn:!GetAtt Rule.Arn") {
		t.Errorf("not only the rule may send to the dead letters: %v", s)
	}
}
