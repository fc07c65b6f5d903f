package history

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// step is one change of a run. A nil result is a crash before it was stored.
type step struct {
	key    desired.Key
	change *reconcile.Change
	result *reconcile.ChangeResult
}

func done(key desired.Key, c *reconcile.Change, after *reconcile.Settings) step {
	return step{key, c, applied(c, after)}
}

// entriesOf is what a journal says after these steps, one after the other.
func entriesOf(t *testing.T, steps []step) []JournalEntry {
	t.Helper()
	s := newMemory()
	run := begin(t, s, "r")
	for _, st := range steps {
		if err := run.journal.Intend(t.Context(), st.key, st.change); err != nil {
			t.Fatal(err)
		}
		if st.result != nil {
			run.journal.Settle(st.key, st.result)
		}
	}
	if err := run.Finish(t.Context(), testRecord("r")); err != nil {
		t.Fatal(err)
	}
	return readBack(t, s).Entries
}

func TestUndo(t *testing.T) {
	k := testKey(1)
	two, one, zero := new(holding(2)), new(holding(1)), new(holding(0))
	refused := &callerr.Error{Op: "Put", Kind: callerr.Refused}
	timeout := &callerr.Error{Op: "Put", Kind: callerr.Transport}
	throttled := &callerr.Error{Op: "Put", Kind: callerr.Throttled}
	change := modify(k, *two, retries(0))
	faulty := failed(change, throttled)
	faulty.Stats.Faults = 1
	given := func(attempts int) *reconcile.ChangeResult {
		return &reconcile.ChangeResult{Change: *change, Status: reconcile.NotAttempted, Stats: ratelimit.CallStats{Attempts: attempts}}
	}
	mismatch := applied(change, one)
	mismatch.Status = reconcile.Mismatched
	rows := []struct {
		why   string
		steps []step
		want  Trace
	}{
		{"a record that was made is to go", []step{done(k, create(k, retries(0)), zero)}, Trace{Before: nil, After: zero, Status: Written}},
		{"a record that was changed is to be as it was", []step{done(k, change, zero)}, Trace{Before: two, After: zero, Status: Written}},
		{"a record that was deleted is to come back", []step{done(k, remove(k, *two), nil)}, Trace{Before: two, After: nil, Status: Written}},
		{"what AWS stored counts, not what was asked", []step{{k, change, mismatch}}, Trace{Before: two, After: one, Status: Written}},
		{"twice in one run: the first before-image, the last after-image",
			[]step{done(k, change, zero), done(k, modify(k, *zero, retries(1)), one)}, Trace{Before: two, After: one, Status: Written}},
		{"planned again for what somebody else made meanwhile: that is the before-image",
			[]step{{k, create(k, retries(0)), given(0)}, done(k, modify(k, *one, retries(0)), zero)}, Trace{Before: one, After: zero, Status: Written}},
		{"made and deleted again: no record before, none after",
			[]step{done(k, create(k, retries(0)), zero), done(k, remove(k, *zero), nil)}, Trace{Before: nil, After: nil, Status: Written}},
		{"a refusal leaves what was there", []step{{k, change, failed(change, refused)}}, Trace{Before: two, After: two, Status: Unwritten}},
		{"a refusal after a write leaves the write",
			[]step{done(k, change, zero), {k, modify(k, *zero, retries(1)), failed(change, refused)}}, Trace{Before: two, After: zero, Status: Unwritten}},
		{"a crash: done or not done", []step{{k, change, nil}}, Trace{Before: two, After: zero, Alternative: two, Status: Unknown}},
		{"a crash while a record is made", []step{{k, create(k, retries(0)), nil}}, Trace{Before: nil, After: zero, Alternative: nil, Status: Unknown}},
		{"a crash while a record is deleted", []step{{k, remove(k, *two), nil}}, Trace{Before: two, After: nil, Alternative: two, Status: Unknown}},
		{"a time-out: done or not done", []step{{k, change, failed(change, timeout)}}, Trace{Before: two, After: zero, Alternative: two, Status: Unknown}},
		{"a throttle after a fault: the faulty attempt may have been done", []step{{k, change, faulty}}, Trace{Before: two, After: zero, Alternative: two, Status: Unknown}},
		{"a mere throttle: not done", []step{{k, change, failed(change, throttled)}}, Trace{Before: two, After: two, Status: Unwritten}},
		{"an error nobody knows: done or not done", []step{{k, change, failed(change, errors.New("?"))}}, Trace{Before: two, After: zero, Alternative: two, Status: Unknown}},
		{"given up before the first attempt", []step{{k, change, given(0)}}, Trace{Before: two, After: two, Status: Unwritten}},
		{"given up between attempts", []step{{k, change, given(2)}}, Trace{Before: two, After: zero, Alternative: two, Status: Unknown}},
	}
	for _, row := range rows {
		row.want.Key = k
		got := tracesOf(entriesOf(t, row.steps))
		if diff := cmp.Diff([]Trace{row.want}, got, compareOpts); diff != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, diff)
		}
	}
}

func TestUndoTellsWhatWasWritten(t *testing.T) {
	two, zero := new(holding(2)), new(holding(0))
	rows := []struct {
		why  string
		undo Trace
		want bool
	}{
		{"AWS stored it", Trace{After: two, Status: Written}, true},
		{"made and deleted again is written, too", Trace{Status: Written}, true},
		{"done or not done", Trace{Before: two, After: zero, Alternative: two, Status: Unknown}, true},
		{"refused", Trace{Before: two, After: new(holding(2)), Status: Unwritten}, false},
		{"refused, where there was no record", Trace{Status: Unwritten}, false},
		{"written, and then refused", Trace{Before: two, After: zero, Status: Unwritten}, true},
	}
	for _, row := range rows {
		if got := row.undo.Wrote(); got != row.want {
			t.Errorf("%s: Wrote is %v", row.why, got)
		}
	}
}

// TestUndoTakesARunAsAWhole holds that a shard that was tried again under one
// run id is undone to before its first try, and that keys come in order.
func TestUndoTakesARunAsAWhole(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		h := New(s)
		write := func(index int, began time.Time, steps ...step) {
			record := testRecord("job-1")
			record.Started, record.Shard = began, shard.Shard{Index: index, Count: 2}
			run, err := h.Begin(t.Context(), record)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range steps {
				if err := run.journal.Intend(t.Context(), st.key, st.change); err != nil {
					t.Fatal(err)
				}
				run.journal.Settle(st.key, st.result)
			}
			if err := run.Finish(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now().Truncate(time.Microsecond)
		first, second, other := testKey(1), testKey(2), testKey(3)
		write(1, began.Add(time.Hour), // tried again
			done(second, modify(second, holding(1), retries(0)), new(holding(0))))
		write(1, began,
			done(second, modify(second, holding(2), retries(1)), new(holding(1))))
		write(0, began,
			done(other, create(other, retries(0)), new(holding(0))), done(first, create(first, retries(0)), new(holding(0))))

		got, err := h.Traces(t.Context(), "job")
		want := []Trace{
			{Status: Written, Key: first, After: new(holding(0))},
			{Status: Written, Key: second, Before: new(holding(2)), After: new(holding(0))},
			{Status: Written, Key: other, After: new(holding(0))},
		}
		if diff := cmp.Diff(want, got, compareOpts); err != nil || diff != "" {
			t.Errorf("Traces: %v (-want +got)\n%s", err, diff)
		}
	})
}

func TestUndoOfADamagedJournalSaysWhere(t *testing.T) {
	s := newMemory()
	run := begin(t, s, "r")
	for i := range 3 {
		if err := run.journal.Intend(t.Context(), testKey(i), create(testKey(i), retries(0))); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Finish(t.Context(), testRecord("r")); err != nil {
		t.Fatal(err)
	}
	name := run.attempt.journal()
	lines := strings.SplitAfter(string(s.logs[name]), "\n")
	s.logs[name] = []byte(strings.Join(slices.Delete(lines, 2, 3), ""))
	_, err := New(s).Traces(t.Context(), "r")
	if err == nil || !strings.Contains(err.Error(), "memory/"+name+": line 3") {
		t.Errorf("Traces: %v, want the journal and the line", err)
	}
}

// A rollback restores a record that was deleted, so there is none before it.
// The journal of a rollback must be read like any other: it is a run.
func TestARestoreGoesWithAnyBeforeImage(t *testing.T) {
	there := &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	for _, row := range []struct {
		why    string
		action reconcile.Action
		before *reconcile.Settings
		ok     bool
	}{
		{"the record was deleted since", reconcile.Restore, nil, true},
		{"the record has a number that Update cannot unset", reconcile.Restore, there, true},
		{"nothing is created over a record", reconcile.Create, there, false},
		{"nothing that is not there is changed", reconcile.Update, nil, false},
		{"nothing that is not there is deleted", reconcile.Delete, nil, false},
	} {
		key := desired.Key{Target: testTarget, Name: desired.Name{Function: "f", Qualifier: desired.Latest}}
		err := (&Intent{Key: key, Action: row.action, Before: row.before}).check()
		if (err == nil) != row.ok {
			t.Errorf("%s: reading the intent: %v", row.why, err)
		}
	}
}

// The guard of a rollback refers to the fleet of the run, however little the run was over.
func TestConfigsAreThoseOfTheFleet(t *testing.T) {
	half := func(i int) shard.Shard { return shard.Shard{Index: i, Count: 2} }
	over := func(n int) []TargetRecord { return []TargetRecord{{Target: testTarget, Plan: PlanCounts{Declared: n}}} }
	base := func(n int) []reconcile.GuardLine { return []reconcile.GuardLine{{Rule: "max_changes", Of: n}} }
	for _, row := range []struct {
		why     string
		verb    string
		shards  []shard.Shard
		journal int
		targets []TargetRecord
		guard   []reconcile.GuardLine
		want    int
	}{
		{why: "the journal knows", verb: "apply", journal: 238, targets: over(3), guard: base(3), want: 238},
		{why: "each shard counts its part", verb: "apply", shards: []shard.Shard{half(0), half(1)}, journal: 100, want: 200},
		{why: "but of a rollback all of it", verb: "rollback", shards: []shard.Shard{half(0), half(1)}, journal: 100, want: 100},
		{why: "an older rollback's guard knew", verb: "rollback", targets: over(97), guard: base(238), want: 238},
		{why: "an older run over all", verb: "apply", targets: over(238), want: 238},
		{why: "an older run that was killed", verb: "apply"},
	} {
		s := newMemory()
		if row.shards == nil {
			row.shards = []shard.Shard{{Index: 0, Count: 1}}
		}
		for _, part := range row.shards {
			record := testRecord("r")
			record.Verb, record.Shard, record.Targets, record.Guard = row.verb, part, row.targets, row.guard
			run, err := New(s).Begin(t.Context(), record)
			if err != nil {
				t.Fatal(err)
			}
			run.Journal().Tell(row.journal, &insight.Set{})
			if err := run.journal.Intend(t.Context(), testKey(part.Index), create(testKey(part.Index), retries(0))); err != nil {
				t.Fatal(err)
			}
			if err := run.Finish(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		run, err := New(s).Load(t.Context(), "r")
		if got := New(s).Configs(t.Context(), &run); err != nil || got != row.want {
			t.Errorf("%s: %d configs, want %d (%v)", row.why, got, row.want, err)
		}
	}
}
