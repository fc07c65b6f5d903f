package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/eventinvoke/eventinvoke/internal/history"
)

// The exit codes are a contract: scripts and schedulers branch on them.
const (
	exitOK          = 0
	exitError       = 1   // an error before anything was changed
	exitDifferences = 2   // audit, or plan --detailed-exitcode, found differences
	exitPartial     = 3   // some were applied or read, some were not
	exitGuard       = 4   // the guard stopped the run; nothing was written
	exitHeld        = 5   // another run holds the lease
	exitStale       = 6   // every change of a saved plan is stale
	exitInterrupted = 130 // SIGINT; calls in flight were finished
	exitTerminated  = 143 // SIGTERM; the same
)

// exitCode ends a verb with a code and no further message: what there was to
// say is in its output.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// lateError is an error after the writes: what was written is written, so the
// code cannot be that of an error before anything was changed.
type lateError struct {
	code exitCode
	err  error
}

func (e *lateError) Error() string { return e.err.Error() }
func (e *lateError) Unwrap() error { return e.err }

// interrupt is the cancellation cause of a run that was told to stop.
type interrupt struct{ os.Signal }

func (i interrupt) Error() string {
	if i.Signal == syscall.SIGTERM {
		return "stopped by SIGTERM"
	}
	return "interrupted"
}

func (i interrupt) code() exitCode {
	if i.Signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}

// codeOf maps what a verb returned to the process's exit code, and says whether
// the error still has to be shown.
func codeOf(err error) (code int, show bool) {
	var c exitCode
	var i interrupt
	var held *history.HeldError
	var late *lateError
	switch {
	case err == nil:
		return exitOK, false
	case errors.As(err, &late):
		return int(late.code), true
	case errors.As(err, &c):
		return int(c), false
	case errors.As(err, &i):
		return int(i.code()), true
	case errors.As(err, &held):
		return exitHeld, true
	case errors.Is(err, errTimeUp):
		return exitPartial, true
	}
	return exitError, true
}
