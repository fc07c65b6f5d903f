package faulttest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Whatever is declared, whoever else writes, whatever breaks and whenever a run
// is stopped: what is reported is what happened, nothing is written that is not
// the run's to write, each write can be undone, and when the weather clears the
// fleet converges.
func TestNothingIsLost(t *testing.T) {
	for i := range asked.checks {
		live(t, asked.seed+uint64(i))
	}
}

// Of one seed come the fleet, the weather, the neighbour, the interruptions and
// kills, the jitter and the order of calls: all of it happens again, to the
// nanosecond, whatever else the machine does.
func TestOneSeedReplaysAll(t *testing.T) {
	for i := range max(3, asked.checks/50) {
		seed := asked.seed + uint64(i)
		first, again := live(t, seed), live(t, seed)
		if first != again {
			t.Fatalf("the seed %d, twice:\n%s", seed, cmp.Diff(strings.Split(first, "\n"), strings.Split(again, "\n")))
		}
	}
}

// live is all that comes of a seed, told at length.
func live(t *testing.T, seed uint64) (story string) {
	defer func() {
		if t.Failed() {
			t.Logf("again: go test ./internal/faulttest -run '^%s$' -rapid.checks=1 -rapid.steps=%d -rapid.seed=%d", t.Name(), asked.steps, seed)
		}
	}()
	asked.only(seed)
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			began := time.Now()
			m := &machine{planet: drawPlanet(t), declaration: drawDeclaration(t)}
			steps := map[string]func(*rapid.T){
				"declare":    m.declare,
				"neighbour":  m.neighbour,
				"audit":      m.audit,
				"apply":      m.apply,
				"saved plan": m.savedPlan,
				"roll back":  m.rollBack,
				"undo calm":  m.undoInCalm,
				"converge":   m.converge,
			}
			for name, step := range steps {
				steps[name] = func(t *rapid.T) { step(t); asked.done.steps++ }
			}
			t.Repeat(steps)
			m.converge(t)
			asked.done.time += time.Since(began)
			story = m.planet.stories.String()
		})
	})
	return story
}

// machine is the state between the steps.
type machine struct {
	planet      *planet
	declaration *declaration
	saved       *run // an audit whose plan may be applied later
	written     *run // the last run that wrote anything
}

func (m *machine) declare(t *rapid.T) {
	m.declaration = drawDeclaration(t)
	t.Logf("%s", m.declaration.text)
}

func (m *machine) neighbour(t *rapid.T) {
	for _, d := range drawDeeds(t, 5) {
		if err := m.planet.act(t, d); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *machine) audit(t *rapid.T) {
	r := m.planet.audit(t, m.declaration, drawStorm(t))
	for _, a := range r.wire.sent {
		if a.writes() {
			t.Fatalf("an audit wrote: %v", a)
		}
	}
	m.saved = r
}

func (m *machine) apply(t *rapid.T) {
	m.keep(m.planet.apply(t, m.declaration, drawStorm(t)))
}

func (m *machine) savedPlan(t *rapid.T) {
	if m.saved == nil || !m.saved.Planned() || m.saved.dead.Load() {
		t.Skip("no plan was saved")
	}
	m.keep(m.planet.applySaved(t, m.saved, drawStorm(t)))
}

// rollBack undoes the last run, in any weather. What was only begun counts as
// a run of its own, which can be undone in turn.
func (m *machine) rollBack(t *rapid.T) {
	if m.written == nil {
		t.Skip("nothing was written")
	}
	undone := m.planet.rollback(t, m.written, drawStorm(t))
	if wrongs := undone.wrongUndone(m.written); wrongs != nil {
		t.Fatalf("%q", wrongs)
	}
	m.keep(undone)
}

// keep remembers a run that wrote.
func (m *machine) keep(r *run) {
	if len(r.entries) > 0 {
		m.written = r
	}
}

// undoInCalm undoes the last run when nothing goes wrong: each record that
// nobody else wrote since is as it was before that run, each other record is
// left alone, and to do it again does nothing.
func (m *machine) undoInCalm(t *rapid.T) {
	if m.written == nil {
		t.Skip("nothing was written")
	}
	earlier := m.written
	undone := m.planet.rollback(t, earlier, calm())
	if wrongs := undone.wrongUndone(earlier); wrongs != nil {
		t.Fatalf("%q", wrongs)
	}
	for key := range everyKey {
		function, qualifier := m.planet.exists(key)
		e := earlier.byKey[key]
		before, left, now := undone.from.images[key], earlier.to.images[key], undone.to.images[key]
		switch {
		case e == nil || !function:
			continue
		case before.String() != left.String() || !quiet(earlier.from, undone.to, key):
			continue // somebody else wrote: wrongRecords has seen that the report is true
		case !qualifier && undone.restores(key):
			continue // AWS takes no Put under an alias or version that is gone
		case !same(now.settings(), e.change.Before):
			t.Fatalf("%v was %s before the run, %v after it, and is %v when undone", key, spell(e.change.Before), left, now)
		}
	}
	again := m.planet.rollback(t, earlier, calm())
	for _, a := range again.wire.sent {
		function, qualifier := m.planet.exists(a.key())
		if a.writes() && function && qualifier {
			t.Fatalf("to undo a run twice did something: %v", a)
		}
	}
	m.written = nil
}

// converge walks the road in calm weather. All that can be as declared is then
// as declared, and another run finds nothing to do.
func (m *machine) converge(t *rapid.T) {
	r := m.planet.apply(t, m.declaration, calm())
	if r.Err != nil || r.Refused != nil || r.Late != nil {
		t.Fatalf("nothing went wrong, and the run ended with %v, %v, %v", r.Err, r.Refused, r.Late)
	}
	if r.Outcome != nil {
		if totals := r.Outcome.Counts(); totals.Failed+totals.NotAttempted+totals.Stale > 0 {
			t.Fatalf("nothing went wrong, and not all was done: %+v: %v", totals, r.Outcome.Err())
		}
	}
	m.keep(r)
	for _, target := range r.Fleet.Targets {
		for i := range target.Entries {
			m.checkEntry(t, target.Target, &target.Entries[i])
		}
	}
	again := m.planet.apply(t, m.declaration, calm())
	if c := again.Plan.Counts(); c.Changes() > 0 || c.Unreadable+c.NotExamined > 0 || !again.Planned() {
		t.Fatalf("a run after a clean one is not content: %+v", c)
	}
}

// checkEntry holds a record against its declaration, by the rules of the API
// rather than by those of package reconcile.
func (m *machine) checkEntry(t *rapid.T, target desired.Target, e *desired.Entry) {
	key := desired.Key{Target: target, Name: e.Name}
	function, qualifier := m.planet.exists(key)
	now := m.planet.look(key)
	if !function || !qualifier && (now == nil || !e.Remove) {
		return // a record under a deleted alias is an orphan: AWS refuses to change it
	}
	if e.Remove {
		if now != nil {
			t.Fatalf("%v is to be removed, and is %v", key, now)
		}
		return
	}
	var have reconcile.Settings
	if now != nil {
		have = now.Settings
	}
	w := e.Want
	if !reconcile.Matches(*w, have) {
		t.Fatalf("%v is declared as %+v, and is %v", key, *w, now)
	}
}
