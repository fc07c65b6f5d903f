package history

import (
	"context"
	"os"
	"sync"
	"time"
)

// deathSettles is how long a lease of a dead process is left alone. A request
// that the process sent last may still be on its way to AWS, and whoever takes
// the lease reads what AWS holds: it must read what that request did.
const deathSettles = 2 * time.Second

// thisProcess names this process among all that ever ran on any machine, or is
// "" where the system does not tell enough to know such a process for dead.
var thisProcess = sync.OnceValue(func() string { return processName(os.Getpid()) })

// mark adds what another run on the same machine needs to tell whether the
// owner is dead. An owner that is not this process gets no mark.
func (o Owner) mark() Owner {
	if o.PID == os.Getpid() {
		o.Process = thisProcess()
	}
	return o
}

// dead reports whether the owner is known to have ended. False says nothing: it
// may be on another machine, or in another container of this one.
func (o *Owner) dead() bool { return o.Process != "" && processEnded(o.PID, o.Process) }

// deaths knows when dead processes were first seen to be dead, so that one that
// held a thousand leases is waited for once.
type deaths struct {
	mu   sync.Mutex
	seen map[string]time.Time // by the name of the process
}

// settle waits until requests of a dead process have arrived.
func (d *deaths) settle(ctx context.Context, o *Owner) error {
	d.mu.Lock()
	seen, known := d.seen[o.Process]
	if !known {
		seen = time.Now()
		if d.seen == nil {
			d.seen = map[string]time.Time{}
		}
		d.seen[o.Process] = seen
	}
	d.mu.Unlock()
	select {
	case <-time.After(time.Until(seen.Add(deathSettles))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
