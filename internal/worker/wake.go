package worker

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Cause is why the worker was woken. There are few, so that they can be the
// label of a metric.
type Cause uint8

// The causes.
const (
	Start    Cause = iota // the process has begun
	Schedule              // an interval has passed or a cron time has come
	Files                 // the content of a fleet file has changed
	Signal                // SIGHUP
	Request               // POST /reconcile
	Event                 // a queue or a bus delivered an event
)

var causeNames = [...]string{"start", "schedule", "files", "signal", "request", "event"}

// Causes lists all causes.
func Causes() []Cause { return []Cause{Start, Schedule, Files, Signal, Request, Event} }

// String is the cause as logs and metrics spell it.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return "unknown"
}

// scheduled reports whether the cause is time alone, and nobody's change.
func (c Cause) scheduled() bool { return c == Start || c == Schedule }

// ErrStopped is what Done gets for a wake that no pass dealt with because the
// worker ended. Whoever holds the event keeps it for the next process.
var ErrStopped = errors.New("the worker stopped before this was looked at")

// Wake asks for a pass.
type Wake struct {
	Cause    Cause
	Triggers []Trigger // what to look at; empty means everything
	// Done, when not nil, is called once, with nil when everything that the wake
	// asked for was dealt with. It is called when the pass is over and must not block.
	Done func(error)
}

// Trigger is one place to look at.
type Trigger struct {
	Object
	// Qualifier and Author tell whose write of which record it was, for a
	// trigger that is such a write; otherwise both are empty.
	Qualifier string
	Author    insight.Author
	EventTime time.Time // zero when not known
}

// key is the record that somebody wrote, if the trigger tells.
func (t Trigger) key() (desired.Key, bool) {
	return desired.Key{Target: t.Target, Name: desired.Name{Function: t.Function, Qualifier: t.Qualifier}},
		t.Function != "" && t.Qualifier != ""
}

// ack counts down the objects that a wake still waits for.
type ack struct {
	open int
	errs []error
	done func(error) // may be nil
}

func (t *ack) settle(err error) {
	t.open--
	if err != nil {
		t.errs = append(t.errs, err)
	}
	if t.open == 0 && t.done != nil {
		t.done(errors.Join(t.errs...))
	}
}

// Classified is what remains of the hints of one event.
type Classified struct {
	Everything bool      // a schedule or a fleet file: a sweep
	Files      bool      // a fleet file changed
	Triggers   []Trigger // empty when Everything
	Echoes     int       // our own writes, dropped
}

// Classify turns hints into what the worker is to look at. A stored object counts
// when it is one of the fleet's files, which are named like s3://bucket/key, or below a
// prefix of them, which ends in a slash.
func Classify(hints []events.Hint, files ...string) Classified {
	var t Classified
	for _, h := range hints {
		switch {
		case h.Failed: // AWS refused the call
		case h.Echo:
			t.Echoes++
		case h.Kind == events.Files:
			if slices.ContainsFunc(files, func(f string) bool {
				return f == h.Object || strings.HasSuffix(f, "/") && strings.HasPrefix(h.Object, f)
			}) {
				t.Everything, t.Files = true, true
			}
		case h.Kind == events.All:
			t.Everything = true
		default:
			trigger := Trigger{Object: Object{h.Target, h.Function}, EventTime: h.EventTime}
			if h.Kind == events.Key && h.WritesRecord() {
				trigger.Qualifier, trigger.Author = h.Qualifier, h.Author
			}
			t.Triggers = append(t.Triggers, trigger)
		}
	}
	if t.Everything {
		t.Triggers = nil
	}
	return t
}

// Needed reports whether anything is to be looked at.
func (t Classified) Needed() bool { return t.Everything || len(t.Triggers) > 0 }

// Wake is the wake for what remains, where anything is needed.
func (t Classified) Wake(done func(error)) Wake {
	cause := Event
	switch {
	case t.Files:
		cause = Files
	case t.Everything:
		cause = Schedule // somebody else's clock is a clock
	}
	return Wake{Cause: cause, Triggers: t.Triggers, Done: done}
}

// queue is what has been asked for and not begun. It holds no clock and no
// lock: its methods are functions of instants, and the worker guards it.
type queue struct {
	settle time.Duration // a triggered object waits so long
	gap    time.Duration // between the end of a sweep and the start of the next

	sweep   *job // nil when nobody asked for everything
	sweepAt time.Time
	objects map[Object]*item
	swept   time.Time // when the last sweep ended; zero before the first
}

// item is one object that waits.
type item struct {
	due    time.Time
	causes causeSet
	acks   []*ack
	times  []time.Time // of the events
}

// job is what one pass is to do, and whom to tell: a sweep, or a targeted pass
// over items.
type job struct {
	sweep  bool
	causes causeSet
	acks   []*ack // of wakes that asked for everything
	items  map[Object]*item
}

func newQueue(settle, gap time.Duration) *queue {
	return &queue{settle: settle, gap: gap, objects: map[Object]*item{}}
}

// add notes a wake.
func (q *queue) add(w Wake, now time.Time) {
	if len(w.Triggers) == 0 {
		if q.sweep == nil {
			q.sweep, q.sweepAt = &job{sweep: true}, now
		}
		q.sweep.causes.add(w.Cause)
		q.sweep.acks = append(q.sweep.acks, &ack{open: 1, done: w.Done})
		return
	}
	byObject := map[Object][]Trigger{}
	for _, t := range w.Triggers {
		byObject[t.Object] = append(byObject[t.Object], t)
	}
	a := &ack{open: len(byObject), done: w.Done}
	for object, triggers := range byObject {
		it := q.objects[object]
		if it == nil {
			// Counted from the first trigger, so that a function which is
			// triggered without end is looked at all the same.
			it = &item{due: now.Add(q.settle)}
			q.objects[object] = it
		}
		it.causes.add(w.Cause)
		it.acks = append(it.acks, a)
		for _, t := range triggers {
			if !t.EventTime.IsZero() {
				it.times = append(it.times, t.EventTime)
			}
		}
	}
}

// again notes that a target is to be looked at later, as a whole, unless a sweep comes
// first.
func (q *queue) again(o Object, due time.Time) {
	if q.objects[o] == nil {
		q.objects[o] = &item{due: due, causes: 1 << Schedule}
	}
}

// due is when the next sweep and the next targeted pass may begin; zero for one
// that nobody asked for. Targeted passes need no gap and cause none: the settle
// time keeps those over one function apart, and they cost one request a function.
func (q *queue) due() (sweep, targeted time.Time) {
	if q.sweep != nil {
		sweep = q.sweepAt
		if !q.swept.IsZero() && q.swept.Add(q.gap).After(sweep) {
			sweep = q.swept.Add(q.gap)
		}
	}
	for _, it := range q.objects {
		targeted = earliest(targeted, it.due)
	}
	return sweep, targeted
}

// takeSweep gives the sweep if it is due, or nil.
func (q *queue) takeSweep(now time.Time) *job {
	if due, _ := q.due(); due.IsZero() || due.After(now) {
		return nil
	}
	j := q.sweep
	q.sweep = nil
	maps.DeleteFunc(q.objects, func(_ Object, it *item) bool { return it.acks == nil }) // noted by again
	return j
}

// takeTargeted gives a pass over the objects that have settled, or nil.
func (q *queue) takeTargeted(now time.Time) *job {
	j := &job{items: map[Object]*item{}}
	for object, it := range q.objects {
		if it.due.After(now) {
			continue
		}
		j.items[object] = it
		j.causes |= it.causes
		delete(q.objects, object)
	}
	if len(j.items) == 0 {
		return nil
	}
	return j
}

// rest takes everything, due or not.
func (q *queue) rest() *job {
	j := &job{items: q.objects}
	if q.sweep != nil {
		j.acks = q.sweep.acks
	}
	q.sweep, q.objects = nil, map[Object]*item{}
	return j
}

// scope is what the job's pass looks at.
func (j *job) scope() Scope {
	if j.sweep {
		return Scope{All: true}
	}
	return Scope{Objects: widest(slices.Collect(maps.Keys(j.items)))}
}

// settle tells everybody who waits for the job how their part ended.
func (j *job) settle(whole error, of func(Object) error) {
	for _, a := range j.acks {
		a.settle(whole)
	}
	for _, object := range slices.SortedFunc(maps.Keys(j.items), Object.Compare) {
		err := of(object)
		for _, a := range j.items[object].acks {
			a.settle(err)
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

// earliest is the earlier of two instants, of which a zero one is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// causeSet is a set of causes.
type causeSet uint16

func (s *causeSet) add(c Cause) { *s |= 1 << c }

func (s causeSet) list() []Cause {
	return slices.DeleteFunc(Causes(), func(c Cause) bool { return s&(1<<c) == 0 })
}

// asked reports whether something else than time is among the causes.
func (s causeSet) asked() bool {
	return slices.ContainsFunc(s.list(), func(c Cause) bool { return !c.scheduled() })
}

// scheduled reports whether time alone is among the causes.
func (s causeSet) scheduled() bool { return slices.ContainsFunc(s.list(), Cause.scheduled) }
