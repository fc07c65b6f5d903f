package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func TestSurveyMakesTheFewestCalls(t *testing.T) {
	const latest = desired.Latest
	for _, row := range []struct {
		why   string
		fleet desired.Fleet
		aws   func() *fakeAWS
		calls []string
	}{
		{
			why:   "one List reads every record of a function, and what is to have none and has none needs no alias",
			fleet: wants(entry("f", latest, retries(0)), removed("f", "other"), removed("f", "7")),
			aws: func() *fakeAWS {
				f := newFake("f")
				f.records[name("f", "live")] = Settings{desired.MaximumRetryAttempts: desired.Number(0)}
				return f
			},
			calls: []string{"list f"},
		},
		{
			why:   "aliases are listed where a record under one is to go: it may be gone, and the record is then not to be had back",
			fleet: wants(removed("f", "live"), removed("f", "7")),
			aws: func() *fakeAWS {
				f := newFake("f")
				f.records[name("f", "live")] = Settings{}
				return f
			},
			calls: []string{"list f", "aliases f"},
		},
		{
			why:   "aliases are listed where one is declared: a record under it may have outlived it",
			fleet: wants(entry("f", "live", retries(0)), entry("g", "live", retries(0)), entry("h", "live", retries(0))),
			aws: func() *fakeAWS {
				f := newFake("f", "g", "h")
				f.records[name("f", "live")] = Settings{desired.MaximumRetryAttempts: desired.Number(0)}
				f.records[name("h", "live")] = Settings{desired.MaximumRetryAttempts: desired.Number(1)}
				return f
			},
			calls: []string{"list f", "aliases f", "list g", "aliases g", "list h", "aliases h"},
		},
		{
			why:   "versions are listed only for a version",
			fleet: wants(entry("f", "7", retries(0))),
			aws:   func() *fakeAWS { return newFake("f") },
			calls: []string{"list f", "versions f"},
		},
		{
			why:   "both, where both are declared",
			fleet: wants(entry("f", "7", retries(0)), entry("f", "live", retries(0))),
			aws:   func() *fakeAWS { return newFake("f") },
			calls: []string{"list f", "aliases f", "versions f"},
		},
		{
			why:   "an alias that is not there is not as declared, also where the wish is what Lambda does anyway",
			fleet: wants(entry("f", "live", retries(2))),
			aws:   func() *fakeAWS { return newFake("f") },
			calls: []string{"list f", "aliases f"},
		},
		{
			why:   "an alias of a rule that is to have no record says nothing of versions",
			fleet: wants(chosenByRule(removed("f", "live"))),
			aws:   func() *fakeAWS { return newFake("f") },
			calls: []string{"list f", "aliases f"},
		},
		{
			why:   "a missing function is known from its List",
			fleet: wants(entry("gone", "live", retries(0))),
			aws:   func() *fakeAWS { return newFake() },
			calls: []string{"list gone"},
		},
		{
			why:   "pages are followed",
			fleet: wants(entry("f", latest, retries(0))),
			aws: func() *fakeAWS {
				f := newFake("f")
				f.pageSize = 2
				for i := range 5 {
					f.records[name("f", fmt.Sprint(i))] = Settings{}
				}
				return f
			},
			calls: []string{"list f", "list f", "list f"},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := row.aws()
			f.survey(t, t.Context(), row.fleet)
			if !sameCalls(f.calls, row.calls) {
				t.Errorf("%s:\n got %q\nwant %q", row.why, f.calls, row.calls)
			}
		})
	}
}

// sameCalls compares as multisets: functions are read side by side.
func sameCalls(got, want []string) bool {
	count := func(lines []string) map[string]int {
		m := map[string]int{}
		for _, l := range lines {
			m[l]++
		}
		return m
	}
	return cmp.Equal(count(got), count(want))
}

func TestSurveySeesAllPagesAndQualifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f")
		f.pageSize = 2
		for i := range 5 {
			f.records[name("f", fmt.Sprint(i))] = Settings{desired.MaximumRetryAttempts: desired.Number(1)}
		}
		live := f.survey(t, t.Context(), wants(entry("f", desired.Latest, retries(2))))
		got := live.Targets[0].Functions[0]
		if got.State != FunctionPresent || len(got.Records) != 5 || got.record("4") == nil {
			t.Errorf("five records on three pages came out as %+v", got)
		}
	})
}

func TestAMarkerThatRepeatsIsUnreadableAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("f")
		live := surveyWith(t, circling{f}, wants(entry("f", desired.Latest, retries(2))))
		got := live.Targets[0].Functions[0]
		if got.State != FunctionUnreadable || callerr.KindOf(got.Err) != callerr.BadAnswer {
			t.Errorf("a listing that goes in circles came out as %+v", got)
		}
	})
}

// circling answers every List with the same next page.
type circling struct{ *fakeAWS }

func (c circling) ListConfigs(ctx context.Context, function, marker string) (Page[Record], error) {
	p, err := c.fakeAWS.ListConfigs(ctx, function, "")
	p.Next = "again"
	return p, err
}

func surveyWith(t *testing.T, r Reader, fleet desired.Fleet) Observed {
	t.Helper()
	limiter := fastLimiter()
	defer limiter.Close()
	return survey(t.Context(), fleet, map[desired.Target]readConn{home: {Reader: r, Limiter: limiter}}, nil, false)
}

func TestOneFunctionsFailureIsOneRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a", "b", "c")
		f.fail = func(op string, n desired.Name, _ int) error {
			if n.Function == "b" {
				return refusal(callerr.Denied, "no")
			}
			return nil
		}
		live := f.survey(t, t.Context(), wants(entry("a", desired.Latest, retries(2)), entry("b", desired.Latest, retries(2)), entry("c", desired.Latest, retries(2))))
		var states []FunctionState
		for _, fn := range live.Targets[0].Functions {
			states = append(states, fn.State)
		}
		if want := []FunctionState{FunctionPresent, FunctionUnreadable, FunctionPresent}; !cmp.Equal(states, want) {
			t.Errorf("states are %v, want %v", states, want)
		}
	})
}

func TestFaultsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		f.fail = func(_ string, _ desired.Name, attempt int) error {
			if attempt < 3 {
				return broken()
			}
			return nil
		}
		live := f.survey(t, t.Context(), wants(entry("a", desired.Latest, retries(2))))
		if got := live.Targets[0].Functions[0]; got.State != FunctionPresent {
			t.Errorf("after two 500s the function is %+v", got)
		}
		if f.count("list") != 3 {
			t.Errorf("%d calls, want 3", f.count("list"))
		}
	})
}

func TestAnInterruptedSurveyTakesNothingForAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var entries []desired.Entry
		for i := range 100 {
			n := fmt.Sprintf("f%03d", i)
			f.aliases[n] = nil
			entries = append(entries, removed(n, desired.Latest))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var reads atomic.Int64
		f.fail = func(string, desired.Name, int) error {
			if reads.Add(1) == 40 {
				cancel()
			}
			return nil
		}
		fleet := wants(entries...)
		plan := NewPlan(fleet, f.survey(t, ctx, fleet))
		c := plan.Counts()
		if c.NotExamined < 50 || c.InSync < 30 || c.InSync+c.NotExamined != 100 {
			t.Errorf("after 40 of 100 reads: %+v", c)
		}
		if _, err := (Guard{Limits: fleet.Limits}).approve(plan); err == nil {
			t.Error("a plan that is not whole was approved")
		}
	})
}

// endless gives a new marker with every page.
type endless struct{ pages int }

func (e *endless) ListFunctions(context.Context, string) (Page[Function], error) {
	e.pages++
	return Page[Function]{Items: named("f"), Next: fmt.Sprint(e.pages)}, nil
}

func (e *endless) Tagged(context.Context, []desired.Tag) (map[string]map[string]string, error) {
	return nil, nil
}

// TestAListingThatNeverEnds is given up, although no marker comes twice.
func TestAListingThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiters := ratelimit.NewRegistry(func(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: 1e6, Share: 1} })
		defer limiters.Close()
		target := desired.Target{Account: "111111111111", Region: "eu-west-1"}
		pages := &endless{}
		_, failed := discover(t.Context(), []desired.Discovery{{Target: target, ListFunctions: true}},
			map[desired.Target]readConn{target: {Finder: pages, Limiter: limiters.For(target)}})
		if err := failed[target]; callerr.KindOf(err) != callerr.BadAnswer || pages.pages > 10001 || !strings.Contains(err.Error(), "did not end") {
			t.Errorf("after %d pages: %v", pages.pages, err)
		}
	})
}

func (e *endless) TagsOf(context.Context, []string) (map[string]map[string]string, error) {
	return nil, nil
}

// A record that is to be deleted because nobody declared it is looked at as an orphan is: one
// under an alias that is gone cannot be put back.
func TestUndeclaredRecordsThatAreDeletedAreLookedInto(t *testing.T) {
	for policy, final := range map[desired.UndeclaredPolicy]bool{desired.UndeclaredDelete: true, desired.UndeclaredReport: false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("f")
			f.records[name("f", "gone")] = Settings{}
			fleet := wants(entry("f", desired.Latest, retries(2)))
			fleet.Undeclared = policy
			plan := NewPlan(fleet, f.survey(t, t.Context(), fleet))
			if got := len(plan.Targets[0].Changes) == 1 && plan.Targets[0].Changes[0].Final; got != final || f.count("aliases") > 0 != final {
				t.Errorf("policy %v: %q after %q", policy, lines(&plan), f.calls)
			}
		})
	}
}

// A target without a way to read it is unreadable, and none of its functions absent.
func TestATargetWithoutAReader(t *testing.T) {
	fleet := wants(entry("f", desired.Latest, retries(0)))
	live := survey(t.Context(), fleet, nil, nil, false)
	plan := NewPlan(fleet, live)
	if err := live.Targets[0].Err; err == nil || !strings.Contains(err.Error(), "no Reader configured") || plan.Counts().Unreadable != 1 {
		t.Errorf("%v, %q", err, lines(&plan))
	}
}

// Functions are read in the order of their names, as many at a time as there are workers,
// for as long as each may be read.
func TestFunctionsAreReadInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := numbered("f-%02d", 60)
		fleet, f := fleetOf(names...)
		f.survey(t, t.Context(), fleet)
		for i, call := range f.calls {
			at := slices.Index(names, strings.TrimPrefix(call, "list "))
			if at > i+8 { // one that is slow may come late, and none comes early
				t.Errorf("call %d is %q", i, call)
			}
		}
	})
}
