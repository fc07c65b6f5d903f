package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// pass is one walk down the road: load, open, discover, resolve, survey, plan,
// and for apply the writes. It ends in one report, also when it was stopped.
type pass struct {
	app    *app
	o      *readOptions
	ctx    context.Context
	cancel context.CancelFunc

	id      string
	verb    string
	started time.Time

	doc      *desired.Document
	fleet    desired.Fleet
	site     *site
	sink     *sink
	stream   *report.Stream // nil unless the output is a stream
	progress *progressLog   // nil when quiet
	kept     *keeper        // nil for a run that only reads

	err      error // why there is no plan
	surveyed time.Time
	plan     reconcile.Plan
	guard    []reconcile.GuardLine
	refused  error
	outcome  *reconcile.Outcome
}

// begin opens where the report goes and lets prepare make the fleet and open the
// accounts. What it returns must be closed.
func (a *app) begin(ctx context.Context, verb string, o *readOptions, prepare func(*pass) error) (*pass, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	now := time.Now()
	p := &pass{app: a, o: o, ctx: ctx, cancel: func() {}, id: newRunID(now), verb: verb, started: now}
	if o.timeout > 0 {
		p.ctx, p.cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeUp)
	}
	var err error
	if p.sink, err = o.outputOptions.open(a.out); err == nil {
		if err = prepare(p); err != nil {
			err = p.failed(err)
		}
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.watch()
	return p, nil
}

// fromFiles prepares a pass from fleet files: it reads them, opens the accounts,
// discovers what rules choose among, and resolves the fleet.
func fromFiles(args []string, access access) func(*pass) error {
	return func(p *pass) error { return p.prepare(args, access) }
}

func (p *pass) prepare(args []string, access access) (err error) {
	if p.doc, err = p.app.loadFor(args, p.o.simulate); err != nil {
		return err
	}
	if p.site, err = openSite(p.ctx, p.doc, p.o, p.id, access); err != nil {
		return err
	}
	inventory, failed := reconcile.Discover(p.ctx, p.site.needs(p.doc), p.site.findLanes())
	if cause := context.Cause(p.ctx); cause != nil {
		return cause
	}
	p.site.closeLanes(failed)
	if p.fleet, err = p.doc.Resolve(p.site.ambient, inventory, p.o.selection()); err != nil {
		if first := p.site.firstError(); first != nil {
			// Nothing is left because nothing could be discovered: the file is
			// not to blame.
			return first
		}
		return err
	}
	p.fleet = p.o.part(p.fleet)
	return nil
}

// watch begins to tell how far the run is.
func (p *pass) watch() {
	if p.o.format == "ndjson" {
		p.stream = report.NewStream(p.sink, p.run())
	}
	if !p.o.quiet {
		p.progress = startProgress(p.app.log, p.site.limiters)
	}
}

// failed makes of an error before the plan a result that programs can read, so
// that a report in a file is never the one of yesterday. People are told on
// standard error.
func (p *pass) failed(err error) error {
	if errors.Is(context.Cause(p.ctx), errTimeUp) && !errors.As(err, new(*history.HeldError)) {
		err = fmt.Errorf("%w before anything was compared; give it more time", errTimeUp)
	}
	p.err = err
	if p.o.format == "text" {
		return err
	}
	if p.o.format == "ndjson" {
		p.stream = report.NewStream(p.sink, p.run())
	}
	return errors.Join(err, p.report())
}

// survey reads AWS and makes the plan.
func (p *pass) survey(options ...reconcile.SurveyOption) {
	live := reconcile.Survey(p.ctx, p.fleet, p.site.readLanes(), p.observe, options...)
	p.planned(reconcile.NewPlan(p.fleet, live))
}

// planned takes the plan that a survey led to.
func (p *pass) planned(plan reconcile.Plan) {
	p.surveyed = time.Now()
	p.plan = plan
	p.guard = reconcile.Guard{Guard: p.fleet.Guard}.Lines(&p.plan)
	if p.stream != nil {
		p.stream.Plan(p.run())
	}
}

// apply makes the writes of an approved plan.
func (p *pass) apply(approved reconcile.Approved) *reconcile.Outcome {
	outcome := reconcile.Apply(p.ctx, approved, p.site.writeLanes(p.kept.held), p.kept.journal(), p.observe)
	p.outcome = &outcome
	return p.outcome
}

// observe is told of every step by Survey and Apply.
func (p *pass) observe(e reconcile.Event) {
	if p.stream != nil {
		p.stream.Observe(e)
	}
	if p.progress != nil {
		p.progress.observe(e)
	}
}

// run is what there is to report so far.
func (p *pass) run() *report.Run {
	r := &report.Run{
		ID: p.id, ToolVersion: version, Verb: p.verb, Started: p.started, Surveyed: p.surveyed, Finished: time.Now(),
		Fleet:    report.FleetInfo{Keys: p.fleet.Keys(), Targets: len(p.fleet.Targets)},
		Warnings: p.fleet.Warnings, Guard: p.guard, Refused: p.refused, Outcome: p.outcome, Err: p.err,
	}
	if p.doc != nil {
		for _, f := range p.doc.Files() {
			r.Fleet.Files = append(r.Fleet.Files, f.Path)
		}
	}
	if p.kept != nil {
		r.Undo = p.kept.undo(p.id)
	}
	if p.site != nil {
		r.API = p.site.api(p.fleet.Targets)
	}
	if !p.surveyed.IsZero() {
		r.Plan = &p.plan
	}
	r.Stopped = p.stopped()
	return r
}

// stopped is why the run as a whole ended early, or "". Work for which the
// --timeout leaves no time is given up before it passes.
func (p *pass) stopped() string {
	if cause := context.Cause(p.ctx); cause != nil {
		return cause.Error()
	}
	if p.o.timeout > 0 && p.leftUndone() {
		return errTimeUp.Error()
	}
	return ""
}

// leftUndone reports whether a target has work left without a reason of its own.
func (p *pass) leftUndone() bool {
	for i := range p.plan.Targets {
		if t := &p.plan.Targets[i]; t.Stopped == nil && t.Counts().NotExamined > 0 {
			return true
		}
	}
	return p.outcome != nil && slices.ContainsFunc(p.outcome.Targets, func(t reconcile.TargetOutcome) bool {
		return t.Stopped == nil && slices.ContainsFunc(t.Results, func(r reconcile.Result) bool {
			return r.Status == reconcile.NotAttempted
		})
	})
}

// errTimeUp is why a run with --timeout takes no more work.
var errTimeUp = errors.New("the --timeout passed")

// preview shows the plan to a person who is about to be asked. It goes where
// the question goes: standard output is for the result.
func (p *pass) preview() error {
	return report.Text(p.app.err, p.run(), report.TextOptions{Color: p.o.colored(p.app.err), Full: p.o.full})
}

// report writes the result, whole.
func (p *pass) report() error {
	p.endProgress()
	var err error
	switch p.o.format {
	case "json":
		err = report.JSON(p.sink, p.run())
	case "ndjson":
		err = p.stream.Finish(p.run())
	default:
		err = report.Text(p.sink, p.run(), report.TextOptions{Color: p.o.colored(p.app.out), Full: p.o.full})
	}
	if err != nil {
		return err
	}
	return errors.Join(p.sink.commit(), p.writeMetrics())
}

func (p *pass) endProgress() {
	if p.progress != nil {
		p.progress.close()
		p.progress = nil
	}
}

// finish completes the run's record and writes the result.
func (p *pass) finish() error {
	var recorded error
	if p.kept != nil {
		recorded = p.kept.finish(p.ctx, p)
	}
	return errors.Join(p.report(), recorded)
}

func (p *pass) close() {
	p.endProgress()
	if p.kept != nil {
		// A run that failed on its way has not been finished; here is the last
		// chance to say so where runs are remembered.
		if err := errors.Join(p.kept.finish(p.ctx, p), p.kept.release(p.ctx)); err != nil {
			p.app.log.Warn("the history is not in order", "error", err)
		}
	}
	if p.sink != nil {
		p.sink.drop()
	}
	if p.site != nil {
		p.site.close()
	}
	p.cancel()
}

// newRunID is a name that sorts by time and that two runs never share.
func newRunID(now time.Time) string {
	var tail [4]byte
	rand.Read(tail[:]) // never fails: see crypto/rand
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail[:])
}
