package reconcile

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
)

// What went wrong in a run is told as rows, all of them, and as the run's error, which leaves out
// what only follows from another failure or from the end of the run.
func TestFailures(t *testing.T) {
	other := desired.Target{Account: "222222222222", Region: "eu-west-1"}
	no, stop := errors.New("no"), errors.New("stopped")
	finding := func(kind FindingKind, err error) []Finding {
		return []Finding{{Name: name("f", "live"), Kind: kind, Err: err}}
	}
	wrote := func(status Status, err error) *Outcome {
		return &Outcome{Targets: []TargetOutcome{{Target: home, Results: []ChangeResult{{Change: Change{Name: name("f", "live")}, Status: status, Err: err}}}}}
	}
	const f, target = "111111111111/eu-west-1/f:live: ", "111111111111/eu-west-1: "
	for _, row := range []struct {
		why     string
		plan    TargetPlan
		outcome *Outcome
		stopped error
		rows    []string
		errs    []string
	}{
		{"nothing", TargetPlan{Findings: finding(FindingUndeclared, nil)}, wrote(Applied, nil), nil, nil, nil},
		{"a target that could not be read", TargetPlan{Err: no, Findings: finding(FindingUnreadable, no)}, nil, nil, []string{target + "no, ended", f + "no"}, []string{target + "no"}},
		{"one that was given up", TargetPlan{Stopped: no, Findings: finding(FindingNotExamined, nil)}, nil, nil,
			[]string{target + "no, ended", f + "the run ended before its turn, ended"}, []string{target + "no"}},
		{"a config", TargetPlan{Findings: finding(FindingUnreadable, no)}, nil, nil, []string{f + "no"}, []string{f + "no"}},
		{"a write", TargetPlan{}, wrote(Mismatched, no), nil, []string{f + "no, writing"}, []string{f + "no"}},
		{"one that was not sent", TargetPlan{}, wrote(NotAttempted, no), nil, []string{f + "no, writing, ended"}, nil},
		{"the end of the run, in a target", TargetPlan{Stopped: stop}, nil, stop, []string{target + "stopped, ended"}, []string{"stopped"}},
		{"the same, while another was opened", TargetPlan{Err: stop, Findings: finding(FindingUnreadable, stop)}, nil, stop, []string{target + "stopped, ended", f + "stopped"}, []string{"stopped"}},
	} {
		row.plan.Target = home
		r := &RunResult{Plan: Plan{Targets: []TargetPlan{row.plan, {Target: other}}}, Outcome: row.outcome, Stopped: row.stopped}
		var rows []string
		for _, f := range Failures(&r.Plan, r.Outcome) {
			text := f.Error()
			if f.Write {
				text += ", writing"
			}
			if f.Ended {
				text += ", ended"
			}
			rows = append(rows, text)
		}
		if diff := cmp.Diff(row.rows, rows); diff != "" {
			t.Errorf("%s: the rows (-want +got)\n%s", row.why, diff)
		}
		var errs []string
		if err := r.failures(); err != nil {
			for _, err := range err.(interface{ WrappedErrors() []error }).WrappedErrors() {
				errs = append(errs, err.Error())
				if !slices.ContainsFunc([]error{no, stop}, func(cause error) bool { return errors.Is(err, cause) }) {
					t.Errorf("%s: %v does not tell its cause", row.why, err)
				}
			}
		}
		if diff := cmp.Diff(row.errs, errs); diff != "" {
			t.Errorf("%s: the error (-want +got)\n%s", row.why, diff)
		}
	}
}

// Each target has its own of the failures, and what one could not be read for is nothing to another.
func TestFailuresOfEachTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		no := rapid.SampledFrom([]error{nil, errors.New("no")})
		var r RunResult
		outcome := rapid.Bool().Draw(t, "wrote")
		if outcome {
			r.Outcome = &Outcome{}
		}
		want := map[desired.Target][]*Failure{}
		for _, account := range []string{"111111111111", "222222222222", "333333333333"} {
			p := TargetPlan{Target: desired.Target{Account: account, Region: "eu-west-1"}, Err: no.Draw(t, "err"), Stopped: no.Draw(t, "stopped")}
			for range rapid.IntRange(0, 3).Draw(t, "findings") {
				p.Findings = append(p.Findings, Finding{Name: name("f", "live"), Kind: FindingKind(rapid.IntRange(0, int(FindingLatestOnly)).Draw(t, "kind")), Err: errors.New("unread")})
			}
			o := TargetOutcome{Target: p.Target, Stopped: no.Draw(t, "gave up")}
			for range rapid.IntRange(0, 3).Draw(t, "results") {
				o.Results = append(o.Results, ChangeResult{Change: Change{Name: name("f", "live")}, Status: Status(rapid.IntRange(0, int(AlreadySo)).Draw(t, "status")), Err: no.Draw(t, "why")})
			}
			if rapid.Bool().Draw(t, "planned") {
				r.Plan.Targets = append(r.Plan.Targets, p)
			}
			if outcome && rapid.Bool().Draw(t, "tried") {
				r.Outcome.Targets = append(r.Outcome.Targets, o)
			}
		}
		unread := 0
		for _, f := range Failures(&r.Plan, r.Outcome) {
			want[f.Target] = append(want[f.Target], f)
			if !f.Write && !f.Ended && FindTarget(r.Plan.Targets, f.Target).Err == nil {
				unread++
			}
		}
		for _, account := range []string{"111111111111", "222222222222", "333333333333"} {
			target := desired.Target{Account: account, Region: "eu-west-1"}
			if got := FailuresOf(target, &r.Plan, r.Outcome); !slices.EqualFunc(got, want[target], func(a, b *Failure) bool { return *a == *b }) {
				t.Fatalf("%s: %v, want %v", target, got, want[target])
			}
		}
		var told []error
		if err := r.failures(); err != nil {
			told = err.(interface{ WrappedErrors() []error }).WrappedErrors()
		}
		if n := len(slices.DeleteFunc(told, func(err error) bool {
			f := (*Failure)(nil)
			return !errors.As(err, &f) || f.Write || f.Ended
		})); n != unread {
			t.Fatalf("the run's error has %d configs that could not be read, want %d", n, unread)
		}
	})
}
