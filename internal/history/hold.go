package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The fractions of a TTL. A renewal is due every third of it, and tried again
// every twelfth when it fails. The holder stops a quarter before the lease
// expires: that much may the clocks of two machines differ, and calls in flight
// take, before two runs write at once.
const (
	renewEvery  = 3
	retryEvery  = 12
	safetyShare = 4
)

// hold is a lease that is being kept.
type hold struct {
	store  Store
	deaths *deaths
	name   string
	ttl    time.Duration
	former *Owner // who had it before and did not give it back; nil: nobody

	// Of the goroutine that renews, once it runs.
	lease   leaseJSON
	tag     Tag
	renewed time.Time // when the last renewal that succeeded was sent

	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   *time.Timer // ends ctx when no renewal succeeds in time

	once sync.Once
	quit chan struct{}
	done chan struct{}
}

// next is the lease as the next write has it. Its end is counted from before
// the write is sent: the answer may be slow.
func (h *hold) next() (leaseJSON, []byte, time.Time, error) {
	now := time.Now()
	l := h.lease
	l.Beat++
	l.Expires = now.Add(h.ttl).UTC()
	data, err := l.encode()
	return l, data, now, err
}

// keep renews until release. The timer is apart from the goroutine, so that a
// store that hangs cannot hold it up.
func (h *hold) keep(ctx context.Context) {
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	h.quit, h.done = make(chan struct{}), make(chan struct{})
	h.stop = time.AfterFunc(h.left(), func() {
		h.cancel(&LostError{h.lease.Subject, fmt.Errorf("it could not be renewed for %s", h.ttl-h.ttl/safetyShare)})
	})
	go h.renewals(context.WithoutCancel(ctx))
}

// left is how long the lease may still be used. The readings of time.Now carry
// the monotonic clock, so setting the machine's clock changes nothing. That
// clock stands still while a laptop sleeps: a run that wakes up after its lease
// was taken over learns of it with its next renewal.
func (h *hold) left() time.Duration { return h.ttl - h.ttl/safetyShare - time.Since(h.renewed) }

func (h *hold) renewals(ctx context.Context) {
	defer close(h.done)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-h.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	wait := h.ttl / renewEvery
	for {
		select {
		case <-time.After(wait):
		case <-h.quit:
			return
		case <-h.ctx.Done():
			if errors.As(context.Cause(h.ctx), new(*LostError)) {
				return
			}
			// The run was interrupted, and its calls in flight still need the
			// lease: go on until it is released.
			select {
			case <-time.After(wait):
			case <-h.quit:
				return
			}
		}
		wait = h.ttl / renewEvery
		switch err := h.renew(ctx); {
		case err == nil:
		case errors.As(err, new(*LostError)):
			h.cancel(err)
			return
		default:
			wait = h.ttl / retryEvery
		}
	}
}

// renew writes the lease again. LostError says that it is somebody else's now;
// after any other error the next try may succeed.
func (h *hold) renew(ctx context.Context) error {
	next, data, sent, err := h.next()
	if err != nil {
		return err
	}
	tag, err := h.store.Replace(ctx, h.name, data, h.tag)
	if errors.Is(err, ErrChanged) {
		return h.adopt(ctx)
	}
	if err != nil {
		return err
	}
	h.tag = tag
	h.extend(next, sent)
	return nil
}

// adopt looks who changed the lease. It may have been ourselves, by a renewal
// whose answer got lost: then that one counts from when it said.
func (h *hold) adopt(ctx context.Context) error {
	found, tag, err := readLease(ctx, h.store, h.name)
	switch {
	case errors.Is(err, ErrAbsent):
		return &LostError{h.lease.Subject, errors.New("somebody deleted it")}
	case err != nil:
		return err
	case found.Nonce != h.lease.Nonce:
		return &LostError{h.lease.Subject, fmt.Errorf("run %s (pid %d on %s) took it over", found.Owner.Run, found.Owner.PID, found.Owner.Host)}
	}
	h.lease.Beat, h.tag = found.Beat, tag
	return errors.New("the answer of an earlier renewal was lost")
}

// extend moves the end, unless it has come meanwhile: a lease that was lost
// stays lost, because its holder may have told others.
func (h *hold) extend(next leaseJSON, sent time.Time) {
	if !h.stop.Stop() {
		return
	}
	h.lease, h.renewed = next, sent
	h.stop.Reset(h.left())
}

// release ends the renewals and frees the name.
func (h *hold) release(ctx context.Context) error {
	lost := context.Cause(h.ctx)
	h.once.Do(func() { close(h.quit) })
	<-h.done
	h.stop.Stop()
	h.cancel(ErrReleased)
	err := h.store.Delete(ctx, h.name, h.tag)
	switch {
	case errors.As(lost, new(*LostError)):
		return lost
	case err != nil && !errors.Is(err, ErrChanged):
		return fmt.Errorf("the lease on %s was not given back and ends by itself at %s: %w", h.lease.Subject, h.lease.Expires.Format(time.RFC3339), err)
	}
	return nil
}
