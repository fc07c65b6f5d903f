package export

import (
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
)

// spelling chooses how a destination is written. Each can be written with or
// without a placeholder for its partition, region and account, where these are
// the target's own. The one to choose is the one that most targets share: it makes
// their entries equal. Among equals it is the one with the fewest placeholders,
// so that a destination of one target stays the ARN that one can search for.
type spelling struct {
	targets map[string]map[int]bool // by text: where it is right
}

// place is a destination as one target has it.
type place struct {
	target int
	arn    string
}

// spellDestinations rewrites the destinations of all items.
func spellDestinations(targets []Target, items []item) {
	if len(targets) < 2 {
		return
	}
	s := spelling{targets: map[string]map[int]bool{}}
	chosen := map[place]string{}
	each := func(visit func(*cell, place)) {
		for i := range items {
			for j, field := range desired.Settings() {
				if c := &items[i].cells[j]; !field.IsNumber() && c.value != "" && c.value != fleetfile.None {
					visit(c, place{items[i].target, c.value})
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
	for _, text := range fleetfile.Spellings(p.arn, t, "") {
		if s.targets[text] == nil {
			s.targets[text] = map[int]bool{}
		}
		s.targets[text][p.target] = true
	}
}

func (s spelling) best(p place, t desired.Target) string {
	best := p.arn
	for _, text := range fleetfile.Spellings(p.arn, t, "") {
		more, fewer := len(s.targets[text])-len(s.targets[best]), strings.Count(best, "$")-strings.Count(text, "$")
		if more > 0 || (more == 0 && fewer > 0) {
			best = text
		}
	}
	return best
}
