package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// severalTargets are three of them, in order.
func severalTargets() (all []desired.Target) {
	for i := range 3 {
		all = append(all, desired.Target{Account: fmt.Sprintf("%012d", i+1), Region: "eu-west-1"})
	}
	return all
}

// opened is a run over targets.
func opened(id string, targets ...desired.Target) *reconcile.RunResult {
	r := &reconcile.RunResult{Request: reconcile.Request{ID: id, Verb: "apply", Started: time.Now(), Write: true}}
	for _, t := range targets {
		r.Opened.Targets = append(r.Opened.Targets, reconcile.OpenTarget{Target: t})
	}
	return r
}

// hold begins a run and holds its targets.
func hold(t *testing.T, m *Memory, r *reconcile.RunResult) (reconcile.Recorder, error) {
	recorder := m.Begin(r)
	return recorder, recorder.Hold(t.Context(), r)
}

// Whichever targets others hold, a run that may leave these out holds all the rest, and tells which
// it has left out.
func TestARunHoldsWhateverNobodyElseHolds(t *testing.T) {
	targets := severalTargets()
	for held := range 1 << len(targets) {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			var others []desired.Target
			for i, target := range targets {
				if held&(1<<i) != 0 {
					others = append(others, target)
				}
			}
			other, err := hold(t, &Memory{History: New(s)}, opened("other", others...))
			if err != nil {
				t.Fatal(err)
			}
			r := opened("own", targets...)
			own, err := hold(t, &Memory{History: New(s), SkipHeld: true}, r)
			if err != nil {
				t.Fatalf("%03b: %v", held, err)
			}
			for i, target := range targets {
				is := held&(1<<i) != 0
				if holds := own.(*memoryRecorder).leases[target] != nil; holds == is {
					t.Errorf("%03b: holds %s: %v", held, target, holds)
				}
				if told := errors.As(r.Opened.Targets[i].Err, new(*HeldError)); told != is {
					t.Errorf("%03b: of %s it says %v", held, target, r.Opened.Targets[i].Err)
				}
			}
			for _, recorder := range []reconcile.Recorder{own, other} {
				kill(t, recorder.(*memoryRecorder).run)
				for _, lease := range recorder.(*memoryRecorder).leases {
					if err := lease.Release(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// The calls of each target are recorded, whichever others were not called.
func TestARecordHasTheCallsOfEachTarget(t *testing.T) {
	targets := severalTargets()
	limiter := ratelimit.New(ratelimit.Options{Quota: 10})
	defer limiter.Close()
	for called := range 1 << len(targets) {
		r := opened("r", targets...)
		r.Surveyed = time.Now()
		for i, target := range targets {
			r.Plan.Targets = append(r.Plan.Targets, reconcile.TargetPlan{Target: target})
			if called&(1<<i) != 0 {
				r.Opened.Targets[i].Limiter = limiter
				r.Opened.Targets[i].Calls = func() []reconcile.OperationCount { return nil }
			}
		}
		var record RunRecord
		(&Memory{}).complete(&record, r)
		for i := range targets {
			if has := record.Targets[i].Limiter != nil; has != (called&(1<<i) != 0) {
				t.Errorf("%03b: calls of target %d: %v", called, i, has)
			}
		}
	}
}

// A process shares the quota of each target that it has opened, whichever others it could not open.
func TestEachTargetHasItsPeers(t *testing.T) {
	targets := severalTargets()
	for open := range 1 << len(targets) {
		synctest.Test(t, func(t *testing.T) {
			limiter := ratelimit.New(ratelimit.Options{Quota: 10})
			defer limiter.Close()
			opener := openerFunc(func() (o reconcile.Opened) {
				for i, target := range targets {
					at := reconcile.OpenTarget{Target: target}
					if open&(1<<i) != 0 {
						at.Limiter = limiter
					} else if i != 1 {
						at.Err = errors.New("no role")
					}
					o.Targets = append(o.Targets, at)
				}
				return o
			})
			var peers Peers
			ctx, cancel := context.WithCancel(t.Context())
			opened, err := peers.Opener(opener, newMemory(), slog.New(slog.DiscardHandler)).Open(ctx, reconcile.OpenRequest{RunID: "r"})
			if err != nil {
				t.Fatal(err)
			}
			var want []desired.Target
			got := slices.SortedFunc(maps.Keys(peers.members), desired.Target.Compare)
			for i, target := range targets {
				if open&(1<<i) != 0 {
					want = append(want, target)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%03b: %v have peers, want %v", open, got, want)
			}
			cancel()
			opened.Close()
			if len(peers.members) != 0 {
				t.Errorf("%03b: closed, %v have peers", open, peers.members)
			}
		})
	}
}

// Each write that AWS took counts as a correction, whatever came of those before it; and what failed
// in the run before this one is known, whatever this one has written by now.
func TestWhatTheLastRunsDid(t *testing.T) {
	h := New(newMemory())
	theirs := holding(2)
	refused, taken := modify(testKey(0), theirs, retries(0)), modify(testKey(1), theirs, retries(0))
	for i := range 4 {
		record := testRecord(fmt.Sprintf("run-%d", i))
		record.Started = time.Now().Add(time.Duration(i-4) * time.Hour)
		run, err := h.Begin(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		results := []reconcile.ChangeResult{*failed(refused, ratelimit.ErrClosed), *applied(taken, new(holding(0)))}
		results[1].Modified = record.Started.UnixMilli()
		for j := range results {
			if err := run.Journal().Intend(t.Context(), testKey(j), &results[j].Change); err != nil {
				t.Fatal(err)
			}
			run.Journal().Settle(testKey(j), &results[j])
		}
		record.State = Finished
		record.SetPlan(&reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: testTarget, Changes: []reconcile.Change{*refused, *taken}}}})
		record.SetOutcome(&reconcile.Outcome{Targets: []reconcile.TargetOutcome{{Target: testTarget, Results: results}}})
		if err := run.Finish(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	var log fights.Log
	if err := h.TellFights(t.Context(), &log); err != nil {
		t.Fatal(err)
	}
	if all := log.List(fights.Told, time.Now()); len(all) != 1 || all[0].Key != testKey(1) || all[0].Times != 4 {
		t.Errorf("fights: %+v", all)
	}
	for _, this := range []string{"run-3", "run-4"} {
		if failed := h.failedBefore(t.Context(), this); len(failed) != 1 || !failed[testKey(0)] {
			t.Errorf("before %s failed %v", this, failed)
		}
	}
}

// What lies among the signs of life, and the runs at work, keep no dead run from being linked, nor
// does one whose record does not hold.
func TestDeadRunsAreLinkedBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		h := New(s)
		var dead, alive []*Recorder
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			s.do(func() { s.objects[aliveFolder+id+"/notes.txt"] = []byte("by hand") })
			r := begin(t, s, id)
			if len(dead) < len(alive) {
				kill(t, r)
				dead = append(dead, r)
			} else {
				alive = append(alive, r)
			}
		}
		s.do(func() { s.objects[dead[0].attempt.record()] = []byte("half a rec") })
		time.Sleep(10 * LeaseTTL)
		h.linkDead(t.Context())
		for i, r := range dead {
			_, _, err := s.Read(t.Context(), r.attempt.alive())
			if linked := errors.Is(err, ErrAbsent); linked != (i > 0) {
				t.Errorf("%s: linked: %v", r.attempt.run, linked)
			}
		}
		for _, r := range alive {
			if err := r.Finish(t.Context(), &RunRecord{State: Finished}); err != nil {
				t.Error(err)
			}
		}
	})
}

// What somebody has put beside the journals of a run is told of, and hides none of them.
func TestUndoReadsEachJournalBesideOtherFiles(t *testing.T) {
	s := newMemory()
	write(t, s, "r", time.Now())
	for _, name := range []string{"0-notes.txt", "zzz"} {
		s.logs[journalsFolder+"r/"+name], s.objects[journalsFolder+"r/"+name] = []byte("by hand"), []byte("by hand")
	}
	if undos, err := New(s).Traces(t.Context(), "r"); !errors.As(err, new(*BrokenError)) || len(undos) != 1 {
		t.Errorf("%v, %v", undos, err)
	}
}

// What a shard did before it died is in the report of the run, whatever became of the shards beside
// it: one that ended well, and one whose journal is lost.
func TestADeadTryOfAnyShardIsNotForgotten(t *testing.T) {
	const well, lost, died = "ended well", "its journal is lost", "died"
	for _, shards := range [][]string{{well, lost, died}, {well, died, lost}, {lost, well, died}, {lost, died, well}, {died, well, lost}, {died, lost, well}} {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			begin := func(i int) (*Recorder, *RunRecord) {
				record := testRecord("nightly")
				record.Shard = shard.Shard{Index: i, Count: len(shards)}
				run, err := New(s).Begin(t.Context(), record)
				if err != nil {
					t.Fatal(err)
				}
				return run, record
			}
			end := func(run *Recorder, record *RunRecord) {
				record.State = Finished
				record.SetPlan(&reconcile.Plan{Targets: []reconcile.TargetPlan{{Target: testTarget, Declared: 1, InSync: 1}}})
				if err := run.Finish(t.Context(), record); err != nil {
					t.Fatal(err)
				}
			}
			for i, is := range shards {
				run, record := begin(i)
				if is == well {
					end(run, record)
					continue
				}
				change := create(testKey(i), retries(0))
				if err := run.Journal().Intend(t.Context(), testKey(i), change); err != nil {
					t.Fatal(err)
				}
				run.Journal().Settle(testKey(i), applied(change, new(holding(0))))
				kill(t, run)
				if is == lost {
					s.do(func() { delete(s.logs, run.attempt.journal()) })
				}
			}
			time.Sleep(10 * LeaseTTL)
			for i, is := range shards {
				if is != well {
					end(begin(i))
				}
			}
			whole, err := New(s).Load(t.Context(), "nightly")
			if err != nil {
				t.Fatal(err)
			}
			var got []desired.Key
			for _, item := range whole.Items() {
				got = append(got, item.Key)
			}
			if want := testKey(slices.Index(shards, died)); !slices.Equal(got, []desired.Key{want}) {
				t.Errorf("%v: it tells of %v, want %s", shards, got, want)
			}
		})
	}
}
