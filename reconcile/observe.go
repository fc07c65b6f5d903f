package reconcile

import (
	"sync"

	"github.com/eventinvoke/eventinvoke/desired"
)

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
