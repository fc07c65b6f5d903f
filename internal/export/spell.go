package export

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
)

// spelling chooses how a destination is written. Each can be written with or
// without a placeholder for its partition, region and account, where these are
// the site's own. The one to choose is the one that most sites share: it makes
// their entries equal. Among equals it is the one with the fewest placeholders,
// so that a destination of one site stays the ARN that one can search for.
type spelling struct {
	sites map[string]map[int]bool // by text: where it is right
}

// place is a destination as one site has it.
type place struct {
	site int
	arn  string
}

// spellDestinations rewrites the destinations of all items.
func spellDestinations(sites []Site, items []item) {
	if len(sites) < 2 {
		return
	}
	s := spelling{sites: map[string]map[int]bool{}}
	chosen := map[place]string{}
	each := func(visit func(*cell, place)) {
		for i := range items {
			for j, field := range desired.Settings() {
				if c := &items[i].cells[j]; !field.IsNumber() && c.value != "" && c.value != none {
					visit(c, place{items[i].site, c.value})
				}
			}
		}
	}
	each(func(_ *cell, p place) {
		if _, seen := chosen[p]; !seen {
			chosen[p] = ""
			s.add(p, sites[p.site].Target)
		}
	})
	each(func(c *cell, p place) {
		if chosen[p] == "" {
			chosen[p] = s.best(p, sites[p.site].Target)
		}
		c.value, c.effect = chosen[p], chosen[p]
	})
}

func (s spelling) add(p place, t desired.Target) {
	for _, text := range spellings(p.arn, t) {
		if s.sites[text] == nil {
			s.sites[text] = map[int]bool{}
		}
		s.sites[text][p.site] = true
	}
}

func (s spelling) best(p place, t desired.Target) string {
	best := p.arn
	for _, text := range spellings(p.arn, t) {
		more, fewer := len(s.sites[text])-len(s.sites[best]), strings.Count(best, "$")-strings.Count(text, "$")
		if more > 0 || (more == 0 && fewer > 0) {
			best = text
		}
	}
	return best
}

// spellings lists the ways to write an ARN, the ARN itself first.
func spellings(written string, t desired.Target) []string {
	a, err := arn.Parse(written)
	if err != nil {
		return []string{written}
	}
	all := []arn.ARN{a}
	for _, part := range []struct {
		of               func(*arn.ARN) *string
		own, placeholder string
	}{
		{func(a *arn.ARN) *string { return &a.Partition }, t.Partition(), "${partition}"},
		{func(a *arn.ARN) *string { return &a.Region }, t.Region, "${region}"},
		{func(a *arn.ARN) *string { return &a.AccountID }, t.Account, "${account}"},
	} {
		for _, with := range all {
			if *part.of(&with) == part.own {
				*part.of(&with) = part.placeholder
				all = append(all, with)
			}
		}
	}
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = all[i].String()
	}
	return texts
}
