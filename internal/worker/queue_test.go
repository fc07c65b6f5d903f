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
		want  *Scope
		kept  []Object // still waiting afterwards
	}{
		{why: "nothing was asked for", now: 100},
		{why: "everything, at once", asked: []asked{{5, sweep}}, now: 5, want: &Scope{All: true}},
		{why: "everything, within the gap", asked: []asked{{5, sweep}}, swept: 1, now: 10},
		{why: "everything, past the gap", asked: []asked{{5, sweep}}, swept: 1, now: 11, want: &Scope{All: true}},
		{why: "a function that has not settled", asked: []asked{{5, touch(orders)}}, now: 14, kept: []Object{orders}},
		{why: "a function that has", asked: []asked{{5, touch(orders)}}, now: 15, want: &Scope{Objects: []Object{orders}}},
		{why: "each by its own first touch", asked: []asked{{5, touch(orders)}, {9, touch(orders, bills)}}, now: 15,
			want: &Scope{Objects: []Object{orders}}, kept: []Object{bills}},
		{why: "sorted", asked: []asked{{5, touch(orders, bills)}}, now: 15, want: &Scope{Objects: []Object{bills, orders}}},
		{why: "a target includes its functions", asked: []asked{{5, touch(orders)}, {5, touch(here)}}, now: 15, want: &Scope{Objects: []Object{here}}},
		{why: "everything outranks a part, and leaves what has not settled", asked: []asked{{1, touch(orders)}, {9, touch(bills)}, {11, sweep}}, now: 11,
			want: &Scope{All: true}, kept: []Object{bills}},
		{why: "a part does not wait for everything's gap", asked: []asked{{1, touch(orders)}, {9, sweep}}, swept: 8, now: 11,
			want: &Scope{Objects: []Object{orders}}},
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
			due, any := a.due()
			var got *Scope
			if j := a.take(second(tt.now)); j != nil {
				scope := j.scope(nil)
				got = &scope
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("scope (-want +got):\n%s", diff)
			}
			if begins := any && !due.After(second(tt.now)); begins != (got != nil) {
				t.Errorf("due says %s (%v), which take at %s does not follow", due, any, second(tt.now))
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
