package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// Page is one answer of a paged listing.
type Page[T any] struct {
	Items []T
	Next  string // marker of the following page; "" on the last
}

// Reader reads one target. Each call is one request: it takes one token of the target's
// Limiter and is not repeated inside, so that retries are decided, paced and counted in one
// place. An error is a *callerr.Error marked by ratelimit.WithResult; one without a mark is not
// tried again. A marker is "" for the first page, else the Next of the page before.
//
// Functions are read side by side, so that a Reader must allow many calls at once.
type Reader interface {
	// ListConfigs reads the records of all qualifiers of a function. It is the
	// only read that tells a missing function (callerr.FunctionMissing) from one
	// without records (an empty page).
	ListConfigs(ctx context.Context, function, marker string) (Page[Record], error)
	// ListAliases reads the names of a function's aliases.
	ListAliases(ctx context.Context, function, marker string) (Page[string], error)
	// ListVersions reads a function's published version numbers.
	ListVersions(ctx context.Context, function, marker string) (Page[string], error)
}

// Writer changes one target, one request a call, with the tokens and errors of a Reader. Put
// and Update answer with the record as AWS stored it, from which the write is verified. Calls
// about one function come one after the other, those about several at once.
type Writer interface {
	// Put creates a record. Over an existing one it would erase every setting
	// that c leaves unset, so it is only called where none was seen.
	Put(ctx context.Context, name desired.Name, c desired.Config) (Record, error)
	// Update changes the settings that c sets and leaves the others alone.
	Update(ctx context.Context, name desired.Name, c desired.Config) (Record, error)
	// Delete removes a record. A record that is already gone is no error.
	Delete(ctx context.Context, name desired.Name) error
}

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
	Settle(key desired.Key, result *ChangeResult)
}

// noJournal keeps nothing.
type noJournal struct{}

// Intend implements Journal.
func (noJournal) Intend(context.Context, desired.Key, *Change) error { return nil }

// Settle implements Journal.
func (noJournal) Settle(desired.Key, *ChangeResult) {}

// journalError is what Intend failed with. It stops the whole run.
type journalError struct{ err error }

func (e *journalError) Error() string {
	return fmt.Sprintf("%v, so nothing more was written: %v", ErrJournal, e.err)
}
func (e *journalError) Unwrap() []error { return []error{ErrJournal, e.err} }

// Phase is the part of a run that a [Step] is of.
type Phase uint8

// The phases.
const (
	PhaseSurvey   Phase = iota // functions are read
	PhaseApply                 // changes are made
	PhaseResolve               // it is known what is to be read
	PhasePlan                  // the plan is known
	PhaseAliases               // before PhaseResolve: the aliases among which patterns choose
	PhaseHold                  // targets are held, and the record is begun
	PhaseDiscover              // it is listed what rules choose among
	PhaseRecord                // what was seen and done is stored
)

// String names the phase as output does.
func (p Phase) String() string {
	return [...]string{"survey", "apply", "resolve", "plan", "aliases", "hold", "discover", "record"}[p]
}

// Step is one step of a run: a function read or asked for its aliases, a change that ended,
// or that a phase begins in which nothing is counted.
type Step struct {
	Phase  Phase
	Target desired.Target
	Run    *RunResult    // as far as it is known, where nothing is counted; valid during the call
	Result *ChangeResult // PhaseApply only; valid during the call
	Done   int           // of Total, over all targets; 0 of 0 where Run is set
	Total  int           // functions to read or to ask for aliases, or changes to apply

	TargetDone, TargetTotal int // the same of Target alone
}

// progress counts steps and tells an observer of one at a time.
type progress struct {
	phase   Phase
	observe func(Step)

	mu      sync.Mutex
	all     steps
	targets map[desired.Target]steps
}

type steps struct{ done, total int }

func newProgress(phase Phase, observe func(Step)) *progress {
	return &progress{phase: phase, observe: observe, targets: map[desired.Target]steps{}}
}

// expect adds to what there is to do. It is called before the first done, so that a total
// never grows while a bar fills, and takes no lock for that reason.
func (p *progress) expect(target desired.Target, n int) {
	p.all.total += n
	t := p.targets[target]
	t.total += n
	p.targets[target] = t
}

// done counts one step and tells of it. The lock is held meanwhile: observers need none of
// their own, and see Done rise by one each time, save for what is tried again.
func (p *progress) done(target desired.Target, result *ChangeResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[target]
	if result == nil || !result.Again { // else it was counted before
		t.done++
		p.targets[target] = t
		p.all.done++
	}
	if p.observe != nil {
		p.observe(Step{Phase: p.phase, Target: target, Result: result, Done: p.all.done, Total: p.all.total, TargetDone: t.done, TargetTotal: t.total})
	}
}

// Opener opens the targets of a run. Open is called once a run, before anything else.
type Opener interface {
	// Open makes targets ready, side by side. What is wrong with one target is
	// in that target; an error is about all of them.
	Open(ctx context.Context, req OpenRequest) (Opened, error)
}

// OpenRequest is what an Opener is to open.
type OpenRequest struct {
	RunID   string               // for the name of a session, say
	Targets []desired.TargetSpec // empty where Ambient
	Ambient bool                 // the files declare no target: open the one of the current credentials
	Write   bool                 // without it no Writer is to be opened
}

// Opened are the targets of a run.
type Opened struct {
	Ambient desired.Target // of the current credentials, where the files declare no target
	Targets []OpenTarget   // one for each that was asked for
	Close   func()         // called once the run is over, to give back what opening took; may be nil
}

// OpenTarget is the way to one target.
type OpenTarget struct {
	desired.Target
	CallerARN string                  // who the run is there; "" where nobody asked
	Reader    Reader                  // set wherever Err is nil
	Finder    Finder                  // may be nil where the wishes have nothing to discover
	Writer    Writer                  // nil in a run that only reads
	Limiter   *ratelimit.Limiter      // of all calls to the target's quota; set wherever Err is nil
	Calls     func() []OperationCount // what was asked so far; nil when nobody counts
	Err       error                   // why the target cannot be used
}

// OperationCount counts the requests of one API operation by how they were answered,
// those sent again included: each is in Calls and in one more.
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

// Memory remembers runs and keeps others away while one writes.
type Memory interface {
	// Begin is told of a run that may write before anything is done for it.
	Begin(r *RunResult) Recorder
}

// Recorder is one run that is remembered. Finish and Release are called once each, in this
// order, however far the run came, with a context that does not end with it.
type Recorder interface {
	Journal
	// Hold holds the open targets. A target that cannot be held fails the run, or is
	// excluded from it (Opened.Exclude), as the implementation was told. What it took
	// before an error is released as well.
	Hold(ctx context.Context, r *RunResult) error
	// Ready is called once, before the first write, with the number of configs of the
	// fleet, to which the guard of a rollback will refer. What it cannot store ends the run.
	Ready(ctx context.Context, configs int) error
	// FailedBefore reports whether a config's write failed in the run before: such
	// come last. It is asked after Ready.
	FailedBefore(desired.Key) bool
	// Lease ends when the right to write to a target is lost. Nil is a right
	// that cannot be lost.
	Lease(desired.Target) context.Context
	// Finish stores how the run ended.
	Finish(ctx context.Context, r *RunResult) error
	// Release lets other runs write.
	Release(ctx context.Context) error
}

// unrecorded is the Recorder of a run that nobody remembers.
type unrecorded struct{ noJournal }

// Hold implements Recorder.
func (unrecorded) Hold(context.Context, *RunResult) error { return nil }

// Ready implements Recorder.
func (unrecorded) Ready(context.Context, int) error { return nil }

// FailedBefore implements Recorder.
func (unrecorded) FailedBefore(desired.Key) bool { return false }

// Lease implements Recorder.
func (unrecorded) Lease(desired.Target) context.Context { return nil }

// Finish implements Recorder.
func (unrecorded) Finish(context.Context, *RunResult) error { return nil }

// Release implements Recorder.
func (unrecorded) Release(context.Context) error { return nil }

// Exclude takes targets out of the run, each for its reason, which stays in the list.
func (o *Opened) Exclude(failed map[desired.Target]error) {
	for i := range o.Targets {
		if err := failed[o.Targets[i].Target]; err != nil {
			o.Targets[i].Err = err
		}
	}
}

// openable are the targets of which nothing is known to be in the way.
func openable(all []desired.TargetSpec) []desired.TargetSpec {
	return slice.Filter(all, func(t desired.TargetSpec) bool { return t.Err == nil })
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

// closeUnreadable gives those a reason that were opened without what every read needs. A nil
// Limiter would otherwise panic in a goroutine of ours, where no caller can recover.
func (o *Opened) closeUnreadable() {
	for i := range o.Targets {
		switch t := &o.Targets[i]; {
		case t.Err != nil:
		case t.Reader == nil:
			t.Err = notConfigured(t.Target, "Reader")
		case t.Limiter == nil:
			t.Err = notConfigured(t.Target, "Limiter")
		}
	}
}

// notConfigured is the error of a target that was opened without a part that the run needs.
func notConfigured(t desired.Target, part string) error {
	return fmt.Errorf("target %s: no %s configured", t, part)
}

// lacks is an error for what a run cannot do without and was not given, or nil.
func (e Engine) lacks(req Request) error {
	switch {
	case req.Unprepared != nil:
		return req.Unprepared
	case e.Opener == nil:
		return errors.New("no Opener configured")
	case req.Wishes == nil:
		return errors.New("no Wishes configured")
	}
	if ours, ok := req.Wishes.(interface{ lacks() error }); ok {
		return ours.lacks()
	}
	return nil
}

// failures are the reasons of the targets that cannot be used, or nil.
func (o *Opened) failures() error {
	var errs []error
	for i := range o.Targets {
		if o.Targets[i].Err != nil {
			errs = append(errs, &Failure{Key: desired.Key{Target: o.Targets[i].Target}, Err: o.Targets[i].Err, Ended: true})
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
		targets[t.Target] = writeConn{
			Writer: t.Writer, Reader: t.Reader, Limiter: t.Limiter, Details: found[t.Target].Details,
			LeaseContext: recorder.Lease(t.Target),
			Last:         func(n desired.Name) bool { return recorder.FailedBefore(desired.Key{Target: t.Target, Name: n}) },
		}
	}
	return targets
}
