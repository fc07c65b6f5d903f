package worker

import (
	"errors"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

func TestWhatAPassCameTo(t *testing.T) {
	denied, refused := errors.New("denied"), errors.New("refused by the guard")
	name := desired.Name{Function: "orders", Qualifier: "live"}
	plan := func(p reconcile.TargetPlan) *reconcile.Plan {
		p.Target = ireland
		return &reconcile.Plan{Targets: []reconcile.TargetPlan{p}}
	}
	wrote := func(s reconcile.Status, err error) *reconcile.Outcome {
		return &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: ireland, Results: []reconcile.Result{
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
		{why: "one that was not reached is not", result: Result{Plan: finding(reconcile.FindingNotExamined, nil)}, whole: errUnread, orders: errUnread},
		{why: "a missing function is found, not failed", result: Result{Plan: finding(reconcile.FindingFunctionMissing, nil)}},
		{why: "one write that failed is a row", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.Failed, denied)}, orders: denied},
		{why: "one that was stored otherwise", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.Mismatched, denied)}, orders: denied},
		{why: "one that was not attempted", result: Result{Plan: plan(reconcile.TargetPlan{}), Outcome: wrote(reconcile.NotAttempted, nil)}, whole: errUnread, orders: errUnread},
	} {
		f := tt.result.Failures()
		for _, c := range []struct {
			what      string
			got, want error
		}{
			{"the pass", tt.result.Completed(), tt.whole},
			{"the target", tt.result.TargetErr(ireland), tt.whole},
			{"orders", f.Of(fn("orders")), tt.orders},
			{"bills", f.Of(fn("bills")), tt.bills},
			{"the whole target's touch", f.Of(Object{Target: ireland}), tt.orders},
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
