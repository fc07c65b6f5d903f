package worker

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Cause is why the worker was woken. There are few, so that they can be the
// label of a metric.
type Cause uint8

// The causes.
const (
	Start    Cause = iota // the process has begun
	Schedule              // an interval has passed or a cron time has come
	Files                 // the content of a fleet file has changed
	Signal                // SIGHUP
	Request               // POST /reconcile
	Event                 // a queue or a bus delivered an event
)

var causeNames = [...]string{"start", "schedule", "files", "signal", "request", "event"}

// Causes lists all causes.
func Causes() []Cause { return []Cause{Start, Schedule, Files, Signal, Request, Event} }

// String is the cause as logs and metrics spell it.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return "unknown"
}

// scheduled reports whether the cause is time alone, and nobody's change.
func (c Cause) scheduled() bool { return c == Start || c == Schedule }

// ErrStopped is what Done gets for a wake that no pass dealt with because the
// worker ended. Whoever holds the event keeps it for the next process.
var ErrStopped = errors.New("the worker stopped before this was looked at")

// Wake asks for a pass.
type Wake struct {
	Cause    Cause
	Triggers []Trigger // what to look at; empty means everything
	// Done, when not nil, is called once, with nil when everything that the wake
	// asked for was dealt with. It is called when the pass is over and must not block.
	Done func(error)
}

// Trigger is one place to look at.
type Trigger struct {
	Object
	// Qualifier and Author tell whose write of which record it was, for a
	// trigger that is such a write; otherwise both are empty.
	Qualifier string
	Author    reconcile.Author
	EventTime time.Time // zero when not known
}

// key is the record that somebody wrote, if the trigger tells.
func (t Trigger) key() (desired.Key, bool) {
	return desired.Key{Target: t.Target, Name: desired.Name{Function: t.Function, Qualifier: t.Qualifier}},
		t.Function != "" && t.Qualifier != ""
}

// ack counts down the objects that a wake still waits for.
type ack struct {
	open int
	errs []error
	done func(error)
}

func newAck(w Wake, open int) *ack {
	done := w.Done
	if done == nil {
		done = func(error) {}
	}
	return &ack{open: open, done: done}
}

func (t *ack) settle(err error) {
	t.open--
	if err != nil {
		t.errs = append(t.errs, err)
	}
	if t.open == 0 {
		t.done(errors.Join(t.errs...))
	}
}

// Classified is what remains of the hints of one event.
type Classified struct {
	Everything bool      // a schedule or a fleet file: a sweep
	Files      bool      // a fleet file changed
	Triggers   []Trigger // empty when Everything
	Echoes     int       // our own writes, dropped
	Failed     int       // calls that AWS refused, dropped
}

// Classify turns hints into what the worker is to look at. A stored object counts
// when it is one of the fleet's files, which are named like s3://bucket/key, or below a
// prefix of them, which ends in a slash.
func Classify(hints []events.Hint, files ...string) Classified {
	var t Classified
	for _, h := range hints {
		switch {
		case h.Failed:
			t.Failed++
		case h.Echo:
			t.Echoes++
		case h.Kind == events.Files:
			if slices.ContainsFunc(files, func(f string) bool {
				return f == h.Object || strings.HasSuffix(f, "/") && strings.HasPrefix(h.Object, f)
			}) {
				t.Everything, t.Files = true, true
			}
		case h.Kind == events.All:
			t.Everything = true
		default:
			trigger := Trigger{Object: Object{h.Target, h.Function}, EventTime: h.EventTime}
			if h.Kind == events.Key && h.WritesRecord() {
				trigger.Qualifier, trigger.Author = h.Qualifier, h.Author
			}
			t.Triggers = append(t.Triggers, trigger)
		}
	}
	if t.Everything {
		t.Triggers = nil
	}
	return t
}

// Needed reports whether anything is to be looked at.
func (t Classified) Needed() bool { return t.Everything || len(t.Triggers) > 0 }

// Wake is the wake for what remains, where anything is needed.
func (t Classified) Wake(done func(error)) Wake {
	cause := Event
	switch {
	case t.Files:
		cause = Files
	case t.Everything:
		cause = Schedule // somebody else's clock is a clock
	}
	return Wake{Cause: cause, Triggers: t.Triggers, Done: done}
}
