package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Journal remembers writes so that they can be undone, whatever happens to the
// process. It is called from many goroutines at once.
type Journal interface {
	// Intend stores what a write is about to do, with its before-image. The
	// write is sent only after Intend has returned nil, so it must not return
	// before the intent would survive a crash. It is called once a change,
	// before its first attempt.
	Intend(ctx context.Context, key desired.Key, change *Change) error
	// Settle stores how a write that was intended ended. It is called once an
	// intent, and need not wait until the result would survive a crash.
	Settle(key desired.Key, result *Result)
}

// NoJournal keeps nothing.
type NoJournal struct{}

// Intend implements Journal.
func (NoJournal) Intend(context.Context, desired.Key, *Change) error { return nil }

// Settle implements Journal.
func (NoJournal) Settle(desired.Key, *Result) {}

// ErrJournal is the reason of a run that stopped because its journal could not
// be written: without a before-image no write is sent.
var ErrJournal = errors.New("the journal cannot be written")

// journalError is what Intend failed with. It stops the whole run.
type journalError struct{ err error }

func (e *journalError) Error() string {
	return fmt.Sprintf("%v, so nothing more was written: %v", ErrJournal, e.err)
}
func (e *journalError) Unwrap() []error { return []error{ErrJournal, e.err} }
