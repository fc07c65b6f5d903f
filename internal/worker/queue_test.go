package worker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestWhatBeginsNow(t *testing.T) {
	type asked struct {
		after int // seconds
		wake  Wake
	}
	sweep := Wake{Cause: Request}
	touch := func(objects ...Object) Wake {
		w := Wake{Cause: Event}
		for _, s := range objects {
			w.Triggers = append(w.Triggers, Trigger{Object: s})
		}
		return w
	}
	here, orders, bills := Object{Target: ireland}, fn("orders"), fn("bills")
	for _, tt := range []struct {
		why   string
		asked []asked
		swept int // when the last pass over everything ended; 0 means never
		now   int
		want  []Scope  // the sweep, then the targeted pass
		kept  []Object // still waiting afterwards
	}{
		{why: "nothing was asked for", now: 100},
		{why: "everything, at once", asked: []asked{{5, sweep}}, now: 5, want: []Scope{{All: true}}},
		{why: "everything, within the gap", asked: []asked{{5, sweep}}, swept: 1, now: 10},
		{why: "everything, past the gap", asked: []asked{{5, sweep}}, swept: 1, now: 11, want: []Scope{{All: true}}},
		{why: "a function that has not settled", asked: []asked{{5, touch(orders)}}, now: 14, kept: []Object{orders}},
		{why: "a function that has", asked: []asked{{5, touch(orders)}}, now: 15, want: []Scope{{Objects: []Object{orders}}}},
		{why: "each by its own first touch", asked: []asked{{5, touch(orders)}, {9, touch(orders, bills)}}, now: 15,
			want: []Scope{{Objects: []Object{orders}}}, kept: []Object{bills}},
		{why: "sorted", asked: []asked{{5, touch(orders, bills)}}, now: 15, want: []Scope{{Objects: []Object{bills, orders}}}},
		{why: "a target includes its functions", asked: []asked{{5, touch(orders)}, {5, touch(here)}}, now: 15, want: []Scope{{Objects: []Object{here}}}},
		{why: "everything, and a part beside it; what has not settled waits", asked: []asked{{1, touch(orders)}, {9, touch(bills)}, {11, sweep}}, now: 11,
			want: []Scope{{All: true}, {Objects: []Object{orders}}}, kept: []Object{bills}},
		{why: "a part does not wait for everything's gap", asked: []asked{{1, touch(orders)}, {9, sweep}}, swept: 8, now: 11,
			want: []Scope{{Objects: []Object{orders}}}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			zero := at("2026-11-20 10:00:00")
			second := func(n int) time.Time { return zero.Add(time.Duration(n) * time.Second) }
			a := newQueue(10*time.Second, 10*time.Second)
			if tt.swept != 0 {
				a.swept = second(tt.swept)
			}
			for _, ask := range tt.asked {
				a.add(ask.wake, second(ask.after))
			}
			now := second(tt.now)
			sweepDue, targetedDue := a.due()
			sweep, targeted := a.takeSweep(now), a.takeTargeted(now)
			var got []Scope
			for _, j := range []*job{sweep, targeted} {
				if j != nil {
					got = append(got, j.scope())
				}
			}
			if diff := cmp.Diff(tt.want, got, samePasses); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
			begins := func(due time.Time) bool { return !due.IsZero() && !due.After(now) }
			if begins(sweepDue) != (sweep != nil) || begins(targetedDue) != (targeted != nil) {
				t.Errorf("due says %s and %s, which what was taken at %s does not follow", sweepDue, targetedDue, now)
			}
			var kept []Object
			for s := range a.objects {
				kept = append(kept, s)
			}
			if diff := cmp.Diff(tt.kept, kept, cmpopts.SortSlices(func(a, b Object) bool { return a.Compare(b) < 0 })); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}
