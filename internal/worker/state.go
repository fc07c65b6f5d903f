package worker

import (
	"fmt"
	"time"
)

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
	Contested         []Contested
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
