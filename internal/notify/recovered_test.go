package notify

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// For any sequence of passes over two targets: whatever each looked at, and whatever it
// could not, the end of all is told by a pass that read every target, when each thing that
// was told has been looked at since and was gone, and then always.
func TestNothingUnseenIsRecovered(t *testing.T) {
	const arn = "arn:aws:sqs:eu-west-1:111111111111:q" // both targets send to it
	type fact struct {
		desired.Target
		kind Kind
	}
	held := errors.New("held")
	targets := []desired.Target{prod, {Account: "222222222222", Region: "eu-west-1"}}
	config := func(t desired.Target) desired.Key {
		return desired.Key{Target: t, Name: desired.Name{Function: "a", Qualifier: desired.Latest}}
	}
	rapid.Check(t, func(t *rapid.T) {
		is := func(label string, of int) bool { return rapid.IntRange(1, of).Draw(t, label) == of }
		var told Told
		open := map[fact]bool{} // what was told, and not seen to be gone since
		owed := false           // something was told since the last end
		for range rapid.IntRange(1, 20).Draw(t, "passes") {
			r := runOf()
			r.Plan.Targets = nil
			whole, all, news := !is("some of it", 4), true, false
			if is("no insights", 6) {
				r.InsightPolicy = reconcile.InsightsOff
			}
			if is("the annotators fail", 6) {
				r.Insights.Unavailable = append(r.Insights.Unavailable, insight.Unavailable{Err: held})
			}
			if is("the time is up", 6) {
				r.Stopped, news = reconcile.ErrTimeUp, true
			}
			if is("the guard stops it", 6) {
				r.Refused, news = &reconcile.GuardError{}, true
			}
			lost := rapid.SampledFrom([]insight.DestinationState{insight.DestinationUnknown, insight.DestinationExists, insight.DestinationMissing, insight.DestinationWrongKind}).Draw(t, "queue")
			to := insight.Destination{ARN: arn, State: lost}
			seen, gone := map[fact]bool{}, map[fact]bool{}
			for _, target := range targets {
				p := reconcile.TargetPlan{Target: target}
				look := func(kind Kind, known bool, show func()) {
					switch f := (fact{target, kind}); {
					case is(string(kind), 3):
						show()
						seen[f] = true
					case known:
						gone[f] = true
					}
				}
				read := true
				switch rapid.SampledFrom([]string{"read", "read", "read", "held", "denied", "cut short", "too old"}).Draw(t, "how") {
				case "held":
					p.Err, read = held, false
				case "denied":
					p.Err, read, news = errors.New("denied"), false, true
				case "cut short":
					p.Findings, read = []reconcile.Finding{{Kind: reconcile.FindingNotExamined}}, false
				case "too old":
					p.Evidence, read = &insight.Evidence{TooOld: true}, false
				}
				all = all && read
				if is("the witness fails", 6) {
					r.Insights.Unavailable = append(r.Insights.Unavailable, insight.Unavailable{Target: target, Err: held})
				}
				asked := read && r.InsightPolicy != reconcile.InsightsOff && r.Stopped == nil &&
					!slices.ContainsFunc(r.Insights.Unavailable, func(u insight.Unavailable) bool { return u.Target == target || u.Target == desired.Target{} })
				if p.Err == nil {
					look(Drift, read, func() { p.Changes = append(p.Changes, change("a")) })
					judged := read && !is("unjudged", 4)
					if read && !judged {
						p.Unjudged = []reconcile.Unjudged{{Function: "b"}}
					}
					look(Breach, judged, func() { p.Breaches = []reconcile.Breach{{Name: config(target).Name, Now: true, Planned: true}} })
					if r.InsightPolicy != reconcile.InsightsOff {
						to.Uses = append(to.Uses, insight.DestinationUse{Key: config(target)})
						if f := (fact{target, Lost}); to.Loses() {
							seen[f] = true
						} else if asked && lost == insight.DestinationExists {
							gone[f] = true
						}
					}
				}
				if r.InsightPolicy != reconcile.InsightsOff {
					look(Fight, asked, func() { r.Insights.Fights = append(r.Insights.Fights, insight.Fight{Key: config(target)}) })
				}
				r.Plan.Targets = append(r.Plan.Targets, p)
			}
			if len(to.Uses) > 0 {
				r.Insights.Destinations = []insight.Destination{to}
			}
			if is("no plan", 8) {
				r = &reconcile.RunResult{Request: r.Request, Err: errors.New("no credentials")}
				all, news = false, true
				clear(seen)
				clear(gone)
			}
			if whole {
				maps.DeleteFunc(open, func(f fact, _ bool) bool { return gone[f] })
			}
			maps.Copy(open, seen)
			news = news || len(seen) > 0
			owed = owed || news
			want := owed && !news && whole && all && len(open) == 0
			d := Of(r, whole, func(err error) bool { return err == held })
			told.take(d)
			if got := slices.Contains(d.Kinds, Recovered); got != want {
				t.Fatalf("recovered: %t, want %t; whole %t, all read %t, not seen to be gone: %v", got, want, whole, all, open)
			}
			owed = owed && !want
		}
	})
}
