package worker

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Options are what a worker is made of.
type Options struct {
	Timetable Timetable
	// Pass is called for a sweep and a targeted pass at a time, never for two of a
	// kind. It has to use Scope.Open, by which the two keep out of each other's way.
	Pass     Pass
	Log      *slog.Logger
	Observer Observer

	Settle time.Duration // DefaultSettle when 0
	Gap    time.Duration // DefaultGap when 0
	// Random places a sweep within the jitter of its interval, from 0 up to 1; nil is
	// chance.
	Random func() float64
	// Fights is what is known of who writes what, where others know of it too; nil is
	// a ledger of its own.
	Fights *fights.Log

	// Silence is how long a pass may go without a sign of life (Scope.Alive,
	// Scope.Open) before its context ends; 0 means for ever, for a pass that gives
	// none. Limit is how long a pass may take: DefaultLimit when 0.
	Silence time.Duration
	Limit   time.Duration
}

// The defaults. A deployment tool writes a function, its aliases and its
// settings within seconds, which is what the settle time outlasts. The longest
// honest silences are the minutes for which the pace of calls may be held back;
// the longest honest pass is one over 250,000 functions of one account. The rest
// is judgement.
const (
	DefaultSettle  = 10 * time.Second
	DefaultGap     = 10 * time.Second
	DefaultSilence = 10 * time.Minute
	DefaultLimit   = 6 * time.Hour
)

// Observer is told what happens, for metrics. Its methods must not block, and
// may be called from several goroutines.
type Observer interface {
	Woken(Cause)
	Passed(Report)
	Stalled() // a pass gave no sign of life for too long
}

// Report is one pass that is over.
type Report struct {
	Scope    Scope
	Causes   []Cause // in the order of Causes
	Started  time.Time
	Finished time.Time
	Events   []time.Time     // when the events happened that the pass answered, sorted
	Fought   []insight.Fight // after the pass
	Refused  bool            // the last sweep stands refused by the guard
	Result   Result
}

// filled puts defaults where nothing was said.
func (o Options) filled() Options {
	o.Settle = cmp.Or(o.Settle, DefaultSettle)
	o.Gap = cmp.Or(o.Gap, DefaultGap)
	if o.Random == nil {
		o.Random = rand.Float64
	}
	o.Fights = cmp.Or(o.Fights, &fights.Log{})
	o.Limit = cmp.Or(o.Limit, DefaultLimit)
	return o
}

// State is how the worker is doing. It is a value: a copy that nobody changes.
type State struct {
	Timetable Timetable
	Started   time.Time
	Next      time.Time // when the timetable next asks for a sweep
	Sweeping  time.Time // since when a sweep is under way; zero when none is
	Targeted  time.Time // since when a targeted pass is under way; zero when none is
	Stalled   time.Time // since when a pass that runs has given no sign of life; zero when all do
	Stopping  bool

	// Attempts and successes are of sweeps. A sweep has succeeded when at least one
	// target was dealt with to the end: the functions that failed in it are rows of
	// its report, and neither one of them nor one account that is closed to us must
	// make the whole worker look broken.
	LastAttempt time.Time
	LastSuccess time.Time
	LastLength  time.Duration // how long the last sweep took
	LastError   string        // of the last attempt; "" when it came to its end everywhere
	Refused     bool          // the last sweep stands refused by the guard

	FleetProblem      string // what cannot be loaded of the fleet, and why; "" when all can
	FleetProblemSince time.Time
	AccountsUnknown   bool            // the FleetProblem is that: the files themselves load
	Problems          []string        // of the sources of wakes, such as a queue that does not answer
	Fought            []insight.Fight // configs that others keep changing back; see fights.Told
}

// Running reports whether a pass is under way.
func (s State) Running() bool { return !s.Sweeping.IsZero() || !s.Targeted.IsZero() }

// overdue is how late the loop may be before it counts as dead.
const overdue = time.Minute

// Unhealthy lists the reasons to restart the process; none means that it lives.
// What a restart does not mend is no reason.
func (s State) Unhealthy(now time.Time) []string {
	var reasons []string
	if !s.Stalled.IsZero() {
		reasons = append(reasons, "a pass has given no sign of life since "+s.Stalled.UTC().Format(time.RFC3339))
	}
	if !s.Next.IsZero() && now.After(s.Next.Add(overdue)) && !s.Stopping {
		reasons = append(reasons, "the loop does not run: it should have woken at "+s.Next.UTC().Format(time.RFC3339))
	}
	return reasons
}

// Unready lists the reasons not to rely on the worker; none means ready. It
// is a rule about values, the present instant included.
func (s State) Unready(now time.Time) []string {
	reasons := s.Unhealthy(now)
	if s.Stopping {
		reasons = append(reasons, "the worker is stopping")
	}
	deadline := s.Timetable.Deadline(s.LastSuccess, s.LastLength)
	switch {
	case s.LastSuccess.IsZero() && s.LastError != "":
		reasons = append(reasons, "no sweep over the fleet has succeeded since the start; the last one failed: "+s.LastError)
	case s.LastSuccess.IsZero():
		reasons = append(reasons, "the first sweep over the fleet is not over yet")
	case !s.Sweeping.IsZero() && !s.Sweeping.After(deadline):
		// It may take longer than the one before. If it goes silent it counts as
		// stalled.
	case now.After(deadline):
		reason := fmt.Sprintf("the last success at %s is older than two periods (%s)", s.LastSuccess.UTC().Format(time.RFC3339), s.Timetable)
		if s.LastError != "" {
			reason += "; the last attempt failed: " + s.LastError
		}
		reasons = append(reasons, reason)
	}
	if s.FleetProblem != "" {
		reasons = append(reasons, fmt.Sprintf("%s since %s, and the last good ones stay in force: %s",
			broken(s.AccountsUnknown), s.FleetProblemSince.UTC().Format(time.RFC3339), s.FleetProblem))
	}
	return reasons
}

// broken says what a FleetProblem is about.
func broken(accounts bool) string {
	if accounts {
		return "the accounts of an organization cannot be listed"
	}
	return "the fleet files cannot be loaded"
}

// Notes lists what is wrong without making the worker unready, beside the reasons for which
// it is.
func (s State) Notes(reasons ...string) []string {
	notes := slices.Clone(s.Problems)
	if s.Refused {
		notes = append(notes, "the guard refused the last sweep, and until one is let pass only what has drifted since is corrected")
	}
	told := func(reason string) bool { return strings.HasSuffix(reason, s.LastError) }
	if s.LastError != "" && !s.LastSuccess.IsZero() && !slices.ContainsFunc(reasons, told) {
		notes = append(notes, "the last sweep did not come to its end everywhere: "+s.LastError)
	}
	return notes
}
