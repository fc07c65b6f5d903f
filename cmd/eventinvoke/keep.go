package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// historyOptions say where runs are remembered.
type historyOptions struct {
	location string
}

func (o *historyOptions) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.location, "history", "", "where runs are remembered: a `PLACE` that is a folder, s3://bucket/prefix, or none (default $XDG_STATE_HOME/eventinvoke)")
}

// noHistory is the place that keeps nothing.
const noHistory = "none"

// writeOptions are the options of the verbs that write.
type writeOptions struct {
	readOptions
	historyOptions
	yes       bool
	leaseWait time.Duration
	runID     string
}

func (o *writeOptions) bind(cmd *cobra.Command) {
	o.readOptions.bind(cmd)
	o.historyOptions.bind(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "write without asking; required where there is no terminal to ask on")
	cmd.Flags().StringVar(&o.runID, "run-id", "", "remember the run under this `ID`, which the shards of one run share (default: that of the AWS Batch array job, or a new one)")
	cmd.Flags().DurationVar(&o.leaseWait, "lease-wait", 0, "wait up to this `DURATION` for another run that holds a target (default: exit 5 at once)")
}

func (o *writeOptions) check() error {
	if o.leaseWait < 0 {
		return fmt.Errorf("--lease-wait %v is negative; leave it out to wait not at all", o.leaseWait)
	}
	o.runID = cmp.Or(o.runID, runOfArray(os.Getenv))
	if o.runID != "" && !runIDForm.MatchString(o.runID) {
		return fmt.Errorf("--run-id %q must be 1 to 100 letters, digits, dots, dashes or underscores", o.runID)
	}
	return o.readOptions.check()
}

// runIDForm is what is a file name, an S3 key and a session name alike.
var runIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// place is where the run is remembered. A simulated run leaves nothing behind
// unless it is told where.
func (o *writeOptions) place() string {
	if o.location == "" && o.simulate != "" {
		return noHistory
	}
	return o.location
}

// keeper remembers one run that writes, and holds the right to write to its
// targets.
type keeper struct {
	place   string // as --history was given
	history *history.History
	run     *history.Recorder // nil once it is finished
	first   history.Record
	leases  map[desired.Target]*history.Lease
}

// keep begins the record of the run and takes the leases of every target that
// is open, and of others, or of none. With that a history that cannot be
// written ends the run before its first write.
func (p *pass) keep(o *writeOptions, others ...desired.Target) error {
	k := &keeper{place: o.place(), leases: map[desired.Target]*history.Lease{}}
	p.kept = k
	var err error
	if k.history, err = history.Open(p.ctx, k.place); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	targets := append(p.writable(), others...)
	k.first = p.record(host, targets)
	if k.run, err = k.history.Begin(p.ctx, &k.first); err != nil {
		return err
	}
	return k.hold(p, targets, o.leaseWait)
}

// record is what there is to remember of the run when it begins.
func (p *pass) record(host string, targets []desired.Target) history.Record {
	r := history.Record{
		Run: p.id, Shard: p.o.recorded(), ToolVersion: version, Verb: p.verb, Host: host, PID: os.Getpid(),
		State: history.Running, Started: p.started,
		Selection: history.Selection{Targets: p.o.targets, Functions: p.o.functions},
	}
	for _, f := range p.doc.Files() {
		r.Files = append(r.Files, history.File(f))
	}
	for _, t := range targets {
		r.Callers = append(r.Callers, history.Caller{Account: t.Account, Region: t.Region, ARN: p.site.lanes[t].CallerARN})
	}
	return r
}

// finish closes the journal and completes the record. It does so also for a run
// that was interrupted, whose context has ended.
func (k *keeper) finish(ctx context.Context, p *pass) error {
	if k.run == nil {
		return nil
	}
	final := k.first
	final.Finished = time.Now()
	final.State, final.Stopped = p.ended()
	if p.surveyed.IsZero() {
		final.Failure = history.NewFailure(p.err)
	} else {
		final.SetPlan(&p.plan)
		for _, t := range p.fleet.Targets {
			p.site.recordAPI(&final, t.Target)
		}
	}
	if p.outcome != nil {
		final.SetOutcome(p.outcome)
	}
	err := k.run.Finish(context.WithoutCancel(ctx), &final)
	k.run = nil
	if err != nil {
		return fmt.Errorf("the record of run %s is not complete: %w", p.id, err)
	}
	return nil
}

// ended says how the run ended, and why it did not come to its end. Only texts
// of our own go into a record: those of others may hold anything.
func (p *pass) ended() (history.State, string) {
	var held *history.HeldError
	switch stopped := p.stopped(); {
	case stopped != "":
		return history.Interrupted, stopped
	case errors.As(p.err, &held):
		return history.Failed, held.Error()
	case p.surveyed.IsZero():
		return history.Failed, ""
	case p.refused != nil:
		return history.Failed, p.refused.Error()
	case p.outcome == nil && p.plan.Counts().Changes() > 0:
		return history.Failed, "it was asked whether to write, and the answer was not yes"
	case p.outcome != nil:
		return p.outcomeEnded()
	}
	return history.Finished, ""
}

// outcomeEnded is ended for a run that wrote: the first target that stopped by
// itself gives the reason.
func (p *pass) outcomeEnded() (history.State, string) {
	for _, t := range p.outcome.Targets {
		var lost *history.LostError
		switch {
		case errors.Is(t.Stopped, reconcile.ErrErrorBudget):
			return history.Interrupted, fmt.Sprintf("%s: %v", t.Target, t.Stopped)
		case errors.Is(t.Stopped, reconcile.ErrJournal):
			return history.Interrupted, reconcile.ErrJournal.Error()
		case errors.As(t.Stopped, &lost):
			return history.Interrupted, fmt.Sprintf("the lease on %s was lost", lost.Subject)
		}
	}
	return history.Finished, ""
}

// journal is where the writes of the run are noted before they are sent.
func (k *keeper) journal() reconcile.Journal {
	if k == nil {
		return reconcile.NoJournal{}
	}
	return k.run.Journal()
}

// undo is the command that rolls the run back, or "" where nothing is remembered.
func (k *keeper) undo(run string) string {
	if k.place == noHistory {
		return ""
	}
	return "eventinvoke rollback " + run + k.flag()
}

// flag is --history as it was given, for a command to be copied.
func (k *keeper) flag() string { return historyFlag(k.place) }

func historyFlag(place string) string {
	if place == "" {
		return ""
	}
	return " --history " + shellWord(place)
}

// writable lists the targets of the fleet that were opened, in order.
func (p *pass) writable() []desired.Target {
	var targets []desired.Target
	for _, t := range p.fleet.Targets {
		if p.site.lanes[t.Target].Err == nil {
			targets = append(targets, t.Target)
		}
	}
	return targets
}

// recordAPI puts what was asked of a target into a record.
func (s *site) recordAPI(r *history.Record, t desired.Target) {
	o := s.lanes[t]
	if o.Conn == nil {
		return
	}
	var operations []history.Operation
	for _, op := range o.Conn.Stats() {
		operations = append(operations, history.Operation{
			Name: op.Op, Calls: op.Calls, Throttled: op.Throttled, Conflicts: op.Conflicts, Faults: op.Faults, Refused: op.Refused + op.Skewed,
		})
	}
	r.SetAPI(t, operations, history.NewLimiter(o.Conn.Limiter().Snapshot()))
}
