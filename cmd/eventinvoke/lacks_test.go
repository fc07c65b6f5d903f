package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hashicorp/go-multierror"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// What makes an exit code is told in words where nobody sees the report, each cause once.
func TestEveryExitCodeHasItsWord(t *testing.T) {
	target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
	name := desired.Name{Function: "f", Qualifier: desired.Latest}
	denied := errors.New("ListFunctionEventInvokeConfigs 111111111111/eu-west-1/f: AccessDeniedException")
	finding := func(kind reconcile.FindingKind, err error) reconcile.TargetPlan {
		return reconcile.TargetPlan{Findings: []reconcile.Finding{{Name: name, Kind: kind, Err: err}}}
	}
	unjudged := func(err error) reconcile.TargetPlan {
		return reconcile.TargetPlan{Unjudged: []reconcile.Unjudged{{Function: "f", Err: err}}}
	}
	unread := finding(reconcile.FindingUnreadable, denied)
	unread.Unjudged, unread.Declared = unjudged(denied).Unjudged, 2
	stale := &reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: target, Results: []reconcile.ChangeResult{{Change: reconcile.Change{Name: name}, Status: reconcile.Stale}}}}}
	for _, row := range []struct {
		why      string
		plan     reconcile.TargetPlan
		run      reconcile.RunResult
		failures []error // of the engine
		code     exitCode
		word     string
	}{
		{"in sync", reconcile.TargetPlan{Declared: 1, InSync: 1}, reconcile.RunResult{}, nil, exitOK, ""},
		{"no function", finding(reconcile.FindingFunctionMissing, nil), reconcile.RunResult{}, nil, exitPartial, "111111111111/eu-west-1/f: no such function"},
		{"no alias", finding(reconcile.FindingQualifierMissing, nil), reconcile.RunResult{}, nil, exitPartial, "111111111111/eu-west-1/f: no such alias or version"},
		{"it may be missing", finding(reconcile.FindingFunctionMissing, nil), reconcile.RunResult{Fleet: desired.Fleet{MissingFunctions: desired.MissingWarn}}, nil, exitOK, ""},
		{"nothing to compare", reconcile.TargetPlan{Declared: 2, Skipped: 2}, reconcile.RunResult{}, nil, exitError, "nothing was compared: no declared function, alias or version exists"},
		{"too old", reconcile.TargetPlan{Evidence: &insight.Evidence{TooOld: true}}, reconcile.RunResult{}, nil, exitPartial, "111111111111/eu-west-1: something carried had grown too old by the time the plan was made; run again"},
		{"not judged", unjudged(errors.New("no dead-letter queue told")), reconcile.RunResult{}, nil, exitPartial, "111111111111/eu-west-1/f could not be held against the requirements: no dead-letter queue told"},
		{"not judged in time", unjudged(nil), reconcile.RunResult{}, nil, exitPartial, "111111111111/eu-west-1/f could not be held against the requirements: the run ended before its turn"},
		{"not read, and so not judged", unread, reconcile.RunResult{}, []error{denied}, exitPartial, denied.Error()},
		{"stopped, and so not judged", unjudged(nil), reconcile.RunResult{Stopped: reconcile.ErrTimeUp}, []error{reconcile.ErrTimeUp}, exitPartial, "the --timeout passed"},
		{"insights", reconcile.TargetPlan{}, reconcile.RunResult{
			Request: reconcile.Request{InsightPolicy: reconcile.InsightsRequired}, Insights: insight.Set{Unavailable: []insight.Unavailable{{What: "whether 3 destinations exist", Err: errors.New("no")}}},
		}, nil, exitPartial, "not known: whether 3 destinations exist: no"},
		{"all is stale", reconcile.TargetPlan{}, reconcile.RunResult{Outcome: stale}, nil, exitStale, "111111111111/eu-west-1/f: left alone: the record is no longer what was seen; plan again"},
		{"one is stale, one is missing", finding(reconcile.FindingFunctionMissing, nil), reconcile.RunResult{Outcome: stale}, nil, exitPartial, "2 failures; the first: 111111111111/eu-west-1/f: no such function"},
	} {
		r := row.run
		row.plan.Target = target
		r.Plan.Targets = []reconcile.TargetPlan{row.plan}
		if code := codeOfResult(&r, aboutFleet); code != row.code {
			t.Errorf("%s: exit code %d, want %d", row.why, code, row.code)
		}
		var run error
		if row.failures != nil {
			run = multierror.Append(nil, row.failures...)
		}
		word := ""
		if end := (&app{streams: streams{err: &bytes.Buffer{}}}).closing(untold(&r, aboutFleet, run)...); end != nil {
			word = end.Error()
		}
		if word != row.word {
			t.Errorf("%s:\n got %s\nwant %s", row.why, word, row.word)
		}
	}
}
