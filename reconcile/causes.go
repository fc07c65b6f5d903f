package reconcile

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// A refusal is one function's row, and stops nobody else. But a queue that does
// not exist refuses five thousand functions, and a role that may not write refuses
// all of them; each costs a call. So what shares the cause of a refused write goes
// behind everything else, and once enough of it was refused without one success
// the rest is not attempted: ten calls, not five thousand. Those under way when the
// tenth is answered are not called back, so that it may be seven more.
//
// What may have one cause is known before the call: the destinations that a write
// sets, or where it sets none its operation. What has one cause for certain is not:
// a queue may refuse the functions of one team and take those of another. So the
// functions are tried family by family, a family being what has the beginning of
// the name in common, spread over each family and not in order.
//
// Where the roles of the functions are known, a role and a destination have one cause for
// certain: AWS asks whether the one may send to the other. So each such pair that
// several functions have is tried by one of them before all else, and where that went
// well, what another role was refused there says nothing about it.
const (
	// firstTries is how many refusals without a success end a family.
	firstTries = 10
	// nextTries is the same for one family once the others had firstTries between them: or
	// a wrong queue of fifty teams would cost ten calls for each.
	nextTries = 2
)

// freshPermission is how long a permission given to a function's role took to count in
// what was recorded. What was refused for it longer ago may be allowed by now.
const freshPermission = 30 * time.Second

// lasting is how long a run lasts by itself: as long as a target is at work.
type lasting struct {
	atWork sync.WaitGroup
	over   chan struct{}
}

// newLasting is of a run with so many targets. Each leaves atWork when its writes are made,
// also one that then waits for the others.
func newLasting(targets int) *lasting {
	l := &lasting{over: make(chan struct{})}
	l.atWork.Add(targets)
	go func() { l.atWork.Wait(); close(l.over) }()
	return l
}

// until waits for a moment, and reports whether the run lasted until then. It is for a
// target that has left atWork.
func (l *lasting) until(due time.Time) bool {
	select {
	case <-l.over:
	case <-time.After(time.Until(due)):
	}
	return !time.Now().Before(due)
}

// causes is what the writes of one target have shown so far. It belongs to the
// goroutine of ratelimit.Run.
type causes struct {
	details map[string]desired.FunctionDetails // by function, as far as they are known
	tries   int                                // how many refusals without a success end the first family
	by      map[aspect]*sharedCause
	asked   map[aspect]bool // pairs whose probe has no answer yet
	denied  time.Time       // when a function's role was first in the way
}

// aspect is what writes have in common: a destination or an operation, for all that have
// it or for those of one role.
type aspect struct{ what, role string }

// sharedCause is what is known of the writes that have one thing in common.
//
// A family that succeeded once never ends here, however many refusals follow: the cause
// is not the aspect then, but something that differs within the family.
type sharedCause struct {
	families map[string]*familyTries
	refused  int // in families without a success
}

type familyTries struct {
	refused   int
	succeeded bool
	first     desired.Name // that was refused
	err       error
}

// ended reports whether a family is not worth another call.
func (s *sharedCause) ended(f *familyTries, tries int) bool {
	if s.refused-f.refused >= tries {
		tries = min(tries, nextTries)
	}
	return !f.succeeded && f.refused >= tries
}

// aspectsOf is what a change has in common with others that may be refused with it.
//
// The result is sorted and never empty. Deletes, and updates of numbers alone, have only
// their operation in common: a role that may not make it is refused every time.
func (c *causes) aspectsOf(change *Change) []aspect {
	role := c.details[change.Function].Role
	var aspects []aspect
	for s, v := range change.Request() {
		if desired.Setting(s).IsNumber() || v.Text() == "" {
			continue
		}
		aspects = append(aspects, aspect{what: v.Text()})
		if role != "" {
			aspects = append(aspects, aspect{v.Text(), role})
		}
	}
	if aspects == nil {
		aspects = []aspect{{what: operation(change.Action)}}
	}
	slices.SortFunc(aspects, func(a, b aspect) int {
		return cmp.Or(strings.Compare(a.what, b.what), strings.Compare(a.role, b.role))
	})
	return slices.Compact(aspects)
}

// familyOf is the beginning of a function's name, up to its first digit or
// separator: orders for orders-17. The functions of one role are one family.
//
// A name that begins with one of these is a family of its own.
func (s aspect) familyOf(function string) string {
	if s.role != "" {
		return ""
	}
	if i := strings.IndexAny(function, "0123456789-_"); i > 0 {
		return function[:i]
	}
	return function
}

// at is what is known of an aspect, and of one family in it; it begins empty.
//
// Maps are made here and not before: most targets meet no refusal.
func (c *causes) at(of aspect, function string) (*sharedCause, *familyTries) {
	if c.by == nil {
		c.by = map[aspect]*sharedCause{}
	}
	s := c.by[of]
	if s == nil {
		s = &sharedCause{families: map[string]*familyTries{}}
		c.by[of] = s
	}
	family := of.familyOf(function)
	f := s.families[family]
	if f == nil {
		f = &familyTries{}
		s.families[family] = f
	}
	return s, f
}

// settled takes the end of a write.
//
// Only two ends teach anything: a write that was applied, and a refusal about one
// function. A server error or a throttled call says nothing about what was asked.
func (c *causes) settled(r *ChangeResult) {
	refused := r.Status == Failed && refusesOne(r.Err)
	if !refused && r.Status != Applied {
		return
	}
	if callerr.KindOf(r.Err) == callerr.Role && c.denied.IsZero() {
		c.denied = time.Now()
	}
	for _, of := range c.aspectsOf(&r.Change) {
		s, f := c.at(of, r.Function)
		delete(c.asked, of)
		switch {
		case refused:
			if f.refused++; f.refused == 1 {
				f.first, f.err = r.Name, r.Err
			}
			if !f.succeeded {
				s.refused++
			}
		case !f.succeeded:
			f.succeeded = true
			s.refused -= f.refused
		}
	}
}

// suspect reports whether anything that a change shares was refused before.
func (c *causes) suspect(change *Change) bool {
	return slices.ContainsFunc(c.unproven(change), func(of aspect) bool {
		for _, f := range c.by[of].families {
			if f.refused > 0 {
				return true
			}
		}
		return false
	})
}

// verdict is why a change is not worth a call any more, or nil.
//
// The error wraps the first refusal, so that a report puts both under one cause, and names
// the config that met it.
func (c *causes) verdict(change *Change) error {
	for _, of := range c.unproven(change) {
		s := c.by[of]
		if f := s.families[of.familyOf(change.Function)]; f != nil && s.ended(f, c.tries) {
			return fmt.Errorf("%w as %s: %w", ErrSameCause, f.first, f.err)
		}
	}
	return nil
}

// unproven is what a change shares that was tried before, without the destinations that
// its role was seen to be allowed.
func (c *causes) unproven(change *Change) []aspect {
	role := c.details[change.Function].Role
	return slices.DeleteFunc(c.aspectsOf(change), func(of aspect) bool {
		pair := c.by[aspect{of.what, role}]
		return c.by[of] == nil || role != "" && pair != nil && pair.families[""].succeeded
	})
}

// refusesOne reports whether an error is a refusal about one function, which says
// nothing about the health of what answered.
//
// Throttling, conflicts and server errors are not among them: they may pass by themselves.
func refusesOne(err error) bool {
	switch callerr.KindOf(err) {
	case callerr.FunctionMissing, callerr.RecordMissing, callerr.Denied, callerr.Refused, callerr.Role, callerr.Invalid:
		return true
	}
	return false
}

// inTurn gives what is open of a target's changes, function by function: a probe of each
// pair of role and destination, then in order, what failed last time behind the rest, and
// what shares the cause of a refusal behind everything else. What is not worth a call is
// given to skip.
//
// The order of the plan is kept where there is no reason against it. The verdict is asked
// when a group's turn comes and not before, since the answers of those before it decide.
func (c *causes) inTurn(results []ChangeResult, last func(desired.Name) bool, skip func([]ChangeResult, error)) iter.Seq[[]ChangeResult] {
	return func(yield func([]ChangeResult) bool) {
		probes, rest := c.probes(results, last)
		var later, suspects [][]ChangeResult
		for _, group := range probes {
			if c.verdict(&group[0].Change) != nil {
				suspects = append(suspects, group)
			} else if !yield(group) {
				return
			}
		}
		try := func(group []ChangeResult) bool {
			if c.suspect(&group[0].Change) {
				suspects = append(suspects, group)
				return true
			}
			return yield(group)
		}
		for _, group := range rest {
			if last != nil && last(group[0].Name) {
				later = append(later, group)
			} else if !try(group) {
				return
			}
		}
		for _, group := range later {
			if !try(group) {
				return
			}
		}
		left := make([][]ChangeResult, 0, len(suspects))
		for i := range spread(len(suspects)) {
			left = append(left, suspects[i])
		}
		for asked := -1; len(left) > 0; left = left[1:] {
			// A refusal may be heard before what another role is allowed.
			if n := len(c.asked); n != asked {
				asked, left = n, c.allowedFirst(left)
			}
			if err := c.verdict(&left[0][0].Change); err != nil {
				skip(left[0], err)
			} else if !yield(left[0]) {
				return
			}
		}
	}
}

// allowedFirst puts what is not suspect any more before the rest.
func (c *causes) allowedFirst(groups [][]ChangeResult) [][]ChangeResult {
	var allowed, suspects [][]ChangeResult
	for _, group := range groups {
		if c.suspect(&group[0].Change) {
			suspects = append(suspects, group)
		} else {
			allowed = append(allowed, group)
		}
	}
	return append(allowed, suspects...)
}

// probes takes one function for each pair of role and destination out of what is open,
// where others have the same pair; rest is all else, in order. One that failed last time
// is none: of it the answer is known already.
func (c *causes) probes(results []ChangeResult, last func(desired.Name) bool) (probes, rest [][]ChangeResult) {
	functions := map[aspect]int{} // that have the pair; 0 once it has its probe
	c.asked = map[aspect]bool{}
	pairs := func(group []ChangeResult) (of []aspect) {
		for i := range group {
			of = append(of, c.aspectsOf(&group[i].Change)...)
		}
		return slices.DeleteFunc(of, func(s aspect) bool { return s.role == "" })
	}
	for group := range chunksBy(results, func(r *ChangeResult) string { return r.Function }) {
		if first := slices.IndexFunc(group, func(r ChangeResult) bool { return r.open() }); first >= 0 {
			rest = append(rest, group[first:])
		}
	}
	if c.details == nil {
		return nil, rest
	}
	for _, group := range rest {
		for _, pair := range pairs(group) {
			functions[pair]++
		}
	}
	rest = slices.DeleteFunc(rest, func(group []ChangeResult) bool {
		of := pairs(group)
		if last != nil && last(group[0].Name) || !slices.ContainsFunc(of, func(pair aspect) bool { return functions[pair] > 1 }) {
			return false
		}
		for _, pair := range of {
			functions[pair], c.asked[pair] = 0, true
		}
		probes = append(probes, group)
		return true
	})
	return probes, rest
}

// spread gives the numbers below n, each once, far from its neighbours: steps of
// the golden section, as long as they have no factor in common with n.
func spread(n int) iter.Seq[int] {
	step := max(1, int(float64(n)*0.618))
	for ; gcd(step, n) > 1; step++ {
	}
	return func(yield func(int) bool) {
		for i, at := 0, 0; i < n; i, at = i+1, (at+step)%n {
			if !yield(at) {
				return
			}
		}
	}
}

// gcd is the greatest common divisor.
func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
