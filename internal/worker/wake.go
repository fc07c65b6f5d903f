package worker

import (
	"errors"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// ErrStopped is what Done gets for a wake that no pass dealt with because the
// worker ended. Whoever holds the event keeps it for the next process.
var ErrStopped = errors.New("the worker stopped before this was looked at")

// Wake asks for a pass.
type Wake struct {
	Cause    Cause
	Triggers []Trigger // what to look at; empty means everything
	// Done, when not nil, is called once, with nil when everything that the wake
	// touched was dealt with. It is called between passes and must not block.
	Done func(error)
}

// Trigger is one place to look at.
type Trigger struct {
	Object
	// Qualifier and Principal tell whose write of which record it was, for a
	// touch that is such a write; otherwise both are empty.
	Qualifier string
	Principal string
	EventTime time.Time // zero when not known
}

// key is the record that somebody wrote, if the touch tells.
func (t Trigger) key() (desired.Key, bool) {
	return desired.Key{Target: t.Target, Name: desired.Name{Function: t.Function, Qualifier: t.Qualifier}},
		t.Function != "" && t.Qualifier != ""
}

// ticket counts down the subjects that a wake still waits for.
type ticket struct {
	open int
	errs []error
	done func(error)
}

func newTicket(w Wake, open int) *ticket {
	done := w.Done
	if done == nil {
		done = func(error) {}
	}
	return &ticket{open: open, done: done}
}

func (t *ticket) settle(err error) {
	t.open--
	if err != nil {
		t.errs = append(t.errs, err)
	}
	if t.open == 0 {
		t.done(errors.Join(t.errs...))
	}
}
