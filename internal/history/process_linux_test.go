package history

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// deceased is the owner of a lease whose process lived and has ended.
func deceased(t *testing.T) Owner {
	t.Helper()
	child, name := startChild(t)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it says that it was killed
	o := owner("killed")
	o.PID, o.Process = child.Process.Pid, name
	return o
}

// startChild starts a process that waits until it is killed, and names it.
func startChild(t *testing.T) (*exec.Cmd, string) {
	t.Helper()
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Skipf("no process to look at: %v", err)
	}
	name := processName(child.Process.Pid)
	if name == "" {
		t.Fatal("a process of this machine has no name")
	}
	return child, name
}

func TestOnlyAProcessThatIsGoneForCertainIsDead(t *testing.T) {
	child, name := startChild(t)
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	space, start, _ := strings.Cut(name, " ")
	gone := deceased(t)
	for _, row := range []struct {
		why   string
		owner Owner
		dead  bool
	}{
		{"it runs", Owner{PID: child.Process.Pid, Process: name}, false},
		{"this very process", Owner{PID: os.Getpid(), Process: thisProcess()}, false},
		{"it was killed", gone, true},
		{"its id belongs to a process that began at another time", Owner{PID: child.Process.Pid, Process: space + " 1"}, true},
		{"a process 1 of another container, or of another machine, may live", Owner{PID: gone.PID, Process: "other" + gone.Process}, false},
		{"a lease that names no process", Owner{PID: gone.PID}, false},
		{"a damaged name", Owner{PID: gone.PID, Process: space}, false},
		{"0 would ask about our own process group", Owner{PID: 0, Process: space + " " + start}, false},
	} {
		if got := row.owner.dead(); got != row.dead {
			t.Errorf("%s: dead is %v, want %v", row.why, got, row.dead)
		}
	}
}

// lease puts a lease that is good for an hour into a store.
func lease(t *testing.T, s Store, o Owner) {
	t.Helper()
	l := leaseJSON{Version: LeaseVersion, Subject: testTarget.String(), Owner: o, Nonce: "n", Expires: time.Now().Add(time.Hour)}
	data, err := l.encode()
	if err == nil {
		_, err = s.Create(t.Context(), leaseName(testTarget), data)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestALeaseOfADeadProcessIsTakenOnceItsLastRequestHasArrived(t *testing.T) {
	dead := deceased(t)
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		lease(t, s, dead)
		began := time.Now()
		l := acquire(t, s, "next")
		if took := time.Since(began); took != deathSettles {
			t.Errorf("it was taken after %s, want %s", took, deathSettles)
		}
		if former := l.PreviousOwner(); former == nil || *former != dead {
			t.Errorf("the former owner is %+v, want %+v", former, dead)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if l := acquire(t, s, "third"); l.PreviousOwner() != nil {
			t.Errorf("a lease that was given back has the former owner %+v", l.PreviousOwner())
		} else if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestADeadProcessIsWaitedForOnce: a run that was killed may have held the leases
// of a thousand targets.
func TestADeadProcessIsWaitedForOnce(t *testing.T) {
	dead := deceased(t)
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		h := New(s)
		began := time.Now()
		for _, region := range []string{"eu-west-1", "us-east-1", "us-west-2"} {
			target := desired.Target{Account: testTarget.Account, Region: region}
			l := leaseJSON{Version: LeaseVersion, Subject: target.String(), Owner: dead, Nonce: "n", Expires: time.Now().Add(time.Hour)}
			data, err := l.encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Create(t.Context(), leaseName(target), data); err != nil {
				t.Fatal(err)
			}
			taken, err := h.Acquire(t.Context(), target, owner("next"), LeaseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := taken.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took != deathSettles {
			t.Errorf("three leases were taken after %s, want %s", took, deathSettles)
		}
	})
}

func TestALeaseOfADeadProcessGoesToOneOfManyTakers(t *testing.T) {
	dead := deceased(t)
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		lease(t, s, dead)
		var mu sync.Mutex
		var taken []*Lease
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l, err := New(s).Acquire(t.Context(), testTarget, owner("taker"), LeaseOptions{})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					taken = append(taken, l)
				} else if !errors.As(err, new(*HeldError)) {
					t.Errorf("a taker that lost: %v", err)
				}
			})
		}
		wg.Wait()
		if len(taken) != 1 {
			t.Fatalf("%d took it, want one", len(taken))
		}
		if err := taken[0].Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAnInterruptEndsTheWaitForADeadProcess(t *testing.T) {
	dead := deceased(t)
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		lease(t, s, dead)
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(deathSettles/2, func() { cancel(stop) })
		if _, err := New(s).Acquire(ctx, testTarget, owner("next"), LeaseOptions{}); !errors.Is(err, stop) {
			t.Errorf("Acquire: %v, want the interrupt", err)
		}
	})
}

// A run whose process is gone shows as died at once, not when its sign of life
// has expired.
func TestAKilledRunIsKnownToHaveDied(t *testing.T) {
	dead := deceased(t)
	s := newMemory()
	r := begin(t, s, "killed")
	t.Cleanup(func() {
		if err := r.alive.release(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if whole, err := New(s).Load(t.Context(), "killed"); err != nil || whole.State() != Running {
		t.Fatalf("before: %s, %v", whole.State(), err)
	}
	sign := leaseJSON{Version: LeaseVersion, Owner: dead, Nonce: "n", Expires: time.Now().Add(time.Hour)}
	data, err := sign.encode()
	if err != nil {
		t.Fatal(err)
	}
	s.do(func() { s.objects[r.part.alive()] = data })
	if whole, err := New(s).Load(t.Context(), "killed"); err != nil || whole.State() != Died {
		t.Errorf("after: %s, %v", whole.State(), err)
	}
}
