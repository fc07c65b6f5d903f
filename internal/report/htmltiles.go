package report

import (
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// counted is a number in a tile.
type counted struct {
	n          int
	tone, what string
}

// tiles are the score, and the run in numbers.
func (d *htmlPage) tiles() {
	r, c := d.run, d.plan
	if r.Plan == nil {
		return
	}
	d.Put("<div class=\"tiles\">\n")
	unread, missing := counted{c.Unreadable + c.NotExamined, "bad", "not read"}, counted{c.MissingFunctions + c.MissingQualifiers, "warn", "missing in AWS"}
	if of := c.Declared - c.Skipped; !r.Saved {
		part, let := min(of, c.InSync+settled(r)), 0
		if !r.Fleet.NoPolicies { // what is not known to be allowed is not well
			let = missing.n - c.Lacking(r.Fleet.MissingFunctions, r.Fleet.MissingQualifiers)
		}
		var aside []string
		if missing.n > 0 {
			aside = append(aside, page.Number(missing.n)+" "+missing.what)
		}
		if c.UnreadableTargets > 0 {
			aside = append(aside, page.Count(c.UnreadableTargets, "target")+" not read")
		}
		well := part+let >= of && c.UnreadableTargets == 0
		if c.UnknownTargets > 0 || r.Fleet.NoPolicies && c.UnreadableTargets > 0 { // an old record does not tell them apart
			of = -1
		}
		d.Share("In sync", part, of, "config", well, aside...)
		missing.n = 0
	}
	share := func(label string, part, of int, noun string) {
		if of > 0 {
			d.Share(label, part, of, noun, part == of)
		}
	}
	share("With a failure destination", r.Covered, r.Functions, "function")
	share("As required", c.Judged+c.Unjudged-breaking(r), c.Judged+c.Unjudged, "function")
	share("Destinations that take events", len(r.Insights.Destinations)-r.Insights.LosingDestinations(), len(r.Insights.Destinations), "destination")
	figure := func(title string, n int, counts ...counted) {
		d.Figure(title)
		d.Put("<p class=\"big\">%s</p><ul class=\"counts\">", page.Number(n))
		for _, c := range counts {
			if c.n > 0 {
				d.Put("<li class=\"%s\"><b>%s</b> %s</li>", c.tone, page.Number(c.n), c.what)
			}
		}
		d.Put("</ul></div>\n")
	}
	if o := d.outcome; r.Outcome != nil {
		figure("Written", o.Applied(), counted{o.Created, "good", "created"}, counted{o.Changed, "good", "changed"}, counted{o.Deleted, "good", "deleted"},
			counted{o.Failed, "bad", "failed"}, counted{o.Stale, "warn", "stale"}, counted{o.NotAttempted, "warn", "not attempted"}, unread, missing)
	} else {
		figure("Changes planned", c.Changes(), counted{c.Creates, "", "to create"}, counted{c.Updates, "", "to change"}, counted{c.Deletes, "bad", "to delete"}, unread, missing)
	}
	if risks := risksOf(r); risks != ([numRisks]int{}) {
		figure("Changes with a risk", risks[losesEvents]+risks[mayRunTwice], counted{risks[losesEvents], "bad", "may lose events"},
			counted{risks[mayRunTwice], "warn", "may run events twice"}, counted{risks[noRisk], "good", "harmless"})
	}
	if reads, writes := r.traffic(); reads.Calls+writes.Calls > 0 {
		d.Figure("Calls to Lambda")
		d.Put("<p class=\"big\">%s</p><p class=\"muted\">%s</p></div>\n", page.Number(int(reads.Calls+writes.Calls)),
			listed(count(reads.Calls, "read"), count(writes.Calls, "write"), some(reads.Throttled+writes.Throttled, "throttled")))
	}
	d.Put("</div>\n")
}

// breaking is how many functions break a requirement, or may.
func breaking(r *Run) (n int) {
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		functions := map[string]bool{}
		for _, b := range r.breaches(t) {
			functions[b.Function] = true
		}
		for _, u := range t.Unjudged {
			functions[u.Function] = true
		}
		n += len(functions)
	}
	return n
}

// settled is how many declared configs came to be as declared in this run.
func settled(r *Run) (n int) {
	for i := range r.outcomes() {
		n += settledIn(&r.Outcome.Targets[i])
	}
	return n
}

func settledIn(o *reconcile.TargetOutcome) (n int) {
	for i := range o.Results {
		if r := &o.Results[i]; (r.Status == reconcile.Applied || r.Status == reconcile.AlreadySo) && r.Want != nil {
			n++
		}
	}
	return n
}
