package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/worker"
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
		Short: "Answer the invocations of a Lambda function; only observes unless --apply",
		Long: `Run as the code of a Lambda function on a custom runtime (provided.al2023). The
binary starts this verb by itself when it finds the runtime's environment and no
arguments, with fleet.yaml beside it; flags are then set by their variables, such
as EVENTINVOKE_APPLY=true.

It takes schedules, EventBridge events, SQS batches (with partial failures) and items
of a Step Functions map. A notification of S3 is answered, and needs no pass. It stops 15 seconds before the
function's deadline; what is left is in the answer.`,
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
	return cmd
}

// lambdaArgs are the arguments of a process that Lambda started without any.
func lambdaArgs(args []string) []string {
	if len(args) == 0 && os.Getenv(runtimeAPI) != "" {
		return []string{"lambda"}
	}
	return args
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
	awslambda.StartWithOptions(s.invoke, awslambda.WithContext(ctx))
	return nil
}

// answer is what an invocation returns. For SQS only BatchItemFailures counts.
type answer struct {
	RunID             string        `json:"run_id,omitempty"`
	Keys              int           `json:"keys"`
	InSync            int           `json:"in_sync"`
	Drifted           int           `json:"drifted"`
	Unreadable        int           `json:"unreadable"`
	Applied           int           `json:"applied"`
	Failed            int           `json:"failed"`
	NotAttempted      int           `json:"not_attempted"`
	Stopped           string        `json:"stopped,omitempty"`
	BatchItemFailures []itemFailure `json:"batchItemFailures"`
}

type itemFailure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// invoke handles one event.
func (s *server) invoke(ctx context.Context, event json.RawMessage) (answer, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-lambdaMargin), reconcile.ErrTimeUp)
		defer cancel()
	}
	if messages, ok := events.Batch(event); ok {
		return s.invokeBatch(ctx, messages), nil
	}
	hints, err := events.Decode(event)
	if err != nil {
		return answer{}, fmt.Errorf("the event is not understood: %w", err)
	}
	classified := worker.Classify(hints)
	if !classified.Needed() {
		return answer{}, nil
	}
	result, got := s.answerTo(ctx, classified.Everything, classified.Triggers)
	if err := result.Completed(); err != nil && !errors.Is(err, reconcile.ErrTimeUp) {
		return got, err
	}
	return got, nil
}

// invokeBatch answers for each message of a batch: one pass for all of them,
// and only those whose functions were not dealt with come again.
func (s *server) invokeBatch(ctx context.Context, messages []events.Message) answer {
	var triggers []worker.Trigger
	everything, needed := false, false
	classified := make([]worker.Classified, len(messages))
	for i, m := range messages {
		classified[i] = worker.Classify(m.Hints)
		everything = everything || classified[i].Everything
		needed = needed || classified[i].Needed()
		triggers = append(triggers, classified[i].Triggers...)
	}
	var result worker.Result
	var got answer
	if needed {
		result, got = s.answerTo(ctx, everything, triggers)
	}
	got.BatchItemFailures = []itemFailure{}
	failures := result.Failures()
	for i, m := range messages {
		if m.Err != nil || classified[i].Needed() && failed(&result, failures, classified[i]) {
			got.BatchItemFailures = append(got.BatchItemFailures, itemFailure{m.ID})
		}
	}
	return got
}

func failed(r *worker.Result, failures worker.Failures, t worker.Classified) bool {
	if t.Everything {
		return r.Completed() != nil
	}
	return slices.ContainsFunc(t.Triggers, func(t worker.Trigger) bool { return failures.Of(t.Object) != nil })
}

// answerTo makes one pass, and says how it went.
func (s *server) answerTo(ctx context.Context, everything bool, triggers []worker.Trigger) (worker.Result, answer) {
	scope := worker.Scope{All: everything}
	if !everything {
		scope = worker.ScopeOf(triggers)
	}
	// An invocation may find a process that slept for hours: nothing that an
	// earlier one discovered is taken for true.
	s.set(func(s *server) { s.swept = nil })
	result := s.pass(ctx, scope)
	got := answer{RunID: result.Run, BatchItemFailures: []itemFailure{}}
	if result.Plan != nil {
		c := result.Plan.Counts()
		got.Keys, got.InSync, got.Drifted, got.Unreadable = c.Declared, c.InSync, c.Changes(), c.Unreadable+c.NotExamined
	}
	if result.Outcome != nil {
		t := result.Outcome.Counts()
		got.Applied, got.Failed, got.NotAttempted = t.Applied(), t.Failed, t.NotAttempted
	}
	if cause := context.Cause(ctx); cause != nil {
		got.Stopped = cause.Error()
	}
	return result, got
}
