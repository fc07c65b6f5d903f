package history

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// peer is one process on a target, which has always something to call.
type peer struct {
	limiter *ratelimit.Limiter
	leave   func()
	store   *unreliable
}

// unreliable is a process's way to a store. One that is gone stands for a process that was
// killed, or for a store that only this process cannot reach.
type unreliable struct {
	*memory
	gone  atomic.Bool
	calls atomic.Int32
}

func (u *unreliable) call() error {
	u.calls.Add(1)
	if u.gone.Load() {
		return errors.New("no route to host")
	}
	return nil
}

func (u *unreliable) Write(ctx context.Context, name string, data []byte, tag Tag) (Tag, error) {
	if err := u.call(); err != nil {
		return "", err
	}
	return u.memory.Write(ctx, name, data, tag)
}

func (u *unreliable) Read(ctx context.Context, name string) ([]byte, Tag, error) {
	if err := u.call(); err != nil {
		return nil, "", err
	}
	return u.memory.Read(ctx, name)
}

func (u *unreliable) Delete(ctx context.Context, name string, tag Tag) error {
	if err := u.call(); err != nil {
		return err
	}
	return u.memory.Delete(ctx, name, tag)
}

// come lets a process join, and call as fast as it may if it is busy.
func come(t *testing.T, store *memory, name string, s ratelimit.Options, busy bool) *peer {
	p := &peer{limiter: ratelimit.New(s), store: &unreliable{memory: store}}
	ctx, cancel := context.WithCancel(t.Context())
	opener := openerFunc(func() reconcile.Opened {
		return reconcile.Opened{Targets: []reconcile.OpenTarget{{Target: target, Limiter: p.limiter}}}
	})
	var peers Peers
	opened, err := peers.Opener(opener, p.store, slog.New(slog.DiscardHandler)).Open(ctx, reconcile.OpenRequest{RunID: name})
	if err != nil {
		t.Fatal(err)
	}
	p.leave = func() { cancel(); opened.Close(); p.limiter.Close() }
	for range 2 {
		go func() {
			for busy {
				g, err := p.limiter.Acquire(ctx, ratelimit.Scan)
				if err != nil {
					return
				}
				g.Done(ratelimit.OK, 0)
			}
		}()
	}
	return p
}

type openerFunc func() reconcile.Opened

func (f openerFunc) Open(context.Context, reconcile.OpenRequest) (reconcile.Opened, error) {
	return f(), nil
}

var target = desired.Target{Account: "111111111111", Region: "eu-west-1"}

func (p *peer) is(t *testing.T, when string, want float64) {
	t.Helper()
	synctest.Wait()
	if got := p.limiter.Snapshot().Ceiling; math.Abs(got-want) > 0.01*want {
		t.Errorf("%s: may use %.2f a second, want %.2f", when, got, want)
	}
}

// What each of several processes of ours may use of one quota, from when it comes to when
// it is gone.
func TestPeersDivideTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		usual := ratelimit.Options{Quota: 10, Share: 1}
		a := come(t, store, "a", usual, true)
		a.is(t, "alone", 10)
		time.Sleep(10*time.Minute + time.Second)
		if a.store.calls.Load() > 32 {
			t.Errorf("%d calls of the store in ten minutes alone: want one for each renewal", a.store.calls.Load())
		}

		b := come(t, store, "b", usual, true)
		b.is(t, "before the others have heard of it", 0.1)
		a.is(t, "before it has heard of the other", 10)
		time.Sleep(renewEvery + 2*peersLook)
		a.is(t, "beside one", 5)
		b.is(t, "beside one", 5)

		gentle := come(t, store, "gentle", ratelimit.Options{Quota: 10, Share: 0.2}, true)
		idle := come(t, store, "idle", usual, false)
		time.Sleep(2*renewEvery + 2*peersLook)
		gentle.is(t, "one that was asked to be gentle", 2)
		if got := idle.limiter.Snapshot().Ceiling; got > 0.5 {
			t.Errorf("one that has nothing to call keeps %.2f from the others", got)
		}
		if sum := a.limiter.Snapshot().Ceiling + b.limiter.Snapshot().Ceiling; sum < 7.4 || sum > 8 {
			t.Errorf("the other two use %.2f of the 8 that are left", sum)
		}
		gentle.leave()
		idle.leave()

		b.store.gone.Store(true) // killed, but for the calls, of which the store knows nothing
		time.Sleep(LeaseTTL + renewEvery + peersLook)
		a.is(t, "once the other has not been heard of for a minute", 10)
		b.is(t, "once it has heard of nobody for a minute", 10)
		b.store.gone.Store(false)
		time.Sleep(2*renewEvery + 2*peersLook)
		a.is(t, "when it is heard of again", 5)
		b.is(t, "when it hears of others again", 5)
		b.leave()
		time.Sleep(renewEvery + 2*peersLook)
		a.is(t, "after the other has left", 10)

		store.do(func() { store.objects[paceName(target)] = []byte("{") })
		time.Sleep(renewEvery + peersLook)
		a.is(t, "with a damaged file", 10)
		a.leave()
		store.do(func() {
			if len(store.objects) != 0 {
				t.Errorf("left behind: %v", store.objects)
			}
		})
	})
}
