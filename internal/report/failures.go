package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// failure is one config with an error: a change that failed, or a config that was not read.
type failure struct {
	key    desired.Key
	cause  *reconcile.CallError
	result *reconcile.Result // nil where nothing was tried
}

func newFailure(key desired.Key, err error, result *reconcile.Result) failure {
	return failure{key, cmp.Or(reconcile.ErrorOf(err), &reconcile.CallError{}), result}
}

// facts are what AWS support asks for, and what explains a slow run.
func (f failure) facts() string {
	var parts []string
	if f.result != nil && f.result.Stats.Attempts > 0 {
		parts = append(parts, count(f.result.Stats.Attempts, "attempt"))
		if w := f.result.Stats.Waited; w >= time.Second {
			parts = append(parts, "waited "+formatDuration(w))
		}
	}
	if f.cause.RequestID != "" {
		parts = append(parts, "request "+f.cause.RequestID)
	}
	return listed(parts...)
}

// failures are those of one sort, over all targets.
type failures struct {
	rows   []failure
	labels []string // of the targets that they are in
	of     int      // configs or changes of these targets
}

// in takes in that a target has failures.
func (f *failures) in(label string, t desired.Target, of int) {
	if at := where(label, t); !slices.Contains(f.labels, at) {
		f.labels = append(f.labels, at)
		f.of += of
	}
}

// where is the target, or how many there are.
func (f *failures) where() string {
	if len(f.labels) == 1 {
		return f.labels[0]
	}
	return count(len(f.labels), "target")
}

// note groups failures by cause. What differs within a cause is the name of the function and
// the request id; what concerns most configs comes first.
func (f *failures) note(tone color, text, noun, found string) note {
	type key struct{ op, cause string }
	n := note{tone: tone, text: f.where() + text, n: len(f.rows), noun: noun, found: found}
	n.parts = groupBy(f.rows,
		func(r failure) key { return key{r.cause.Op, r.cause.Cause()} },
		func(k key, rows []failure) note {
			cause := *rows[0].cause
			if !allEqual(rows, func(r failure) string { return r.cause.Message }) {
				cause.Message = template(cause.Message, rows[0].key.Function)
			}
			if !allEqual(rows, func(r failure) string { return r.cause.Hint }) {
				cause.Hint = template(cause.Hint, rows[0].key.Function)
			}
			part := note{tone: red, text: cause.Reason(), hint: cause.Hint}
			if k.op != "" {
				part.text = k.op + ": " + part.text
			}
			if noun == "target" && len(f.labels) == 1 { // the text has named it
				return part
			}
			for _, r := range rows {
				name := r.key.Name.String()
				if len(f.labels) > 1 && noun != "target" {
					name = r.key.String()
				}
				part.rows = append(part.rows, row{name: name, aside: r.facts()})
			}
			if len(rows) > 1 {
				part.text = count(len(rows), noun) + ": " + part.text
				if facts := rows[0].facts(); facts != "" && allEqual(rows, failure.facts) {
					part.each = facts
					for i := range part.rows {
						part.rows[i].aside = ""
					}
				}
			}
			return part
		})
	slices.SortStableFunc(n.parts, func(a, b note) int { return cmp.Compare(len(b.rows), len(a.rows)) })
	return n
}

// unwritten is the changes that failed, and those that the run did not come to.
func (r *Run) unwritten() []note {
	var failed, same, stale, open, never, again failures
	allowed := 0
	for i := range r.outcomes() {
		t := &r.Outcome.Targets[i]
		for j := range t.Results {
			result := &t.Results[j]
			row := newFailure(desired.Key{Target: t.Target, Name: result.Name}, result.Err, result)
			if result.Again {
				again.in(t.Label, t.Target, 0)
				again.rows = append(again.rows, row)
				if result.Err == nil {
					allowed++
				}
			}
			f := &failed
			switch {
			case result.Status == reconcile.Applied, result.Status == reconcile.AlreadySo:
				continue
			case errors.Is(result.Err, reconcile.ErrSameCause):
				f = &same
			case result.Status == reconcile.Stale:
				f = &stale
			case result.Status == reconcile.NotAttempted && result.Err != nil:
				f = &open
			case result.Status == reconcile.NotAttempted:
				f = &never
			}
			f.in(t.Label, t.Target, len(t.Results))
			f.rows = append(f.rows, row)
		}
	}
	var all []note
	if n := len(again.rows); n > 0 {
		all = append(all, note{tone: yellow, text: fmt.Sprintf("%s: %s refused for the roles of the functions, and tried once more at the end: %d allowed by then", again.where(), count(n, "change"), allowed)})
	}
	for _, s := range []struct {
		*failures
		tone        color
		text, found string
	}{
		{&failed, red, fmt.Sprintf(": %d of %s failed", len(failed.rows), count(failed.of, "change")), " failed"},
		{&same, yellow, fmt.Sprintf(": %s not attempted, for the same cause as others that were all refused", count(len(same.rows), "change")), " not attempted"},
		{&stale, yellow, fmt.Sprintf(": %s left alone as stale, the record is no longer what was seen", count(len(stale.rows), "change")), " stale"},
		{&open, yellow, fmt.Sprintf(": the run ended while %s waited to be tried again", count(len(open.rows), "change")), " not attempted"},
		{&never, yellow, fmt.Sprintf(": %s not attempted, the run ended before their turn", count(len(never.rows), "change")), " not attempted"},
	} {
		if len(s.rows) == 0 {
			continue
		}
		n := s.note(s.tone, s.text, "config", s.found)
		if s.failures == &stale || s.failures == &never { // nothing was refused
			n.rows, n.parts = rowsOf(s.rows, func(f failure) desired.Name { return f.key.Name }), nil
		}
		all = append(all, n)
	}
	return all
}
