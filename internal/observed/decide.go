package observed

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/internal/trail"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// early is the part of the maximum age after which a function is read again. What is
// left is for the pass that carries it to end in, and for the one after to begin.
const early = 0.98

// calls are those that can matter to what was asked of the target. A function that is
// asked about an alias for the first time is read for that, whatever the trail says.
func (s *state) calls(need desired.Discovery) []string {
	calls := slices.Concat(trail.Writes, trail.Functions)
	if s.Aliases || need.Aliases != nil {
		calls = append(calls, trail.Aliases...)
	}
	if s.Versions {
		calls = append(calls, trail.Versions...)
	}
	if len(need.Tags) > 0 {
		calls = append(calls, trail.Tags...)
	}
	return calls
}

// news is what the trail says that is not answered yet.
type news struct {
	read   map[string]bool // functions whose records, qualifiers or existence may have changed
	tags   map[string]bool // functions whose tags may have changed
	came   map[string]bool // functions that were created; one that was deleted is found gone when it is read
	events map[string]int64
	latest time.Duration // how late the latest of them came
}

// take sorts events that the trail has shown.
func (s *state) take(hints []events.Hint, now time.Time) news {
	n := news{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]int64{}, 0}
	for _, h := range hints {
		id := h.EventID
		if id == "" {
			id = fmt.Sprint(h.EventName, h.Function, h.Qualifier, h.EventTime.Unix())
		}
		if _, known := s.Events[id]; known {
			continue
		}
		n.events[id] = h.EventTime.Unix()
		delete(s.Doubts, h.Function)
		if late := now.Sub(h.EventTime); late > n.latest && (s.Followed || !h.EventTime.Before(s.Looked)) {
			n.latest = late
		}
		switch h.EventName {
		case "TagResource", "UntagResource":
			n.tags[h.Function] = true
			continue
		case "CreateFunction", "DeleteFunction":
			n.tags[h.Function] = true
			if h.EventName == "CreateFunction" {
				n.came[h.Function] = true
			}
		}
		if !explains(s.functions[h.Function], h) {
			n.read[h.Function] = true
		}
	}
	return n
}

// explains reports whether an observation holds already what an event tells of. AWS's
// own times are compared, so that no clock of ours matters: the record was last written
// after the event, or the event is a write of ours whose answer the observation is.
func explains(o *observation, h events.Hint) bool {
	if o == nil || !h.WritesRecord() || o.State != reconcile.FunctionPresent {
		return false
	}
	i := slices.IndexFunc(o.Records, func(r reconcile.ObservedRecord) bool { return r.Qualifier == h.Qualifier })
	if h.EventName == "DeleteFunctionEventInvokeConfig" {
		return h.Echo && i < 0
	}
	if i < 0 || o.Records[i].Modified == 0 {
		return false
	}
	after := time.UnixMilli(o.Records[i].Modified).Sub(h.EventTime) // events have whole seconds
	return after >= time.Second || h.Echo && after > -time.Second
}

// choice is what one pass does about the functions of a target.
type choice struct {
	carry    []reconcile.CarriedFunction
	asked    map[string]string // what is asked of each declared function
	scrubbed map[string]bool   // read for nothing but their age
	changed  int               // of those observed, those that are asked something else
	observed int               // of those declared
	aliases  bool
	versions bool
}

// turn are the functions that are to be read for their age: the oldest of those that
// are not in the news.
func (s *state) turn(n news, maxAge time.Duration, now time.Time) map[string]bool {
	var known []*observation
	for f, o := range s.functions {
		if !n.read[f] {
			known = append(known, o)
		}
	}
	// Where there is something else to read, what has time waits for a pass without.
	pace := 1.0
	if len(n.read) > 0 {
		pace = 2
	}
	return slice.Set(slice.Map(known[:due(known, maxAge, pace, now)], func(o *observation) string { return o.Function }))
}

// choose parts the declared functions of a target. Carried are those that were
// observed, are asked the same as then, are not in the news, and whose turn it is not.
func (s *state) choose(spec *desired.TargetSpec, undeclared desired.UndeclaredPolicy, n news, turn map[string]bool, orphans bool) choice {
	c := choice{asked: map[string]string{}, scrubbed: map[string]bool{}}
	for entries := range reconcile.ByFunction(spec.Entries) {
		f := entries[0].Function
		asked := askedOf(spec, undeclared, entries)
		c.asked[f] = asked
		for i := range entries {
			c.sees(entries[i].Qualifier)
		}
		o := s.functions[f]
		if o == nil {
			continue
		}
		for i := range o.Records {
			c.sees(o.Records[i].Qualifier)
		}
		c.observed++
		switch {
		case o.asked != asked || asked == "":
			c.changed++
		case n.read[f] || orphans && doubtful(o):
		case turn[f]:
			c.scrubbed[f] = true
		default:
			c.carry = append(c.carry, o.CarriedFunction) // sorted, as the entries are
		}
	}
	return c
}

// due sorts observations by age and says how many of the oldest are to be read now: as
// few as let an even pace of them all in one maximum age, or a multiple of that pace, come
// to each in time from here on. It remembers nothing, so that passes of any rhythm, and
// none for hours, come out right.
func due(known []*observation, maxAge time.Duration, pace float64, now time.Time) int {
	slices.SortFunc(known, func(a, b *observation) int {
		if a.Seen != b.Seen {
			return int(max(-1, min(1, a.Seen-b.Seen)))
		}
		return strings.Compare(a.Function, b.Function)
	})
	whole := early * float64(maxAge.Milliseconds())
	step := whole / (pace * float64(len(known))) // one function each
	n := 0
	for i, o := range known {
		left := whole - float64(now.UnixMilli()-o.Seen)
		// With n of the oldest read now, this one's turn comes after i-n steps.
		n = max(n, i+int(math.Ceil(-left/step)))
		if left <= 0 {
			n = max(n, i+1)
		}
	}
	return min(n, len(known))
}

// sees notes whether a qualifier is an alias or a version.
func (c *choice) sees(q string) {
	if q == desired.Latest || q == "" {
		return
	}
	version := strings.Trim(q, "0123456789") == ""
	c.aliases, c.versions = c.aliases || !version, c.versions || version
}

// carriable is what was read of a function as a later run may carry it. What was not
// read to its end is not carried.
func carriable(f *reconcile.ObservedFunction) (reconcile.CarriedFunction, bool) {
	ok := f.Seen != 0 && f.Err == nil && f.QualifierErr == nil && f.UnlistedErr == nil && f.Appeared == nil &&
		(f.State == reconcile.FunctionPresent || f.State == reconcile.FunctionAbsent)
	return reconcile.CarriedFunction(*f), ok
}

// doubtful reports whether a function holds a record of which nobody knows if its alias or
// version is still there.
func doubtful(o *observation) bool {
	f := reconcile.ObservedFunction(o.CarriedFunction)
	return slices.ContainsFunc(o.Records, func(r reconcile.ObservedRecord) bool { return !f.Knows(r.Qualifier) })
}

// changed reports whether a function is not as it was seen.
func changed(before *observation, now *reconcile.ObservedFunction) bool {
	return before.State != now.State || !slices.EqualFunc(before.Records, now.Records, func(a, b reconcile.ObservedRecord) bool {
		return a.Qualifier == b.Qualifier && *a.Settings == *b.Settings
	})
}

// doubt notes the functions that were read for their age alone and had changed, and
// returns how many of those noted before no event has told of within the allowance.
func (s *state) doubt(scrubbed map[string]bool, seen []reconcile.ObservedFunction, allowed time.Duration, now time.Time) (missed int) {
	for f, since := range s.Doubts {
		if now.Unix()-since > int64(allowed.Seconds()) {
			delete(s.Doubts, f)
			missed++
		}
	}
	for f := range slice.Pointers(seen) {
		if _, whole := carriable(f); whole && scrubbed[f.Function] && changed(s.functions[f.Function], f) {
			s.Doubts[f.Function] = now.Unix()
		}
	}
	return missed
}

// needOf digests what a discovery asks.
func needOf(d desired.Discovery) string {
	return digest(struct {
		List bool
		Tags [][]desired.Tag
	}{d.ListFunctions, d.Tags})
}

// inventoryHolds reports whether what was discovered answers what is asked now, and is
// young enough to be followed by events.
func (s *state) inventoryHolds(d desired.Discovery, maxAge time.Duration, now time.Time) bool {
	return s.Need == needOf(d) && !s.Listed.IsZero() && float64(now.Sub(s.Listed)) < early*float64(maxAge)
}

// follow brings the inventory up to date by the news. Found are the tags that the
// functions in the news have now.
func (s *state) follow(n news, found map[string]tags) {
	if len(n.came) > 0 {
		s.Names = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Names, slices.Collect(maps.Keys(n.came))))))
	}
	if len(n.tags) == 0 {
		return
	}
	now := maps.Clone(s.Tags)
	if now == nil {
		now = map[string]tags{}
	}
	for f := range n.tags {
		delete(now, f)
		if t, has := found[f]; has {
			now[f] = t
		}
	}
	s.Tags = now
}

// aliasesOf are the aliases that need not be listed again: of the functions that may be
// carried.
func (s *state) aliasesOf(n news, turn map[string]bool) map[string][]string {
	known := map[string][]string{}
	for f, o := range s.functions {
		if o.AliasesListed && !n.read[f] && !turn[f] {
			known[f] = o.Aliases
		}
	}
	return known
}

// advance is what is known after a run. Whatever was to be read and was not read to its
// end is forgotten, so that the next run reads it.
func (p *pass) advance(seen *reconcile.ObservedTarget, outcome *reconcile.TargetOutcome, now time.Time) *state {
	s := p.state
	next := newState(s.target)
	next.Written, next.Looked = now, p.began
	if p.asked.Before(p.began) && !p.asked.IsZero() {
		next.Looked = p.asked
	}
	next.Listed, next.Need, next.Names, next.Tags = s.Listed, s.Need, s.Names, s.Tags
	next.Aliases, next.Versions = p.choice.aliases, p.choice.versions
	if p.full == "" || !p.asked.IsZero() { // else nobody knows what was done to those not read
		next.Followed, next.Doubts = true, s.Doubts
		maps.Copy(next.Events, s.Events)
		maps.Copy(next.Events, p.news.events)
		from := next.Looked.Add(-p.of.Delay).Unix()
		maps.DeleteFunc(next.Events, func(_ string, at int64) bool { return at < from })
		for f, o := range s.functions {
			if !p.news.read[f] && now.UnixMilli()-o.Seen <= p.of.MaxAge.Milliseconds() && !p.gone(f) {
				next.functions[f] = o
			}
		}
	}
	for f := range slice.Pointers(seen.Functions) {
		before := s.functions[f.Function]
		delete(next.functions, f.Function)
		if c, whole := carriable(f); whole {
			if _, known := p.aliases[f.Function]; known {
				c.Seen = min(c.Seen, before.Seen) // its aliases are as old as that
			}
			next.functions[f.Function] = &observation{CarriedFunction: c, asked: p.choice.asked[f.Function]}
		}
		if at, listed := slices.BinarySearch(next.Names, f.Function); listed && f.State == reconcile.FunctionAbsent {
			next.Names = slices.Delete(slices.Clone(next.Names), at, at+1)
		}
	}
	if outcome != nil {
		next.wrote(outcome)
	}
	return next
}

// gone reports whether a function that the rules choose among is not there any more.
func (p *pass) gone(f string) bool {
	if _, declared := p.choice.asked[f]; declared || !p.discovered {
		return false
	}
	_, listed := slices.BinarySearch(p.state.Names, f)
	return !listed
}

// wrote takes in what AWS answered to the writes of the run.
func (s *state) wrote(outcome *reconcile.TargetOutcome) {
	for r := range slice.Pointers(outcome.Results) {
		o := s.functions[r.Function]
		switch {
		case o == nil || r.Status == reconcile.NotAttempted:
			continue
		case r.Status != reconcile.Applied:
			delete(s.functions, r.Function) // nobody knows what it holds
			continue
		}
		changed := *o
		changed.Records = slices.DeleteFunc(slices.Clone(o.Records), func(rec reconcile.ObservedRecord) bool { return rec.Qualifier == r.Qualifier })
		if r.After != nil {
			changed.Records = append(changed.Records, reconcile.ObservedRecord{Qualifier: r.Qualifier, Settings: r.After, Modified: r.Modified})
			slices.SortFunc(changed.Records, func(a, b reconcile.ObservedRecord) int { return strings.Compare(a.Qualifier, b.Qualifier) })
		}
		s.functions[r.Function] = &changed
	}
}
