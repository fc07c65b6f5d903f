package export

import (
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
)

// spelling chooses how a destination is written. Each can be written with or
// without a placeholder for its partition, region and account, where these are
// the target's own, and for the function's name. The one to choose is the one that most
// functions share: it makes their entries equal. Among equals it is the one with the fewest placeholders,
// so that a destination of one target stays the ARN that one can search for.
type spelling struct {
	shared map[string]int // by text: at how many places it is right
}

// place is a destination as one function of one target has it.
type place struct {
	target   int
	function string
	arn      string
}

// spellDestinations rewrites the destinations of all items.
func spellDestinations(targets []Target, items []item) {
	s := spelling{shared: map[string]int{}}
	chosen := map[place]string{}
	each := func(visit func(*cell, place)) {
		for i := range items {
			for j, field := range desired.Settings() {
				if c := &items[i].cells[j]; !field.IsNumber() && c.value != "" && c.value != fleetfile.None {
					visit(c, place{items[i].target, items[i].Function, c.value})
				}
			}
		}
	}
	each(func(_ *cell, p place) {
		if _, seen := chosen[p]; !seen {
			chosen[p] = ""
			s.add(p, targets[p.target].Target)
		}
	})
	each(func(c *cell, p place) {
		if chosen[p] == "" {
			chosen[p] = s.best(p, targets[p.target].Target)
		}
		c.value, c.effect = chosen[p], chosen[p]
	})
}

func (s spelling) add(p place, t desired.Target) {
	for _, text := range fleetfile.Spellings(p.arn, t, p.function) {
		s.shared[text]++
	}
}

func (s spelling) best(p place, t desired.Target) string {
	best := p.arn
	for _, text := range fleetfile.Spellings(p.arn, t, p.function) {
		more, fewer := s.shared[text]-s.shared[best], strings.Count(best, "$")-strings.Count(text, "$")
		if more > 0 || (more == 0 && fewer > 0) {
			best = text
		}
	}
	return best
}
