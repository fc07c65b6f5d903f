package history

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// LeaseVersion is the version of the format of leases.
const LeaseVersion = 1

// LeaseTTL is how long a lease outlives its last renewal, and so how long a run
// that was killed holds others up.
const LeaseTTL = time.Minute

// A renewal is due every third of the TTL, and tried again every twelfth when it
// fails. The owner stops a quarter before the lease expires: that much may the
// clocks of two machines differ, and calls in flight take, before two runs write
// at once.
const (
	renewEvery = LeaseTTL / 3
	retryEvery = LeaseTTL / 12
	useFor     = LeaseTTL - LeaseTTL/4
)

// Owner is who holds a lease.
type Owner struct {
	RunID   string `json:"run_id"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Version string `json:"tool_version"`
}

// HeldError is a target that another run writes to.
type HeldError struct {
	Subject string // 111111111111/eu-west-1
	Owner   Owner
	Expires time.Time // unless it is renewed
	Where   string    // the file or object
}

// Error names the owner and the ways out.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by run %s (pid %d on %s, eventinvoke %s); the lease expires at %s unless it is renewed; "+
		"wait with --lease-wait, or delete %s if that run is gone",
		e.Subject, e.Owner.RunID, e.Owner.PID, e.Owner.Host, e.Owner.Version, e.Expires.UTC().Format(time.RFC3339), e.Where)
}

// As gives the error in the form of reports.
func (e *HeldError) As(target any) bool { return asLease(target, e.Subject, e) }

func asLease(target any, subject string, err error) bool {
	call, ok := target.(**callerr.Error)
	if ok {
		*call = &callerr.Error{Kind: callerr.Lease, Subject: subject, Message: err.Error()}
	}
	return ok
}

// LostError is the cause of a Context that ended because the lease could not be
// kept. Whoever takes the lease over starts later.
type LostError struct {
	Subject string
	Err     error
}

// Error says what went wrong with the last renewal.
func (e *LostError) Error() string {
	return fmt.Sprintf("lost the lease on %s, so nothing more is written there: %v; run again to finish", e.Subject, e.Err)
}

// As gives the error in the form of reports.
func (e *LostError) As(target any) bool { return asLease(target, e.Subject, e) }

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Err }

// ErrReleased is the cause of the Context of a lease that was released.
var ErrReleased = errors.New("the lease was released")

// leaseJSON is a lease in a store. Nonce tells apart two owners of one name, and
// Beat two renewals, so that no two writes have the same bytes.
type leaseJSON struct {
	Version int       `json:"format_version"`
	Subject string    `json:"subject"`
	Owner   Owner     `json:"owner"`
	Nonce   string    `json:"nonce"`
	Beat    int64     `json:"beat"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
}

func (l *leaseJSON) encode() ([]byte, error) {
	text, err := json.MarshalIndent(l, "", " ")
	return append(text, '\n'), err
}

// expired reports whether the lease may be taken over.
func (l *leaseJSON) expired() bool { return !time.Now().Before(l.Expires) }

// readLease reads who holds a lease, or fails with ErrAbsent.
func readLease(ctx context.Context, store Store, name string) (leaseJSON, Tag, error) {
	data, tag, err := store.Read(ctx, name)
	if err != nil {
		return leaseJSON{}, "", err
	}
	var l leaseJSON
	where := locate(store, name)
	if err := json.Unmarshal(data, &l); err != nil {
		return leaseJSON{}, "", &damagedError{fmt.Sprintf("the lease %s is damaged: %v; delete it when no run is at work", where, err)}
	}
	if l.Version != LeaseVersion {
		return leaseJSON{}, "", &damagedError{fmt.Sprintf("the lease %s has format version %d and this program reads %d: use the version of eventinvoke that wrote it (%s), or a newer one", where, l.Version, LeaseVersion, l.Owner.Version)}
	}
	return l, tag, nil
}

// Lease is the right to write to one target, until its context ends.
type Lease struct {
	store    Store
	name     string
	previous *Owner // who had it before and did not give it back; nil: nobody

	renewing chan struct{} // capacity 1: full while somebody renews, and so guards the next two
	lease    leaseJSON
	tag      Tag

	mu      sync.Mutex
	renewed time.Time // when the last renewal that succeeded was sent

	ctx    context.Context // ends when the lease is lost or released; its cause says why
	cancel context.CancelCauseFunc
	stop   *time.Timer // ends ctx when no renewal succeeds in time

	endRenewals context.CancelFunc
	renewals    sync.WaitGroup
}

// collisionPause lets the one who was faster finish.
const collisionPause = 10 * time.Millisecond

// acquire takes a lease that is free or has expired, and keeps it until Release.
// While another run holds it, acquire waits as long as it may, and then fails with
// HeldError.
func acquire(ctx context.Context, store Store, name, subject string, owner Owner, wait time.Duration) (*Lease, error) {
	l := &Lease{
		store: store, name: name, renewing: make(chan struct{}, 1),
		lease: leaseJSON{Version: LeaseVersion, Subject: subject, Owner: owner, Nonce: rand.Text(), Since: time.Now().UTC()},
	}
	giveUp := time.Now().Add(wait)
	for {
		err := l.take(ctx)
		var held *HeldError
		switch {
		case err == nil && l.left() <= 0:
			late := &LostError{subject, fmt.Errorf("the store took %s to grant it", time.Since(l.renewed).Round(time.Second))}
			return nil, errors.Join(late, store.Delete(ctx, name, l.tag))
		case err == nil:
			l.keep(ctx)
			return l, nil
		case errors.Is(err, ErrChanged):
			// Somebody was faster. What they wrote decides.
		case !errors.As(err, &held):
			return nil, err
		}
		pause := collisionPause
		if held != nil {
			if pause = min(retryEvery, time.Until(giveUp)); pause <= 0 {
				return nil, err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// take tries once. ErrChanged says that another one took it just now.
func (l *Lease) take(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	found, tag, err := readLease(ctx, l.store, l.name)
	absent := errors.Is(err, ErrAbsent)
	switch {
	case err != nil && !absent:
		return err
	case !absent && !found.expired():
		return &HeldError{Subject: found.Subject, Owner: found.Owner, Expires: found.Expires, Where: locate(l.store, l.name)}
	}
	next, data, sent, err := l.next()
	if err != nil {
		return err
	}
	if !absent {
		l.previous = &found.Owner
	}
	if tag, err = l.store.Write(ctx, l.name, data, tag); err != nil {
		return err
	}
	l.lease, l.tag, l.renewed = next, tag, sent
	return nil
}

// next is the lease as the next write has it. Its end is counted from before
// the write is sent: the answer may be slow.
func (l *Lease) next() (leaseJSON, []byte, time.Time, error) {
	now := time.Now()
	next := l.lease
	next.Beat++
	next.Expires = now.Add(LeaseTTL).UTC()
	data, err := next.encode()
	return next, data, now, err
}

// Check is to be called right before a write is sent. It fails once the lease is
// lost, and asks the store again when the time for which the lease may be used is
// over by any clock: a process that was stopped, or a machine that slept, must not
// go on where it was.
func (l *Lease) Check(ctx context.Context) error {
	if err := l.lost(); err != nil {
		return err
	}
	if l.left() > 0 {
		return nil
	}
	err := l.renew(ctx)
	if lost := l.lost(); lost != nil {
		return lost
	}
	if err == nil && l.left() > 0 {
		return nil
	}
	l.cancel(&LostError{l.lease.Subject, errors.Join(errStopped, err)})
	return l.lost()
}

// leaseContext ends with a lease, and its Err asks the clock: the timer that ends the
// context of a lease runs only when the process does.
type leaseContext struct {
	context.Context
	lease *Lease
}

// Err implements context.Context.
func (c leaseContext) Err() error {
	if c.Context.Err() == nil && c.lease.left() <= 0 {
		c.lease.cancel(&LostError{c.lease.lease.Subject, errStopped})
	}
	return c.Context.Err()
}

// errStopped is what SIGSTOP, or a machine that slept, makes of a lease.
var errStopped = errors.New("this process did not run for longer than the lease lasts")

// lost is why the lease cannot be used any more, or nil. A run that was
// interrupted still has it, for its calls in flight.
func (l *Lease) lost() error {
	if cause := context.Cause(l.ctx); errors.As(cause, new(*LostError)) || errors.Is(cause, ErrReleased) {
		return cause
	}
	return nil
}

// left is how long the lease may still be used, by the clock that says less. The
// monotonic clock is not moved by setting the machine's clock, and stands still
// while a laptop sleeps; the wall clock is the other way about.
func (l *Lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return useFor - max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
}

// keep renews until release. The timer is apart from the goroutine, so that a
// store that hangs cannot hold it up.
func (l *Lease) keep(ctx context.Context) {
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.stop = time.AfterFunc(l.left(), func() {
		l.cancel(&LostError{l.lease.Subject, fmt.Errorf("it could not be renewed for %s", useFor)})
	})
	// A run that was interrupted goes on renewing until it releases the lease: its calls
	// in flight still need it.
	ctx, l.endRenewals = context.WithCancel(context.WithoutCancel(ctx))
	l.renewals.Go(func() { l.loop(ctx) })
}

func (l *Lease) loop(ctx context.Context) {
	wait := renewEvery
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		if l.lost() != nil {
			return
		}
		wait = renewEvery
		if err := l.renew(ctx); err != nil {
			wait = retryEvery
		}
	}
}

// renew writes the lease again, one caller at a time. When it is somebody else's
// now, the Context ends; after any other error the next try may succeed.
func (l *Lease) renew(ctx context.Context) error {
	select {
	case l.renewing <- struct{}{}:
		defer func() { <-l.renewing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	next, data, sent, err := l.next()
	if err != nil {
		return err
	}
	tag, err := l.store.Write(ctx, l.name, data, l.tag)
	if errors.Is(err, ErrChanged) {
		err = l.adopt(ctx)
		if errors.As(err, new(*LostError)) {
			l.cancel(err)
		}
		return err
	}
	if err != nil {
		return err
	}
	l.tag = tag
	// A lease that was lost meanwhile stays lost, because its owner may have told
	// others.
	if l.stop.Stop() {
		l.mu.Lock()
		l.lease, l.renewed = next, sent
		l.mu.Unlock()
		l.stop.Reset(l.left())
	}
	return nil
}

// adopt looks who changed the lease. It may have been ourselves, by a renewal
// whose answer got lost: then that one counts from when it said.
func (l *Lease) adopt(ctx context.Context) error {
	found, tag, err := readLease(ctx, l.store, l.name)
	switch {
	case errors.Is(err, ErrAbsent):
		return &LostError{l.lease.Subject, errors.New("somebody deleted it")}
	case err != nil:
		return err
	case found.Nonce != l.lease.Nonce:
		return &LostError{l.lease.Subject, fmt.Errorf("run %s (pid %d on %s) took it over", found.Owner.RunID, found.Owner.PID, found.Owner.Host)}
	}
	l.lease.Beat, l.tag = found.Beat, tag
	return errors.New("the answer of an earlier renewal was lost")
}

// Release ends the renewals and gives the lease back. It fails with LostError
// when the lease was lost before.
func (l *Lease) Release(ctx context.Context) error {
	lost := context.Cause(l.ctx)
	l.endRenewals()
	l.renewals.Wait()
	l.stop.Stop()
	l.cancel(ErrReleased)
	l.renewing <- struct{}{} // a Check that renews has ended by now, or ends with its store
	defer func() { <-l.renewing }()
	err := l.store.Delete(ctx, l.name, l.tag)
	switch {
	case errors.As(lost, new(*LostError)):
		return lost
	case err != nil && !errors.Is(err, ErrChanged):
		return fmt.Errorf("the lease on %s was not released and expires at %s: %w", l.lease.Subject, l.lease.Expires.Format(time.RFC3339), err)
	}
	return nil
}
