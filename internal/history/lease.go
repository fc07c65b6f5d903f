package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// DefaultTTL is how long a lease outlives its last renewal. A run that was
// killed holds others up for that long, unless they are on the same machine and
// can see that its process is gone.
const DefaultTTL = time.Minute

// Owner is who holds a lease.
type Owner struct {
	Run     string `json:"run_id"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Version string `json:"tool_version"`
	Process string `json:"process,omitempty"` // names the process for good; set when the lease is taken
}

// LeaseOptions say how a lease is taken.
type LeaseOptions struct {
	TTL  time.Duration // 0: DefaultTTL
	Wait time.Duration // how long to wait for another holder; 0: not at all
}

// Lease is the right to write to one target, until its Context ends.
type Lease struct {
	hold *hold
}

// HeldError is a target that another run writes to.
type HeldError struct {
	Subject string // 111111111111/eu-west-1
	Owner   Owner
	Expires time.Time // unless it is renewed
	Where   string    // the file or object
}

// Error names the holder and the ways out.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by run %s (pid %d on %s, eventinvoke %s) until %s, and longer if that run lives; "+
		"wait for it with --lease-wait, or, if you know that it is dead, delete %s",
		e.Subject, e.Owner.Run, e.Owner.PID, e.Owner.Host, e.Owner.Version, e.Expires.UTC().Format(time.RFC3339), e.Where)
}

// LostError is the cause of a Context that ended because the lease could not be
// kept. Whoever takes the lease over starts later.
type LostError struct {
	Subject string
	Err     error
}

// Error says what went wrong with the last renewal.
func (e *LostError) Error() string {
	return fmt.Sprintf("the lease on %s was lost, so nothing more is written there: %v; run again to finish", e.Subject, e.Err)
}

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Err }

// ErrReleased is the cause of the Context of a lease that was released.
var ErrReleased = errors.New("the lease was released")

// Acquire takes the lease of a target and keeps it until Release. While another
// run holds it, Acquire waits as long as it may, and then fails with HeldError.
func (h *History) Acquire(ctx context.Context, target desired.Target, owner Owner, o LeaseOptions) (*Lease, error) {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	held, err := h.claim(ctx, leaseName(target), target.String(), owner, o)
	if err != nil {
		return nil, err
	}
	return &Lease{held}, nil
}

// Context ends when the lease is lost or released; its cause says why. It also
// ends with the context that Acquire was given.
func (l *Lease) Context() context.Context { return l.hold.ctx }

// PreviousOwner is the run that had the lease before and never gave it back: it was
// killed, or lost it. Nil is the usual case.
func (l *Lease) PreviousOwner() *Owner { return l.hold.former }

// Release gives the lease back. It fails with LostError when it was lost before.
func (l *Lease) Release(ctx context.Context) error { return l.hold.release(ctx) }
