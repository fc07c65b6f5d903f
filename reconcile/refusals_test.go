package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// fleetOf declares a destination for each function, in a fake that has them all.
func fleetOf(functions ...string) (desired.Fleet, *fakeAWS) {
	slices.Sort(functions)
	f := newFake(functions...)
	var entries []desired.Entry
	for _, fn := range functions {
		entries = append(entries, entry(fn, desired.Latest, desired.Config{desired.OnFailure: desired.Text(queueA)}))
	}
	return wants(entries...), f
}

func numbered(format string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(format, i))
	}
	return names
}

// teams are functions whose names begin with the name of a team.
func teams(n, of int) (names []string) {
	for i := range n {
		names = append(names, numbered(fmt.Sprintf("%c%c-%%02d", 'a'+i/26, 'a'+i%26), of)...)
	}
	return names
}

// refusing lets one operation be refused for some functions.
func refusing(op string, kind callerr.Kind, refused func(string) bool) func(string, desired.Name, int) error {
	return func(o string, n desired.Name, _ int) error {
		if o == op && refused(n.Function) {
			return refusal(kind, "The function execution role does not have permissions to call SendMessage on "+queueA)
		}
		return nil
	}
}

// One broken group holds nobody hostage, whatever its place in the order, and
// costs ten calls, and the seven that are under way by then, however large it is.
func TestABrokenGroupHoldsNobodyHostage(t *testing.T) {
	for _, row := range []struct {
		why             string
		functions       []string
		refused         func(string) bool
		created         int
		tries, overTime int // refused writes: at least and at most: eight are under way at a time
	}{
		{"40 that come first in order, of one queue with 60 healthy ones", append(numbered("api-%02d", 40), numbered("z-%02d", 60)...),
			func(f string) bool { return f[0] == 'a' }, 60, 10, 17},
		{"40 that come last", append(numbered("api-%02d", 60), numbered("z-%02d", 40)...), func(f string) bool { return f[0] == 'z' }, 60, 10, 17},
		{"a queue that does not exist: ten calls and not a thousand", numbered("f-%04d", 1000), func(string) bool { return true }, 0, 10, 17},
		{"nor ten for each of fifty teams", slices.Concat(numbered("a-%02d", 20), numbered("b-%02d", 20), numbered("c-%02d", 20), numbered("d-%02d", 20)),
			func(string) bool { return true }, 0, 16, 40},
		{"two for each of fifty, and what is under way by then", teams(50, 20), func(string) bool { return true }, 0, 100, 130},
		{"names that begin with a digit are a family each", numbered("%02d-x", 30), func(string) bool { return true }, 0, 30, 30},
		{"every third of one family", numbered("f-%03d", 300), func(f string) bool { return f[len(f)-1]%3 == 0 }, 180, 120, 120},
	} {
		synctest.Test(t, func(t *testing.T) {
			fleet, f := fleetOf(row.functions...)
			f.fail = refusing("put", callerr.Refused, row.refused)
			out := f.apply(t, t.Context(), fleet, nil)
			got := out.Counts()
			if got.Created != row.created || got.Failed < row.tries || got.Failed > row.overTime || got.Created+got.Failed+got.NotAttempted != len(row.functions) {
				t.Errorf("%s: %+v, want %d created and %d to %d failed", row.why, got, row.created, row.tries, row.overTime)
			}
			for _, r := range out.Targets[0].Results {
				if r.Status == NotAttempted && !errors.Is(r.Err, ErrSameCause) {
					t.Fatalf("%s: %s was not attempted for %v", row.why, r.Name, r.Err)
				}
			}
			if out.Targets[0].Stopped != nil {
				t.Errorf("%s: stopped by %v", row.why, out.Targets[0].Stopped)
			}
		})
	}
}

// An answer that says nothing about its function teaches nothing about others.
func TestAnOutageIsNoSharedCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, f := fleetOf(numbered("f-%02d", 40)...)
		fleet.Limits.MaxErrors = desired.Limit{Number: 100}
		f.fail = refusing("put", callerr.Server, func(string) bool { return true })
		out := f.apply(t, t.Context(), fleet, nil)
		if got := out.Counts(); got.Failed != 40 {
			t.Errorf("%+v", got)
		}
	})
}

// For every set of functions that may not be read, and of families whose writes
// are refused, all others are read and corrected in the first run.
func TestEveryOtherFunctionIsCorrectedInTheFirstRun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			var functions []string
			broken := map[byte]bool{}
			for _, family := range "abcdef" {
				functions = append(functions, numbered(string(family)+"-%02d", rapid.IntRange(0, 30).Draw(rt, "size"))...)
				broken[byte(family)] = rapid.Bool().Draw(rt, "broken")
			}
			hidden := map[string]bool{}
			for _, fn := range functions {
				hidden[fn] = rapid.IntRange(0, 4).Draw(rt, "hidden") == 0
			}
			fleet, f := fleetOf(functions...)
			f.fail = func(op string, n desired.Name, attempt int) error {
				if err := refusing("list", callerr.Denied, func(fn string) bool { return hidden[fn] })(op, n, attempt); err != nil {
					return err
				}
				return refusing("put", callerr.Refused, func(fn string) bool { return broken[fn[0]] })(op, n, attempt)
			}
			f.apply(t, t.Context(), fleet, nil)
			for _, fn := range functions {
				_, corrected := f.records[name(fn, desired.Latest)]
				if want := !hidden[fn] && !broken[fn[0]]; corrected != want {
					rt.Fatalf("%s: corrected is %v, want %v", fn, corrected, want)
				}
			}
		})
	})
}

// What is wrong with the target itself ends it after a few answers; so does a
// permission that nobody has. An outage has the guard's limit.
func TestWhatEndsATarget(t *testing.T) {
	all := func(string) bool { return true }
	for _, row := range []struct {
		why        string
		kind       callerr.Kind
		only       func(string) bool
		low, high  int
		stopped    error
		unreadable int // 0: all
	}{
		{"credentials that have expired", callerr.Credentials, all, sameAnswers, sameAnswers + 10, errTargetRefused, 0},
		{"nobody may read: the first thirty say so", callerr.Denied, all, deniedReads, deniedReads + 10, errTargetRefused, 0},
		{"299 of 300 may not be read, and the one is found", callerr.Denied, func(f string) bool { return f != "f-000" }, 300, 300, nil, 299},
		{"an outage: 10 %, and those in flight", callerr.Server, all, 31, 45, ErrErrorBudget, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			fleet, f := fleetOf(numbered("f-%03d", 300)...)
			f.fail = refusing("list", row.kind, row.only)
			live := f.survey(t, t.Context(), fleet)
			if n := f.count("list"); n < row.low || n > row.high {
				t.Errorf("%s: %d calls of 300, want %d to %d", row.why, n, row.low, row.high)
			}
			if stopped := live.Targets[0].Stopped; (stopped == nil) != (row.stopped == nil) || !errors.Is(stopped, row.stopped) {
				t.Errorf("%s: stopped by %v", row.why, stopped)
			}
			plan := NewPlan(fleet, live)
			if got, want := plan.Counts().Unreadable, 300-(300-row.unreadable)*min(1, row.unreadable); got != want {
				t.Errorf("%s: %d unreadable, want %d", row.why, got, want)
			}
		})
	}
}

// The limit of max_errors is exact: as many failures as it allows stop nothing.
func TestTheErrorLimitIsExact(t *testing.T) {
	for allowed := range 4 {
		for failures := range 6 {
			b := newErrorBudget(t.Context(), allowed, 10)
			for range failures {
				b.failure(broken())
			}
			if stopped := b.cause() != nil; stopped != (failures > allowed) {
				t.Errorf("%d failures of %d allowed: stopped is %v", failures, allowed, stopped)
			}
			b.release()
		}
	}
}

// What failed the last time comes behind the rest, and what shares the cause of a
// refusal behind everything.
func TestTheOrderOfWrites(t *testing.T) {
	fleet, _ := fleetOf(numbered("f-%d", 4)...)
	var results []ChangeResult
	for _, e := range fleet.Targets[0].Entries {
		results = append(results, ChangeResult{Change: Change{Name: e.Name, Action: Create, Want: e.Want}})
	}
	other := desired.Config{desired.OnFailure: desired.Text(queueB)}
	results[3].Want = &other
	c := &causes{tries: firstTries}
	var order []string
	last := func(n desired.Name) bool { return n.Function == "f-0" }
	for group := range c.inTurn(results, last, nil) {
		order = append(order, group[0].Function)
		if group[0].Function == "f-1" {
			group[0].Status, group[0].Err = Failed, refusal(callerr.Refused, "no")
			c.settled(&group[0])
		}
	}
	if want := []string{"f-1", "f-3", "f-2", "f-0"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}

// When a family is given up: at ten refusals, or at two once the others had ten between
// them; never with a success, also if that was under way when the last refusal came.
func TestWhenAFamilyIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		why     string
		answers string // the team of each answer, upper case where it was refused
		given   string // of team a, b and c
	}{
		{"nine are too few", strings.Repeat("A", 9), ""},
		{"ten of one", strings.Repeat("A", 10), "a"},
		{"one of the others is too few", strings.Repeat("A", 10) + "B", "a"},
		{"two of the others, after ten", strings.Repeat("A", 10) + "BB", "ab"},
		{"two of the others, before ten", "BB" + strings.Repeat("A", 10), "ab"},
		{"the others had ten between them", "AAAAABBBBBCC", "c"},
		{"so had the others of each", "AAAAABBBBBCCCCC", "abc"},
		{"a success among refusals", "AAAAAa" + strings.Repeat("A", 20), ""},
		{"a success that came late", strings.Repeat("A", 10) + "a", ""},
		{"refusals of a team with a success count for none of the others", strings.Repeat("A", 10) + "aBB", ""},
		{"nor do any of a dozen", strings.Repeat("A", 12) + "aBB", ""},
		{"and those of the rest go on counting", "CCCCCCCCCCAAAAAaBB", "bc"},
	} {
		c := &causes{tries: firstTries}
		for i, team := range row.answers {
			fleet, _ := fleetOf(fmt.Sprintf("%c-%02d", unicode.ToLower(team), i))
			e := fleet.Targets[0].Entries[0]
			r := ChangeResult{Change: Change{Name: e.Name, Action: Create, Want: e.Want}, Status: Applied}
			if unicode.IsUpper(team) {
				r.Status, r.Err = Failed, refusal(callerr.Refused, "no")
			}
			c.settled(&r)
		}
		given := ""
		for _, team := range []string{"a", "b", "c"} {
			fleet, _ := fleetOf(team + "-99")
			e := fleet.Targets[0].Entries[0]
			if err := c.verdict(&Change{Name: e.Name, Action: Create, Want: e.Want}); errors.Is(err, ErrSameCause) {
				given += team
			}
		}
		if given != row.given {
			t.Errorf("%s: %q is given up, want %q", row.why, given, row.given)
		}
	}
}

// Whoever is given up is told of the first that was refused, and of its reason.
func TestTheFirstRefusalIsTheReason(t *testing.T) {
	c := &causes{tries: firstTries}
	fleet, _ := fleetOf(numbered("f-%02d", firstTries+1)...)
	change := func(i int) Change {
		e := fleet.Targets[0].Entries[i]
		return Change{Name: e.Name, Action: Create, Want: e.Want}
	}
	for i := range firstTries {
		c.settled(&ChangeResult{Change: change(i), Status: Failed, Err: refusal(callerr.Refused, fmt.Sprintf("reason %d", i))})
	}
	last := change(firstTries)
	err := c.verdict(&last)
	if !errors.Is(err, ErrSameCause) || !strings.Contains(err.Error(), " as f-00: ") || !strings.HasSuffix(err.Error(), "reason 0") {
		t.Errorf("given up for %v", err)
	}
}

// What sets no destination has its operation in common with others, and nothing else.
func TestWritesWithoutADestinationShareTheirOperation(t *testing.T) {
	fewer, held := retries(0), &Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	queue := desired.Config{desired.OnFailure: desired.Text(queueA)}
	kinds := map[string]Change{
		"delete": {Action: Delete, Before: held}, "numbers": {Action: Update, Want: &fewer, Before: held}, "queue": {Action: Update, Want: &queue, Before: held},
	}
	for refused, r := range kinds {
		c := &causes{tries: firstTries}
		for i := range firstTries {
			r.Name = name(fmt.Sprintf("f-%02d", i), desired.Latest)
			c.settled(&ChangeResult{Change: r, Status: Failed, Err: refusal(callerr.Denied, "no")})
		}
		for tried, next := range kinds {
			next.Name = name("f-99", desired.Latest)
			if err := c.verdict(&next); (err != nil) != (tried == refused) {
				t.Errorf("%s was refused, and %s: %v", refused, tried, err)
			}
		}
	}
}

// rolesOf gives functions their roles, by the first letter of the name.
func rolesOf(fleet desired.Fleet) map[string]desired.FunctionDetails {
	details := map[string]desired.FunctionDetails{}
	for _, e := range fleet.Targets[0].Entries {
		details[e.Function] = desired.FunctionDetails{Role: "arn:aws:iam::111111111111:role/" + e.Function[:1]}
	}
	return details
}

// One function of each pair of role and destination that several have goes first; a pair
// that went well is not held back by another role's refusal, and one that failed last time
// is no probe.
func TestOneProbeForEachPairComesFirst(t *testing.T) {
	fleet, _ := fleetOf("a-0", "a-1", "a-2", "b-0", "b-1", "c-0", "d-0", "d-1")
	var results []ChangeResult
	for _, e := range fleet.Targets[0].Entries {
		results = append(results, ChangeResult{Change: Change{Name: e.Name, Action: Create, Want: e.Want}})
	}
	other := desired.Config{desired.OnFailure: desired.Text(queueB)}
	results[1].Want, results[2].Want = &other, &other // a-1 and a-2
	c := &causes{details: rolesOf(fleet), tries: firstTries}
	var order []string
	last := func(n desired.Name) bool { return n.Function == "b-0" || n.Function == "d-0" }
	for group := range c.inTurn(results, last, nil) {
		order = append(order, group[0].Function)
		group[0].Status = Applied
		if group[0].Function == "d-1" {
			group[0].Status, group[0].Err = Failed, refusal(callerr.Role, "no")
		}
		c.settled(&group[0])
	}
	// d-1 is refused and c-0 has the same destination, with a role that nobody tried: it
	// goes behind. The role of b-0 was seen to be allowed.
	if want := []string{"a-1", "b-1", "d-1", "a-2", "b-0", "a-0", "d-0", "c-0"}; !slices.Equal(order[:5], want[:5]) || len(order) != len(want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}

// Answers come in any order, and a refusal may be heard while a probe of another role is under
// way. Once all probes are answered, nothing of a role that was seen to be allowed waits for
// what may be refused.
func TestARoleThatIsAllowedWaitsForNoOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var functions []string
		refused, size := map[byte]bool{}, map[byte]int{}
		for _, role := range "abcdef" {
			n := rapid.IntRange(0, 6).Draw(rt, "size")
			functions = append(functions, numbered(string(role)+"-%d", n)...)
			refused[byte(role)], size[byte(role)] = rapid.Bool().Draw(rt, "refused"), n
		}
		if len(functions) == 0 {
			return
		}
		fleet, _ := fleetOf(functions...)
		var results []ChangeResult
		for _, e := range fleet.Targets[0].Entries {
			results = append(results, ChangeResult{Change: Change{Name: e.Name, Action: Create, Want: e.Want}})
		}
		c := &causes{details: rolesOf(fleet), tries: firstTries}
		var flying []*ChangeResult
		heard, proven, waiting := false, map[byte]bool{}, map[byte]int{}
		probes := map[byte]bool{} // that have no answer
		for role, n := range size {
			waiting[role] = n
			if n > 1 {
				probes[role] = true
			}
		}
		for group := range c.inTurn(results, nil, func([]ChangeResult, error) {}) {
			role := group[0].Function[0]
			waiting[role]--
			for other, n := range waiting {
				if heard && len(probes) == 0 && !proven[role] && proven[other] && n > 0 {
					rt.Fatalf("%s comes before %d functions of role %c, which is allowed", group[0].Function, n, other)
				}
			}
			flying = append(flying, &group[0])
			for len(flying) > 0 && (len(flying) == 8 || rapid.Bool().Draw(rt, "answer")) {
				i := rapid.IntRange(0, len(flying)-1).Draw(rt, "which")
				r := flying[i]
				flying = slices.Delete(flying, i, i+1)
				role := r.Function[0]
				if r.Status = Applied; refused[role] {
					r.Status, r.Err, heard = Failed, refusal(callerr.Role, "no"), true
				}
				proven[role] = !refused[role]
				delete(probes, role)
				c.settled(r)
			}
		}
	})
}

// A thousand functions of ten roles, of which one may not send: that is known after ten
// calls and those under way, and costs ten more.
func TestARoleThatMayNotSendIsKnownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var functions []string
		for role := range 10 {
			functions = append(functions, numbered(string(rune('a'+role))+"-%02d", 100)...)
		}
		fleet, f := fleetOf(functions...)
		f.details = rolesOf(fleet)
		f.latency = 50 * time.Millisecond
		f.fail = refusing("put", callerr.Role, func(fn string) bool { return fn[0] == 'j' })
		known := 0
		out := f.apply(t, t.Context(), fleet, func(e Step) {
			if e.Result.Status == Failed && known == 0 {
				known = e.Done
			}
		})
		got := out.Counts()
		if known == 0 || known > 10+8 || got.Created != 900 || got.Failed > 10+7 {
			t.Errorf("known at the end of call %d; %+v", known, got)
		}
	})
}

// A fresh permission takes 30 s to count. Who was refused before is tried once more at the
// end of a run that lasts so long by itself, and no run waits for it.
func TestARefusalForTheRoleIsTriedOnceMoreAtTheEnd(t *testing.T) {
	second := desired.Target{Account: home.Account, Region: "us-east-1"}
	for _, row := range []struct {
		why         string
		busy        int           // functions that have work for half a second each
		elsewhere   bool          // these are in another target
		allowed     time.Duration // when the permission counts
		created     int
		least, most int // that are tried again
		longest     time.Duration
	}{
		{"a run that is over before is no longer for it", 1, false, 20 * time.Second, 1, 0, 0, 10 * time.Second},
		{"a long run tries the first again, which is allowed as all others were", 100, false, 30 * time.Second, 120, 1, 1, 61 * time.Second},
		{"a long run stops at what is refused again", 100, false, time.Hour, 100, 1, 8, 63 * time.Second},
		{"a target that is done waits while another is at work", 100, true, 30 * time.Second, 120, 20, 20, 50 * time.Second},
		{"and no longer than that", 50, true, 30 * time.Second, 50, 0, 0, 25 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			fleet, f := fleetOf(slices.Concat(numbered("busy-%03d", row.busy), numbered("new-%02d", 20))...)
			f.details, f.latency = rolesOf(fleet), 500*time.Millisecond
			plan := Plan{Targets: []TargetPlan{{Target: home}, {Target: second}}}
			for _, e := range fleet.Targets[0].Entries {
				at := &plan.Targets[0]
				if row.elsewhere && e.Function[0] == 'b' {
					at = &plan.Targets[1]
				}
				at.Changes = append(at.Changes, Change{Name: e.Name, Action: Create, Want: e.Want})
			}
			began := time.Now()
			f.fail = refusing("put", callerr.Role, func(fn string) bool { return fn[0] == 'n' && time.Since(began) < row.allowed })
			conns := map[desired.Target]writeConn{}
			for _, target := range []desired.Target{home, second} {
				limiter := fastLimiter()
				defer limiter.Close()
				conns[target] = writeConn{Writer: oneAtATime{f, make(chan struct{}, 1)}, Limiter: limiter, Details: f.details}
			}
			told := map[desired.Name]int{}
			out := apply(t.Context(), approvedPlan{plan: plan}, conns, noJournal{}, func(e Step) { told[e.Result.Name]++ })
			took, again := time.Since(began), 0
			for _, target := range out.Targets {
				for _, r := range target.Results {
					if r.Again {
						again++
					}
					if r.Again != (told[r.Name] == 2) || r.Again && r.Err == nil && r.Status != Applied {
						t.Errorf("%s: %s is %v, tried again: %v, told %d times, %v", row.why, r.Name, r.Status, r.Again, told[r.Name], r.Err)
					}
				}
			}
			if created := out.Counts().Created; created != row.created || again < row.least || again > row.most || took > row.longest {
				t.Errorf("%s: %d created, %d tried again, took %v", row.why, created, again, took)
			}
		})
	}
}

// A lease that is lost while its target waits for the second try ends that target, and the
// first answers stand; the other one goes on.
func TestALeaseLostWhileTheSecondTryWaits(t *testing.T) {
	second := desired.Target{Account: home.Account, Region: "us-east-1"}
	synctest.Test(t, func(t *testing.T) {
		fleet, f := fleetOf(slices.Concat(numbered("busy-%03d", 100), numbered("new-%02d", 5))...)
		f.details, f.latency = rolesOf(fleet), 500*time.Millisecond
		plan := Plan{Targets: []TargetPlan{{Target: home}, {Target: second}}}
		for _, e := range fleet.Targets[0].Entries {
			at := &plan.Targets[map[bool]int{true: 1}[e.Function[0] == 'b']]
			at.Changes = append(at.Changes, Change{Name: e.Name, Action: Create, Want: e.Want})
		}
		f.fail = refusing("put", callerr.Role, func(fn string) bool { return fn[0] == 'n' })
		lease, lose := context.WithCancelCause(t.Context())
		lost := errors.New("the lease was taken over")
		time.AfterFunc(15*time.Second, func() { lose(lost) })
		conns := map[desired.Target]writeConn{}
		for _, target := range []desired.Target{home, second} {
			limiter := fastLimiter()
			defer limiter.Close()
			conns[target] = writeConn{Writer: oneAtATime{f, make(chan struct{}, 1)}, Limiter: limiter, Details: f.details}
		}
		held := conns[home]
		held.LeaseContext = lease
		conns[home] = held
		out := apply(t.Context(), approvedPlan{plan: plan}, conns, noJournal{}, nil)
		if n := f.count("put"); n != 105 {
			t.Errorf("%d writes, want 105: one of each", n)
		}
		for _, r := range out.Targets[0].Results {
			if r.Status != Failed || callerr.KindOf(r.Err) != callerr.Role || r.Again {
				t.Errorf("%s is %v, %v", r.Name, r.Status, r.Err)
			}
		}
		if !errors.Is(out.Targets[0].Stopped, lost) || out.Targets[1].Stopped != nil || out.Counts().Created != 100 {
			t.Errorf("%v, %v, %+v", out.Targets[0].Stopped, out.Targets[1].Stopped, out.Counts())
		}
	})
}

// The run ends while the second try waits: the first answer stands, since it says more, and
// each intent of the journal has its end.
func TestTheEndOfARunLeavesTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, f := fleetOf(append(numbered("busy-%03d", 80), "a")...)
		f.details, f.latency = rolesOf(fleet), 500*time.Millisecond
		tries := 0
		f.fail = func(op string, n desired.Name, attempt int) error {
			if op != "put" || n.Function != "a" {
				return nil
			}
			if tries = attempt; attempt == 1 {
				return refusal(callerr.Role, "no")
			}
			return ratelimit.WithResult(refusal(callerr.Throttled, "Rate exceeded"), ratelimit.Throttled, 0)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		plan := Plan{Targets: []TargetPlan{{Target: home}}}
		for _, e := range fleet.Targets[0].Entries {
			plan.Targets[0].Changes = append(plan.Targets[0].Changes, Change{Name: e.Name, Action: Create, Want: e.Want})
		}
		limiter := fastLimiter()
		defer limiter.Close()
		var j countingJournal
		out := apply(ctx, approvedPlan{plan: plan}, map[desired.Target]writeConn{
			home: {Writer: oneAtATime{f, make(chan struct{}, 1)}, Limiter: limiter, Details: f.details},
		}, &j, nil)
		if a := out.Targets[0].Results[0]; a.Status != Failed || callerr.KindOf(a.Err) != callerr.Role || tries < 3 {
			t.Errorf("%s is %v after %d tries: %v", a.Name, a.Status, tries, a.Err)
		}
		if j.intended.Load() != 82 || j.settled.Load() != 82 {
			t.Errorf("%d intents, %d with an end, want 82: one for each try", j.intended.Load(), j.settled.Load())
		}
	})
}

// countingJournal counts intents and their ends.
type countingJournal struct{ intended, settled atomic.Int64 }

func (j *countingJournal) Intend(context.Context, desired.Key, *Change) error {
	j.intended.Add(1)
	return nil
}
func (j *countingJournal) Settle(desired.Key, *ChangeResult) { j.settled.Add(1) }

// oneAtATime puts one after the other, as a narrow quota does.
type oneAtATime struct {
	*fakeAWS
	turn chan struct{}
}

func (w oneAtATime) Put(ctx context.Context, n desired.Name, c desired.Config) (Record, error) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	return w.fakeAWS.Put(ctx, n, c)
}

func TestSpreadVisitsEachOnce(t *testing.T) {
	for n := range 200 {
		got := slices.Sorted(spread(n))
		for i, v := range got {
			if i != v {
				t.Fatalf("spread(%d) gives %v", n, got)
			}
		}
		if len(got) != n {
			t.Fatalf("spread(%d) gives %d numbers", n, len(got))
		}
	}
}

// A function that is throttled for ever is its own row, in a survey and in an apply.
// A target that is throttled for ever ends, with its reason.
func TestThrottledForEver(t *testing.T) {
	throttled := ratelimit.WithResult(&callerr.Error{Kind: callerr.Throttled, Code: "TooManyRequestsException", Status: 429}, ratelimit.Throttled, 0)
	for _, op := range []string{"list", "put"} {
		for _, row := range []struct {
			why       string
			throttled func(string) bool
			failed    int
			stops     bool
		}{
			{"one of twenty", func(f string) bool { return f == "f-00" }, 1, false},
			{"a half of twenty, far more than max_errors", func(f string) bool { return f[3]%2 == 0 }, 10, false},
			{"all", func(string) bool { return true }, 1, true},
		} {
			synctest.Test(t, func(t *testing.T) {
				fleet, f := fleetOf(numbered("f-%02d", 20)...)
				fleet.Limits.MaxErrors = desired.Limit{Number: 3}
				f.latency = 50 * time.Millisecond
				f.fail = func(o string, n desired.Name, _ int) error {
					if o == op && row.throttled(n.Function) {
						return throttled
					}
					return nil
				}
				began := time.Now()
				var stopped error
				good, failed := 0, 0
				if op == "list" {
					have := f.survey(t, t.Context(), fleet).Targets[0]
					stopped = have.Stopped
					for _, fn := range have.Functions {
						if fn.State == FunctionUnreadable {
							failed++
						} else if fn.State == FunctionPresent {
							good++
						}
					}
				} else {
					out := f.apply(t, t.Context(), fleet, nil)
					stopped, good, failed = out.Targets[0].Stopped, out.Counts().Created, out.Counts().Failed
				}
				if want := 20 - row.failed; row.stops != errors.Is(stopped, ErrErrorBudget) || failed != row.failed || !row.stops && good != want {
					t.Errorf("%s, %s: %d good, %d failed, stopped: %v", op, row.why, good, failed, stopped)
				}
				if took := time.Since(began); took > 10*time.Minute {
					t.Errorf("%s, %s: took %v", op, row.why, took)
				}
			})
		}
	}
}
