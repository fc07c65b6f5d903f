package worker

import (
	"maps"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// queue is what has been asked for and not begun. It holds no clock and no
// lock: its methods are functions of instants, and the worker guards it.
type queue struct {
	settle time.Duration // a touched object waits so long
	gap    time.Duration // between the end of a pass over everything and the start of the next

	sweep   *job // nil when nobody asked for everything
	sweepAt time.Time
	objects map[Object]*item
	swept   time.Time // when the last pass over everything ended; zero before the first
}

// item is one touched object.
type item struct {
	due     time.Time
	causes  causeSet
	acks    []*ack
	writers map[desired.Key]string // who wrote which record; the last writer counts
	times   []time.Time            // of the events
}

// job is what one pass is to do, and whom to tell.
type job struct {
	all    bool
	causes causeSet
	items  map[Object]*item
	sweeps []*ack // of wakes that asked for everything
}

func newQueue(settle, gap time.Duration) *queue {
	return &queue{settle: settle, gap: gap, objects: map[Object]*item{}}
}

// add notes a wake.
func (q *queue) add(w Wake, now time.Time) {
	if len(w.Triggers) == 0 {
		if q.sweep == nil {
			q.sweep, q.sweepAt = &job{all: true}, now
		}
		q.sweep.causes.add(w.Cause)
		q.sweep.sweeps = append(q.sweep.sweeps, newAck(w, 1))
		return
	}
	bySubject := map[Object][]Trigger{}
	for _, t := range w.Triggers {
		bySubject[t.Object] = append(bySubject[t.Object], t)
	}
	a := newAck(w, len(bySubject))
	for object, triggers := range bySubject {
		it := q.objects[object]
		if it == nil {
			// Counted from the first touch, so that a function which is touched
			// without end is looked at all the same.
			it = &item{due: now.Add(q.settle), writers: map[desired.Key]string{}}
			q.objects[object] = it
		}
		it.causes.add(w.Cause)
		it.acks = append(it.acks, a)
		for _, t := range triggers {
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
func (q *queue) due() (time.Time, bool) {
	at, any := time.Time{}, false
	if q.sweep != nil {
		at, any = q.sweepDue(), true
	}
	for _, it := range q.objects {
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
func (q *queue) sweepDue() time.Time {
	if earliest := q.swept.Add(q.gap); !q.swept.IsZero() && earliest.After(q.sweepAt) {
		return earliest
	}
	return q.sweepAt
}

// take gives the job that begins now, or nil. Everything outranks a part, and
// takes along the objects that have settled; the others keep waiting, since
// what they wait for may happen after their turn in the pass.
func (q *queue) take(now time.Time) *job {
	var j *job
	if q.sweep != nil && !q.sweepDue().After(now) {
		j, q.sweep = q.sweep, nil
	} else {
		j = &job{}
	}
	j.items = map[Object]*item{}
	for object, it := range q.objects {
		if it.due.After(now) {
			continue
		}
		j.items[object] = it
		j.causes |= it.causes
		delete(q.objects, object)
	}
	if !j.all && len(j.items) == 0 {
		return nil
	}
	return j
}

// rest takes everything, due or not.
func (q *queue) rest() *job {
	j := &job{items: q.objects}
	if q.sweep != nil {
		j.sweeps = q.sweep.sweeps
	}
	q.sweep, q.objects = nil, map[Object]*item{}
	return j
}

// scope is what the job's pass looks at.
func (j *job) scope(leave []Fought) Scope {
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
	for _, object := range slices.SortedFunc(maps.Keys(j.items), Object.Compare) {
		err := of(object)
		for _, t := range j.items[object].acks {
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
