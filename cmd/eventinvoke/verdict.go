package main

import (
	"context"
	"errors"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// readVerdict is the exit code of a run that only read. Differences are a code
// of their own only where the verb was asked to tell them.
//
// What could not be read outranks what differs: a schedule that branches on 2
// must be able to trust that everything was compared.
func readVerdict(ctx context.Context, p *reconcile.Plan, missing desired.MissingPolicy, tellDifferences bool) exitCode {
	c := p.Counts()
	var stopped interrupt
	switch {
	case errors.As(context.Cause(ctx), &stopped):
		return stopped.code()
	case nothingRead(p, c):
		return exitError
	case incomplete(c, missing):
		return exitPartial
	case tellDifferences && c.Changes() > 0:
		return exitDifferences
	}
	return exitOK
}

// nothingRead reports whether not one key could be compared because reading failed.
func nothingRead(p *reconcile.Plan, c reconcile.PlanCounts) bool {
	if c.Unreadable != c.Declared {
		return false
	}
	// A target whose discovery failed may have no key at all; a shard may have no
	// target, and then nothing has failed.
	return c.Declared > 0 || c.UnreadableTargets > 0 && c.UnreadableTargets == len(p.Targets)
}

// incomplete reports whether a plan leaves declared keys unsettled.
func incomplete(c reconcile.PlanCounts, missing desired.MissingPolicy) bool {
	if c.Unreadable > 0 || c.UnreadableTargets > 0 || c.NotExamined > 0 || c.MissingQualifiers > 0 {
		return true
	}
	return missing == desired.MissingError && c.MissingFunctions > 0
}

// applyVerdict is the exit code of a run that was approved to write.
func applyVerdict(ctx context.Context, p *reconcile.Plan, o *reconcile.Outcome, missing desired.MissingPolicy) exitCode {
	t := o.Counts()
	var stopped interrupt
	switch {
	case errors.As(context.Cause(ctx), &stopped):
		return stopped.code()
	case t.Stale > 0 && t.Applied()+t.Failed+t.NotAttempted == 0 && !incomplete(p.Counts(), missing):
		return exitStale
	case t.Applied()+t.Failed == 0 && journalFailed(o):
		return exitError // nothing was written, because nothing could be remembered
	case t.Failed > 0 || t.NotAttempted > 0 || t.Stale > 0:
		return exitPartial
	}
	return readVerdict(ctx, p, missing, false)
}

// journalFailed reports whether the journal stopped the run.
func journalFailed(o *reconcile.Outcome) bool {
	return slices.ContainsFunc(o.Targets, func(t reconcile.TargetOutcome) bool { return errors.Is(t.Stopped, reconcile.ErrJournal) })
}

// endVerdict is what a run that wrote returns when its record or its report
// could not be completed.
func endVerdict(code exitCode, problem error) error {
	if problem == nil {
		return verdictError(code)
	}
	if code == exitOK {
		code = exitPartial
	}
	return &lateError{code, problem}
}

// refusedVerdict is the exit code of a plan that was not let through.
func refusedVerdict(ctx context.Context, p *reconcile.Plan, missing desired.MissingPolicy, refusal error) exitCode {
	var guard *reconcile.GuardError
	if errors.As(refusal, &guard) {
		return exitGuard
	}
	if code := readVerdict(ctx, p, missing, false); code != exitOK {
		return code
	}
	return exitPartial
}
