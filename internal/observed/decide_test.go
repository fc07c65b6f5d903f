package observed

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// fleetOf is a state of n functions that a full read of some time saw, the last one now.
func fleetOf(n int, now time.Time) *state {
	s := newState(here)
	s.Written, s.Looked = now, now
	settings := &reconcile.Settings{desired.Number(3600)}
	for i := range n {
		f := fmt.Sprintf("function-%05d", i)
		s.functions[f] = &observation{CarriedFunction: reconcile.CarriedFunction{
			Function: f, State: reconcile.FunctionPresent, Seen: now.UnixMilli() - int64(n-i)*74,
			Records: []reconcile.ObservedRecord{{Qualifier: "$LATEST", Settings: settings, Modified: now.UnixMilli() - int64(i)}},
		}, asked: "digest-of-what-is"}
	}
	return s
}

// Whatever the rhythm of the passes, nothing grows older than the maximum age allows
// as long as passes come, and nothing is read more often than an even pace needs.
func TestTheOldestAreReadInTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
		maxAge := time.Duration(rapid.IntRange(1, 48).Draw(t, "hours")) * time.Hour
		n := rapid.IntRange(1, 400).Draw(t, "functions")
		rhythm := time.Duration(rapid.IntRange(1, 60).Draw(t, "minutes")) * time.Minute
		var all []*observation
		for _, o := range fleetOf(n, now).functions {
			all = append(all, o)
		}
		reads, days, busy := 0, 3, false
		most, waited, longest := 0, 0, 0 // busy passes in a row
		for end := now.Add(time.Duration(days) * maxAge); now.Before(end); now = now.Add(rhythm) {
			pace := 1.0
			if rapid.Bool().Draw(t, "busy") {
				pace, busy = 2, true
				waited++
			} else {
				waited = 0
			}
			longest = max(longest, waited)
			k := due(all, maxAge, pace, now)
			reads, most = reads+k, max(most, k)
			for _, o := range all[:k] {
				o.Seen = now.UnixMilli()
			}
			for _, o := range all {
				if age := now.Sub(time.UnixMilli(o.Seen)); age > time.Duration(early*float64(maxAge)) {
					t.Fatalf("%s is carried at the age of %s of %s", o.Function, age, maxAge)
				}
			}
		}
		// A pass can be late by its rhythm, so that it reads ahead by that much. What waited
		// for busy passes is read together afterwards, so that its next turn comes together
		// too, and an even pace must begin with it that much earlier.
		ahead := float64(rhythm) * float64(1+longest) / float64(maxAge)
		if bound := float64(n)*(float64(days)/early+ahead)*1.01 + 2; float64(reads) > bound {
			t.Fatalf("%d functions were read %d times in %d maximum ages, more than %.1f", n, reads, days, bound)
		}
		if even := float64(n) * float64(rhythm) / (early * float64(maxAge)); !busy && float64(most) > even+2 {
			t.Fatalf("a pass read %d, and an even pace reads %.1f", most, even)
		}
	})
}

func TestWhatTheTrailSays(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	s := newState(here)
	s.Looked = noon
	s.Events["known"] = noon.Unix()
	s.functions["f"] = &observation{CarriedFunction: reconcile.CarriedFunction{Function: "f", State: reconcile.FunctionPresent, Records: []reconcile.ObservedRecord{
		{Qualifier: "live", Settings: &reconcile.Settings{}, Modified: noon.UnixMilli() + 300},
	}}}
	put, del := "PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"
	for _, row := range []struct {
		why  string
		hint events.Hint
		read bool
	}{
		{"somebody wrote in the second in which the record seen was written: perhaps later in it", events.Hint{EventName: put, Qualifier: "live", EventTime: noon}, true},
		{"the record seen was written later", events.Hint{EventName: put, Qualifier: "live", EventTime: noon.Add(-time.Second)}, false},
		{"our own write, whose answer was kept", events.Hint{EventName: put, Qualifier: "live", EventTime: noon, Echo: true}, false},
		{"our own write, after the answer that was kept", events.Hint{EventName: put, Qualifier: "live", EventTime: noon.Add(2 * time.Second), Echo: true}, true},
		{"a later write", events.Hint{EventName: put, Qualifier: "live", EventTime: noon.Add(time.Minute)}, true},
		{"a record that was not seen", events.Hint{EventName: put, Qualifier: "blue", EventTime: noon.Add(-time.Hour)}, true},
		{"the record that was seen is deleted", events.Hint{EventName: del, Qualifier: "live", EventTime: noon.Add(-time.Hour), Echo: true}, true},
		{"our own delete, which was kept", events.Hint{EventName: del, Qualifier: "blue", EventTime: noon.Add(time.Hour), Echo: true}, false},
		{"a stranger's delete, and perhaps a record that came after it", events.Hint{EventName: del, Qualifier: "blue", EventTime: noon.Add(time.Hour)}, true},
		{"an alias", events.Hint{EventName: "CreateAlias", Qualifier: "live", EventTime: noon.Add(-time.Hour)}, true},
		{"a tag changes which rules choose, not what is there", events.Hint{EventName: "TagResource", EventTime: noon}, false},
	} {
		row.hint.Function, row.hint.EventID = "f", row.why
		if n := s.take([]events.Hint{row.hint}, noon); n.read["f"] != row.read {
			t.Errorf("%s: read %v", row.why, n.read["f"])
		}
		row.hint.EventID = "known"
		if n := s.take([]events.Hint{row.hint}, noon); len(n.read)+len(n.events) > 0 {
			t.Errorf("%s, shown a second time: %v", row.why, n)
		}
		row.hint.Function, row.hint.EventID = "unseen", row.why
		if n := s.take([]events.Hint{row.hint}, noon); !n.read["unseen"] && row.hint.EventName != "TagResource" {
			t.Errorf("%s, of a function that was not seen: not read", row.why)
		}
	}
}

// A function comes by an event, and goes when it is read: events of one function come in
// any order, and some never.
func TestFunctionsComeByEvents(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	at := func(name, f string, seconds int) events.Hint {
		return events.Hint{EventName: name, Function: f, EventTime: noon.Add(time.Duration(seconds) * time.Second), EventID: fmt.Sprint(name, f, seconds)}
	}
	create, del := "CreateFunction", "DeleteFunction"
	s := newState(here)
	s.Names = []string{"a", "b", "z"}
	s.Tags = map[string]tags{"a": {"old": "1"}, "z": {"old": "1"}}
	n := s.take([]events.Hint{
		at(del, "a", 1), at(create, "a", 0), // created, then deleted, shown the other way about
		at(create, "new", 5),
		at(del, "b", 1),
	}, noon)
	s.follow(n, map[string]tags{"new": {"team": "x"}})
	if want := []string{"a", "b", "new", "z"}; !slices.Equal(s.Names, want) {
		t.Errorf("%v, not %v", s.Names, want)
	}
	if got := slices.Sorted(maps.Keys(n.read)); !slices.Equal(got, []string{"a", "b", "new"}) {
		t.Errorf("%v are read", got)
	}
	if got := slices.Sorted(maps.Keys(s.Tags)); !slices.Equal(got, []string{"new", "z"}) {
		t.Errorf("tags of %v", got)
	}
}

func TestWhatIsCarried(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	want := &desired.Config{desired.Number(3600)}
	spec := func() *desired.TargetSpec {
		return &desired.TargetSpec{Target: here, Entries: []desired.Entry{
			{Name: desired.Name{Function: "f", Qualifier: "$LATEST"}, Want: want, Origins: &desired.Origins{}},
		}}
	}
	for _, row := range []struct {
		why     string
		spec    func(*desired.TargetSpec)
		state   func(*observation)
		news    string
		orphans bool
		policy  desired.UndeclaredPolicy
		carried bool
	}{
		{why: "nothing happened", carried: true},
		{why: "the trail names it", news: "f"},
		{why: "the trail names another", news: "g", carried: true},
		{why: "a value is wanted that was not", spec: func(s *desired.TargetSpec) { s.Entries[0].Want = &desired.Config{desired.Number(60)} }},
		{why: "another qualifier is declared", spec: func(s *desired.TargetSpec) {
			s.Entries = append(s.Entries, desired.Entry{Name: desired.Name{Function: "f", Qualifier: "live"}, Want: want})
		}},
		{why: "it is optional now", spec: func(s *desired.TargetSpec) { s.Entries[0].Optional = true }},
		{why: "a record of it is ignored now", spec: func(s *desired.TargetSpec) {
			s.Ignored = []desired.Ignored{{Name: desired.Name{Function: "f", Qualifier: "x"}}}
		}},
		{why: "undeclared records are deleted now", policy: desired.UndeclaredDelete},
		{why: "it is nearly as old as may be", state: func(o *observation) { o.Seen = now.Add(-23*time.Hour - 40*time.Minute).UnixMilli() }},
		{why: "orphans are looked for, and it has no other record", orphans: true, carried: true},
		{why: "orphans are looked for, and were not", orphans: true, state: func(o *observation) {
			o.Records = append(o.Records, reconcile.ObservedRecord{Qualifier: "old", Settings: &reconcile.Settings{}})
		}},
	} {
		s := newState(here)
		o := &observation{CarriedFunction: reconcile.CarriedFunction{Function: "f", State: reconcile.FunctionPresent, Seen: now.Add(-time.Hour).UnixMilli(), Records: []reconcile.ObservedRecord{{Qualifier: "$LATEST", Settings: &reconcile.Settings{desired.Number(3600)}}}}}
		o.asked = askedOf(spec(), desired.UndeclaredReport, spec().Entries)
		s.functions["f"] = o
		fleet := spec()
		if row.spec != nil {
			row.spec(fleet)
		}
		if row.state != nil {
			row.state(o)
		}
		// One that nobody has seen yet is read, and keeps no other from being carried.
		fleet.Entries = slices.Insert(fleet.Entries, 0, desired.Entry{Name: desired.Name{Function: "a-new-one", Qualifier: desired.Latest}, Want: want})
		n := news{read: map[string]bool{row.news: true}}
		if c := s.choose(fleet, row.policy, n, s.turn(n, 24*time.Hour, now), row.orphans); (len(c.carry) == 1) != row.carried {
			t.Errorf("%s: carried %v", row.why, c.carry)
		}
	}
}

// What a run wrote is known as AWS answered; where it failed nobody knows what is there, and where
// it was not attempted what was seen before still holds. Each function is for itself.
func TestWhatWasWrittenIsKnown(t *testing.T) {
	old, fresh := &reconcile.Settings{desired.Number(60)}, &reconcile.Settings{desired.Number(3600)}
	live := reconcile.ObservedRecord{Qualifier: "live", Settings: old}
	before := []reconcile.ObservedRecord{{Qualifier: desired.Latest, Settings: old, Modified: 1}, live}
	rows := []struct {
		function string
		result   reconcile.ChangeResult
		want     []reconcile.ObservedRecord // nil: nothing is known
	}{
		{"updated", reconcile.ChangeResult{Status: reconcile.Applied, After: fresh, Modified: 2}, []reconcile.ObservedRecord{{Qualifier: desired.Latest, Settings: fresh, Modified: 2}, live}},
		{"deleted", reconcile.ChangeResult{Status: reconcile.Applied}, []reconcile.ObservedRecord{live}},
		{"failed", reconcile.ChangeResult{Status: reconcile.Failed, Err: errUnread}, nil},
		{"not attempted", reconcile.ChangeResult{Status: reconcile.NotAttempted}, before},
		{"unseen", reconcile.ChangeResult{Status: reconcile.Applied, After: fresh}, nil},
	}
	rapid.Check(t, func(t *rapid.T) {
		s, outcome := newState(here), &reconcile.TargetOutcome{}
		for _, row := range rapid.Permutation(rows).Draw(t, "results") {
			row.result.Name = desired.Name{Function: row.function, Qualifier: desired.Latest}
			outcome.Results = append(outcome.Results, row.result)
			if row.function != "unseen" {
				s.functions[row.function] = &observation{CarriedFunction: reconcile.CarriedFunction{Function: row.function, Records: before}}
			}
		}
		s.wrote(outcome)
		for _, row := range rows {
			if o := s.functions[row.function]; (o == nil) != (row.want == nil) || o != nil && !slices.Equal(o.Records, row.want) {
				t.Errorf("%s: %+v", row.function, o)
			}
		}
	})
}

var errUnread = errors.New("not read")

// Whatever was not read to its end is not carried.
func TestCarriable(t *testing.T) {
	for _, state := range []reconcile.FunctionState{reconcile.FunctionNotExamined, reconcile.FunctionPresent, reconcile.FunctionAbsent, reconcile.FunctionUnreadable} {
		good := reconcile.ObservedFunction{Function: "f", State: state, Seen: 1}
		if _, ok := carriable(&good); ok != (state == reconcile.FunctionPresent || state == reconcile.FunctionAbsent) {
			t.Errorf("state %d: %v", state, ok)
		}
		for what, spoil := range map[string]func(*reconcile.ObservedFunction){
			"never read":                  func(f *reconcile.ObservedFunction) { f.Seen = 0 },
			"unreadable":                  func(f *reconcile.ObservedFunction) { f.Err = errUnread },
			"of unknown qualifiers":       func(f *reconcile.ObservedFunction) { f.QualifierErr = errUnread },
			"of unknown aliases":          func(f *reconcile.ObservedFunction) { f.UnlistedErr = errUnread },
			"with an alias that appeared": func(f *reconcile.ObservedFunction) { f.Appeared = []string{"live"} },
		} {
			f := good
			spoil(&f)
			if _, ok := carriable(&f); ok {
				t.Errorf("state %d: a function %s is carried", state, what)
			}
		}
	}
}
