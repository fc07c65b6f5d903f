package worker

import (
	"maps"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// agenda is what has been asked for and not begun. It holds no clock and no
// lock: its methods are functions of instants, and the worker guards it.
type agenda struct {
	settle time.Duration // a touched subject waits so long
	gap    time.Duration // between the end of a pass over everything and the start of the next

	sweep    *job // nil when nobody asked for everything
	sweepAt  time.Time
	subjects map[Object]*item
	swept    time.Time // when the last pass over everything ended; zero before the first
}

// item is one touched subject.
type item struct {
	due     time.Time
	causes  causeSet
	tickets []*ticket
	writers map[desired.Key]string // who wrote which record; the last writer counts
	times   []time.Time            // of the events
}

// job is what one pass is to do, and whom to tell.
type job struct {
	all    bool
	causes causeSet
	items  map[Object]*item
	sweeps []*ticket // of wakes that asked for everything
}

func newAgenda(settle, gap time.Duration) *agenda {
	return &agenda{settle: settle, gap: gap, subjects: map[Object]*item{}}
}

// add notes a wake.
func (a *agenda) add(w Wake, now time.Time) {
	if len(w.Triggers) == 0 {
		if a.sweep == nil {
			a.sweep, a.sweepAt = &job{all: true}, now
		}
		a.sweep.causes.add(w.Cause)
		a.sweep.sweeps = append(a.sweep.sweeps, newTicket(w, 1))
		return
	}
	bySubject := map[Object][]Trigger{}
	for _, t := range w.Triggers {
		bySubject[t.Object] = append(bySubject[t.Object], t)
	}
	ticket := newTicket(w, len(bySubject))
	for subject, touches := range bySubject {
		it := a.subjects[subject]
		if it == nil {
			// Counted from the first touch, so that a function which is touched
			// without end is looked at all the same.
			it = &item{due: now.Add(a.settle), writers: map[desired.Key]string{}}
			a.subjects[subject] = it
		}
		it.causes.add(w.Cause)
		it.tickets = append(it.tickets, ticket)
		for _, t := range touches {
			if key, ok := t.key(); ok {
				it.writers[key] = t.Principal
			}
			if !t.EventTime.IsZero() {
				it.times = append(it.times, t.EventTime)
			}
		}
	}
}

// due is when the next pass may begin; false when nothing is asked for.
func (a *agenda) due() (time.Time, bool) {
	at, any := time.Time{}, false
	if a.sweep != nil {
		at, any = a.sweepDue(), true
	}
	for _, it := range a.subjects {
		if !any || it.due.Before(at) {
			at, any = it.due, true
		}
	}
	return at, any
}

// sweepDue keeps passes over everything apart. Passes over touched functions
// need no gap and cause none: the settle time keeps those over one function
// apart, they cost one request a function, and a stream of them must not hold
// back the pass over everything.
func (a *agenda) sweepDue() time.Time {
	if earliest := a.swept.Add(a.gap); !a.swept.IsZero() && earliest.After(a.sweepAt) {
		return earliest
	}
	return a.sweepAt
}

// take gives the job that begins now, or nil. Everything outranks a part, and
// takes along the subjects that have settled; the others keep waiting, since
// what they wait for may happen after their turn in the pass.
func (a *agenda) take(now time.Time) *job {
	var j *job
	if a.sweep != nil && !a.sweepDue().After(now) {
		j, a.sweep = a.sweep, nil
	} else {
		j = &job{}
	}
	j.items = map[Object]*item{}
	for subject, it := range a.subjects {
		if it.due.After(now) {
			continue
		}
		j.items[subject] = it
		j.causes |= it.causes
		delete(a.subjects, subject)
	}
	if !j.all && len(j.items) == 0 {
		return nil
	}
	return j
}

// rest takes everything, due or not.
func (a *agenda) rest() *job {
	j := &job{items: a.subjects}
	if a.sweep != nil {
		j.sweeps = a.sweep.sweeps
	}
	a.sweep, a.subjects = nil, map[Object]*item{}
	return j
}

// scope is what the job's pass looks at.
func (j *job) scope(leave []Contested) Scope {
	if j.all {
		return Scope{All: true, Leave: leave}
	}
	return newScope(slices.Collect(maps.Keys(j.items)), leave)
}

// settle tells everybody who waits for the job how their part ended.
func (j *job) settle(whole error, of func(Object) error) {
	for _, t := range j.sweeps {
		t.settle(whole)
	}
	for _, subject := range slices.SortedFunc(maps.Keys(j.items), Object.Compare) {
		err := of(subject)
		for _, t := range j.items[subject].tickets {
			t.settle(err)
		}
	}
}

// times are when the events happened that the job answers.
func (j *job) times() []time.Time {
	var all []time.Time
	for _, it := range j.items {
		all = append(all, it.times...)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// writer is who wrote a record, if the job knows.
func (j *job) writer(key desired.Key) (principal string, known bool) {
	it := j.items[Object{key.Target, key.Function}]
	if it == nil {
		return "", false
	}
	principal, known = it.writers[key]
	return principal, known
}

// causeSet is a set of causes.
type causeSet uint16

func (s *causeSet) add(c Cause) { *s |= 1 << c }

func (s causeSet) list() []Cause {
	return slices.DeleteFunc(Causes(), func(c Cause) bool { return s&(1<<c) == 0 })
}

// scheduled reports whether time alone is among the causes.
func (s causeSet) scheduled() bool { return slices.ContainsFunc(s.list(), Cause.scheduled) }
