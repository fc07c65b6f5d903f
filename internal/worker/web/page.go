package web

import (
	_ "embed"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/worker"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

//go:embed status.js
var statusScript string

// filterFrom is how many targets a page has at least that one can search.
const filterFrom = 12

// status is everything that the page shows at one moment. What changes from one
// second to the next is in live, by the names that its elements bear: the page
// and the stream of changes are made of the same texts, so they cannot differ.
type status struct {
	worker.State
	now     time.Time
	targets []targetStatus
	passes  []passLine
	lags    []lag
	moves   []move
	live    map[string]string
	shape   string // of what is not in live: when it is another, the page is loaded anew
}

// look puts together what there is to show. o.Board may be nil.
func (o *Options) look(now time.Time) *status {
	s := &status{State: o.State(), now: now, live: map[string]string{}}
	var progress [2]reconcile.Event
	var limiters map[desired.Target]ratelimit.Snapshot
	if o.Board != nil {
		limiters = o.Board.limiters() // not under the lock: it takes others
		progress = o.Board.copyTo(s)
	}
	trouble := func(t targetStatus) int {
		_, tone := t.state()
		return slices.Index([]string{"bad", "warn", "plain", "good"}, tone)
	}
	slices.SortStableFunc(s.targets, func(a, b targetStatus) int { return trouble(a) - trouble(b) })
	s.describe(progress)
	shape := fnv.New64a()
	fmt.Fprint(shape, s.Unready(now), s.Notes(), s.Fought, len(s.lags))
	for i := range s.targets {
		t := &s.targets[i]
		s.target(i, t, limiters[t.Target])
		fmt.Fprint(shape, t.Target, t.label, t.swept)
	}
	fmt.Fprint(shape, s.moves)
	for i := range s.passes {
		fmt.Fprint(shape, s.passes[i].run, s.passes[i].finished)
	}
	for i, l := range s.lags {
		s.live[fmt.Sprint("lag", i)] = orNone(l.text())
	}
	s.shape = fmt.Sprintf("%x", shape.Sum64())
	return s
}

func (b *Board) copyTo(s *status) [2]reconcile.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.targets {
		s.targets = append(s.targets, *t)
	}
	for _, p := range b.passes {
		if !p.finished.IsZero() {
			s.passes = append(s.passes, *p)
		}
	}
	s.lags, s.moves = slices.Clone(b.lags), slices.Clone(b.moves)
	if trail, late := b.trail, b.trailLag; !trail.IsZero() {
		s.lags = append(s.lags, lag{"CloudTrail", func() string {
			text := "complete up to " + ago(trail, s.now)
			if late > 0 {
				text += ", its latest event came " + spell(late) + " late"
			}
			return text
		}})
	}
	return b.progress
}

// describe tells of the passes.
func (s *status) describe(progress [2]reconcile.Event) {
	now := "waiting"
	for i, since := range []time.Time{s.Sweeping, s.Targeted} {
		what := []string{"a sweep is under way", "a targeted pass is under way"}[i]
		if since.IsZero() {
			continue
		}
		if i == 0 || s.Sweeping.IsZero() {
			now = what
		} else {
			now += ", and " + what
		}
		if e := progress[i]; e.Total > 0 {
			verb := map[reconcile.Phase]string{reconcile.PhaseSurvey: "read", reconcile.PhaseApply: "written"}[e.Phase]
			now += fmt.Sprintf(": %d of %d %s", e.Done, e.Total, verb)
			s.live["bar"] = fmt.Sprintf("%.1f", 100*float64(e.Done)/float64(e.Total))
		}
	}
	s.live["now"] = now
	s.live["last"] = ago(s.LastSuccess, s.now)
	s.live["attempt"] = ago(s.LastAttempt, s.now)
	s.live["next"] = ago(s.Next, s.now)
}

// target puts what changes about one target where the page looks for it.
func (s *status) target(i int, t *targetStatus, l ratelimit.Snapshot) {
	put := func(name, text string) { s.live[fmt.Sprint("t", i, name)] = text }
	put("age", ago(t.swept, s.now))
	if l.Ceiling == 0 {
		put("rate", "–")
		put("throttled", "–")
		return
	}
	rate := fmt.Sprintf("%.3g of %.3g/s", l.Rate, l.Ceiling)
	if l.PausedUntil.After(s.now) {
		rate += ", paused"
	}
	if l.Breaker != ratelimit.Closed {
		rate += ", breaker " + l.Breaker.String()
	}
	put("rate", rate)
	put("meter", fmt.Sprintf("%.1f", 100*min(1, l.Rate/l.Ceiling)))
	put("throttled", fmt.Sprint(l.Throttled))
}

// icon is what browsers ask for beside every page.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="12" fill="none" stroke="#13692f" stroke-width="6"/></svg>`

// writePage writes the status page.
func (o *Options) writePage(w http.ResponseWriter) {
	s := o.look(time.Now())
	policy := page.Policy(statusScript, true)
	asPage(w, policy+"; ")
	d := page.NewWriter(w)
	reasons := s.Unready(s.now)
	ready, tone := "ready", "good"
	if len(reasons) > 0 {
		ready, tone = "not ready", "bad"
	}
	d.Begin("eventinvoke: "+ready, policy)
	d.Put("<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>\n<a class=\"skip\" href=\"#main\">Skip to the status</a>\n<header>\n<h1>eventinvoke <span class=\"badge %s\">%s</span></h1>\n", tone, ready)
	does := "drift is only observed: nothing is written"
	if o.Applies {
		does = "drift is corrected"
	}
	d.Put("<ul class=\"facts\"><li>%s</li><li>timetable: %s</li><li>since %s</li><li id=\"connection\" role=\"status\"></li></ul>\n</header>\n<main id=\"main\" data-shape=\"%s\">\n",
		does, s.Timetable.String(), s.Started.UTC().Format("2006-01-02 15:04 UTC"), s.shape)
	s.tiles(d)
	list := func(class, title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		d.Put("<section class=\"%s\"><h2>%s</h2>\n<ul>\n", class, title)
		for _, line := range lines {
			d.Put("<li>%s</li>\n", lead(line))
		}
		d.Put("</ul></section>\n")
	}
	list("alert", "Not ready", reasons)
	list("notice", "To know", s.Notes())
	s.targetTable(d)
	s.movesOf(d)
	s.fights(d)
	s.passTable(d)
	d.Put("</main>\n<footer>eventinvoke %s</footer>\n", o.Version)
	_ = d.End(statusScript) // whoever asked has gone
}

// live is an element whose text follows the stream.
func (s *status) element(name string) page.Markup {
	var b strings.Builder
	d := page.NewWriter(&b)
	d.Put("<span data-live=\"%s\">%s</span>", name, s.live[name])
	_ = d.Flush() // into memory
	return page.Markup(b.String())
}

// meter is a bar that follows the stream.
func (s *status) meter(name string) page.Markup {
	width := s.live[name]
	if width == "" {
		width = "0"
	}
	return page.Markup(fmt.Sprintf(`<svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="10"/><rect class="part" data-bar="%s" width="%s" height="10"/></svg>`, name, width))
}

func (s *status) tiles(d *page.Writer) {
	d.Put("<div class=\"tiles\">\n")
	inSync, declared, drift, unread, missing, lacking, unknown := 0, 0, 0, 0, 0, 0, 0
	for i := range s.targets {
		t := &s.targets[i]
		inSync, declared, drift = inSync+t.inSync(), declared+t.counts.Declared-t.counts.Skipped, drift+t.drift()
		unread += t.counts.Unreadable + t.counts.NotExamined
		missing, lacking = missing+t.counts.MissingFunctions+t.counts.MissingQualifiers, lacking+t.lacking
		if t.unknown() {
			unknown++
		}
	}
	var aside []string
	if missing > 0 {
		aside = append(aside, page.Number(missing)+" missing in AWS")
	}
	d.Share("Configs in sync", inSync, declared, "config", inSync+missing-lacking >= declared && unknown == 0, aside...)
	d.Figure("Drift")
	number, what := page.Number(drift), fmt.Sprintf("configs, %d not read", unread)
	if unknown > 0 {
		what += ", unknown in " + page.Count(unknown, "target")
	}
	if unknown > 0 && unknown == len(s.targets) {
		number, what = "–", "not known yet"
	}
	d.Put("<p class=\"big\">%s</p><p class=\"muted\">%s</p></div>\n", number, what)
	d.Figure("Now")
	d.Put("<p class=\"lead\">%s</p>%s</div>\n", s.element("now"), s.meter("bar"))
	d.Figure("Sweeps")
	d.Put("<ul class=\"counts\"><li>last success %s</li><li>last attempt %s</li><li>next %s</li></ul></div>\n", s.element("last"), s.element("attempt"), s.element("next"))
	if len(s.lags) > 0 {
		d.Figure("Behind")
		d.Put("<ul class=\"counts\">")
		for i, l := range s.lags {
			d.Put("<li>%s: %s</li>", l.name, s.element(fmt.Sprint("lag", i)))
		}
		d.Put("</ul></div>\n")
	}
	d.Put("</div>\n")
}

func (s *status) targetTable(d *page.Writer) {
	if len(s.targets) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"targets\">\n<h2 id=\"targets\">%s</h2>\n", page.Count(len(s.targets), "target"))
	scroll := page.Markup(`class="scroll"`)
	if len(s.targets) >= filterFrom {
		scroll = `class="scroll long" role="region" aria-labelledby="targets" tabindex="0"`
		d.Put("<form id=\"filter\" role=\"search\" hidden><div><label for=\"f-text\">Target or state, or part of it</label><input id=\"f-text\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></div><div><output id=\"shown\" aria-live=\"polite\"></output></div></form>\n")
	}
	d.Put(`<div %s><table class="cards" id="target-table"><thead><tr><th>Target</th><th>At the last sweep</th><th class="num">In sync</th><th class="num">Drift</th><th class="num">Not read</th><th>Swept</th><th>Rate</th><th class="num">Throttled</th></tr></thead><tbody>`+"\n", scroll)
	for i := range s.targets {
		t := &s.targets[i]
		text, tone := t.state()
		at := fmt.Sprint("t", i)
		d.Put("<tr><td><b>%s</b>", t.name())
		if t.label != "" {
			d.Put("<br><span class=\"muted mono nb\">%s</span>", t.Target.String())
		}
		if s.reported(t.run) {
			d.Put("</td><td><a class=\"badge %s\" href=\"runs/%s#target=%s\">%s</a>", tone, t.run, t.Target.String(), text)
		} else {
			d.Put("</td><td><span class=\"badge %s\">%s</span>", tone, text)
		}
		if t.err != nil {
			below(d, "muted", "", strings.TrimPrefix(t.err.Error(), t.Target.String()+": "))
		}
		if t.drift() > 0 {
			below(d, "muted", "", t.open)
			below(d, "muted", "changed: ", few(t.authors))
		}
		below(d, "muted", "missing in AWS: ", t.missing)
		numbers := []string{"–", "–", "–"}
		if !t.unknown() {
			numbers = []string{page.Number(t.inSync()), page.Number(t.drift()), page.Number(t.counts.Unreadable + t.counts.NotExamined)}
		}
		d.Put("</td><td class=\"num\" data-label=\"in sync\">%s</td><td class=\"num\" data-label=\"drift\">%s</td><td class=\"num\" data-label=\"not read\">%s</td><td class=\"nb\" data-label=\"last sweep\">%s</td><td class=\"nb\" data-label=\"rate\">%s%s</td><td class=\"num\" data-label=\"throttled\">%s</td></tr>\n",
			numbers[0], numbers[1], numbers[2], s.element(at+"age"), s.element(at+"rate"), s.meter(at+"meter"), s.element(at+"throttled"))
	}
	d.Put("</tbody></table></div>\n</section>\n")
}

// reported reports whether there is a report of a run.
func (s *status) reported(run string) bool {
	return slices.ContainsFunc(s.passes, func(p passLine) bool { return p.run == run && p.report != nil })
}

func (s *status) movesOf(d *page.Writer) {
	if len(s.moves) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"moves\">\n<h2 id=\"moves\">Accounts that came and went</h2>\n<ul>\n")
	for _, m := range s.moves {
		d.Put("<li>%s UTC, %s</li>\n", m.at.UTC().Format(time.DateTime), m.text)
	}
	d.Put("</ul></section>\n")
}

func (s *status) fights(d *page.Writer) {
	if len(s.Fought) == 0 {
		return
	}
	d.Put("<section class=\"notice\" aria-labelledby=\"fights\">\n<h2 id=\"fights\">Fights</h2>\n<p>Somebody keeps changing these back. What was corrected three times within half an hour is left alone but for scheduled sweeps.</p>\n<table class=\"cards\"><thead><tr><th>Config</th><th>Written by</th><th class=\"num\">Corrected</th></tr></thead><tbody>\n")
	for _, f := range s.Fought {
		by := f.Author.String()
		if by == "" {
			by = "unknown"
		}
		d.Put("<tr><td class=\"mono\">%s</td><td class=\"mono\" data-label=\"written by\">%s</td><td class=\"num\" data-label=\"corrected\">%d times since %s</td></tr>\n", f.Key.String(), by, f.Times, f.Since.UTC().Format(time.DateTime))
	}
	d.Put("</tbody></table>\n</section>\n")
}

func (s *status) passTable(d *page.Writer) {
	if len(s.passes) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"passes\">\n<h2 id=\"passes\">The last passes</h2>\n<p class=\"muted\">A sweep looks at everything, a targeted pass at the functions that events told of.</p>\n<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Began (UTC)</th><th>Kind</th><th>Because of</th><th class=\"num\">Took</th><th class=\"num\">Differed</th><th class=\"num\">Written</th><th>Report</th></tr></thead><tbody>\n")
	for i := range s.passes {
		p := &s.passes[i]
		d.Put("<tr><td class=\"nb\">%s</td><td class=\"nb\">%s</td><td class=\"nb\" data-label=\"because of\">%s</td><td class=\"num\" data-label=\"took\">%s</td><td class=\"num\" data-label=\"differed\">%d</td><td class=\"num\" data-label=\"written\">%d</td><td>",
			p.started.UTC().Format(time.DateTime), p.kind, p.causes, spell(p.finished.Sub(p.started)), p.drifted, p.written)
		if p.report != nil {
			d.Put("<a href=\"runs/%s\">%s</a>", p.run, p.run)
		} else {
			d.Put("<span class=\"muted mono\">%s</span>", p.run)
		}
		if i == 0 || !slices.Equal(p.authors, s.passes[i-1].authors) { // else they stand above
			below(d, "muted", "changed: ", few(p.authors))
		}
		below(d, "bad", "", lead(p.err))
		d.Put("</td></tr>\n")
	}
	d.Put("</tbody></table></div>\n</section>\n")
}

// below is a line under something, if there is any text.
func below(d *page.Writer, tone, lead, text string) {
	if text != "" {
		d.Put("<br><span class=\"%s\">%s%s</span>", tone, lead, shortened(text))
	}
}

// lead is the first line of a text, and how many follow.
func lead(s string) string {
	first, rest, more := strings.Cut(s, "\n")
	if more {
		first += fmt.Sprintf(" (and %d more)", 1+strings.Count(rest, "\n"))
	}
	return first
}

// shortened is the beginning of a long text: the log and the report have the rest.
func shortened(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// ago is how far away a time is. It grows coarser, so that the page of a worker that
// waits hardly changes.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "none yet"
	case d >= time.Second:
		return spell(d) + " ago"
	case d > -time.Second:
		return "now"
	default:
		return "in " + spell(-d)
	}
}

// spell is a duration to what counts of it.
func spell(d time.Duration) string {
	switch {
	case d < time.Second:
		return "< 1 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
