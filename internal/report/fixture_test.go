package report

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

var (
	prod    = desired.Target{Account: "111111111111", Region: "eu-west-1"}
	staging = desired.Target{Account: "222222222222", Region: "eu-west-1"}
	started = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
)

// resolve makes a fleet of one file, with real origins.
func resolve(t testing.TB, yaml string, inventory desired.Inventory) desired.Fleet {
	t.Helper()
	d, err := desired.Load(fstest.MapFS{"fleet.yaml": {Data: []byte(yaml)}}, "fleet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := d.Resolve(prod, inventory, desired.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	return fleet
}

// series is "orders-000", "orders-001", …
func series(stem string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%03d", stem, i)
	}
	return names
}

// inAWS is a live state that holds what the fleet declares. change, where given,
// may turn each function into something else.
func inAWS(fleet desired.Fleet, change func(desired.Target, *reconcile.ObservedFunction)) reconcile.Observed {
	var live reconcile.Observed
	for _, t := range fleet.Targets {
		seen := reconcile.ObservedTarget{Target: t.Target}
		for _, e := range t.Entries {
			last := len(seen.Functions) - 1
			if last < 0 || seen.Functions[last].Function != e.Function {
				seen.Functions = append(seen.Functions, reconcile.ObservedFunction{Function: e.Function, State: reconcile.FunctionPresent, AliasesListed: true, VersionsListed: true})
				last++
			}
			if !e.Remove {
				settings := reconcile.NewSettings(*e.Want)
				record := reconcile.ObservedRecord{Qualifier: e.Qualifier, Settings: &settings}
				seen.Functions[last].Records = append(seen.Functions[last].Records, record)
			}
		}
		for i := range seen.Functions {
			if change != nil {
				change(t.Target, &seen.Functions[i])
			}
		}
		live.Targets = append(live.Targets, seen)
	}
	return live
}

// holding gives a function one record under $LATEST.
func holding(f *reconcile.ObservedFunction, s reconcile.Settings) {
	f.Records = []reconcile.ObservedRecord{{Qualifier: desired.Latest, Settings: &s}}
}

// newRun is a run of a verb over a fleet and what AWS holds.
func newRun(verb string, fleet desired.Fleet, live reconcile.Observed) *Run {
	plan := reconcile.NewPlan(fleet, live)
	r := &Run{
		ID: "20260301T030000Z-7f3a", ToolVersion: "1.0.0", Verb: verb,
		Started: started, Surveyed: started.Add(88 * time.Second), Finished: started.Add(88 * time.Second),
		Fleet:    FleetInfo{Files: []string{"fleet.yaml"}, Configs: fleet.Configs(), Targets: len(fleet.Targets), MissingFunctions: fleet.MissingFunctions, MissingQualifiers: fleet.MissingQualifiers},
		Warnings: fleet.Warnings,
		Plan:     &plan,
		Guard:    reconcile.Guard{Limits: fleet.Limits}.Lines(&plan),
	}
	for i, t := range fleet.Targets {
		reads := int64(len(live.Targets[i].Functions))
		r.API = append(r.API, TargetAPI{
			Target: t.Target, Label: t.Label,
			Operations: []reconcile.OperationCount{{Name: "ListFunctionEventInvokeConfigs", Calls: reads + 2, OK: reads, Throttled: 2}},
			Limiter:    ratelimit.Snapshot{Rate: 13.5, Ceiling: 13.5, Busy: 88 * time.Second, Throttled: 2, Tokens: [4]int64{reads + 2}},
		})
	}
	return r
}

// applied adds an outcome in which every change was applied, save for what end
// makes of it.
func applied(r *Run, end func(*reconcile.ChangeResult)) *Run {
	r.Verb = "apply"
	r.Finished = r.Surveyed.Add(31 * time.Second)
	r.Outcome = &reconcile.Outcome{}
	for i, t := range r.Plan.Targets {
		out := reconcile.TargetOutcome{Target: t.Target, Label: t.Label}
		for _, c := range t.Changes {
			result := reconcile.ChangeResult{Change: c, Status: reconcile.Applied}
			result.Stats.Attempts = 1
			if end != nil {
				end(&result)
			}
			out.Results = append(out.Results, result)
		}
		r.Outcome.Targets = append(r.Outcome.Targets, out)
		r.API[i].Operations = append(r.API[i].Operations,
			reconcile.OperationCount{Name: "UpdateFunctionEventInvokeConfig", Calls: int64(len(t.Changes)) + 4, OK: int64(len(t.Changes)), Conflicts: 3, Faults: 1})
		l := &r.API[i].Limiter
		l.Rate, l.Decreases, l.Paused = 6.8, 1, 2*time.Second
		l.Tokens[ratelimit.Write], l.Busy = int64(len(t.Changes))+4, 119*time.Second
	}
	return r
}

func denied(name desired.Name, id int) error {
	return &callerr.Error{
		Op: "ListFunctionEventInvokeConfigs", Subject: name.String(), Kind: callerr.Denied,
		Status: 403, Code: "AccessDeniedException",
		Message: "User: arn:aws:sts::111111111111:assumed-role/eventinvoke/run is not authorized to perform: lambda:ListFunctionEventInvokeConfigs on resource: " +
			"arn:aws:lambda:eu-west-1:111111111111:function:" + name.Function + " because no identity-based policy allows it",
		RequestID: fmt.Sprintf("8f1c2a44-0000-4000-8000-%012d", id),
		Hint:      "allow lambda:ListFunctionEventInvokeConfigs on function:" + name.Function + " and function:" + name.Function + ":*",
	}
}

func refusedDestination(name desired.Name, id int) error {
	return &callerr.Error{
		Op: "UpdateFunctionEventInvokeConfig", Subject: name.String(), Kind: callerr.Role,
		Status: 400, Code: "InvalidParameterValueException",
		Message:   "The function execution role does not have permissions to call SendMessage on arn:aws:sqs:eu-west-1:111111111111:async-dlq",
		RequestID: fmt.Sprintf("b7e0d1f2-0000-4000-8000-%012d", id),
		Hint:      "allow sqs:SendMessage on the queue in the role of " + name.Function + "; a new permission takes about 30 s to count",
	}
}

// destined are the destinations that a fleet declares, all of them in use: of the given
// state, else missing.
func destined(f desired.Fleet, states map[string]insight.DestinationState) (in insight.Set) {
	uses := map[string][]insight.DestinationUse{}
	for _, t := range f.Targets {
		for _, e := range t.Entries {
			for _, s := range desired.AllSettings() {
				if to := e.Want[s].Text(); to != "" {
					uses[to] = append(uses[to], insight.DestinationUse{Key: desired.Key{Target: t.Target, Name: e.Name}, Setting: s, Live: true, Origin: e.Origins.Settings[s]})
				}
			}
		}
	}
	for _, to := range slices.Sorted(maps.Keys(uses)) {
		state, known := states[to]
		if !known {
			state = insight.DestinationMissing
		}
		in.Destinations = append(in.Destinations, insight.Destination{ARN: to, State: state, Uses: uses[to]})
	}
	return in
}

// guardRefuses is what a guard says of a plan that is more than it allows.
func guardRefuses(g reconcile.Guard, p *reconcile.Plan) error {
	lines := slices.DeleteFunc(g.Lines(p), func(l reconcile.GuardLine) bool { return !l.Exceeded() })
	return &reconcile.GuardError{Lines: lines}
}
