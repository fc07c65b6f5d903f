package worker

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
