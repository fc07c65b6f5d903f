// Command eventinvoke keeps the asynchronous-invocation settings of a fleet of
// AWS Lambda functions as declared in YAML: it reads the declaration and what
// AWS holds, shows the difference, and closes it at a pace that the account can
// bear. Run it without arguments for its verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// streams are the three ends of the process.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() { os.Exit(runProcess(streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})) }

// runProcess is the program between its streams, and returns its exit code.
func runProcess(s streams) int {
	// The quota is the clock, and processor time is plentiful: collecting twice
	// as often keeps a fleet of 100,000 functions within the memory of a small
	// container. Whoever sets GOGC has decided otherwise.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	// Go ends a process that writes to a standard stream whose reader has left. This one is to
	// learn of it from the write: see checkedWriter. Nobody listens, and programs that it starts
	// have their default, as they would not if it were ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var more []os.Signal
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		more = append(more, syscall.SIGHUP) // the terminal went away; a worker takes it for a wish to look
	}
	return run(signalContext(more...), os.Args[1:], s)
}

// lambdaArgs are the arguments of a process that Lambda started without any.
func lambdaArgs(args []string) []string {
	if len(args) == 0 && os.Getenv(runtimeAPI) != "" {
		return []string{"lambda"}
	}
	return args
}

// signalContext is cancelled by the first SIGINT or SIGTERM, or another of the
// signals given, with the signal as its cause. A second signal has its default
// effect: the process ends at once. What comes within oneRequest is the first again.
func signalContext(more ...os.Signal) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, append(more, os.Interrupt, syscall.SIGTERM)...)
	go func() {
		cancel(interrupt{<-signals})
		time.Sleep(oneRequest)
		signal.Stop(signals)
	}()
	return ctx
}

// oneRequest is how long signals count as one request to stop: GNU timeout signals its child and
// then its group, and a terminal signals a group whose supervisor passes it on.
const oneRequest = time.Second

// The exit codes are a contract: scripts and schedulers branch on them.
const (
	exitOK          = 0
	exitError       = 1   // an error before anything was changed
	exitDifferences = 2   // audit, or plan --detailed-exitcode, found differences
	exitPartial     = 3   // some were applied or read, some were not
	exitGuard       = 4   // the guard stopped the run; nothing was written
	exitHeld        = 5   // another run holds the lease
	exitStale       = 6   // every change of a saved plan or rollback is stale
	exitHangup      = 129 // SIGHUP; calls in flight were finished
	exitInterrupted = 130 // SIGINT; the same
	exitTerminated  = 143 // SIGTERM; the same
	exitUnread      = 141 // SIGPIPE; only of a run that leaves nothing behind
)

// exitCode ends a verb with a code and no further message: what there was to
// say is in its output.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// ending ends a verb with a code that its error does not tell.
type ending struct {
	code exitCode
	err  error // is still to be shown
}

func (e *ending) Error() string { return e.err.Error() }
func (e *ending) Unwrap() error { return e.err }

// withLate is the end of a run that wrote and whose record or report could not be
// completed: what was written is written, so the code cannot be that of an error before
// anything was changed.
func withLate(code exitCode, problem error) error {
	if code == exitOK {
		code = exitPartial
	}
	return &ending{code, problem}
}

// interrupt is the cancellation cause of a run that was told to stop.
type interrupt struct{ os.Signal }

// ends are the signals that stop a run: what is said of each, and the exit code.
var ends = map[os.Signal]struct {
	text string
	code exitCode
}{
	os.Interrupt:    {"interrupted", exitInterrupted},
	syscall.SIGTERM: {"stopped by SIGTERM", exitTerminated},
	syscall.SIGHUP:  {"stopped by SIGHUP: the terminal went away", exitHangup},
	syscall.SIGPIPE: {"stopped because nobody reads its output any more", exitUnread},
}

func (i interrupt) Error() string  { return ends[i.Signal].text }
func (i interrupt) code() exitCode { return ends[i.Signal].code }

// codeOf maps what a verb returned to the process's exit code, and says whether
// the error still has to be shown.
func codeOf(err error) (code int, show bool) {
	var c exitCode
	var i interrupt
	var held *history.HeldError
	var end *ending
	switch {
	case err == nil:
		return exitOK, false
	case errors.As(err, &end):
		return int(end.code), true
	case errors.As(err, &c):
		return int(c), false
	case errors.As(err, &i):
		return int(i.code()), true
	case errors.As(err, &held):
		return exitHeld, true
	case errors.Is(err, reconcile.ErrTimeUp):
		return exitPartial, true
	}
	return exitError, true
}

// exitOf is the end of a verb that ran the engine: nil for exit code 0, so that
// cobra sees success. Untold is what still has to be said of it, or nil.
func exitOf(r *reconcile.RunResult, about verdict, untold error) error {
	if code := codeOfResult(r, about); code != exitOK {
		return endWith(code, untold)
	}
	return nil
}

// partly is the end of a verb whose output lacks something that no run of the engine
// knows of, such as a line that cannot be declared. Untold is as exitOf has it.
func partly(end error, lacks bool, untold error) error {
	if end == nil && lacks {
		return endWith(exitPartial, untold)
	}
	return end
}

// unusable is the end of a verb that has told what is wrong with its input, but for untold.
func unusable(end error, wrong bool, untold error) error {
	if end == nil && wrong {
		return endWith(exitError, untold)
	}
	return end
}

func endWith(code exitCode, untold error) error {
	if untold != nil {
		return &ending{code, untold}
	}
	return code
}

// timeUp is reconcile.ErrTimeUp in the words of the command line. Other texts, such as
// those of a Lambda function's deadline, stay.
func timeUp(err error) error {
	if errors.Is(err, reconcile.ErrTimeUp) && err.Error() == reconcile.ErrTimeUp.Error() {
		return timeUpError{err}
	}
	return err
}

// withTimeout is a context that ends when the --timeout is over; 0 is none.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, timeout, timeUp(reconcile.ErrTimeUp))
}

type timeUpError struct{ error }

func (timeUpError) Error() string   { return "the --timeout passed" }
func (e timeUpError) Unwrap() error { return e.error }

// deadlineError is why a pass takes no more work: reconcile.ErrTimeUp in the words
// of a function, which has no --timeout.
type deadlineError struct{}

func (deadlineError) Error() string {
	return fmt.Sprintf("less than %s of the function's time were left", lambdaMargin)
}
func (deadlineError) Is(target error) bool { return target == reconcile.ErrTimeUp }

// verdict is what the exit code of a verb is about. Each includes the ones before.
type verdict uint8

const (
	aboutReading     verdict = iota // could everything be read? (explain, export)
	aboutFleet                      // is everything there that is declared? (plan, apply, rollback, adopt)
	aboutDifferences                // is it as it is declared? (audit, plan --detailed-exitcode)
)

// codeOfResult is the one place that turns a result into an exit code.
//
// If anything could not be read the code is 3 (or 1), even when something differs:
// a schedule that branches on 2 must be able to trust that everything was compared.
func codeOfResult(r *reconcile.RunResult, about verdict) exitCode {
	if r.Err != nil { // there is no plan
		code, _ := codeOf(r.Err)
		return exitCode(code)
	}
	counts := r.Plan.Counts()
	var stopped interrupt
	var guard *reconcile.GuardError
	var done reconcile.OutcomeCounts
	if r.Outcome != nil {
		done = r.Outcome.Counts()
	}
	// What the engine has no failure for is lacking for a reason in words, and for no other.
	lacking := counts.Unreadable > 0 || counts.UnreadableTargets > 0 || counts.NotExamined > 0 || len(lacks(r, about)) > 0
	switch {
	case errors.As(r.Stopped, &stopped):
		return stopped.code()
	case errors.As(r.Refused, &guard):
		return exitGuard
	case r.Declined, errors.Is(r.Refused, reconcile.ErrStrict):
		return exitError
	case done.Stale > 0 && done.Applied()+done.Failed+done.NotAttempted == 0 && !lacking:
		return exitStale
	case r.Outcome != nil && done.Applied()+done.Failed == 0 && journalFailed(r.Outcome):
		return exitError // nothing was written, because nothing could be remembered
	case done.Failed > 0 || done.NotAttempted > 0 || done.Stale > 0:
		return exitPartial
	case nothingRead(&r.Plan, counts):
		return exitError
	case lacking || r.Refused != nil:
		return exitPartial
	case about >= aboutFleet && nothingCompared(counts):
		return exitError
	case about >= aboutDifferences && (counts.Changes() > 0 || counts.Breaches > 0 || r.Insights.LosingDestinations() > 0):
		return exitDifferences
	}
	return exitOK
}

// nothingRead reports whether not one config could be compared because reading failed.
func nothingRead(p *reconcile.Plan, c reconcile.PlanCounts) bool {
	if c.Unreadable != c.Declared {
		return false
	}
	// A target whose discovery failed may have no config at all; a shard may have no
	// target, and then nothing has failed.
	return c.Declared > 0 || c.UnreadableTargets > 0 && c.UnreadableTargets == len(p.Targets)
}

// nothingCompared reports whether every config was one of a function, alias or version
// that does not exist: then there was nothing to check, and that is no success, even
// where the fleet file lets single ones be missing.
func nothingCompared(c reconcile.PlanCounts) bool {
	missing := c.MissingFunctions + c.MissingQualifiers
	return c.Declared > 0 && c.Skipped+missing == c.Declared && (missing == 0 || c.Changes() == 0)
}

// journalFailed reports whether the journal stopped the run.
func journalFailed(o *reconcile.Outcome) bool {
	return slices.ContainsFunc(o.Targets, func(t reconcile.TargetOutcome) bool { return errors.Is(t.Stopped, reconcile.ErrJournal) })
}
