package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/observed"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// execution is a run of the engine on behalf of a verb: it makes the request, reports the
// result, and makes an exit code of it.
type execution struct {
	app *app
	o   *readOptions
	reconcile.Request
	clients  *clients
	declared []desired.TargetSpec   // by the fleet files; nil where they declare none
	memory   *history.Memory        // nil for a run that is not recorded
	recalled *observed.Observations // nil for a run that reads everything
	files    []desired.FileInfo     // the fleet files
	accounts map[string][]string    // of the organizations that they name
	changed  []report.AccountChange // since the run before
	past     *history.History       // of the runs before; nil where none are remembered
	undo     string                 // the command that rolls the run back; "" where it is not remembered

	about verdict // the exit code
	lacks bool    // what the engine cannot know is known, or expressed, only in part; see partly
	// show writes what a verb makes of a result with a plan, which asks Lambda alone, in place of
	// its report; nil is the report.
	show  func(*reconcile.RunResult) error
	seen  bool   // whether people see the run's failures in what is written
	needs string // what the time did not suffice for where there is no plan
	// then is done with a result in which nothing failed before it; nil is nothing.
	then func(*reconcile.RunResult) error

	late     error // what failed of the run itself, before anybody was told of it
	output   *outputFile
	metrics  *outputFile    // nil where none are wanted
	stream   *report.Stream // nil unless the output is a stream
	progress *progress      // nil when quiet
	pace     *paceSampler
}

// execute runs a verb. Prepare fills in the request: what to compare with, and
// how to remember it. Whatever happens, it ends in one report, so that a report in
// a file is never the one of yesterday.
func (a *app) execute(ctx context.Context, verb string, o *readOptions, prepare func(*execution) error) error {
	if err := o.check(); err != nil {
		return err
	}
	x := &execution{app: a, o: o, Request: o.request(verb), about: aboutFleet, seen: o.seen(), needs: "anything was compared"}
	x.Observe = x.observe
	var err error
	if x.output, err = o.outputOptions.open(a.out); err != nil {
		return err
	}
	defer x.output.drop()
	if o.metricsFile != "" { // a place that cannot be written is found out before anything is read or written
		if x.metrics, err = openFor("metrics-file", o.metricsFile); err != nil {
			return err
		}
		defer x.metrics.drop()
	}
	x.clients, err = newClients(func() []desired.TargetSpec { return x.declared }, o)
	defer x.clients.close()
	if x.Unprepared = prepare(x); x.Unprepared == nil {
		x.Unprepared = err
	}
	if x.Unprepared == nil {
		if x.past != nil && len(x.accounts) > 0 {
			x.changed = accountsSince(ctx, x.past, x.accounts)
		}
		x.startProgress()
	}
	if x.show != nil {
		x.InsightPolicy = reconcile.InsightsOff
	}
	x.pace = startPace(x.Started, x.clients.snapshots)
	defer x.pace.close()
	if x.memory != nil {
		x.memory.Files, x.memory.Organizations, x.memory.Pace, x.memory.Waiting = x.files, x.accounts, x.pace.of, x.progress.waitFor
	}
	engine := x.clients.engine(x.clients, x.memory, x.past, x.recalled, a.log)
	engine.Annotators = x.progress.asking(x.annotators())
	engine.Reporters = []func(context.Context, *reconcile.RunResult) error{x.tell, x.writeMetrics, x.goOn}
	if x.memory != nil && !x.Write { // after its report, for which nobody waits until a place that hangs is given up
		engine.Reporters = append(engine.Reporters, x.memory.Audit)
	}
	engine.Reporters = append(engine.Reporters, x.notify)
	return x.conclude(engine.Run(ctx, x.Request))
}

// request is what the options ask of a run that begins now.
func (o *readOptions) request(verb string) reconcile.Request {
	now := time.Now()
	return reconcile.Request{ID: reconcile.NewRunID(now), Verb: verb, Started: now, Timeout: o.timeout, Strict: o.strict, InsightPolicy: o.insights.policy()}
}

// observe is told of every step of the run.
func (x *execution) observe(e reconcile.Step) {
	switch {
	case x.o.format != "ndjson" || x.show != nil:
	case e.Phase == reconcile.PhaseResolve:
		x.stream = report.NewStream(x.output, x.report(e.Run))
	case x.stream == nil: // aliases are listed before the fleet is known, with which a stream begins
	case e.Phase == reconcile.PhasePlan:
		x.stream.Plan(x.report(e.Run))
	case e.Run != nil:
	default:
		x.stream.Observe(e)
	}
	x.progress.observe(e)
}

// tell writes the report of a result. People are told on standard error why there is none.
func (x *execution) tell(_ context.Context, r *reconcile.RunResult) error {
	x.endProgress()
	x.late = r.Late
	if errors.Is(r.Err, reconcile.ErrTimeUp) && !errors.As(r.Err, new(*history.HeldError)) {
		waited := ""
		if call := (*callerr.Error)(nil); errors.As(r.Err, &call) {
			waited = fmt.Sprintf(", while %s of %s had no answer", call.Op, call.Subject)
		}
		r.Err = fmt.Errorf("%w before %s%s; give it more time", timeUp(reconcile.ErrTimeUp), x.needs, waited)
	}
	switch {
	case x.show == nil:
		x.app.summarize(x.report(r))
		if !x.toPeople(r) {
			return x.write(r)
		}
	case r.Err == nil:
		return x.show(r)
	}
	return nil
}

// toPeople reports whether standard error tells why there is no plan, and nothing else does.
func (x *execution) toPeople(r *reconcile.RunResult) bool {
	return r.Err != nil && (x.show != nil || x.o.format == "text")
}

// goOn does what a verb does with a result in which nothing failed.
func (x *execution) goOn(_ context.Context, r *reconcile.RunResult) error {
	if x.then == nil || r.Err != nil || r.Late != nil {
		return nil
	}
	return x.then(r)
}

// conclude gives the exit code of a result. Whoever reads the report as text has seen all
// failures; who gets it in a file, or for a program, is told how many there are on standard error.
func (x *execution) conclude(r *reconcile.RunResult, failures error) error {
	x.endProgress()
	switch {
	case r.Declined:
		fmt.Fprintln(x.app.err, "Nothing was written.")
		return exitOf(r, x.about, nil)
	case x.toPeople(r):
		return errors.Join(r.Err, r.Late)
	case r.Err != nil:
		return &ending{codeOfResult(r, x.about), errors.Join(r.Err, r.Late)}
	case r.Late != nil && (r.Outcome != nil || errors.As(r.Stopped, new(interrupt))):
		return withLate(codeOfResult(r, aboutFleet), r.Late) // the signal's code, and what came of it
	case r.Late != nil:
		return r.Late
	}
	var closing error
	if !x.seen {
		closing = x.app.closing(untold(r, x.about, failures)...)
	}
	return partly(exitOf(r, x.about, closing), x.lacks, nil)
}

// write writes the result, whole.
func (x *execution) write(r *reconcile.RunResult) error {
	run := x.report(r)
	if x.o.format == "html" {
		run.Functions, run.Covered = r.Covered()
		run.Trends = x.trends(r)
	}
	if err := x.o.render(x.output, x.app.out, run, x.stream); err != nil {
		return err
	}
	if err := x.output.commit(); err != nil {
		return err
	}
	x.app.written(&x.o.outputOptions, run)
	return nil
}

// written logs that a result is in a file, and what it comes to: nothing else was seen of it.
func (a *app) written(o *outputOptions, run *report.Run) {
	if o.inFile() && !o.quiet {
		a.log.Info("written", "file", o.file, "result", run.Headline())
	}
}

// summarize adds the result to the summary of a step of GitHub Actions, which
// names the file for it.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
func (a *app) summarize(run *report.Run) {
	file := os.Getenv("GITHUB_STEP_SUMMARY")
	if os.Getenv("GITHUB_ACTIONS") != "true" || file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		err = errors.Join(report.Markdown(f, run), f.Close())
	}
	if err != nil {
		a.log.Warn("the step has no summary", "error", err)
	}
}

func (x *execution) startProgress() {
	x.progress = x.app.startProgress(&x.o.outputOptions, first, x.clients.snapshots)
}

func (x *execution) endProgress() {
	x.progress.close()
	x.progress = nil
}

// report is a result as it is rendered.
func (x *execution) report(r *reconcile.RunResult) *report.Run {
	run := newReport(r, x.files)
	run.Undo, run.Accounts = x.undo, x.changed
	for i := range run.API {
		run.API[i].Pace = x.pace.of(run.API[i].Target)
	}
	return run
}

// fromFleet prepares a run over fleet files.
func (x *execution) fromFleet(ctx context.Context, args []string) error {
	document, err := x.app.loadFor(ctx, args, x.o)
	if err != nil {
		return err
	}
	x.Wishes = x.wishes(document)
	if err := notAnInput("output-file", x.o.file, x.files); err != nil {
		x.output.drop()
		x.output = streamed(io.Discard)
		return err
	}
	return notAnInput("metrics-file", x.o.metricsFile, x.files)
}

// wishes are those of a document, in the part that the options name.
func (x *execution) wishes(document *desired.Document) reconcile.FleetWishes {
	x.declared, x.files, x.accounts = declaredIn(document), document.Files(), document.Accounts()
	return x.o.wishes(document)
}

// notAnInput refuses to write over one of the files that are read.
func notAnInput(flag, path string, files []desired.FileInfo) error {
	out, err := os.Stat(path)
	if path == "" || err != nil {
		return nil
	}
	for _, f := range files {
		if in, err := os.Stat(f.Path); err == nil && os.SameFile(in, out) {
			return fmt.Errorf("--%s %s is one of the fleet files, and would be replaced; name another file", flag, path)
		}
	}
	return nil
}

func (o *readOptions) wishes(document *desired.Document) reconcile.FleetWishes {
	return reconcile.FleetWishes{Document: document, Selection: o.selection(), InShard: o.inShard(document), Shard: o.mine.Index, Shards: o.mine.Count}
}

// guardOff is why the guard is off, or "" where it is on.
func (o *writeOptions) guardOff() string {
	if o.guard == "off" {
		return o.reason
	}
	return ""
}

// remember lets the run write: it is recorded, holds its targets and can be
// rolled back.
func (x *execution) remember(ctx context.Context, o *writeOptions) error {
	location := o.historyLocation()
	h, err := history.Open(ctx, location)
	if err != nil {
		return err
	}
	x.memory = x.app.memory(h, &o.historyOptions, x.o)
	x.memory.LeaseWait = o.leaseWait
	// Nobody learns from a stream that nobody reads what was written; the record tells it.
	x.app.goesOn.Store(o.simulate == "" || location != noHistory)
	x.Write = true
	x.GuardOff = o.guardOff()
	if o.runID != "" {
		x.ID = o.runID
	}
	if location != noHistory {
		x.past = h
		x.undo = "eventinvoke rollback " + x.ID + historyFlag(location)
	}
	if !o.yes {
		x.Confirm = x.confirm
	}
	return nil
}

// lookBack lets a run that only reads know of those that are remembered in a place, where
// one was given.
func (x *execution) lookBack(ctx context.Context, location string) (err error) {
	if location != "" && location != noHistory {
		x.past, err = history.Open(ctx, location)
	}
	return err
}

// recall lets the run judge functions that others read, where that was asked for.
func (x *execution) recall(ctx context.Context, location string) (err error) {
	x.recalled, err = x.app.observations(ctx, &x.o.reading, location, x.clients)
	return err
}

// memory is where runs are remembered and targets are held.
func (a *app) memory(h *history.History, o *historyOptions, of *readOptions) *history.Memory {
	h.Sign = o.signing.sign
	return &history.Memory{
		History: h, ToolVersion: version, Shard: of.recorded(), Job: jobOf(os.Getenv), Selection: of.selection(), Log: a.log,
		Command: func(run string) string { return "eventinvoke history " + run + historyFlag(of.located(o.location)) },
	}
}

// confirm shows the plan to a person and asks for the word yes. It goes where the
// question goes: standard output is for the result. Anything else than yes, the
// end of input and an interrupt are a no.
func (x *execution) confirm(ctx context.Context, r *reconcile.RunResult) bool {
	x.endProgress()
	options := x.o.text(x.app.err)
	if err := report.Text(x.app.err, x.report(r), options); err != nil {
		return false
	}
	yes := x.app.ask(ctx, question(r), options)
	if yes {
		x.startProgress()
		x.progress.observe(reconcile.Step{Phase: reconcile.PhasePlan, Run: r})
	}
	return yes
}
