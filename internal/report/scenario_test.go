package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

const fleetYAML = `version: 1
targets:
  - name: prod
    account: "111111111111"
    regions: [eu-west-1]
defaults:
  maximum_event_age_in_seconds: 3600
  on_failure: arn:${partition}:sqs:${region}:${account}:async-dlq
rules:
  - name: orders never retry
    match:
      functions: ["orders-*"]
    set:
      maximum_retry_attempts: 0
functions:
  - name: checkout
    qualifier: live
    maximum_retry_attempts: 2
    on_success: arn:aws:events:eu-west-1:111111111111:event-bus/orders
    on_failure: none
  - name: legacy-report
    remove: true
  - name: mailer
    maximum_retry_attempts: 1
    maximum_event_age_in_seconds: 600
ignore:
  - functions: ["*-canary"]
guard:
  max_changes: 100%
  max_deletes: 1
`

// twoTargets declares the same functions in two accounts.
const twoTargets = `version: 1
targets:
  - name: prod
    account: "111111111111"
    regions: [eu-west-1]
  - name: staging
    account: "222222222222"
    regions: [eu-west-1]
functions:
  - {name: billing, maximum_retry_attempts: 0}
  - {name: checkout, maximum_retry_attempts: 0}
  - {name: mailer, maximum_retry_attempts: 0}
`

const dlq = "arn:aws:sqs:eu-west-1:111111111111:async-dlq"

func orders(t testing.TB) desired.Fleet {
	names := append(series("orders", 412), "orders-canary", "mailer-canary", "checkout", "legacy-report", "mailer")
	slices.Sort(names)
	return resolve(t, fleetYAML, desired.Inventory{prod: {Functions: names}})
}

// drifted has lost the settings of the orders functions, cleared mailer's
// record, and kept what should be gone.
func drifted(_ desired.Target, f *reconcile.ObservedFunction) {
	switch {
	case f.Function == "orders-007":
		holding(f, reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0), desired.MaximumEventAgeInSeconds: desired.Number(3600),
			desired.OnFailure: desired.Text("arn:aws:sqs:eu-west-1:111111111111:a-queue-that-somebody-made")})
	case strings.HasPrefix(f.Function, "orders-"):
		holding(f, reconcile.Settings{desired.MaximumEventAgeInSeconds: desired.Number(3600)})
	case f.Function == "checkout":
		f.Records[0].Settings = &reconcile.Settings{desired.MaximumEventAgeInSeconds: desired.Number(3600), desired.OnFailure: desired.Text(dlq)}
	case f.Function == "legacy-report":
		holding(f, reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text(dlq)})
	case f.Function == "mailer":
		f.Records = nil
	}
}

// scenarios are the runs that the goldens show.
// authored tells who made the changes of a run necessary: mostly a deployment, some a
// person, some nobody knows or looked for, and one again and again.
func authored(r *Run) *Run {
	deploy := insight.Author{Principal: "arn:aws:sts::111111111111:assumed-role/deploy/ci", Kind: "role", Name: "deploy", Client: "Terraform"}
	ops := insight.Author{Principal: "arn:aws:iam::111111111111:user/ops-admin", Kind: "user", Name: "ops-admin", Client: "console"}
	missed := insight.Unsearched{Target: prod, Reached: started.Add(-40 * time.Hour), Err: errors.New("CloudTrail has more events than were worth reading")}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		for j := range t.Changes {
			a := insight.Authorship{Key: desired.Key{Target: t.Target, Name: t.Changes[j].Name}, Author: deploy, At: started.Add(-30 * time.Hour), Call: "UpdateFunctionEventInvokeConfig"}
			switch {
			case a.Function == "orders-007":
				a.Author, a.At = ops, started.Add(-2*time.Hour)
				r.Insights.Fights = append(r.Insights.Fights, insight.Fight{Key: a.Key, Author: ops, Times: 3, Since: started.Add(-4 * 24 * time.Hour)})
			case strings.HasPrefix(a.Function, "orders-39"):
				missed.Configs = append(missed.Configs, a.Name)
				continue
			case strings.HasPrefix(a.Function, "orders-3"):
				continue
			}
			r.Insights.Authors = append(r.Insights.Authors, a)
		}
	}
	r.Insights.Unsearched = []insight.Unsearched{missed}
	return r
}

var scenarios = []struct {
	name string
	why  string
	full bool
	run  func(t testing.TB) *Run
}{
	{
		name: "drift", why: "hundreds of functions with one change are one block; a delete comes first",
		run: func(t testing.TB) *Run { f := orders(t); return newRun("plan", f, inAWS(f, drifted)) },
	},
	{
		name: "full", why: "--full lists what is otherwise counted", full: true,
		run: func(t testing.TB) *Run {
			f := orders(t)
			return newRun("plan", f, inAWS(f, func(at desired.Target, l *reconcile.ObservedFunction) {
				if l.Function < "orders-01" && strings.HasPrefix(l.Function, "orders-") {
					drifted(at, l)
				}
			}))
		},
	},
	{
		name: "authors", why: "who made it so is summed up in the head; what is written again, and fought over, is said",
		run: func(t testing.TB) *Run {
			f := orders(t)
			r := newRun("audit", f, inAWS(f, drifted))
			return authored(r)
		},
	},
	{
		name: "in-sync", why: "nothing to do is one line, with the number of keys behind it",
		run: func(t testing.TB) *Run { f := orders(t); return newRun("audit", f, inAWS(f, nil)) },
	},
	{
		name: "unreadable", why: "what could not be read comes first, grouped by cause, and is not called in sync",
		run: func(t testing.TB) *Run {
			f := orders(t)
			n := 0
			return newRun("audit", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
				name := desired.Name{Function: l.Function, Qualifier: desired.Latest}
				switch {
				case strings.HasPrefix(l.Function, "orders-0"):
					n++
					l.State, l.Records, l.Err = reconcile.FunctionUnreadable, nil, denied(name, n)
				case l.Function == "mailer":
					l.State, l.Records = reconcile.FunctionUnreadable, nil
					l.Err = &callerr.Error{Op: "ListFunctionEventInvokeConfigs", Kind: callerr.Transport,
						Err: errors.New("read tcp 10.0.0.7:51234->52.95.1.2:443: connection reset by peer"), Hint: "run again"}
				}
			}))
		},
	},
	{
		name: "target-unreadable", why: "a target that cannot be opened says so once, and does not hide the other",
		run: func(t testing.TB) *Run {
			f := resolve(t, twoTargets, nil)
			live := inAWS(f, nil)
			live.Targets[0].Functions[0].Records[0].Settings = &reconcile.Settings{}
			live.Targets[1].Functions = nil
			live.Targets[1].Err = &callerr.Error{Op: "AssumeRole", Subject: staging.String(), Kind: callerr.Credentials, Status: 403,
				Code: "AccessDenied", Message: "User is not authorized to perform: sts:AssumeRole", RequestID: "c0ffee00-0000-4000-8000-000000000001",
				Hint: "let the caller assume the role, or set role_arn of target staging"}
			return newRun("plan", f, live)
		},
	},
	{
		name: "missing", why: "functions and aliases that are gone, and records that nobody declared",
		run: func(t testing.TB) *Run {
			f := orders(t)
			return newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
				switch l.Function {
				case "mailer":
					l.State, l.Records = reconcile.FunctionAbsent, nil
				case "checkout":
					l.Records, l.Gone = nil, []string{"live"}
				case "orders-003":
					l.Records = append(l.Records, reconcile.ObservedRecord{Qualifier: "old", Settings: &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}})
				}
			}))
		},
	},
	{
		name: "unknown", why: "a target whose rules could not be resolved is never in sync, and nobody invents its number",
		run: func(t testing.TB) *Run {
			f := orders(t)
			r := newRun("audit", f, inAWS(f, nil))
			lost := reconcile.TargetPlan{
				Target: desired.Target{Account: "222222222222", Region: "eu-west-1"}, Label: "staging", Unknown: true,
				Err: &callerr.Error{Service: "lambda", Op: "ListFunctions", Subject: "222222222222/eu-west-1", Kind: callerr.Denied,
					Code: "AccessDeniedException", Status: 403, Message: "User: arn:aws:sts::222222222222:assumed-role/audit/x is not authorized to perform: lambda:ListFunctions",
					Hint: "allow lambda:ListFunctions on * to the role of the target"},
			}
			r.Plan.Targets = append(r.Plan.Targets, lost)
			return r
		},
	},
	{
		name: "interrupted-survey", why: "a plan of a part says that it is a part",
		run: func(t testing.TB) *Run {
			f := orders(t)
			live := inAWS(f, func(at desired.Target, l *reconcile.ObservedFunction) {
				if l.Function > "orders-10" {
					l.State, l.Records = reconcile.FunctionNotExamined, nil
				} else {
					drifted(at, l)
				}
			})
			live.Targets[0].Stopped = errors.New("interrupted")
			r := newRun("plan", f, live)
			r.Stopped = "interrupted"
			return r
		},
	},
	{
		name: "guard", why: "a refused plan shows which rule and by how much",
		run: func(t testing.TB) *Run {
			f := orders(t)
			f.Limits = desired.DefaultLimits()
			r := newRun("apply", f, inAWS(f, drifted))
			r.Refused = guardRefuses(reconcile.Guard{Limits: f.Limits}, r.Plan)
			return r
		},
	},
	{
		name: "own-queues", why: "changes that differ by nothing but the function's own name are one block",
		run: func(t testing.TB) *Run {
			yaml := "version: 1\nfunctions:\n"
			for _, name := range series("worker", 30) {
				yaml += "  - name: " + name + "\n    on_failure: arn:aws:sqs:eu-west-1:111111111111:" + name + "-dlq\n"
			}
			f := resolve(t, yaml, nil)
			return newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) { l.Records = nil }))
		},
	},
	{
		name: "template", why: "changes of one template are one block, whatever the functions are called",
		run: func(t testing.TB) *Run {
			yaml := "version: 1\ntargets:\n  - { name: prod, account: \"111111111111\", regions: [eu-west-1], vars: { queues: \"222222222222\" } }\n" +
				"rules:\n  - match: { functions: [\"*\"] }\n    set: { on_failure: \"arn:aws:sqs:${region}:${vars.queues}:${function}-dlq\" }\n"
			f := resolve(t, yaml, desired.Inventory{prod: {Functions: []string{"aws", "dlq", "orders", "sqs"}}})
			return newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) { l.Records = nil }))
		},
	},
	{
		name: "requirements", why: "in sync or not, what must hold is told by requirement and cause: what the plan mends, what it would break, what stays, and of whom that is not known",
		run: func(t testing.TB) *Run {
			f := resolve(t, `version: 1
functions:
  - { name: mended, maximum_retry_attempts: 1 }
  - { name: broken, maximum_retry_attempts: 2, on_failure: "arn:aws:sqs:eu-west-1:111111111111:dlq" }
require:
  - { name: no event is lost, match: { functions: ["*"] }, failure_destination: required }
  - { match: { functions: ["*"] }, maximum_retry_attempts: { max: 1 } }
`, desired.Inventory{prod: {Functions: append(series("legacy", 12), "broken", "closed", "mended")}})
			f.Warnings = nil
			live := inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
				l.Records = nil
				if l.Function == "broken" {
					holding(l, reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(0), desired.OnFailure: desired.Text("arn:aws:sqs:eu-west-1:111111111111:dlq")})
				}
			})
			watched := reconcile.Observed{Targets: []reconcile.ObservedTarget{{Target: prod}}}
			for _, name := range append([]string{"closed"}, series("legacy", 12)...) {
				watched.Targets[0].Functions = append(watched.Targets[0].Functions, reconcile.ObservedFunction{Function: name, State: reconcile.FunctionPresent, AliasesListed: true,
					Records: []reconcile.ObservedRecord{{Qualifier: "live", Settings: &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}}}})
			}
			closed := &watched.Targets[0].Functions[0]
			closed.State, closed.Records, closed.Err = reconcile.FunctionUnreadable, nil, denied(desired.Name{Function: "closed", Qualifier: desired.Latest}, 1)
			r := newRun("audit", f, live)
			live.Targets = slices.Clone(live.Targets)
			read := reconcile.FindTarget(live.Targets, prod)
			read.Functions = slices.SortedFunc(slices.Values(slices.Concat(read.Functions, watched.Targets[0].Functions)), func(a, b reconcile.ObservedFunction) int {
				return strings.Compare(a.Function, b.Function)
			})
			r.Plan.Require(f, nil, live)
			return r
		},
	},
	{
		name: "destinations", why: "in sync, and events are lost: a queue for all that is gone, own queues that never were, a FIFO topic, and what could not be learnt",
		run: func(t testing.TB) *Run {
			yaml := "version: 1\ndefaults: {on_failure: \"arn:aws:sqs:eu-west-1:111111111111:async-dlq\"}\nfunctions:\n"
			for _, name := range series("worker", 30) {
				yaml += "  - {name: " + name + ", on_success: \"arn:aws:sqs:eu-west-1:111111111111:" + name + "-done\"}\n"
			}
			f := resolve(t, yaml, nil)
			r := newRun("audit", f, inAWS(f, nil))
			r.Insights = destined(f, map[string]insight.DestinationState{
				"arn:aws:sqs:eu-west-1:111111111111:async-dlq": insight.DestinationMissing, "arn:aws:sqs:eu-west-1:111111111111:worker-00-done": insight.DestinationExists,
			})
			r.Insights.Destinations = append(r.Insights.Destinations, insight.Destination{
				ARN: "arn:aws:sns:eu-west-1:111111111111:alarms.fifo", State: insight.DestinationWrongKind,
				Uses: []insight.DestinationUse{{Key: desired.Key{Target: prod, Name: desired.Name{Function: "worker-03", Qualifier: "live"}}, Setting: desired.OnFailure}},
			})
			r.Insights.Unavailable = []insight.Unavailable{{What: "whether 2 destinations exist", Target: prod, Err: &callerr.Error{
				Op: "GetTopicAttributes", Subject: "*", Kind: callerr.Denied, Code: "AuthorizationError", Status: 403,
				Message: "User: arn:aws:iam::111111111111:user/ci is not authorized to perform: SNS:GetTopicAttributes", Hint: "allow sns:GetTopicAttributes on * for the caller",
			}}}
			return r
		},
	},
	{
		name: "exceptions", why: "what is ignored is listed by the day on which that ends",
		run: func(t testing.TB) *Run {
			yaml := "version: 1\nrules:\n  - match: { functions: [\"*\"] }\n    set: { on_failure: none }\nignore:\n  - functions: [\"a*\"]\n    reason: the team has its own tool\n" +
				"  - functions: [\"b*\"]\n    reason: until the queue has moved\n    until: 2027-06-30\n  - functions: [\"c*\"]\n    until: 2027-03-31\n  - functions: [\"d*\"]\n"
			f := resolve(t, yaml, desired.Inventory{prod: {Functions: []string{"a1", "a2", "b1", "c1", "d1", "x"}}})
			return newRun("plan", f, inAWS(f, func(desired.Target, *reconcile.ObservedFunction) {}))
		},
	},
	{
		name: "many-blocks", why: "different changes without end are cut, and counted",
		run: func(t testing.TB) *Run {
			yaml := "version: 1\nfunctions:\n"
			for i, name := range series("job", 45) {
				yaml += fmt.Sprintf("  - {name: %s, maximum_event_age_in_seconds: %d}\n", name, 100+i)
			}
			f := resolve(t, yaml, nil)
			return newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) { l.Records = nil }))
		},
	},
	{
		name: "applied", why: "when all went well there is nothing to read but numbers",
		run: func(t testing.TB) *Run { f := orders(t); return applied(newRun("apply", f, inAWS(f, drifted)), nil) },
	},
	{
		name: "partial", why: "failures stand at the end, with cause, request id, hint, attempts and waiting",
		run: func(t testing.TB) *Run {
			f := orders(t)
			n := 0
			return applied(newRun("apply", f, inAWS(f, drifted)), func(r *reconcile.ChangeResult) {
				switch {
				case strings.HasPrefix(r.Function, "orders-00"):
					n++
					r.Status, r.Err, r.Again = reconcile.Failed, refusedDestination(r.Name, n), n < 3
				case r.Function == "orders-100":
					r.Again = true
				case r.Function == "mailer":
					r.Status, r.Stats.Attempts, r.Stats.Waited = reconcile.Failed, 12, 10*time.Minute
					r.Err = &callerr.Error{Op: "PutFunctionEventInvokeConfig", Kind: callerr.Conflict, Status: 409, Code: "ResourceConflictException",
						Message:   "The function could not be updated due to a concurrent update operation.",
						RequestID: "d00dfeed-0000-4000-8000-000000000009", Hint: "see what is updating the function, then run again"}
				case r.Function == "checkout":
					r.Status = reconcile.Mismatched
					r.Err = &callerr.Error{Op: "UpdateFunctionEventInvokeConfig", Kind: callerr.BadAnswer,
						Message: "AWS accepted the write, but the record it stored does not hold what was asked: on_failure is " + dlq + ", not none",
						Hint:    "somebody else may be changing the same record; run plan to see what is there now"}
				}
			})
		},
	},
	{
		name: "interrupted-apply", why: "what was not attempted is not failed, and a write that may have been done says so",
		run: func(t testing.TB) *Run {
			f := orders(t)
			r := applied(newRun("apply", f, inAWS(f, drifted)), func(r *reconcile.ChangeResult) {
				if r.Function > "orders-20" {
					r.Status, r.Stats.Attempts = reconcile.NotAttempted, 0
				}
				if r.Function == "orders-199" {
					r.Status, r.Stats.Attempts, r.Stats.Waited = reconcile.NotAttempted, 2, 4*time.Second
					r.Err = &callerr.Error{Op: "UpdateFunctionEventInvokeConfig", Kind: callerr.Transport,
						Message: "the answer did not come within 10s; the write may have been done", Hint: "run plan to see what is there now"}
				}
			})
			r.Stopped = "interrupted"
			r.Outcome.Targets[0].Stopped = errors.New("interrupted")
			return r
		},
	},
	{
		name: "error-budget", why: "a target that failed too often says why it ended, and what was left",
		run: func(t testing.TB) *Run {
			f := orders(t)
			n := 0
			r := applied(newRun("apply", f, inAWS(f, drifted)), func(r *reconcile.ChangeResult) {
				n++
				r.Status, r.Err = reconcile.Failed, refusedDestination(r.Name, n)
				if n > 42 {
					r.Status, r.Err, r.Stats.Attempts = reconcile.NotAttempted, nil, 0
				}
			})
			r.Outcome.Targets[0].Stopped = fmt.Errorf("%w: 42 of 415, limit 41 (guard.max_errors)", reconcile.ErrErrorBudget)
			return r
		},
	},
	{
		name: "undeclared-delete", why: "records that nobody declared go where the fleet says so, and the page says why",
		run: func(t testing.TB) *Run {
			f := orders(t)
			f.Undeclared = desired.UndeclaredDelete
			return newRun("plan", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
				if l.Function < "orders-003" && l.Function > "orders" {
					for _, qualifier := range []string{"blue", "green"} {
						l.Records = append(l.Records, reconcile.ObservedRecord{Qualifier: qualifier, Settings: &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}})
					}
				}
			}))
		},
	},
	{
		name: "aliases", why: "records that outlived their alias, and settings that no caller of an alias gets",
		run: func(t testing.TB) *Run {
			f := orders(t)
			old := &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}
			return newRun("audit", f, inAWS(f, func(_ desired.Target, l *reconcile.ObservedFunction) {
				switch l.Function {
				case "orders-000":
					l.Records = append(l.Records, reconcile.ObservedRecord{Qualifier: "blue", Settings: old})
					l.Gone = []string{"blue"}
				case "orders-001":
					l.Records = append(l.Records, reconcile.ObservedRecord{Qualifier: "live", Settings: old})
					l.Aliases = []string{"live"}
				}
			}))
		},
	},
	{
		name: "warnings", why: "warnings, skipped keys and targets in sync are told, below what differs",
		run: func(t testing.TB) *Run {
			f := resolve(t, twoTargets, nil)
			f.Warnings = desired.Problems{{Pos: desired.Pos{File: "fleet.yaml", Line: 10, Column: 5}, Code: "EI031",
				Message: "function names longer than 64 characters are not documented, and AWS answers them as if the function did not exist",
				Hint:    "shorten the name"}}
			live := inAWS(f, nil)
			live.Targets[0].Functions[0].Records[0].Settings = &reconcile.Settings{}
			r := newRun("audit", f, live)
			r.Plan.Targets[1].Skipped = 12
			return r
		},
	},
	{
		name: "no-plan", why: "a run that could not begin says what to mend",
		run: func(testing.TB) *Run {
			return &Run{ID: "20260301T030000Z-7f3a", ToolVersion: "1.0.0", Verb: "plan", Started: started, Finished: started.Add(time.Second),
				Fleet: FleetInfo{Files: []string{"fleet.yaml"}, Configs: 12, Targets: 1},
				Err:   errors.New("no AWS credentials were found; set AWS_PROFILE, or log in with aws sso login")}
		},
	},
}
