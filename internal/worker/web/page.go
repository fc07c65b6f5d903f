package web

import (
	"cmp"
	_ "embed"
	"fmt"
	"hash/fnv"
	"maps"
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
	shape   string // of what is not in live: when it is another, the page is renewed in place
}

// look puts together what there is to show. o.Board may be nil.
func (o *Options) look(now time.Time) *status {
	s := &status{State: o.State(), now: now, live: map[string]string{}}
	var progress map[bool]reconcile.Step
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
	reasons := s.Unready(now)
	fmt.Fprint(shape, reasons, s.Notes(reasons...), s.Fought, len(s.lags))
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
		s.live[fmt.Sprint("lag", i)] = cmp.Or(l.text(), "–")
	}
	s.shape = fmt.Sprintf("%x", shape.Sum64())
	return s
}

func (b *Board) copyTo(s *status) map[bool]reconcile.Step {
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
	return maps.Clone(b.progress)
}

// describe tells of the passes.
func (s *status) describe(progress map[bool]reconcile.Step) {
	var now []string
	under := func(sweep bool, since time.Time, what string) {
		if since.IsZero() {
			return
		}
		if e := progress[sweep]; e.Total > 0 {
			verb := map[reconcile.Phase]string{reconcile.PhaseSurvey: "read", reconcile.PhaseApply: "written", reconcile.PhaseAliases: "asked for their aliases"}[e.Phase]
			what += fmt.Sprintf(": %d of %d %s", e.Done, e.Total, verb)
			s.live["bar"] = fmt.Sprintf("%.1f", 100*float64(e.Done)/float64(e.Total))
		}
		now = append(now, what)
	}
	under(true, s.Sweeping, "a sweep is under way")
	under(false, s.Targeted, "a targeted pass is under way")
	s.live["now"] = cmp.Or(strings.Join(now, ", and "), "waiting")
	s.live["last"] = ago(s.LastSuccess, s.now)
	s.live["attempt"] = ago(s.LastAttempt, s.now)
	s.live["next"] = ago(s.Next, s.now)
}

// target puts what changes about one target where the page looks for it.
func (s *status) target(i int, t *targetStatus, l ratelimit.Snapshot) {
	put := func(name, text string) { s.live[fmt.Sprint("t", i, name)] = text }
	put("age", ago(t.read, s.now))
	if l.Ceiling == 0 {
		put("rate", "–")
		put("throttled", "–")
		return
	}
	rate := ratelimit.FormatRate(l.Rate) + " of " + ratelimit.FormatRate(l.Ceiling) + "/s"
	if l.PausedUntil.After(s.now) {
		rate += ", paused"
	}
	if l.Breaker != ratelimit.BreakerClosed {
		rate += ", breaker " + l.Breaker.String()
	}
	put("rate", rate)
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
			d.Put("<li>%s</li>\n", line)
		}
		d.Put("</ul></section>\n")
	}
	list("alert", "Not ready", reasons)
	list("notice", "To know", s.Notes(reasons...))
	s.targetTable(d)
	s.movesOf(d)
	s.fights(d)
	s.passTable(d)
	d.Put("</main>\n<footer>eventinvoke %s</footer>\n", o.Version)
	_ = d.End(statusScript) // whoever asked has gone
}

// shortened is the beginning of a long text: the log and the report have the rest.
func shortened(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
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

// took is how long something took.
func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return spell(d)
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
