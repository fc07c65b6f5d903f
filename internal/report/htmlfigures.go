package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// maxPlots is how many targets have a plot of a kind: those with most to see.
const maxPlots = 6

// The size of a plot in its own units, and of the room for its axes.
const (
	plotWidth, plotHeight = 460.0, 170.0
	plotLeft, plotTop     = 40.0, 10.0
	plotRight, plotBottom = plotWidth - 8, plotHeight - 24
)

// plots are the pace of the run, what it waited for, and the drift of the runs before.
func (d *htmlPage) plots() {
	r := d.run
	paced := slice.Filter(r.API, func(t TargetAPI) bool { return len(t.Pace) > 1 })
	throttled := func(t TargetAPI) (n int64) {
		for _, p := range t.Pace {
			n += p.Throttled
		}
		return n
	}
	slices.SortStableFunc(paced, func(a, b TargetAPI) int {
		return cmp.Or(cmp.Compare(throttled(b), throttled(a)), cmp.Compare(len(b.Pace), len(a.Pace)))
	})
	trends := slice.Filter(r.Trends, func(t history.Trend) bool { return len(t.Audits) > 1 })
	slices.SortStableFunc(trends, func(a, b history.Trend) int {
		return cmp.Compare(b.Audits[len(b.Audits)-1].Drifted, a.Audits[len(a.Audits)-1].Drifted)
	})
	waits := waitsOf(r)
	if len(paced)+len(trends)+len(waits) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"plots\">\n<h2 id=\"plots\">Pace and history</h2>\n<div class=\"plots\">\n")
	for _, t := range paced[:min(len(paced), maxPlots)] {
		d.pace(&t, throttled(t))
	}
	if len(waits) > 0 {
		d.waits(waits)
	}
	for _, t := range trends[:min(len(trends), maxPlots)] {
		d.trend(&t)
	}
	d.Put("</div>\n")
	if left := max(0, len(paced)-maxPlots) + max(0, len(trends)-maxPlots); left > 0 {
		d.Put("<p class=\"muted\">%s of quieter targets are left out.</p>\n", count(left, "plot"))
	}
	d.Put("</section>\n")
}

// plot begins a figure with both axes, the most at the top and what is at both ends.
func (d *htmlPage) plot(title, name, says, most, first, last string) {
	d.Put(`<figure><figcaption><b>%s</b>, %s</figcaption>`+"\n"+`<svg class="plot" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, title, name, plotWidth, plotHeight, says)
	d.Put(`<path class="axis" d="M%.1f %.1fH%.1fM%.1f %.1fH%.1f" fill="none"/>`, plotLeft, plotTop, plotRight, plotLeft, plotBottom, plotRight)
	d.Put(`<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, plotLeft-6, plotTop+4, most)
	d.Put(`<text x="%.1f" y="%.1f" text-anchor="end">0</text>`, plotLeft-6, plotBottom+4)
	d.Put(`<text x="%.1f" y="%.1f">%s</text>`, plotLeft, plotHeight-8, first)
	d.Put(`<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, plotRight, plotHeight-8, last)
}

// pace is the rate of one target against its ceiling over the run, with a mark
// wherever AWS refused calls.
func (d *htmlPage) pace(t *TargetAPI, throttled int64) {
	points := t.Pace
	end := max(1, points[len(points)-1].AtMS)
	most, worst, slowest := 0.0, int64(1), math.Inf(1)
	for _, p := range points {
		most, worst, slowest = max(most, p.Rate, p.Ceiling), max(worst, p.Throttled), min(slowest, p.Rate)
	}
	if most == 0 {
		return
	}
	x := func(ms int64) float64 { return plotLeft + (plotRight-plotLeft)*float64(ms)/float64(end) }
	y := func(rate float64) float64 { return plotBottom - (plotBottom-plotTop)*rate/most }
	name := Clean(where(t.Label, t.Target))
	over := axisTime(time.Duration(end) * time.Millisecond)
	d.plot("Rate against ceiling", name, fmt.Sprintf("Requests a second of %s over %s: from %s to %s, throttled %s", name, over, perSecond(slowest), perSecond(most), times(throttled)), ratelimit.FormatRate(most), "0", over)
	var rate, ceiling strings.Builder
	for i, p := range points {
		if i == 0 {
			fmt.Fprintf(&rate, "M%.1f %.1f", x(p.AtMS), y(p.Rate))
			fmt.Fprintf(&ceiling, "M%.1f %.1f", x(p.AtMS), y(p.Ceiling))
			continue
		}
		fmt.Fprintf(&rate, "L%.1f %.1f", x(p.AtMS), y(p.Rate))
		fmt.Fprintf(&ceiling, "H%.1fV%.1f", x(p.AtMS), y(p.Ceiling))
	}
	d.Put(`<path class="area" d="%s"/><path class="limit" d="%s"/><path class="line" d="%s"/>`,
		rate.String()+fmt.Sprintf("L%.1f %.1fL%.1f %.1fZ", plotRight, plotBottom, x(points[0].AtMS), plotBottom), ceiling.String(), rate.String())
	for _, p := range points {
		if p.Throttled > 0 {
			high := 6 + 14*float64(p.Throttled)/float64(worst)
			d.Put(`<rect class="mark" x="%.1f" y="%.1f" width="3" height="%.1f"/>`, x(p.AtMS)-1.5, plotBottom-high, high)
		}
	}
	d.Put("</svg>\n<p class=\"muted\">requests/s; dashed: the ceiling")
	if throttled > 0 {
		d.Put("; <span class=\"bad\">▮ throttled %s</span>", times(throttled))
	}
	d.Put("</p></figure>\n")
}

// trend is the drift of one target from audit to audit.
func (d *htmlPage) trend(t *history.Trend) {
	audits := t.Audits
	most := 1.0
	for _, a := range audits {
		most = max(most, float64(a.Drifted))
	}
	first, last := audits[0], audits[len(audits)-1]
	name := Clean(where(t.Label, t.Target))
	x := func(i int) float64 { return plotLeft + 4 + (plotRight-plotLeft-8)*float64(i)/float64(len(audits)-1) }
	y := func(n int) float64 { return plotBottom - (plotBottom-plotTop)*float64(n)/most }
	d.plot(fmt.Sprintf("Drift over the last %d audits", len(audits)), name,
		fmt.Sprintf("Configs of %s that drifted, over %d audits: first %d, last %d of %d, at most %.0f", name, len(audits), first.Drifted, last.Drifted, last.Declared, most),
		trimZero(most), first.Started.UTC().Format("2006-01-02 15:04"), last.Started.UTC().Format("2006-01-02 15:04"))
	var path strings.Builder
	pen := "M"
	for i, a := range audits {
		if a.Failed { // not known, and no zero
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x(i), y(a.Drifted))
		pen = "L"
	}
	d.Put(`<path class="line" d="%s"/>`, path.String())
	for i, a := range audits {
		at := a.Started.UTC().Format("2006-01-02 15:04:05")
		if a.Failed {
			d.Put(`<rect class="mark" x="%.1f" y="%.1f" width="6" height="6"><title>%s</title></rect>`, x(i)-3, plotBottom-6, at+": could not be read")
			continue
		}
		d.Put(`<circle class="dot" cx="%.1f" cy="%.1f" r="3.5"><title>%s</title></circle>`, x(i), y(a.Drifted), fmt.Sprintf("%s: %d of %d drifted, %d new", at, a.Drifted, a.Declared, a.New))
	}
	now := fmt.Sprintf("%d of %s drifted in the last", last.Drifted, count(last.Declared, "config"))
	if last.Failed {
		now = "could not be read by the last"
	}
	d.Put("</svg>\n<p class=\"muted\">%s</p></figure>\n", now)
}

// wait is one reason for which calls were sent again, or held back.
type wait struct {
	what  string
	calls int64         // answers of that kind
	took  time.Duration // by which changes came later
}

// waitsOf are the reasons to wait that the run met. A change that met several shares
// out its time by how often it met each.
func waitsOf(r *Run) []wait {
	reads, writes := r.traffic()
	all := []wait{
		{"throttled (429)", reads.Throttled + writes.Throttled, 0},
		{"busy function (409)", reads.Conflicts + writes.Conflicts, 0},
		{"AWS failed (5xx, connections)", reads.Faults + writes.Faults, 0},
	}
	for _, result := range r.Outcome.All() {
		addWaits(all, result.Stats)
	}
	return slices.DeleteFunc(all, func(w wait) bool { return w.calls == 0 })
}

func addWaits(all []wait, s ratelimit.CallStats) {
	parts := [...]int{s.Throttled, s.Conflicts, s.Faults}
	total := parts[0] + parts[1] + parts[2]
	for i, n := range parts {
		if total > 0 {
			all[i].took += s.Waited * time.Duration(n) / time.Duration(total)
		}
	}
}

func (d *htmlPage) waits(all []wait) {
	d.Put("<figure><figcaption><b>Waits by kind</b>, answers that asked for another try</figcaption>\n<div class=\"bars\">\n")
	most := slices.MaxFunc(all, func(a, b wait) int { return cmp.Compare(a.calls, b.calls) }).calls
	for _, w := range all {
		took := ""
		if w.took > 0 {
			took = ", changes waited " + formatDuration(w.took)
		}
		d.Put("<p><span>%s</span><span><b>%d</b><span class=\"muted\">%s</span></span></p><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"100\" height=\"10\"/><rect class=\"part\" width=\"%.1f\" height=\"10\"/></svg>\n",
			w.what, w.calls, took, 100*float64(w.calls)/float64(most))
	}
	d.Put("</div>\n")
	var paused time.Duration
	for i := range d.run.API {
		paused += d.run.API[i].Limiter.Paused
	}
	if paused > 0 {
		d.Put("<p class=\"muted\">All calls of a target were paused for %s after it was throttled.</p>\n", formatDuration(paused))
	}
	d.Put("</figure>\n")
}

// axisTime is a time on an axis: "30 s", "5 min", "2 h".
func axisTime(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return trimZero(math.Round(d.Seconds()*10)/10) + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

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
	if of := c.Declared - c.Skipped; !r.Part {
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
		if of > 0 && !r.Part {
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
		figure("Written", o.Applied(), counted{o.Created, "good", "created"}, counted{o.Updated, "good", "changed"}, counted{o.Deleted, "good", "deleted"},
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
		functions := slice.Set(slice.Map(r.breaches(t), func(b *reconcile.Breach) string { return b.Function }))
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
	for r := range slice.Pointers(o.Results) {
		if (r.Status == reconcile.Applied || r.Status == reconcile.AlreadySo) && r.Want != nil {
			n++
		}
	}
	return n
}
