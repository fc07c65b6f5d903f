package reconcile

import (
	"context"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Opener opens the targets of a run.
type Opener interface {
	// Open makes targets ready, side by side. What is wrong with one target is
	// in that target; an error is about all of them.
	Open(ctx context.Context, req OpenRequest) (Opened, error)
}

// OpenRequest is what an Opener is to open.
type OpenRequest struct {
	Run     string
	Targets []desired.TargetSpec
	Ambient bool // the files declare no target: open the one of the current credentials
	Write   bool
}

// Opened are the targets of a run.
type Opened struct {
	Ambient desired.Target // of the current credentials, where the files declare no target
	Targets []OpenTarget
}

// OpenTarget is the way to one target. A field that the run may not use is nil.
//
// The Limiter is shared by all calls to the target's quota, whoever makes them, and is set
// wherever Err is nil.
type OpenTarget struct {
	desired.Target
	CallerARN string // who the run is there
	Reader    Reader
	Finder    Finder
	Writer    Writer // nil in a run that only reads
	Limiter   *ratelimit.Limiter
	Calls     func() []OperationCount // what was asked so far; nil when nobody counts
	Err       error                   // why the target cannot be used
}

// OperationCount counts the requests of one API operation by how they were
// answered. Calls counts every request, those sent again included: it is the sum
// of the others.
//
// The forms of an answer exclude each other: each request is in Calls and in one more.
type OperationCount struct {
	Name      string `json:"name"`
	Calls     int64  `json:"calls"`
	OK        int64  `json:"ok"`
	Throttled int64  `json:"throttled"` // the account's quota was spent
	Conflicts int64  `json:"conflicts"` // the function was busy with another update
	Faults    int64  `json:"faults"`    // AWS failed, a connection broke or a time ran out
	Skewed    int64  `json:"skewed"`    // refused for a clock or an expired token, and worth one more try
	Refused   int64  `json:"refused"`   // every other error: it was permanent
}

// Minus is what was added since an earlier count.
func (c OperationCount) Minus(before OperationCount) OperationCount {
	c.Calls -= before.Calls
	c.OK -= before.OK
	c.Throttled -= before.Throttled
	c.Conflicts -= before.Conflicts
	c.Faults -= before.Faults
	c.Skewed -= before.Skewed
	c.Refused -= before.Refused
	return c
}

// Memory remembers runs and keeps others away while one writes.
type Memory interface {
	// Begin holds the open targets of a run that may write. A target that cannot
	// be held fails the run, or is excluded from it (Opened.Exclude), as the
	// implementation was told. What it returns beside an error is finished and
	// released as well; it may be nil.
	Begin(ctx context.Context, r *RunResult) (Recorder, error)
}

// Recorder is one run that is remembered. Finish and Release are called once
// each, in this order, also for a run that was interrupted.
type Recorder interface {
	Journal
	// Ready is called once, before the first write, with the number of configs of the
	// fleet, to which the guard of a rollback will refer. What it cannot store ends the run.
	Ready(ctx context.Context, configs int) error
	// FailedBefore reports whether a config's write failed in the run before: such
	// come last. It is asked after Ready.
	FailedBefore(desired.Key) bool
	// Lease ends when the right to write to a target is lost. Nil is a right
	// that cannot be lost.
	Lease(desired.Target) context.Context
	// Finish completes the record of the run.
	Finish(ctx context.Context, r *RunResult) error
	// Release lets other runs write.
	Release(ctx context.Context) error
}

// Exclude takes targets out of the run, each for its reason.
//
// They stay in the list, so that a report says why nothing is known of them.
func (o *Opened) Exclude(failed map[desired.Target]error) {
	for i := range o.Targets {
		if err := failed[o.Targets[i].Target]; err != nil {
			o.Targets[i].Err = err
		}
	}
}

// openable are the targets of which nothing is known to be in the way.
func openable(all []desired.TargetSpec) []desired.TargetSpec {
	return slices.DeleteFunc(slices.Clone(all), func(t desired.TargetSpec) bool { return t.Err != nil })
}

// addUnopened adds those that are not, so that each is a row with its reason.
func (o *Opened) addUnopened(all []desired.TargetSpec) {
	for _, t := range all {
		if t.Err != nil {
			o.Targets = append(o.Targets, OpenTarget{Target: t.Target, Err: t.Err})
		}
	}
	slices.SortStableFunc(o.Targets, func(a, b OpenTarget) int { return a.Target.Compare(b.Target) })
}

// failures are the reasons of the targets that cannot be used, or nil.
func (o *Opened) failures() error {
	var errs []error
	for i := range o.Targets {
		if o.Targets[i].Err != nil {
			errs = append(errs, o.Targets[i].Err)
		}
	}
	return join(errs...)
}

// readTargets and writeTargets give each step of a run what it may use and nothing else:
// a survey has no Writer at hand, whatever was opened.
func (o *Opened) readTargets(found desired.Inventory, unlisted map[desired.Target]map[string]error) map[desired.Target]readConn {
	targets := map[desired.Target]readConn{}
	for _, t := range o.Targets {
		targets[t.Target] = readConn{
			Reader: t.Reader, Finder: t.Finder, Limiter: t.Limiter, Err: t.Err,
			Aliases: found[t.Target].Aliases, Unlisted: unlisted[t.Target],
		}
	}
	return targets
}

func (o *Opened) writeTargets(found desired.Inventory, recorder Recorder) map[desired.Target]writeConn {
	targets := map[desired.Target]writeConn{}
	for _, t := range o.Targets {
		if t.Writer == nil || t.Err != nil {
			continue
		}
		w := writeConn{Writer: t.Writer, Reader: t.Reader, Limiter: t.Limiter, Details: found[t.Target].Details}
		if recorder != nil {
			w.LeaseContext = recorder.Lease(t.Target)
			w.Last = func(n desired.Name) bool { return recorder.FailedBefore(desired.Key{Target: t.Target, Name: n}) }
		}
		targets[t.Target] = w
	}
	return targets
}
