package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func owner(run string) Owner { return Owner{Run: run, Host: "host", PID: 7, Version: "1.2.3"} }

// acquire takes the lease of the test target, which must be free.
func acquire(t *testing.T, s Store, run string) *Lease {
	t.Helper()
	l, err := New(s).Acquire(t.Context(), testTarget, owner(run), LeaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLeaseIsForOne(t *testing.T) {
	eachStore(t, func(t *testing.T, s Store) {
		first := acquire(t, s, "first")
		_, err := New(s).Acquire(t.Context(), testTarget, owner("second"), LeaseOptions{})
		var held *HeldError
		if !errors.As(err, &held) {
			t.Fatalf("second taker: %v, want HeldError", err)
		}
		if held.Owner != owner("first") || time.Until(held.Expires) < DefaultTTL/2 || time.Until(held.Expires) > DefaultTTL {
			t.Errorf("held by %+v until %s, want the first owner and at most %s", held.Owner, held.Expires, DefaultTTL)
		}
		for _, want := range []string{"111111111111/eu-west-1", "run first", "pid 7 on host", "--lease-wait", "leases/111111111111/eu-west-1.json"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %q: %v", want, err)
			}
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if cause := context.Cause(first.Context()); !errors.Is(cause, ErrReleased) {
			t.Errorf("cause after Release: %v", cause)
		}
		if err := acquire(t, s, "second").Release(t.Context()); err != nil {
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
			_, err = s.Create(t.Context(), leaseName(testTarget), data)
		}
		if err != nil {
			t.Fatal(err)
		}
		leases := make([]*Lease, takers)
		var wg sync.WaitGroup
		for i := range takers {
			wg.Go(func() {
				l, err := New(s).Acquire(t.Context(), testTarget, owner(fmt.Sprintf("taker-%d", i)), LeaseOptions{})
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
		l := acquire(t, s, "long")
		for range 100 {
			time.Sleep(DefaultTTL / 2)
			if _, err := New(s).Acquire(t.Context(), testTarget, owner("other"), LeaseOptions{}); !errors.As(err, new(*HeldError)) {
				t.Fatalf("another run got a lease that is renewed: %v", err)
			}
		}
		if err := context.Cause(l.Context()); err != nil {
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
		l, err := New(s).Acquire(ctx, testTarget, owner("interrupted"), LeaseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		interrupt()
		time.Sleep(10 * DefaultTTL) // calls in flight are being finished
		if _, err := New(s).Acquire(t.Context(), testTarget, owner("other"), LeaseOptions{}); !errors.As(err, new(*HeldError)) {
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
		dead, err := New(s).claim(t.Context(), leaseName(testTarget), testTarget.String(), owner("dead"), LeaseOptions{TTL: DefaultTTL})
		if err != nil {
			t.Fatal(err)
		}
		close(dead.quit) // as a SIGKILL: no renewal, no release
		dead.stop.Stop()
		began := time.Now()
		l, err := New(s).Acquire(t.Context(), testTarget, owner("next"), LeaseOptions{Wait: 2 * DefaultTTL})
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < DefaultTTL || waited > DefaultTTL+DefaultTTL/claimPolls {
			t.Errorf("taken over after %s, want soon after %s", waited, DefaultTTL)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAcquireWaitsAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		l := acquire(t, s, "first")
		began := time.Now()
		_, err := New(s).Acquire(t.Context(), testTarget, owner("second"), LeaseOptions{Wait: 3 * time.Minute})
		if !errors.As(err, new(*HeldError)) || time.Since(began) != 3*time.Minute {
			t.Errorf("after %s: %v, want HeldError after 3m", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the run's deadline"))
		defer cancel()
		if _, err := New(s).Acquire(ctx, testTarget, owner("second"), LeaseOptions{Wait: time.Hour}); err == nil || !strings.Contains(err.Error(), "the run's deadline") || !errors.As(err, new(*HeldError)) {
			t.Errorf("Acquire with a deadline: %v, want the deadline and the holder", err)
		}
		time.AfterFunc(time.Minute, func() { _ = l.Release(t.Context()) })
		second, err := New(s).Acquire(t.Context(), testTarget, owner("second"), LeaseOptions{Wait: time.Hour})
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
		{"somebody unlocked by hand", func(s *memory) { delete(s.objects, leaseName(testTarget)) }, DefaultTTL / renewEvery, "somebody deleted it"},
		{"somebody took it, whose clock is far ahead", func(s *memory) {
			l := leaseJSON{Version: LeaseVersion, Owner: owner("thief"), Nonce: "other", Expires: time.Now().Add(time.Hour)}
			s.objects[leaseName(testTarget)], _ = l.encode()
		}, DefaultTTL / renewEvery, "run thief (pid 7 on host) took it over"},
		{"the store refuses writes", func(s *memory) {
			s.before = func(string, string) error { return errors.New("read-only file system") }
		}, DefaultTTL - DefaultTTL/safetyShare, "it could not be renewed for 45s"},
		{"the store hangs", func(s *memory) {
			s.before = func(string, string) error { time.Sleep(time.Hour); return nil }
		}, DefaultTTL - DefaultTTL/safetyShare, "it could not be renewed for 45s"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			s := newMemory()
			l := acquire(t, s, "slow")
			began := time.Now()
			s.do(func() { row.harm(s) })
			<-l.Context().Done()
			if took := time.Since(began); took > row.within {
				t.Errorf("%s: the holder stopped after %s, want within %s", row.why, took, row.within)
			}
			var lost *LostError
			if cause := context.Cause(l.Context()); !errors.As(cause, &lost) || !strings.Contains(cause.Error(), row.says) || !strings.Contains(cause.Error(), "run again") {
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
		l := acquire(t, s, "lucky")
		n := 0
		s.do(func() {
			s.after = func(op, _ string) error {
				if n++; op == "replace" && n%2 == 1 {
					return errors.New("connection reset by peer")
				}
				return nil
			}
		})
		time.Sleep(20 * DefaultTTL)
		if err := context.Cause(l.Context()); err != nil {
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
						l, err := New(s).Acquire(t.Context(), testTarget, owner(fmt.Sprint(i)), LeaseOptions{Wait: time.Hour})
						if err != nil {
							time.Sleep(time.Second)
							continue
						}
						if holders.Add(1) > 1 {
							t.Error("two runs hold the lease")
						}
						select {
						case <-l.Context().Done():
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
		if _, err := New(s).Acquire(t.Context(), testTarget, owner("r"), LeaseOptions{Wait: time.Hour}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.why, err, row.want)
		}
	}
}
