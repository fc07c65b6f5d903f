package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// authorJSON is who made a config what it is.
type authorJSON struct {
	keyJSON
	reconcile.Author
	At        string `json:"at"`
	Call      string `json:"call"`
	Redeploys bool   `json:"redeploys"` // the next deployment writes it again
}

// fightJSON is a config that somebody else keeps changing back.
type fightJSON struct {
	keyJSON
	Times  int              `json:"times"` // how often it was corrected
	Since  *string          `json:"since"`
	Author reconcile.Author `json:"author"` // whose name and kind are "" where nobody told
}

func (r *Run) newAuthor(a reconcile.Authorship) authorJSON {
	return authorJSON{keyJSON: newKey(newTarget(a.Target, r.labelOf(a.Target)), a.Name), Author: a.Author, At: *stamp(a.At), Call: a.Call, Redeploys: a.Author.Redeploys()}
}

func (r *Run) newFight(f reconcile.Fight) fightJSON {
	return fightJSON{keyJSON: newKey(newTarget(f.Target, r.labelOf(f.Target)), f.Name), Times: f.Times, Since: stamp(f.Since), Author: f.Author}
}

func (r *Run) labelOf(t desired.Target) string {
	for _, p := range r.plans() {
		if p.Target == t {
			return p.Label
		}
	}
	return ""
}

// deed is what one author did to some configs.
type deed struct {
	verb, author string
	client       string // where it will write them again
	configs      int
	first, last  time.Time
}

// deeds puts together what one author did, most first.
func deeds(all []*reconcile.Authorship) []deed {
	type key struct{ verb, author string }
	found := groupBy(all,
		func(a *reconcile.Authorship) key {
			verb := "changed"
			if strings.HasPrefix(a.Call, "Delete") {
				verb = "deleted"
			}
			return key{verb, a.Author.String()}
		},
		func(k key, of []*reconcile.Authorship) deed {
			d := deed{verb: k.verb, author: k.author, configs: len(of), first: of[0].At, last: of[0].At}
			if of[0].Author.Redeploys() {
				d.client = of[0].Author.Client
			}
			for _, a := range of {
				if a.At.Before(d.first) {
					d.first = a.At
				}
				if a.At.After(d.last) {
					d.last = a.At
				}
			}
			return d
		})
	slices.SortStableFunc(found, func(a, b deed) int {
		return cmp.Or(cmp.Compare(b.configs, a.configs), strings.Compare(a.author, b.author), strings.Compare(a.verb, b.verb))
	})
	return found
}

// when is "2h ago", "on 2026-11-24" or "from 2026-11-20 to 2026-11-24". On a page that
// is to stay the same while nothing changes it is never the first.
func (p *printer) when(d deed, now time.Time) string {
	first, last := d.first.UTC().Format(time.DateOnly), d.last.UTC().Format(time.DateOnly)
	switch ago := now.Sub(d.last); {
	case !p.stable && ago < 24*time.Hour && d.last.Sub(d.first) < time.Hour:
		return formatAgo(ago)
	case first == last:
		return "on " + last
	}
	return "from " + first + " to " + last
}

// formatAgo is "2h ago": one unit is enough to remember by.
func formatAgo(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh ago", int(d.Hours()))
}

// maxDeeds is how many authors are named of one kind of change.
const maxDeeds = 3

// of is the printer for the changes of a target.
func (p *printer) of(t desired.Target) *printer {
	p.target = t
	return p
}

// drifting says below a kind of change since when audits have found it so.
func (p *printer) drifting(changes []*reconcile.Change) {
	var known []time.Time
	for _, c := range changes {
		if since := p.run.Insights.DriftingSince(desired.Key{Target: p.target, Name: c.Name}); !since.IsZero() {
			known = append(known, since)
		}
	}
	if len(known) == 0 {
		return
	}
	first, last := slices.MinFunc(known, time.Time.Compare), slices.MaxFunc(known, time.Time.Compare)
	says := "drifting since the audit of " + first.UTC().Format(time.DateTime) + " UTC"
	if !first.Equal(last) {
		says = "drifting since audits from " + first.UTC().Format(time.DateTime) + " to " + last.UTC().Format(time.DateTime) + " UTC"
	}
	if len(known) < len(changes) {
		says = fmt.Sprintf("%d of %d %s", len(known), len(changes), says)
	}
	p.wrapped(rowIndent, span{}, dim, says)
}

// finalText is said of a delete that nobody can undo.
const finalText = "cannot be put back: the alias or version is gone"

// authors says below a kind of change that it is final, who made the configs what they are, and since when.
func (p *printer) authors(changes []*reconcile.Change) {
	if changes[0].Final {
		p.line(rowIndent, colored(red, finalText))
	}
	if p.run == nil {
		return
	}
	if len(p.run.Insights.Drifting) > 0 {
		p.drifting(changes)
	}
	if len(p.run.Insights.Authors) == 0 {
		return
	}
	var known []*reconcile.Authorship
	for _, c := range changes {
		if a := p.run.Insights.AuthorOf(desired.Key{Target: p.target, Name: c.Name}); a != nil {
			known = append(known, a)
		}
	}
	all := deeds(known)
	for i, d := range all {
		if i == maxDeeds && !p.full {
			p.line(rowIndent, colored(dim, fmt.Sprintf("… and by %d more", len(all)-i)))
			return
		}
		some := ""
		if d.configs < len(changes) {
			some = fmt.Sprintf("%d of %d ", d.configs, len(changes))
		}
		p.wrapped(rowIndent, span{}, dim, some+d.verb+" "+p.when(d, p.run.Surveyed)+" by "+d.author)
	}
}

// authorship sums up who made what differs what it is, what will be written again, and
// what is fought over.
func (p *printer) authorship(r *Run) {
	known := make([]*reconcile.Authorship, len(r.Insights.Authors))
	for i := range known {
		known[i] = &r.Insights.Authors[i]
	}
	all := deeds(known)
	if len(known) > 1 {
		changes, untold := 0, 0
		for i := range r.plans() {
			t := &r.Plan.Targets[i]
			changes += len(t.Changes)
			for j := range t.Changes {
				if c := &t.Changes[j]; c.Before != nil && r.Insights.AuthorOf(desired.Key{Target: t.Target, Name: c.Name}) == nil {
					untold++
				}
			}
		}
		p.gap()
		p.line(0, text("Who made it so, as far as CloudTrail tells:"))
		for i, d := range all {
			if i == 2*someRows && !p.full {
				p.more(2, len(all)-i, "")
				break
			}
			p.wrapped(2, span{}, plain, fmt.Sprintf("%d of %d %s by %s %s", d.configs, changes, d.verb, d.author, p.when(d, r.Surveyed)))
		}
		if untold > 0 {
			p.wrapped(2, span{}, plain, fmt.Sprintf("%d of %d not told: CloudTrail is late, and keeps 90 days", untold, changes))
		}
	}
	for _, d := range all {
		if d.client != "" {
			p.titled(yellow, "Written again", fmt.Sprintf("%s by %s. Its next deployment writes the same again: change it there too, or leave it out of the fleet file.", count(d.configs, "config"), d.author))
		}
	}
	p.fights(r)
}

func (p *printer) fights(r *Run) {
	all := r.Insights.Fights
	if len(all) == 0 {
		return
	}
	p.titled(red, "Fought over", count(len(all), "config")+" that somebody keeps changing back. Settle with them who is right before it is corrected once more.")
	for i := range all {
		if i == someRows && !p.full {
			p.more(4, len(all)-i, "")
			return
		}
		p.wrapped(2, colored(red, "! "), plain, p.named(all[i].Target, all[i].Name)+" "+fightText(&all[i]))
	}
}

// fightText is "corrected 3 times since 2026-11-20, changed back by role deploy (Terraform)".
func fightText(f *reconcile.Fight) string {
	by := f.Author.String()
	if by == "" {
		by = "somebody"
	}
	return fmt.Sprintf("corrected %s since %s, changed back by %s", times(int64(f.Times)), f.Since.UTC().Format(time.DateOnly), by)
}

// byAuthor adds to a remark about a config who made it so. Such pages are compared from
// run to run, so that it is a date.
func (r *Run) byAuthor(m remark, t desired.Target, n desired.Name) remark {
	key := desired.Key{Target: t, Name: n}
	if a := r.Insights.AuthorOf(key); a != nil {
		m.author = Clean(a.Author.String())
		d := deeds([]*reconcile.Authorship{a})[0]
		m.details = append(m.details, Clean(d.verb+" "+(&printer{stable: true}).when(d, r.Surveyed)+" by "+d.author))
		if d.client != "" {
			m.details = append(m.details, Clean("the next deployment with "+d.client+" writes the same again"))
		}
	}
	for i := range r.Insights.Fights {
		if f := &r.Insights.Fights[i]; f.Key == key {
			m.details = append(m.details, Clean(fightText(f)))
		}
	}
	return m
}
