package fights

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

func TestFights(t *testing.T) {
	key := desired.Key{Target: desired.Target{Account: "111111111111", Region: "eu-west-1"}, Name: desired.Name{Function: "orders", Qualifier: "live"}}
	ops := insight.Author{Kind: "user", Name: "ops"}
	want, theirs := &reconcile.Settings{}, &reconcile.Settings{}
	theirs[0] = desired.Number(1)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	for _, row := range []struct {
		why   string
		do    func(*Log)
		rule  Rule
		times int // 0: no fight
		by    insight.Author
	}{
		{"one after the other, with what others wrote known", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(20-5*i), ops)
				f.Corrected(key, ago(19-5*i), theirs, want)
			}
		}, Hot, 3, ops},
		{"the same from a history alone: somebody wrote between two corrections", func(f *Log) {
			for i := range 4 {
				f.Corrected(key, ago(4000-1000*i), theirs, want)
			}
		}, Told, 4, insight.Author{}},
		{"and told by a trail alone", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(20-5*i), ops)
				f.Echoed(key, ago(19-5*i))
			}
		}, Told, 3, ops},
		{"a fleet file that changes often fights nobody", func(f *Log) {
			f.Corrected(key, ago(20), nil, want)
			f.Corrected(key, ago(15), want, theirs)
			f.Corrected(key, ago(10), theirs, want)
			f.Corrected(key, ago(5), want, theirs)
		}, Told, 0, insight.Author{}},
		{"what is known from two witnesses counts once", func(f *Log) {
			for i := range 2 {
				for range 3 {
					f.Wrote(key, ago(20-5*i), ops)
					f.Echoed(key, ago(19-5*i))
				}
				f.Corrected(key, ago(19-5*i).Add(300*time.Millisecond), theirs, want)
			}
		}, Told, 0, insight.Author{}},
		{"corrections that are far apart are not hot", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(70-20*i), ops)
				f.Corrected(key, ago(69-20*i), theirs, want)
			}
		}, Hot, 0, insight.Author{}},
		{"but told", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(70-20*i), ops)
				f.Corrected(key, ago(69-20*i), theirs, want)
			}
		}, Told, 3, ops},
		{"what was a week ago is forgotten", func(f *Log) {
			for i := range 5 {
				f.Wrote(key, ago(11000-10*i), ops)
				f.Corrected(key, ago(10999-10*i), theirs, want)
			}
		}, Told, 0, insight.Author{}},
		{"one that has ended: nobody has written for twice the longest pause", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(220-40*i), ops)
				f.Corrected(key, ago(219-40*i), theirs, want)
			}
			f.Wrote(key, ago(81), ops) // and lost
		}, Told, 0, insight.Author{}},
		{"one that has ended, of a config that was corrected long before too", func(f *Log) {
			for _, minutes := range []int{5000, 50, 47, 44} {
				f.Wrote(key, ago(minutes), ops)
				f.Corrected(key, ago(minutes-1), theirs, want)
			}
		}, Told, 0, insight.Author{}},
		{"one that goes on: the pauses were longer", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(220-40*i), ops)
				f.Corrected(key, ago(219-40*i), theirs, want)
			}
			f.Wrote(key, ago(79), ops)
		}, Told, 3, ops},
		{"one of some minutes goes on for half an hour", func(f *Log) {
			for i := range 3 {
				f.Wrote(key, ago(35-2*i), ops)
				f.Corrected(key, ago(34-2*i), theirs, want)
			}
		}, Told, 3, ops},
		{"what was written before the window is passed over", func(f *Log) {
			f.Corrected(key, ago(90), theirs, want)
			for i := range 3 {
				f.Wrote(key, ago(20-5*i), ops)
				f.Echoed(key, ago(19-5*i))
			}
		}, Hot, 3, ops},
		{"also where nobody else is known to have written since", func(f *Log) {
			f.Echoed(key, ago(40))
			f.Echoed(key, ago(29))
			for i := range 2 {
				f.Wrote(key, ago(20-5*i), ops)
				f.Echoed(key, ago(19-5*i))
			}
		}, Hot, 3, ops},
		{"runs tell of themselves: what was stored, and when", func(f *Log) {
			f.Ran(nil, now)
			for i, status := range []reconcile.Status{reconcile.Applied, reconcile.Mismatched, reconcile.Failed, reconcile.Stale, reconcile.Applied, reconcile.Applied} {
				f.Ran(&reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: key.Target, Results: []reconcile.ChangeResult{{
					Change: reconcile.Change{Name: key.Name, Before: theirs}, After: want, Status: status, Modified: ago(20 - 4*i).UnixMilli(),
				}}}}}, now)
			}
		}, Hot, 4, insight.Author{}},
		{"an undone delete", func(f *Log) {
			for i := range 3 {
				f.Corrected(key, ago(20-5*i), nil, want)
			}
		}, Hot, 3, insight.Author{}},
	} {
		var f Log
		row.do(&f)
		got := f.List(row.rule, now)
		switch {
		case row.times == 0 && len(got) > 0, row.times > 0 && len(got) != 1:
			t.Errorf("%s: %+v", row.why, got)
		case row.times > 0 && (got[0].Times != row.times || got[0].Author != row.by || got[0].Key != key):
			t.Errorf("%s: %+v, want %d times by %v", row.why, got[0], row.times, row.by)
		}
	}
}

// TestFightsInAnyOrder holds that what is learnt late, doubled or in another order
// makes no other fights, and that a config which only we write fights nobody.
func TestFightsInAnyOrder(t *testing.T) {
	key := func(n int) desired.Key {
		return desired.Key{Name: desired.Name{Function: string(rune('a' + n)), Qualifier: "live"}}
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
		type write struct {
			key  desired.Key
			at   time.Time
			ours bool
		}
		var writes []write
		for i := range rapid.IntRange(0, 60).Draw(t, "writes") {
			writes = append(writes, write{key(rapid.IntRange(0, 2).Draw(t, "key")), now.Add(-time.Duration(90-i) * time.Minute), rapid.Bool().Draw(t, "ours")})
		}
		note := func(f *Log, w write) {
			if w.ours {
				f.Echoed(w.key, w.at)
			} else {
				f.Wrote(w.key, w.at, insight.Author{Name: "ops"})
			}
		}
		var inOrder, mixed Log
		want := map[desired.Key]int{}
		last := map[desired.Key]bool{}
		until := map[desired.Key]time.Time{} // later it may be over
		for _, w := range writes {
			until[w.key] = w.at
			note(&inOrder, w)
			if w.ours && !last[w.key] {
				want[w.key]++
			}
			last[w.key] = w.ours
		}
		for _, w := range rapid.Permutation(append(writes, writes...)).Draw(t, "order") {
			note(&mixed, w)
		}
		for _, f := range []*Log{&inOrder, &mixed} {
			for n := range 3 {
				times := 0
				for _, fight := range f.List(Told, until[key(n)]) {
					if fight.Key == key(n) {
						times = fight.Times
					}
				}
				if times != want[key(n)] && (want[key(n)] >= Told.Times || times != 0) {
					t.Errorf("%v was corrected %d times, want %d of %v", key(n), times, want[key(n)], writes)
				}
			}
		}
	})
}

// What is too old is forgotten, one config at a time, and the rest is told.
func TestWhatIsOldIsForgotten(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	key := func(n int) desired.Key {
		return desired.Key{Name: desired.Name{Function: string(rune('a' + n)), Qualifier: "live"}}
	}
	var f Log
	for n := range 20 {
		f.Echoed(key(n), now.Add(-8*24*time.Hour))
	}
	for i := range 3 {
		f.Wrote(key(20), now.Add(time.Duration(5*i-20)*time.Minute), insight.Author{})
		f.Echoed(key(20), now.Add(time.Duration(5*i-19)*time.Minute))
	}
	if got := f.List(Told, now); len(got) != 1 || got[0].Key != key(20) || len(f.keys) != 1 {
		t.Errorf("%+v are told of, %d remembered", got, len(f.keys))
	}
	if !f.Is(key(20), Hot, now) || f.Is(key(0), Hot, now) {
		t.Error("one config is fought over, and no other")
	}
}
