package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
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

	surveyed time.Time
	plan     reconcile.Plan
	guard    []reconcile.GuardLine
	refused  error
	outcome  *reconcile.Outcome
}

// begin reads the files, opens the accounts, discovers what rules choose among,
// and resolves the fleet. What it returns must be closed.
func (a *app) begin(ctx context.Context, verb string, args []string, o *readOptions, access access) (*pass, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	now := time.Now()
	p := &pass{app: a, o: o, ctx: ctx, cancel: func() {}, id: newRunID(now), verb: verb, started: now}
	if o.timeout > 0 {
		p.ctx, p.cancel = context.WithTimeout(ctx, o.timeout)
	}
	if err := p.prepare(args, access); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
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
	if p.sink, err = p.o.outputOptions.open(p.app.out); err != nil {
		return err
	}
	if p.o.format == "ndjson" {
		p.stream = report.NewStream(p.sink, p.run())
	}
	if !p.o.quiet {
		p.progress = startProgress(p.app.log, p.site.limiters)
	}
	return nil
}

// survey reads AWS and makes the plan.
func (p *pass) survey(options ...reconcile.SurveyOption) {
	live := reconcile.Survey(p.ctx, p.fleet, p.site.readLanes(), p.observe, options...)
	p.surveyed = time.Now()
	p.plan = reconcile.NewPlan(p.fleet, live)
	p.guard = reconcile.Guard{Guard: p.fleet.Guard}.Lines(&p.plan)
	if p.stream != nil {
		p.stream.Plan(p.run())
	}
}

// apply makes the writes of an approved plan.
func (p *pass) apply(approved reconcile.Approved) *reconcile.Outcome {
	outcome := reconcile.Apply(p.ctx, approved, p.site.writeLanes(), reconcile.NoJournal{}, p.observe)
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
		Warnings: p.fleet.Warnings, Guard: p.guard, Refused: p.refused, Outcome: p.outcome,
		API: p.site.api(p.fleet.Targets),
	}
	for _, f := range p.doc.Files() {
		r.Fleet.Files = append(r.Fleet.Files, f.Path)
	}
	if !p.surveyed.IsZero() {
		r.Plan = &p.plan
	}
	if cause := context.Cause(p.ctx); cause != nil {
		r.Stopped = stopReason(cause)
	}
	return r
}

func stopReason(cause error) string {
	if cause == context.DeadlineExceeded {
		return "the --timeout passed"
	}
	return cause.Error()
}

// preview shows the plan to a person who is about to be asked.
func (p *pass) preview() error {
	return report.Text(p.app.out, p.run(), report.TextOptions{Color: p.o.colored(p.app.out), Full: p.o.full})
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
	return p.sink.commit()
}

func (p *pass) endProgress() {
	if p.progress != nil {
		p.progress.close()
		p.progress = nil
	}
}

func (p *pass) close() {
	p.endProgress()
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
