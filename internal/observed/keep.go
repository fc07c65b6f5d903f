package observed

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

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
	for i := range seen.Functions {
		f := &seen.Functions[i]
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
	for i := range outcome.Results {
		r := &outcome.Results[i]
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
