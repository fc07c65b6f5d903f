package history

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TestADeadTryIsNotForgotten: a run was killed with one change made, one refused
// and three writes on their way. The next try found one of these done and could
// not read another, and made the rest. Each change is in the report of the run.
func TestADeadTryIsNotForgotten(t *testing.T) {
	changes := make([]reconcile.Change, 5)
	for i := range changes {
		changes[i] = *create(testKey(i), retries(0))
	}
	done := func(i int) reconcile.ChangeResult { return *applied(&changes[i], new(holding(0))) }
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		first := begin(t, store, "nightly")
		for i := range changes {
			if err := first.Journal().Intend(t.Context(), testKey(i), &changes[i]); err != nil {
				t.Fatal(err)
			}
		}
		first.Journal().Settle(testKey(0), new(done(0)))
		first.Journal().Settle(testKey(1), failed(&changes[1], ratelimit.ErrClosed))
		first.alive.endRenewals() // as a SIGKILL
		first.alive.stop.Stop()
		if err := first.journal.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * LeaseTTL)

		again := begin(t, store, "nightly")
		final := testRecord("nightly")
		final.State = Finished
		final.SetPlan(&reconcile.Plan{Targets: []reconcile.TargetPlan{{
			Target: testTarget, Declared: 5, InSync: 2, Changes: []reconcile.Change{changes[1], changes[4]},
			Findings: []reconcile.Finding{{Name: testKey(3).Name, Kind: reconcile.FindingUnreadable}},
		}}})
		final.SetOutcome(&reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: testTarget, Results: []reconcile.ChangeResult{done(1), done(4)}}}})
		if err := again.Finish(t.Context(), final); err != nil {
			t.Fatal(err)
		}

		whole, err := New(store).Load(t.Context(), "nightly")
		if err != nil {
			t.Fatal(err)
		}
		got := map[desired.Key]string{}
		for _, item := range whole.Items() {
			got[item.Key] = item.Status
		}
		want := map[desired.Key]string{
			testKey(0): "applied",   // its result was stored
			testKey(1): "applied",   // refused at first, made by the next try
			testKey(2): "applied",   // in order when the next try read it
			testKey(3): Unconfirmed, // nobody knows
			testKey(4): "applied",   // made by the next try
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the changes of the run (-want +got):\n%s", diff)
		}
	})
}
