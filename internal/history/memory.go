package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Memory is a history as the engine uses it: a reconcile.Memory. It holds the
// targets of a run that may write, keeps the journal, and completes the record.
type Memory struct {
	History     *History
	ToolVersion string
	Shard       shard.Shard
	Selection   desired.Selection
	Files       []desired.FileInfo // the fleet files that the run follows
	// Organizations are the accounts of the organizations that these name, by label.
	Organizations map[string][]string
	Job           string        // the CI job that started it, or ""
	Approvers     []string      // who signed the plan, where that was asked for
	LeaseWait     time.Duration // how long to wait for another run that holds a target
	// Waiting, when not nil, is told for whom the run waits, and nil when that is over.
	Waiting func(*HeldError)
	// Others are targets to hold beside those that are open.
	Others []desired.Target
	// SkipHeld leaves out a target that another run holds, where otherwise the
	// run fails with a *HeldError.
	SkipHeld bool
	// Leases, when not nil, shares the leases of runs that go on side by side in one
	// process: one of them must not hold up the other.
	Leases *LeasePool
	// Pace, when not nil, is how fast calls to a target were let go.
	Pace func(desired.Target) []PacePoint
	// WritesOnly remembers no run that came to no write: a worker passes often.
	WritesOnly bool
	Log        *slog.Logger
	// Command is what a person types to look at a run, for the log.
	Command func(run string) string
}

// Begin implements reconcile.Memory.
func (m *Memory) Begin(r *reconcile.RunResult) reconcile.Recorder {
	return &memoryRecorder{memory: m, result: r, leases: map[desired.Target]*Lease{}}
}

// Hold implements reconcile.Recorder: it takes the leases of every open target,
// all runs in the same order, so that no two can wait for each other; and, unless
// WritesOnly, stores the record of a run that begins. With that a history that
// cannot be written ends the run before its first call to Lambda.
func (k *memoryRecorder) Hold(ctx context.Context, r *reconcile.RunResult) error {
	targets := slices.Clone(k.memory.Others)
	for _, t := range r.Opened.Targets {
		if t.Err == nil {
			targets = append(targets, t.Target)
		}
	}
	slices.SortFunc(targets, desired.Target.Compare)
	targets = slices.Compact(targets)
	held := make([]reconcile.OpenTarget, len(targets))
	for i, t := range targets {
		held[i].Target = t
		if open := reconcile.FindTarget(r.Opened.Targets, t); open != nil {
			held[i].CallerARN = open.CallerARN
		}
	}
	k.first = k.memory.newRecord(r, held)
	if !k.memory.WritesOnly {
		if err := k.begin(ctx); err != nil {
			return err
		}
	}
	return k.acquireLeases(ctx, r, targets)
}

// newRecord is the record of a run that begins: who runs it in which targets, and
// from what.
func (m *Memory) newRecord(r *reconcile.RunResult, targets []reconcile.OpenTarget) RunRecord {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return RunRecord{
		RunID: r.ID, Shard: m.Shard, ToolVersion: m.ToolVersion, Verb: r.Verb, Host: host, PID: os.Getpid(),
		State: Running, Started: r.Started, Selection: m.Selection, GuardOff: r.GuardOff, Approvers: m.Approvers, Files: m.Files, Job: m.Job, Organizations: m.Organizations,
		Callers: slice.Map(targets, func(t reconcile.OpenTarget) Caller { return Caller{Target: t.Target, ARN: t.CallerARN} }),
	}
}

// memoryRecorder is one run that is remembered: a reconcile.Recorder.
type memoryRecorder struct {
	memory *Memory
	result *reconcile.RunResult
	first  RunRecord
	run    *Recorder            // nil until the run is begun
	failed map[desired.Key]bool // in the run before
	leases map[desired.Target]*Lease
}

func (k *memoryRecorder) begin(ctx context.Context) (err error) {
	k.run, err = k.memory.History.Begin(ctx, &k.first)
	return err
}

func (k *memoryRecorder) acquireLeases(ctx context.Context, r *reconcile.RunResult, targets []desired.Target) error {
	owner := Owner{RunID: k.first.RunID, Host: k.first.Host, PID: k.first.PID, Version: k.first.ToolVersion}
	until := time.Now().Add(k.memory.LeaseWait)
	for _, t := range targets {
		lease, err := k.memory.Leases.take(ctx, k.memory.History, t, owner, 0)
		if held, ok := errors.AsType[*HeldError](err); ok && time.Until(until) > 0 {
			waiting := k.memory.Waiting
			if waiting == nil {
				waiting = func(*HeldError) {}
			}
			waiting(held)
			lease, err = k.memory.Leases.take(ctx, k.memory.History, t, owner, max(0, time.Until(until)))
			waiting(nil)
		}
		switch {
		case err == nil:
		case k.memory.SkipHeld && errors.As(err, new(*HeldError)):
			r.Opened.Exclude(map[desired.Target]error{t: err})
			continue
		default:
			return err
		}
		k.leases[t] = lease
		if previous := lease.previous; previous != nil && k.memory.Log != nil {
			k.memory.Log.Warn("a run that did not end held this target; its journal tells what it did",
				"target", t.String(), "run", previous.RunID, "host", previous.Host, "pid", previous.PID, "see", k.memory.Command(previous.RunID))
		}
	}
	return nil
}

// Intend implements reconcile.Journal. The write may be sent only if the lease of
// its target is still the run's after the intent has been stored.
func (k *memoryRecorder) Intend(ctx context.Context, key desired.Key, change *reconcile.Change) error {
	if err := k.run.Journal().Intend(ctx, key, change); err != nil {
		return err
	}
	// The sign of life counts as well: once it has expired, others take the run for
	// dead and close its part of the chain.
	for _, lease := range []*Lease{k.run.alive, k.leases[key.Target]} {
		if lease == nil {
			continue
		}
		if err := lease.Check(ctx); err != nil {
			k.Settle(key, &reconcile.ChangeResult{Change: *change, Status: reconcile.NotAttempted})
			return err
		}
	}
	return nil
}

// Settle implements reconcile.Journal.
func (k *memoryRecorder) Settle(key desired.Key, result *reconcile.ChangeResult) {
	k.run.Journal().Settle(key, result)
}

// Ready implements reconcile.Recorder.
func (k *memoryRecorder) Ready(ctx context.Context, configs int) error {
	k.failed = k.memory.History.failedBefore(ctx, k.first.RunID)
	if k.run == nil {
		if err := k.begin(ctx); err != nil {
			return err
		}
	}
	k.run.Journal().Tell(configs, &k.result.Insights)
	return nil
}

// FailedBefore implements reconcile.Recorder.
func (k *memoryRecorder) FailedBefore(key desired.Key) bool { return k.failed[key] }

// Lease implements reconcile.Recorder.
func (k *memoryRecorder) Lease(t desired.Target) context.Context {
	if k.leases[t] == nil {
		return nil
	}
	return leaseContext{k.leases[t].ctx, k.leases[t]}
}

// Finish implements reconcile.Recorder.
func (k *memoryRecorder) Finish(ctx context.Context, r *reconcile.RunResult) error {
	if k.run == nil {
		return nil
	}
	final := k.first
	k.memory.complete(&final, r)
	return k.run.Finish(ctx, &final)
}

// complete puts how the run ended into its record.
func (m *Memory) complete(r *RunRecord, run *reconcile.RunResult) {
	r.Finished, r.AskedMS = run.Finished, run.Asked.Milliseconds()
	r.State, r.Stopped = ended(run)
	if !run.Planned() {
		r.Failure = NewFailure(run.Err)
	} else {
		r.SetPlan(&run.Plan)
		r.Guard = run.Guard
		functions, qualifiers := run.Fleet.MissingFunctions, run.Fleet.MissingQualifiers
		r.MissingFunctions, r.MissingQualifiers = &functions, &qualifiers
		narrowed := run.Narrowed()
		r.Narrowed = &narrowed
		for _, t := range run.Opened.Targets {
			if t.Calls == nil {
				continue
			}
			r.SetAPI(t.Target, t.Calls(), NewLimiterStats(t.Limiter.Snapshot()))
		}
		for t := range slice.Pointers(r.Targets) {
			t.Functions, t.Covered = run.Covered(t.Target)
			if m.Pace != nil {
				t.Pace = m.Pace(t.Target)
			}
		}
	}
	if run.Outcome != nil {
		r.SetOutcome(run.Outcome)
	}
	r.SetAuthors(&run.Insights)
}

// releaseTimeout bounds what a store that hangs can cost at the end. A lease that
// is not given back ends by itself.
const releaseTimeout = 30 * time.Second

// Release implements reconcile.Recorder.
func (k *memoryRecorder) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	var problems []error
	for _, lease := range k.leases {
		if err := k.memory.Leases.release(ctx, lease); err != nil && !errors.As(err, new(*LostError)) {
			problems = append(problems, err) // else the outcome has told it already
		}
	}
	return errors.Join(problems...)
}

// ended says how a run ended, and why it did not come to its end. Only texts of
// our own go into a record: those of others may hold anything.
func ended(r *reconcile.RunResult) (State, string) {
	var held *HeldError
	switch {
	case r.Stopped != nil:
		return Interrupted, r.Stopped.Error()
	case errors.As(r.Err, &held):
		return Failed, held.Error()
	case !r.Planned():
		return Failed, ""
	case r.Refused != nil:
		return Failed, r.Refused.Error()
	case r.Declined:
		return Declined, "it was asked whether to write, and the answer was not yes"
	}
	if n := r.Plan.Counts().UnreadableTargets; n > 0 && r.Outcome == nil {
		return Interrupted, fmt.Sprintf("%d of %d targets could not be read", n, len(r.Plan.Targets))
	} else if r.Outcome == nil {
		return Finished, ""
	}
	for _, t := range r.Outcome.Targets {
		var lost *LostError
		switch {
		case errors.Is(t.Stopped, reconcile.ErrErrorBudget):
			return Interrupted, fmt.Sprintf("%s: %v", t.Target, t.Stopped)
		case errors.Is(t.Stopped, reconcile.ErrJournal):
			return Interrupted, reconcile.ErrJournal.Error()
		case errors.As(t.Stopped, &lost):
			return Interrupted, fmt.Sprintf("the lease on %s was lost", lost.Subject)
		}
	}
	return Finished, ""
}

// LeasePool are leases that runs of one process share. The zero value is ready to
// use, and a nil pool shares nothing.
type LeasePool struct {
	mu   sync.Mutex // never held during a call of the store
	held map[desired.Target]*sharedLease
}

type sharedLease struct {
	ready  chan struct{} // closed once the lease was acquired, was not, or was given back
	*Lease               // nil until it was acquired
	users  int
}

// take acquires a lease, or shares the one that the process has. A shared lease
// outlives the run that took it while another uses it. Of several runs that want
// one target at a time one asks for it, and the others wait for how that ends.
func (p *LeasePool) take(ctx context.Context, h *History, t desired.Target, owner Owner, wait time.Duration) (*Lease, error) {
	if p == nil {
		return acquire(ctx, h.store, leaseName(t), t.String(), owner, wait)
	}
	for {
		p.mu.Lock()
		shared := p.held[t]
		if shared == nil || shared.Lease != nil && shared.ctx.Err() != nil {
			break
		}
		if shared.Lease != nil {
			shared.users++
			p.mu.Unlock()
			return shared.Lease, nil
		}
		p.mu.Unlock()
		select {
		case <-shared.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	mine := &sharedLease{ready: make(chan struct{}), users: 1}
	if p.held == nil {
		p.held = map[desired.Target]*sharedLease{}
	}
	p.held[t] = mine
	p.mu.Unlock()

	// The end of this run ends its waiting, but not the lease that it gets.
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	lease, err := acquire(life, h.store, leaseName(t), t.String(), owner, wait)
	if !stop() && err == nil {
		err = errors.Join(context.Cause(ctx), lease.Release(context.WithoutCancel(ctx)))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(mine.ready)
	if err != nil {
		end(err)
		delete(p.held, t)
		return nil, err
	}
	mine.Lease = lease
	return lease, nil
}

// release gives a lease back once nobody uses it any more. Who wants the target
// meanwhile waits until it is given back.
func (p *LeasePool) release(ctx context.Context, lease *Lease) error {
	if p == nil {
		return lease.Release(ctx)
	}
	p.mu.Lock()
	for t, shared := range p.held {
		if shared.Lease != lease {
			continue
		}
		if shared.users--; shared.users > 0 {
			p.mu.Unlock()
			return nil
		}
		leaving := &sharedLease{ready: make(chan struct{})}
		p.held[t] = leaving
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.held, t)
			close(leaving.ready)
		}()
	}
	p.mu.Unlock()
	return lease.Release(ctx)
}
