package worker

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// Options are what a worker is made of.
type Options struct {
	Timetable Timetable
	Pass      Pass
	Log       *slog.Logger // nil logs nothing
	Recorder  Recorder     // nil records nothing

	Settle time.Duration // DefaultSettle when 0
	Gap    time.Duration // DefaultGap when 0
	Fight  FightRule     // DefaultFight when zero
}

// The defaults. A deployment tool writes a function, its aliases and its
// settings within seconds, which is what the settle time outlasts. The rest is
// judgement.
const (
	DefaultSettle = 10 * time.Second
	DefaultGap    = 10 * time.Second
)

// DefaultFight gives up on a key that was corrected three times in half an hour.
var DefaultFight = FightRule{Times: 3, Window: 30 * time.Minute}

// Recorder is told what happens, for metrics. Its methods must not block.
type Recorder interface {
	Woken(Cause)
	Passed(Report)
}

// Report is one pass that is over.
type Report struct {
	Scope    Scope
	Causes   []Cause // in the order of Causes
	Started  time.Time
	Finished time.Time
	Events   []time.Time // when the events happened that the pass answered, sorted
	Fought   []Fought    // after the pass
	Result   Result
}

// filled puts defaults where nothing was said.
func (o Options) filled() Options {
	o.Settle = cmp.Or(o.Settle, DefaultSettle)
	o.Gap = cmp.Or(o.Gap, DefaultGap)
	o.Fight = cmp.Or(o.Fight, DefaultFight)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Recorder == nil {
		o.Recorder = noop{}
	}
	return o
}

type noop struct{}

func (noop) Woken(Cause)   {}
func (noop) Passed(Report) {}

// State is how the worker is doing. It is a value: a copy that nobody changes.
type State struct {
	Timetable Timetable
	Started   time.Time
	Next      time.Time // when the timetable next asks for a pass over everything
	Running   bool      // a pass is under way
	Stopping  bool

	// Attempts and successes are of passes over everything. Such a pass has
	// succeeded when it came to its end; the functions that failed in it are rows
	// of its report, and one of them must not make the whole worker look broken.
	LastAttempt time.Time
	LastSuccess time.Time
	LastError   string // of the last attempt; "" when it succeeded

	FleetProblem      string // why the fleet files cannot be loaded; "" when they can
	FleetProblemSince time.Time
	Fought            []Fought
}

// Unready lists the reasons not to rely on the worker; none means ready. It
// is a rule about values, the present instant included.
func (s State) Unready(now time.Time) []string {
	var reasons []string
	if s.Stopping {
		reasons = append(reasons, "the worker is stopping")
	}
	switch {
	case s.LastSuccess.IsZero() && s.LastError != "":
		reasons = append(reasons, "no pass over the fleet has succeeded since the start; the last one failed: "+s.LastError)
	case s.LastSuccess.IsZero():
		reasons = append(reasons, "the first pass over the fleet is not over yet")
	case now.After(s.Timetable.Deadline(s.LastSuccess)):
		reason := fmt.Sprintf("the last success at %s is older than two periods (%s)", s.LastSuccess.UTC().Format(time.RFC3339), s.Timetable)
		if s.LastError != "" {
			reason += "; the last attempt failed: " + s.LastError
		}
		reasons = append(reasons, reason)
	}
	if s.FleetProblem != "" {
		reasons = append(reasons, fmt.Sprintf("the fleet files cannot be loaded since %s, and the last good ones stay in force: %s",
			s.FleetProblemSince.UTC().Format(time.RFC3339), s.FleetProblem))
	}
	return reasons
}
