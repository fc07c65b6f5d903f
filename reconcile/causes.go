package reconcile

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
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
const (
	// firstTries is how many refusals without a success end a family.
	firstTries = 10
	// nextTries is the same for the families after the first that ended so.
	nextTries = 2
)

// ErrSameCause is why a change was not attempted that shares the cause of others
// that were all refused.
var ErrSameCause = errors.New("not attempted: same cause")

// causes is what the writes of one target have shown so far. It belongs to the
// goroutine of ratelimit.Run.
type causes struct {
	by map[string]*sharedCause
}

// sharedCause is what is known of the writes that have one thing in common.
//
// A family that succeeded once never ends here, however many refusals follow: the cause
// is not the share then, but something that differs within the family.
type sharedCause struct {
	families map[string]*familyTries
	ended    int // families that ended without a success
}

type familyTries struct {
	refused   int
	succeeded bool
	ended     bool
	first     desired.Name // that was refused
	err       error
}

// sharesOf is what a change has in common with others that may be refused with it.
//
// The result is sorted and never empty. Deletes, and updates of numbers alone, have only
// their operation in common: a role that may not make it is refused every time.
func sharesOf(c *Change) []string {
	var shares []string
	for s, v := range c.Request() {
		if !desired.Setting(s).IsNumber() && v.Text() != "" {
			shares = append(shares, v.Text())
		}
	}
	if shares == nil {
		shares = []string{operation(c.Action)}
	}
	slices.Sort(shares)
	return slices.Compact(shares)
}

// familyOf is the beginning of a function's name, up to its first digit or
// separator: orders for orders-17.
//
// A name that begins with one of these is a family of its own.
func familyOf(function string) string {
	if i := strings.IndexAny(function, "0123456789-_"); i > 0 {
		return function[:i]
	}
	return function
}

// at is what is known of a share, and of one family in it; it begins empty.
//
// Maps are made here and not before: most targets meet no refusal.
func (c *causes) at(share, function string) (*sharedCause, *familyTries) {
	if c.by == nil {
		c.by = map[string]*sharedCause{}
	}
	s := c.by[share]
	if s == nil {
		s = &sharedCause{families: map[string]*familyTries{}}
		c.by[share] = s
	}
	f := s.families[familyOf(function)]
	if f == nil {
		f = &familyTries{}
		s.families[familyOf(function)] = f
	}
	return s, f
}

// settled takes the end of a write.
//
// Only two ends teach anything: a write that was applied, and a refusal about one
// function. A server error or a throttled call says nothing about what was asked.
func (c *causes) settled(r *Result) {
	refused := r.Status == Failed && refusesOne(r.Err)
	if !refused && r.Status != Applied {
		return
	}
	for _, share := range sharesOf(&r.Change) {
		s, f := c.at(share, r.Function)
		if !refused {
			f.succeeded = true
			continue
		}
		if f.refused++; f.refused == 1 {
			f.first, f.err = r.Name, r.Err
		}
		tries := firstTries
		if s.ended > 0 {
			tries = nextTries
		}
		if !f.succeeded && !f.ended && f.refused >= tries {
			f.ended = true
			s.ended++
		}
	}
}

// suspect reports whether anything that a change shares was refused before.
func (c *causes) suspect(change *Change) bool {
	return slices.ContainsFunc(sharesOf(change), func(share string) bool {
		s := c.by[share]
		if s == nil {
			return false
		}
		for _, f := range s.families {
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
	for _, share := range sharesOf(change) {
		if s := c.by[share]; s != nil {
			if f := s.families[familyOf(change.Function)]; f != nil && f.ended {
				return fmt.Errorf("%w as %s: %w", ErrSameCause, f.first, f.err)
			}
		}
	}
	return nil
}

// refusesOne reports whether an error is a refusal about one function, which says
// nothing about the health of what answered.
//
// Throttling, conflicts and server errors are not among them: they may pass by themselves.
func refusesOne(err error) bool {
	switch KindOf(err) {
	case KindFunctionMissing, KindRecordMissing, KindDenied, KindRefused, KindInvalid:
		return true
	}
	return false
}

// inTurn gives the changes of a target, function by function: in order, what failed
// last time behind the rest, and what shares the cause of a refusal behind
// everything else. What is not worth a call is given to skip.
//
// The order of the plan is kept where there is no reason against it. The verdict is asked
// when a group's turn comes and not before, since the answers of those before it decide.
func (c *causes) inTurn(results []Result, last func(desired.Name) bool, skip func([]Result, error)) iter.Seq[[]Result] {
	return func(yield func([]Result) bool) {
		var later, suspects [][]Result
		try := func(group []Result) bool {
			if c.suspect(&group[0].Change) {
				suspects = append(suspects, group)
				return true
			}
			return yield(group)
		}
		for group := range chunksBy(results, func(r *Result) string { return r.Function }) {
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
		for i := range spread(len(suspects)) {
			if err := c.verdict(&suspects[i][0].Change); err != nil {
				skip(suspects[i], err)
			} else if !yield(suspects[i]) {
				return
			}
		}
	}
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
