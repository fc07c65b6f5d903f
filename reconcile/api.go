package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Page is one answer of a paged listing.
type Page[T any] struct {
	Items []T
	Next  string // marker of the following page; "" on the last
}

// Reader reads one target. Each call is one request: it spends one token and is
// not repeated inside, so that retries are decided, paced and counted in one
// place. An error is a *CallError marked with its ratelimit.Result.
type Reader interface {
	// ListConfigs reads the records of all qualifiers of a function. It is the
	// only read that tells a missing function (KindFunctionMissing) from one
	// without records (an empty page).
	ListConfigs(ctx context.Context, function, marker string) (Page[Record], error)
	// ListAliases reads the names of a function's aliases.
	ListAliases(ctx context.Context, function, marker string) (Page[string], error)
	// ListVersions reads a function's published version numbers.
	ListVersions(ctx context.Context, function, marker string) (Page[string], error)
}

// Writer changes one target, one request a call. Put and Update answer with the
// record as AWS stored it.
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
	Settle(key desired.Key, result *Result)
}

// noJournal keeps nothing.
type noJournal struct{}

// Intend implements Journal.
func (noJournal) Intend(context.Context, desired.Key, *Change) error { return nil }

// Settle implements Journal.
func (noJournal) Settle(desired.Key, *Result) {}

// ErrJournal is the reason of a run that stopped because its journal could not
// be written: without a before-image no write is sent.
var ErrJournal = errors.New("the journal cannot be written")

// journalError is what Intend failed with. It stops the whole run.
type journalError struct{ err error }

func (e *journalError) Error() string {
	return fmt.Sprintf("%v, so nothing more was written: %v", ErrJournal, e.err)
}
func (e *journalError) Unwrap() []error { return []error{ErrJournal, e.err} }

// Phase is the part of a run that makes calls.
type Phase uint8

// The phases.
const (
	PhaseSurvey Phase = iota
	PhaseApply
	PhaseResolve // it is known what is to be read
	PhasePlan    // the plan is known
	PhaseAliases // before PhaseResolve: the aliases among which patterns choose
)

// String names the phase as output does.
func (p Phase) String() string {
	return [...]string{"survey", "apply", "resolve", "plan", "aliases"}[p]
}

// Event is one step of a run: a function read, or a change settled.
type Event struct {
	Phase  Phase
	Target desired.Target
	Run    *RunResult // PhaseResolve and PhasePlan only; valid during the call
	Result *Result    // PhaseApply only; valid during the call
	Done   int        // of Total, over all targets
	Total  int        // functions to read or to ask for aliases, or changes to apply

	TargetDone, TargetTotal int // the same of Target alone
}

// Observer is told of every step, one at a time and from changing goroutines.
// It must not block: the run waits for it. A nil Observer is allowed.
type Observer func(Event)

// progress counts steps and calls an Observer one at a time.
type progress struct {
	phase   Phase
	observe Observer

	mu      sync.Mutex
	all     steps
	targets map[desired.Target]steps
}

type steps struct{ done, total int }

func newProgress(phase Phase, observe Observer) *progress {
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
func (p *progress) done(target desired.Target, result *Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[target]
	if result == nil || !result.Again { // else it was counted before
		t.done++
		p.targets[target] = t
		p.all.done++
	}
	if p.observe != nil {
		p.observe(Event{Phase: p.phase, Target: target, Result: result, Done: p.all.done, Total: p.all.total, TargetDone: t.done, TargetTotal: t.total})
	}
}
