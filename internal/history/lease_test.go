package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

func owner(run string) Owner { return Owner{RunID: run, Host: "host", PID: 7, Version: "1.2.3"} }

// take takes the lease of the test target, which must be free.
func take(t *testing.T, s Store, run string) *Lease {
	t.Helper()
	l, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner(run), 0)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLeaseIsForOne(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		first := take(t, s, "first")
		_, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("second"), 0)
		var held *HeldError
		if !errors.As(err, &held) {
			t.Fatalf("second taker: %v, want HeldError", err)
		}
		if held.Owner != owner("first") || time.Until(held.Expires) < LeaseTTL/2 || time.Until(held.Expires) > LeaseTTL {
			t.Errorf("held by %+v until %s, want the first owner and at most %s", held.Owner, held.Expires, LeaseTTL)
		}
		for _, want := range []string{"111111111111/eu-west-1", "run first", "pid 7 on host", "--lease-wait", "leases/111111111111/eu-west-1.json"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %q: %v", want, err)
			}
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if cause := context.Cause(first.ctx); !errors.Is(cause, ErrReleased) {
			t.Errorf("cause after Release: %v", cause)
		}
		if err := take(t, s, "second").Release(t.Context()); err != nil {
			t.Error(err)
		}
		if names, err := s.List(t.Context(), leasesFolder); err != nil || len(names) != 0 {
			t.Errorf("after Release there are %v, %v", names, err)
		}
	})
}

func TestExpiredLeaseGoesToOneOfManyTakers(t *testing.T) {
	const takers = 8
	eachStore(t, func(t *testing.T, s Store) {
		dead := leaseJSON{Version: LeaseVersion, Subject: testTarget.String(), Owner: owner("dead"), Nonce: "n", Expires: time.Now().Add(-time.Second)}
		data, err := dead.encode()
		if err == nil {
			_, err = s.Write(t.Context(), leaseName(testTarget), data, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		leases := make([]*Lease, takers)
		var wg sync.WaitGroup
		for i := range takers {
			wg.Go(func() {
				l, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner(fmt.Sprintf("taker-%d", i)), 0)
				if err != nil && !errors.As(err, new(*HeldError)) {
					t.Errorf("taker %d: %v", i, err)
				}
				leases[i] = l
			})
		}
		wg.Wait()
		won := 0
		for _, l := range leases {
			if l != nil {
				won++
				if err := l.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		if won != 1 {
			t.Errorf("%d of %d takers got the lease", won, takers)
		}
	})
}

func TestLeaseLivesAsLongAsItIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		l := take(t, s, "long")
		for range 100 {
			time.Sleep(LeaseTTL / 2)
			if _, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("other"), 0); !errors.As(err, new(*HeldError)) {
				t.Fatalf("another run got a lease that is renewed: %v", err)
			}
		}
		if err := context.Cause(l.ctx); err != nil {
			t.Errorf("the lease ended: %v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestLeaseOutlivesTheInterruptOfItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		ctx, interrupt := context.WithCancel(t.Context())
		l, err := acquire(ctx, s, leaseName(testTarget), testTarget.String(), owner("interrupted"), 0)
		if err != nil {
			t.Fatal(err)
		}
		interrupt()
		time.Sleep(10 * LeaseTTL) // calls in flight are being finished
		if _, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("other"), 0); !errors.As(err, new(*HeldError)) {
			t.Errorf("another run got the lease before it was released: %v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestCrashedOwnersLeaseIsTakenOverAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		dead, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("dead"), 0)
		if err != nil {
			t.Fatal(err)
		}
		dead.endRenewals() // as a SIGKILL: no renewal, no release
		dead.stop.Stop()
		began := time.Now()
		l, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("next"), 2*LeaseTTL)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < LeaseTTL || waited > LeaseTTL+retryEvery {
			t.Errorf("taken over after %s, want soon after %s", waited, LeaseTTL)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAcquireWaitsAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		l := take(t, s, "first")
		began := time.Now()
		_, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("second"), 3*time.Minute)
		if !errors.As(err, new(*HeldError)) || time.Since(began) != 3*time.Minute {
			t.Errorf("after %s: %v, want HeldError after 3m", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the run's deadline"))
		defer cancel()
		if _, err := acquire(ctx, s, leaseName(testTarget), testTarget.String(), owner("second"), time.Hour); err == nil || !strings.Contains(err.Error(), "the run's deadline") || !errors.As(err, new(*HeldError)) {
			t.Errorf("Acquire with a deadline: %v, want the deadline and the holder", err)
		}
		time.AfterFunc(time.Minute, func() { _ = l.Release(t.Context()) })
		second, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("second"), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestLeaseIsLost(t *testing.T) {
	rows := []struct {
		why    string
		harm   func(s *memory)
		within time.Duration
		says   string
	}{
		{"somebody unlocked by hand", func(s *memory) { delete(s.objects, leaseName(testTarget)) }, renewEvery, "somebody deleted it"},
		{"somebody took it, whose clock is far ahead", func(s *memory) {
			l := leaseJSON{Version: LeaseVersion, Owner: owner("thief"), Nonce: "other", Expires: time.Now().Add(time.Hour)}
			s.objects[leaseName(testTarget)], _ = l.encode()
		}, renewEvery, "run thief (pid 7 on host) took it over"},
		{"the store refuses writes", func(s *memory) {
			s.before = func(string, string) error { return errors.New("read-only file system") }
		}, useFor, "it could not be renewed for 45s"},
		{"the store hangs", func(s *memory) {
			s.before = func(string, string) error { time.Sleep(time.Hour); return nil }
		}, useFor, "it could not be renewed for 45s"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			l := take(t, s, "slow")
			began := time.Now()
			s.do(func() { row.harm(s) })
			<-l.ctx.Done()
			if took := time.Since(began); took > row.within {
				t.Errorf("%s: the holder stopped after %s, want within %s", row.why, took, row.within)
			}
			var lost *LostError
			if cause := context.Cause(l.ctx); !errors.As(cause, &lost) || !strings.Contains(cause.Error(), row.says) || !strings.Contains(cause.Error(), "run again") {
				t.Errorf("%s: cause %v, want %q", row.why, cause, row.says)
			}
			time.Sleep(2 * time.Hour)
			if err := l.Release(t.Context()); !errors.As(err, &lost) {
				t.Errorf("%s: Release: %v, want LostError", row.why, err)
			}
		})
	}
}

func TestLeaseSurvivesAnAnswerThatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		l := take(t, s, "lucky")
		n := 0
		s.do(func() {
			s.after = func(op, _ string) error {
				if n++; op == "replace" && n%2 == 1 {
					return errors.New("connection reset by peer")
				}
				return nil
			}
		})
		time.Sleep(20 * LeaseTTL)
		if err := context.Cause(l.ctx); err != nil {
			t.Errorf("the lease ended: %v", err)
		}
		s.do(func() { s.after = nil })
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if names, err := s.List(t.Context(), ""); err != nil || len(names) != 0 {
			t.Errorf("after Release there are %v, %v", names, err)
		}
	})
}

// TestTwoRunsNeverWriteAtOnce is the promise of a lease: whatever the store
// does to renewals, and with clocks that differ by less than the margin,
// nobody holds a lease while another one does.
func TestTwoRunsNeverWriteAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.SliceOfN(rapid.IntRange(0, 9), 40, 40).Draw(rt, "weather")
		runs := rapid.IntRange(2, 5).Draw(rt, "runs")
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			var calls atomic.Int64
			s.before = func(op, _ string) error {
				switch seed[int(calls.Add(1))%len(seed)] {
				case 0:
					return errors.New("503")
				case 1:
					time.Sleep(20 * time.Second)
				case 2:
					time.Sleep(50 * time.Second) // longer than a lease may be used
				}
				return nil
			}
			s.after = func(string, string) error {
				if seed[int(calls.Add(1))%len(seed)] == 3 {
					return errors.New("connection reset by peer")
				}
				return nil
			}
			var holders atomic.Int64
			var wg sync.WaitGroup
			for i := range runs {
				wg.Go(func() {
					for range 4 {
						l, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner(fmt.Sprint(i)), time.Hour)
						if err != nil {
							time.Sleep(time.Second)
							continue
						}
						if holders.Add(1) > 1 {
							t.Error("two runs hold the lease")
						}
						select {
						case <-l.ctx.Done():
						case <-time.After(3 * time.Minute):
						}
						holders.Add(-1)
						_ = l.Release(t.Context()) // may fail in this weather: then it expires
					}
				})
			}
			wg.Wait()
		})
	})
}

func TestDamagedLeaseSaysHowToMend(t *testing.T) {
	rows := []struct{ why, text, want string }{
		{"not JSON", "{", "memory/leases/111111111111/eu-west-1.json is damaged"},
		{"empty, as a full disk may leave it", "", "delete it when no run is at work"},
		{"a newer format", `{"format_version":2,"owner":{"tool_version":"9.0"}}`, "use the version of eventinvoke that wrote it (9.0), or a newer one"},
	}
	for _, row := range rows {
		s := newMemory()
		s.objects[leaseName(testTarget)] = []byte(row.text)
		if _, err := acquire(t.Context(), s, leaseName(testTarget), testTarget.String(), owner("r"), time.Hour); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.why, err, row.want)
		}
	}
}

// TestAProcessThatWasStoppedLooksAgain: after SIGSTOP, or on a machine that slept,
// the time for which a lease may be used is over before anything of the program
// has run. The next write waits for what the store says.
func TestAProcessThatWasStoppedLooksAgain(t *testing.T) {
	thief := func(s *memory) {
		l := leaseJSON{Version: LeaseVersion, Owner: owner("thief"), Nonce: "other", Expires: time.Now().Add(time.Hour)}
		s.objects[leaseName(testTarget)], _ = l.encode()
	}
	rows := []struct {
		why  string
		harm func(s *memory)
		says string // "": the write may be sent
	}{
		{"nobody took it meanwhile", func(*memory) {}, ""},
		{"another run has it now", thief, "run thief (pid 7 on host) took it over"},
		{"the store does not say", func(s *memory) {
			s.before = func(string, string) error { return errors.New("503") }
		}, "this process did not run for longer than the lease lasts"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			run := begin(t, s, "stopped")
			l, err := acquire(t.Context(), run.history.store, leaseName(testTarget), testTarget.String(), owner(run.attempt.run), 0)
			if err != nil {
				t.Fatal(err)
			}
			kept := &memoryRecorder{run: run, leases: map[desired.Target]*Lease{testTarget: l}}
			change := create(testKey(1), retries(0))
			if err := kept.Intend(t.Context(), testKey(1), change); err != nil {
				t.Fatal(err)
			}
			kept.Settle(testKey(1), applied(change, new(holding(0))))
			l.mu.Lock()
			l.renewed = l.renewed.Add(-LeaseTTL)
			l.mu.Unlock()
			s.do(func() { row.harm(s) })
			err = l.Check(t.Context())
			s.do(func() { s.before = nil })
			if row.says == "" {
				if err != nil {
					t.Errorf("%s: %v", row.why, err)
				}
			} else {
				if !errors.As(err, new(*LostError)) || !strings.Contains(err.Error(), row.says) || l.ctx.Err() == nil {
					t.Errorf("%s: %v, want that the lease is lost: %s", row.why, err, row.says)
				}
				if err := kept.Intend(t.Context(), testKey(2), create(testKey(2), retries(0))); !errors.As(err, new(*LostError)) {
					t.Errorf("%s: Intend: %v, want LostError", row.why, err)
				}
			}
			_ = l.Release(t.Context())
			if err := run.Finish(t.Context(), testRecord("stopped")); err != nil {
				t.Error(err)
			}
			for _, e := range readBack(t, s).Entries {
				if e.Result == nil {
					t.Errorf("%s: the journal leaves open whether %s was written", row.why, e.Key)
				}
			}
		})
	}
}

// TestALeaseEndsByTheClock: whoever asks its context before an attempt need not wait
// for a timer, which runs only when the process does.
func TestALeaseEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := take(t, newMemory(), "stopped")
		ctx := (&memoryRecorder{leases: map[desired.Target]*Lease{testTarget: l}}).Lease(testTarget)
		if ctx.Err() != nil {
			t.Fatalf("a lease that was just taken: %v", ctx.Err())
		}
		l.mu.Lock()
		l.renewed = l.renewed.Add(-LeaseTTL)
		l.mu.Unlock()
		if ctx.Err() == nil || !errors.As(context.Cause(ctx), new(*LostError)) {
			t.Errorf("after the time for which it may be used: %v, cause %v; want LostError", ctx.Err(), context.Cause(ctx))
		}
		_ = l.Release(t.Context())
	})
}

// While one run of a process waits for a target that somebody else holds, another
// takes and gives back its own targets, and the one that waits hears of its end.
func TestALeasePoolHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		h, pool := &History{store: s}, &LeasePool{}
		busy, free := testTarget, desired.Target{Account: "222222222222", Region: "eu-west-1"}
		theirs, err := acquire(t.Context(), s, leaseName(busy), busy.String(), owner("theirs"), 0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		waits := make(chan error)
		wait := func() {
			_, err := pool.take(ctx, h, busy, owner("sweep"), time.Hour)
			waits <- err
		}
		go wait()
		synctest.Wait()
		if !pool.mu.TryLock() { // or all that follows would wait as well
			t.Fatal("the pool is locked while a run waits")
		}
		pool.mu.Unlock()
		go wait()
		synctest.Wait()
		begun := time.Now()
		for range 2 {
			lease, err := pool.take(t.Context(), h, free, owner("targeted"), 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := pool.release(t.Context(), lease); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("a free target took %v", waited)
		}
		ended := errors.New("stopped by SIGTERM")
		stop(ended)
		for range 2 {
			if err := <-waits; !errors.Is(err, ended) {
				t.Errorf("the one that waited got %v, want its own end", err)
			}
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("the end of a run was heard after %v", waited)
		}
		// What was given up is free for the next, which shares it with another.
		if err := theirs.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, err := pool.take(t.Context(), h, busy, owner("first"), 0)
		if err != nil {
			t.Fatal(err)
		}
		second, err := pool.take(t.Context(), h, busy, owner("second"), 0)
		if err != nil || second != first {
			t.Fatalf("two runs of one process do not share a lease: %v", err)
		}
		if err := pool.release(t.Context(), first); err != nil || first.ctx.Err() != nil {
			t.Errorf("the lease ended with the first of two: %v, %v", err, first.ctx.Err())
		}
		// A run of the process that comes while the lease is given back does not take
		// its own for that of another.
		s.do(func() { s.before = func(string, string) error { time.Sleep(time.Second); return nil } })
		go func() { waits <- pool.release(t.Context(), second) }()
		synctest.Wait()
		third, err := pool.take(t.Context(), h, busy, owner("third"), 0)
		if err != nil || third == second {
			t.Fatalf("while the lease was given back: %v", err)
		}
		if err := <-waits; err != nil {
			t.Error(err)
		}
		if err := pool.release(t.Context(), third); err != nil || len(pool.held) > 0 {
			t.Errorf("the last one left %d in the pool: %v", len(pool.held), err)
		}
	})
}

// A target that another run holds, and one whose lease was lost, have a kind and a subject in
// every report, and the same words as elsewhere.
func TestLeaseErrorsInReports(t *testing.T) {
	held := &HeldError{Subject: testTarget.String(), Owner: owner("first"), Expires: time.Unix(0, 0), Where: "here.json"}
	lost := &LostError{Subject: testTarget.String(), Err: &callerr.Error{Kind: callerr.Denied, Subject: "s3://bucket", Message: "no"}}
	for _, err := range []error{held, lost, fmt.Errorf("wrapped: %w", held)} {
		call := reconcile.ErrorOf(err)
		if call.Kind != callerr.Lease || call.Kind.String() != "lease" || call.Subject != testTarget.String() {
			t.Errorf("%v: %+v", err, call)
		}
		if text := call.Error(); strings.Count(text, call.Subject) != 1 || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("%v is told as %s", err, text)
		}
	}
}

// A run that waits for another says for whom, and when that is over, also when it was for nothing.
func TestWhoIsWaitedFor(t *testing.T) {
	for _, row := range []struct {
		why     string
		wait    time.Duration
		release time.Duration // after which the other one ends
		told    []string
		held    bool
	}{
		{"nobody", time.Minute, 0, nil, false},
		{"one who ends in time", time.Minute, 10 * time.Second, []string{"other", ""}, false},
		{"one who does not", time.Minute, time.Hour, []string{"other", ""}, true},
		{"no wait was asked for", 0, time.Hour, nil, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			run := func(id string, m *Memory) (reconcile.Recorder, error) { return hold(t, m, opened(id, testTarget)) }
			other, err := run("other", &Memory{History: New(s)})
			if err != nil {
				t.Fatal(err)
			}
			if row.release == 0 {
				_ = other.Release(t.Context())
			} else {
				defer time.AfterFunc(row.release, func() { _ = other.Release(t.Context()) }).Stop()
			}
			var told []string
			own, err := run("own", &Memory{History: New(s), LeaseWait: row.wait, Waiting: func(held *HeldError) {
				if held == nil {
					told = append(told, "")
				} else {
					told = append(told, held.Owner.RunID)
				}
			}})
			if errors.As(err, new(*HeldError)) != row.held || !slices.Equal(told, row.told) {
				t.Errorf("%s: told %q, want %q; %v", row.why, told, row.told, err)
			}
			for _, r := range []reconcile.Recorder{own, other} {
				_ = r.Finish(t.Context(), opened("", testTarget))
				_ = r.Release(t.Context())
			}
		})
	}
}
