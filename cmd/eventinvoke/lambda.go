package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/observed"
	"github.com/eventinvoke/eventinvoke/internal/s3files"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/internal/worker/metrics"
	"github.com/eventinvoke/eventinvoke/internal/worker/queue"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// runtimeAPI is the variable by which a process knows that it runs in Lambda.
const runtimeAPI = "AWS_LAMBDA_RUNTIME_API"

// lambdaMargin is how long before the deadline an invocation takes no new work:
// enough for calls in flight, at most 10 s, and for the record.
const lambdaMargin = 15 * time.Second

func newLambda(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "lambda [PATH...]",
		Short: "Run inside a Lambda function; only observes unless --apply",
		Long: `Run as the code of a Lambda function (provided.al2023), where the binary starts
this verb by itself, with fleet.yaml beside it or EVENTINVOKE_FLEET. Set flags
by their variables.

It takes schedules, EventBridge events, SQS batches and items of a Step
Functions map; {} and {"action":"reconcile"} mean everything. It stops 15 s
before the deadline and hands the targets that are left to further invocations.`,
		Example: `  eventinvoke lambda
  EVENTINVOKE_APPLY=true eventinvoke lambda fleet.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if os.Getenv(runtimeAPI) == "" {
				return fmt.Errorf("%s is not set: this verb runs inside a Lambda function; elsewhere use apply, audit or serve", runtimeAPI)
			}
			return a.lambda(cmd.Context(), args, &o)
		},
	}
	o.bindPass(cmd)
	o.reading.bind(cmd, readAuto, readAll, readChanged)
	return cmd
}

func (a *app) lambda(ctx context.Context, args []string, o *serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := a.newServer(args, o)
	if err != nil {
		return err
	}
	defer s.close()
	bucket, err := s.bucket()
	if err != nil {
		return err
	}
	h := &handler{
		server: s, bucket: bucket, emf: metrics.EMF{Out: a.out, Function: os.Getenv("AWS_LAMBDA_FUNCTION_NAME")},
		handOn: func(ctx context.Context, item []byte) error {
			self := os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
			if c, ok := lambdacontext.FromContext(ctx); ok {
				self = c.InvokedFunctionArn // names the alias too
			}
			return awslambda.InvokeLater(ctx, awslambda.Environment{Version: version}, self, item)
		},
		again: func(ctx context.Context, messages []events.Message) error { return queue.Again(ctx, version, messages) },
	}
	var working sync.RWMutex // held by invocations
	go lambda.StartWithOptions(func(ctx context.Context, event json.RawMessage) (answer, error) {
		working.RLock()
		defer working.RUnlock()
		return h.invoke(ctx, event)
	}, lambda.WithContext(ctx))
	<-ctx.Done() // the library waits for invocations whatever its context says
	working.Lock()
	time.Sleep(200 * time.Millisecond) // in which the library sends the answer, within the machine
	return a.stopped(ctx)
}

// handler answers invocations.
type handler struct {
	*server
	bucket *s3files.Source // of the fleet files; nil where they are beside the binary
	emf    metrics.EMF
	// handOn has an item dealt with by an invocation of its own.
	handOn func(ctx context.Context, item []byte) error
	// again makes messages of a batch that failed come again soon.
	again func(context.Context, []events.Message) error
}

// answer is what an invocation returns. For SQS only BatchItemFailures counts.
type answer struct {
	RunID             string        `json:"run_id,omitempty"`
	Complete          bool          `json:"complete"`
	Configs           int           `json:"configs"`
	InSync            int           `json:"in_sync"`
	Drifted           int           `json:"drifted"`
	Unreadable        int           `json:"unreadable"`
	Applied           int           `json:"applied"`
	Failed            int           `json:"failed"`
	NotAttempted      int           `json:"not_attempted"`
	Stopped           string        `json:"stopped,omitempty"`
	HandedOn          []string      `json:"handed_on,omitempty"` // targets, each to an invocation of its own
	BatchItemFailures []itemFailure `json:"batchItemFailures"`
}

type itemFailure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// undoneError is the end of an invocation that left something undone. Of an error
// Lambda keeps the text alone, so that the counts are in it.
type undoneError struct {
	answer answer
	err    error
}

func (e *undoneError) Error() string {
	counts, _ := json.Marshal(e.answer) // numbers and texts: it cannot fail
	return e.err.Error() + "; " + string(counts)
}

func (e *undoneError) Unwrap() error { return e.err }

// invoke handles one event.
func (h *handler) invoke(ctx context.Context, event json.RawMessage) (answer, error) {
	if messages, ok := events.Batch(event); ok {
		return h.invokeBatch(ctx, messages), nil
	}
	hints, err := events.Decode(event)
	if err != nil {
		return answer{}, fmt.Errorf("the event is not understood: %w", err)
	}
	classified := worker.Classify(hints, objectsOf(h.bucket)...)
	if !classified.Needed() {
		return answer{Complete: true, BatchItemFailures: []itemFailure{}}, nil
	}
	v := h.visit(ctx, classified, begunBy(hints))
	for _, hint := range hints {
		// An event may tell of anybody's account. An item is work that was given to us.
		if hint.Asked() && v.run.Err == nil && reconcile.FindTarget(v.run.Opened.Targets, hint.Target) == nil {
			v.err = fmt.Errorf("%s is no target of this fleet; make the items with: `eventinvoke targets -o json`", hint.Target)
		}
	}
	if v.err != nil {
		return v.answer, &undoneError{v.answer, v.err}
	}
	return v.answer, nil
}

// invokeBatch answers for each message of a batch: one pass for all of them,
// and only those whose functions were not dealt with come again.
func (h *handler) invokeBatch(ctx context.Context, messages []events.Message) answer {
	var all worker.Classified
	classified := make([]worker.Classified, len(messages))
	for i, m := range messages {
		classified[i] = worker.Classify(m.Hints, objectsOf(h.bucket)...)
		all.Everything = all.Everything || classified[i].Everything
		all.Triggers = append(all.Triggers, classified[i].Triggers...)
	}
	v := visit{answer: answer{Complete: true, BatchItemFailures: []itemFailure{}}}
	if all.Needed() {
		v = h.visit(ctx, all, "")
	}
	var failed []events.Message
	for i, m := range messages {
		if m.Err != nil || classified[i].Needed() && v.left(classified[i]) {
			v.answer.BatchItemFailures = append(v.answer.BatchItemFailures, itemFailure{m.ID})
			failed = append(failed, m)
		}
	}
	if failed != nil {
		if err := h.again(context.WithoutCancel(ctx), failed); err != nil {
			h.app.log.Warn("failed messages come again only after the queue's visibility timeout", "error", sanitize(err.Error()))
		}
	}
	return v.answer
}

// visit is one pass of an invocation.
type visit struct {
	run     *reconcile.RunResult
	answer  answer
	err     error                     // why it left something undone that nobody else was given, or nil
	failure func(worker.Object) error // why an object was not dealt with, or nil
	pending map[worker.Object]bool    // changes that were not come to
}

// left reports whether a message is to come again.
func (v *visit) left(c worker.Classified) bool {
	if c.Everything {
		return v.err != nil
	}
	return slices.ContainsFunc(c.Triggers, func(t worker.Trigger) bool { return v.failure(t.Object) != nil || v.pending[t.Object] })
}

// visit makes one pass, says how it went, and hands on the targets that the time did not
// suffice for, where it was about targets. RestOf is the run whose rest it is, or "".
func (h *handler) visit(ctx context.Context, asked worker.Classified, restOf string) visit {
	scope := worker.Scope{All: asked.Everything}
	if !asked.Everything {
		scope = worker.ScopeOf(asked.Triggers)
	}
	limited := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadlineCause(ctx, deadline.Add(-lambdaMargin), deadlineError{})
		defer cancel()
	}
	// An invocation may find a process that slept for hours: nothing that an
	// earlier one discovered is taken for true.
	h.set(func(s *server) { s.swept, s.restOf = nil, startOf(restOf) })
	started := time.Now()
	h.followBucket(limited)
	run, result := h.run(limited, scope)
	v := visit{run: run, answer: answer{RunID: result.RunID, BatchItemFailures: []itemFailure{}}}
	if result.Plan != nil {
		c := result.Plan.Counts()
		v.answer.Configs, v.answer.InSync, v.answer.Drifted, v.answer.Unreadable = c.Declared, c.InSync, c.Changes(), c.Unreadable+c.NotExamined
	}
	if result.Outcome != nil {
		t := result.Outcome.Counts()
		v.answer.Applied, v.answer.Failed, v.answer.NotAttempted = t.Applied(), t.Failed, t.NotAttempted
	}
	out := outOfTime(run)
	if out && result.Plan != nil {
		// What was dealt with before the time was up is dealt with.
		result.Err = nil
	}
	v.pending = pendingOf(run)
	v.failure, v.err = result.FailureOf(), result.Completed()
	if v.err == nil && len(v.pending) > 0 && run.Write {
		v.err = errors.Join(run.Refused, run.Stopped)
	}
	v.answer.Complete = v.err == nil
	if out && v.err != nil {
		v.answer.Stopped = deadlineError{}.Error()
		if scope.Targets() {
			v.err = h.handOnTargets(ctx, &v, &result, cmp.Or(restOf, run.ID))
		}
	}
	h.tell(asked, scope, started, result)
	h.flushNotices(ctx)
	return v
}

// followBucket reads fleet files that have changed in S3: the event that told of it
// went to one process of several, and one that is woken for an event makes no sweep. Where
// they cannot be read the last good ones stay in force, and a sweep says so. The accounts of
// organizations are asked for again when they were a while ago.
func (h *handler) followBucket(ctx context.Context) {
	changed, err := h.app.knownMembers.old(), error(nil)
	if h.bucket != nil && !changed {
		changed, err = h.bucket.Changed(ctx)
	}
	if changed {
		_, err = h.reload(ctx, worker.Scope{All: true, Asked: true})
	}
	if err != nil {
		h.app.log.Error("the fleet cannot be loaded anew, and the last good one stays in force", "error", sanitize(err.Error()))
	}
}

// tell writes the metrics of a pass.
func (h *handler) tell(asked worker.Classified, scope worker.Scope, started time.Time, result worker.Result) {
	report := worker.Report{Scope: scope, Started: started, Finished: time.Now(), Result: result, Refused: errors.As(result.Err, new(*reconcile.GuardError))}
	for _, t := range asked.Triggers {
		if !t.EventTime.IsZero() {
			report.Events = append(report.Events, t.EventTime)
		}
	}
	if err := h.emf.Passed(report); err != nil {
		h.app.log.Error("the metrics cannot be written", "error", err)
	}
}

// byTime reports whether it was the deadline that brought an error.
func byTime(err error) bool {
	return errors.Is(err, reconcile.ErrTimeUp) || errors.Is(err, ratelimit.ErrNoTime)
}

// outOfTime reports whether it was the deadline that ended a run, and nothing else.
func outOfTime(r *reconcile.RunResult) bool {
	return (r.Err == nil || byTime(r.Err)) && (r.Late == nil || byTime(r.Late)) &&
		errors.Is(r.Stopped, reconcile.ErrTimeUp) && (r.Refused == nil || errors.Is(r.Refused, reconcile.ErrIncomplete))
}

// pendingOf are the objects with changes that a run which writes never came to.
func pendingOf(r *reconcile.RunResult) map[worker.Object]bool {
	pending := map[worker.Object]bool{}
	if !r.Write || r.Outcome != nil {
		return pending // an outcome has a row for each of them
	}
	for t := range slice.Pointers(r.Plan.Targets) {
		for j := range t.Changes {
			pending[worker.Object{Target: t.Target, Function: t.Changes[j].Function}] = true
			pending[worker.Object{Target: t.Target}] = true
		}
	}
	return pending
}

// begunBy is the run whose rest an item is, or "".
func begunBy(hints []events.Hint) string {
	for _, h := range hints {
		if h.Asked() && h.RestOf != "" {
			return h.RestOf
		}
	}
	return ""
}

// startOf is when a run began, as its id has it; zero for what is no such id.
func startOf(run string) time.Time {
	at, _, _ := strings.Cut(run, "-")
	began, err := time.Parse("20060102T150405Z", at)
	if err != nil {
		return time.Time{}
	}
	return began
}

// longestRest is how long after its begin a run is carried on. Within it CloudTrail
// shows late what was done meanwhile, so that the next run is told of it.
const longestRest = observed.DefaultDelay

// handOnTargets gives each target that the time did not suffice for to an invocation of
// its own. Of several, each then has the time of all. A single one gets further only
// where what was read of it is kept.
func (h *handler) handOnTargets(ctx context.Context, v *visit, result *worker.Result, first string) error {
	specs := placesOf(v.run.Wishes, v.run.Opened.Ambient)
	var errs []error
	for _, spec := range specs {
		var t *reconcile.TargetPlan // nil: the pass did not come as far
		if result.Plan != nil {
			t = reconcile.FindTarget(result.Plan.Targets, spec.Target)
		}
		whole := worker.Object{Target: spec.Target}
		switch own := givenUp(v.run, spec.Target); {
		case own != nil:
			errs = append(errs, own)
			continue
		case t != nil && result.TargetErr(spec.Target) == nil && !v.pending[whole]:
			continue
		case len(specs) > 1:
		case t == nil || t.Evidence == nil || t.Evidence.Read == 0: // the next run has nothing of what was read
			return fmt.Errorf("%w; %s does not fit into one invocation: give it a history (EVENTINVOKE_HISTORY=s3://...), by which the next one carries on, more time, or a worker (serve)", v.err, spec.Target)
		case time.Since(startOf(first)) > longestRest:
			return fmt.Errorf("%w; %s was begun by run %s and is not finished after %s: it needs a worker (serve)", v.err, spec.Target, first, longestRest)
		}
		item, _ := json.Marshal(map[string]string{"account": spec.Account, "region": spec.Region, "rest_of": first})
		if err := h.handOn(ctx, item); err != nil {
			errs = append(errs, fmt.Errorf("%s could not be handed on: %w", spec.Target, err))
			continue
		}
		v.answer.HandedOn = append(v.answer.HandedOn, spec.Target.String())
	}
	return errors.Join(errs...)
}

// givenUp is why a pass gave a target up, if the deadline was not why.
func givenUp(r *reconcile.RunResult, t desired.Target) (own error) {
	for _, f := range reconcile.FailuresOf(t, &r.Plan, r.Outcome) {
		if f.Ended && f.Function == "" && !byTime(f) {
			own = f
		}
	}
	return own
}
