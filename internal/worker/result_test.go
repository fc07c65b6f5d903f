package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestWhatAPassCameTo(t *testing.T) {
	denied, refused := errors.New("denied"), errors.New("refused by the guard")
	name := desired.Name{Function: "orders", Qualifier: "live"}
	plan := func(p reconcile.TargetPlan) *reconcile.Plan {
		p.Target = ireland
		return &reconcile.Plan{Targets: []reconcile.TargetPlan{p}}
	}
	wrote := func(s reconcile.Status, err error) *reconcile.Outcome {
		return &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: ireland, Results: []reconcile.ChangeResult{
			{Change: reconcile.Change{Name: name}, Status: s, Err: err}}}}}
	}
	finding := func(k reconcile.FindingKind, err error) *reconcile.Plan {
		return plan(reconcile.TargetPlan{Findings: []reconcile.Finding{{Name: name, Kind: k, Err: err}}})
	}
	for _, tt := range []struct {
		why           string
		result        Result
		whole         error // of the pass
		orders, bills error // of the objects
	}{
		{why: "in sync", result: Result{Plan: plan(reconcile.TargetPlan{})}},
		{why: "corrected", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.Applied, nil)}},
		{why: "refused as a whole", result: Result{Plan: plan(reconcile.TargetPlan{}), Err: refused}, whole: refused, orders: refused, bills: refused},
		{why: "a target that could not be opened", result: Result{Plan: plan(reconcile.TargetPlan{Err: denied, Findings: []reconcile.Finding{{Name: name, Kind: reconcile.FindingUnreadable, Err: denied}}})},
			whole: denied, orders: denied},
		{why: "one function that could not be read is a row", result: Result{Plan: finding(reconcile.FindingUnreadable, denied)}, orders: denied},
		{why: "one that was not reached is not", result: Result{Plan: finding(reconcile.FindingNotExamined, nil)}, whole: reconcile.ErrNotReached, orders: reconcile.ErrNotReached},
		{why: "a missing function is found, not failed", result: Result{Plan: finding(reconcile.FindingFunctionMissing, nil)}},
		{why: "one write that failed is a row", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.Failed, denied)}, orders: denied},
		{why: "one that was stored otherwise", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.Mismatched, denied)}, orders: denied},
		{why: "one that was not attempted", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.NotAttempted, nil)}, whole: reconcile.ErrNotReached, orders: reconcile.ErrNotReached},
		{why: "one that an event's pass dealt with", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.NotAttempted, &callerr.Error{Err: ErrSuperseded})}},
	} {
		of := tt.result.FailureOf()
		for _, c := range []struct {
			what      string
			got, want error
		}{
			{"the pass", tt.result.Completed(), tt.whole},
			{"the target", tt.result.TargetErr(ireland), tt.whole},
			{"orders", of(fn("orders")), tt.orders},
			{"bills", of(fn("bills")), tt.bills},
			{"the whole target's touch", of(Object{Target: ireland}), tt.orders},
		} {
			if !errors.Is(c.got, c.want) || (c.want == nil && c.got != nil) {
				t.Errorf("%s: %s ended with %v, want %v", tt.why, c.what, c.got, c.want)
			}
		}
	}
	if (&Result{}).Completed() == nil {
		t.Error("a pass without a plan counts as complete")
	}
}

func TestWhyAPassFailed(t *testing.T) {
	held, denied := &callerr.Error{Kind: callerr.Lease}, &callerr.Error{Kind: callerr.Denied}
	target := func(p reconcile.TargetPlan) *reconcile.Plan {
		return &reconcile.Plan{Targets: []reconcile.TargetPlan{p}}
	}
	for _, tt := range []struct {
		why    string
		result Result
		want   []Reason
	}{
		{why: "nothing", result: inSync},
		{why: "the guard", result: Result{Plan: inSync.Plan, Err: &reconcile.GuardError{}}, want: []Reason{ByGuard}},
		{why: "credentials, whoever met them", result: Result{Err: &callerr.Error{Kind: callerr.Credentials}}, want: []Reason{ByCredentials}},
		{why: "a denied call that ended the pass", result: Result{Err: denied}, want: []Reason{Unreadable}},
		{why: "a denied target", result: Result{Plan: target(reconcile.TargetPlan{Err: denied})}, want: []Reason{Unreadable}},
		{why: "credentials of one target", result: Result{Plan: target(reconcile.TargetPlan{Err: &callerr.Error{Kind: callerr.Credentials}})}, want: []Reason{ByCredentials}},
		{why: "a target that another run holds", result: Result{Plan: target(reconcile.TargetPlan{Err: held})}, want: []Reason{ByLease}},
		{why: "the journal", result: Result{Plan: inSync.Plan, Err: reconcile.ErrJournal}, want: []Reason{ByHistory}},
		{why: "broken files beside good ones", result: Result{Plan: inSync.Plan, FleetProblem: held}, want: []Reason{ByFleetFiles}},
		{why: "a silent pass", result: Result{Err: ErrStalled}, want: []Reason{BySilence}},
		{why: "a write that was refused", result: Result{Plan: inSync.Plan, Outcome: &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Results: []reconcile.ChangeResult{
			{Status: reconcile.Failed, Err: denied}, {Status: reconcile.NotAttempted, Err: denied}}}}}}, want: []Reason{Unwritable}},
		{why: "the end of the worker is no failure", result: Result{Err: context.Canceled}},
	} {
		if got := tt.result.Reasons(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
}

// TestWhatRings: what an alarm says of a pass must be what is the matter. The guard
// stands in no target's way of being read, and credentials that nobody answered about
// were not refused.
func TestWhatRings(t *testing.T) {
	onePlan := func(err error) *reconcile.Plan {
		return &reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: ireland, Err: err}}}
	}
	credentials := func(result ratelimit.Result) error {
		return ratelimit.WithResult(&callerr.Error{Kind: callerr.Credentials}, result, 0)
	}
	whole := func(err error) Result { return Result{Plan: onePlan(err)} }
	guarded := Result{Plan: onePlan(nil), Err: &reconcile.GuardError{}}
	for _, tt := range []struct {
		why    string
		result Result
		up     bool
		reason Reason
	}{
		{"the guard refused", guarded, true, ByGuard},
		{"credentials were refused", whole(credentials(ratelimit.Permanent)), false, ByCredentials},
		{"they could not be asked for", whole(credentials(ratelimit.ServerError)), false, Unreadable},
	} {
		if up := tt.result.TargetErr(ireland) == nil; up != tt.up {
			t.Errorf("%s: the target is up: %v", tt.why, up)
		}
		if got := tt.result.Reasons(); len(got) != 1 || got[0] != tt.reason {
			t.Errorf("%s: for %q, want %q", tt.why, got, tt.reason)
		}
	}
}

// What many targets have in common is told once, with a few of them, and no number of causes
// makes a page of it.
func TestManyTargetsOfOneCause(t *testing.T) {
	plan := &reconcile.Plan{}
	add := func(account int, err error) {
		plan.Targets = append(plan.Targets, reconcile.TargetPlan{Target: desired.Target{Account: fmt.Sprintf("%012d", account), Region: "eu-west-1"}, Err: err})
	}
	denied := func(account int) error {
		return &callerr.Error{Op: "AssumeRole", Subject: fmt.Sprintf("%012d/eu-west-1", account), Kind: callerr.Denied, Status: 403, Code: "AccessDenied", RequestID: fmt.Sprint("id-", account),
			Message: fmt.Sprintf("User may not assume arn:aws:iam::%012d:role/eventinvoke", account), Hint: "let the role trust the caller"}
	}
	add(1, denied(1))
	add(2, nil)
	add(3, errors.New("no such host"))
	for i := range 72 {
		add(10+i, denied(10+i))
	}
	const want = "73 targets (000000000001/eu-west-1, 000000000010/eu-west-1, 000000000011/eu-west-1, 70 more): AssumeRole: AccessDenied (403): User may not assume arn:aws:iam::000000000001:role/eventinvoke; next: let the role trust the caller\n" +
		"000000000003/eu-west-1: no such host"
	if got := (&Result{Plan: plan}).Completed().Error(); got != want {
		t.Errorf("the pass ended with\n%s\nwant\n%s", got, want)
	}
	for i := range 72 {
		if i == maxReasons-1 {
			if got := (&Result{Plan: plan}).Completed().Error(); !strings.HasSuffix(got, "\nand 1 more target") {
				t.Errorf("of one cause too many the pass says\n%s", got)
			}
		}
		add(100+i, fmt.Errorf("cause %c%c", 'a'+i%26, 'a'+i/26))
	}
	if got := (&Result{Plan: plan}).Completed().Error(); strings.Count(got, "\n") != maxReasons || !strings.HasSuffix(got, "\nand 69 more targets") {
		t.Errorf("of many causes the pass says\n%s", got)
	}
	// What AWS says makes no line of its own.
	plan.Targets = []reconcile.TargetPlan{{Target: ireland, Err: errors.New("no\nsuch host")}, {Target: desired.Target{Account: "222222222222", Region: "eu-west-1"}, Err: errors.New("no role")}}
	if got := (&Result{Plan: plan}).Completed().(interface{ Lines() []string }).Lines(); len(got) != 2 || !strings.HasSuffix(got[0], "no\nsuch host") {
		t.Errorf("the lines are %q", got)
	}
}
