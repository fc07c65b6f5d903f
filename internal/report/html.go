package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

//go:embed html.js
var htmlScript string

// maxGroups is how many kinds of change are written out. The table has them all.
const maxGroups = 60

// HTML writes a run as one page that needs nothing but itself: a score, what went
// wrong, what differs or was done, each kind once, plots, and a table of everything
// that is said about one config, which a small script filters. All but that table
// is there without the script. The same run gives the same bytes.
func HTML(w io.Writer, r *Run) error {
	d := &htmlPage{Writer: page.NewWriter(w), run: r, detail: details[0], plan: r.counts(r.plans()...), outcome: r.made()}
	d.Begin(strings.TrimSpace("eventinvoke "+Clean(r.Verb)+" "+Clean(r.ID)), page.Policy(htmlScript, false))
	d.head()
	d.Put("<main id=\"main\">\n")
	d.tiles()
	d.alerts()
	d.groups()
	d.plots()
	d.targets()
	if err := d.rows(); err != nil {
		return err
	}
	d.Put("</main>\n<footer>eventinvoke %s</footer>\n", Clean(r.ToolVersion))
	if err := d.End(htmlScript); err != nil {
		return fmt.Errorf("write the HTML report: %w", err)
	}
	return nil
}

type htmlPage struct {
	*page.Writer
	run     *Run
	detail  detail
	plan    reconcile.PlanCounts
	outcome reconcile.OutcomeCounts
}

func (d *htmlPage) head() {
	r := d.run
	d.Put("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<h1>eventinvoke %s</h1>\n<p class=\"lead\">%s</p>\n", Clean(r.Verb), r.Headline())
	d.Put("<ul class=\"facts\">\n")
	fact := func(name, value string) {
		if value != "" {
			d.Put("<li>%s <span class=\"mono\">%s</span></li>\n", name, Clean(value))
		}
	}
	fact("run", r.ID)
	if !r.Started.IsZero() {
		fact("started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if took := r.Finished.Sub(r.Started) - r.Asked; !r.Finished.IsZero() && took > 0 {
		fact("took", formatDuration(took))
	}
	fact("from", strings.Join(r.Fleet.Files, ", "))
	if r.GuardOff != "" {
		fact("guard off:", r.GuardOff)
	}
	if r.Undo != "" && r.Outcome != nil && r.Outcome.Wrote() {
		fact("undo:", r.Undo)
	}
	d.Put("</ul>\n</header>\n")
}

// alerts is what a person must know before the changes.
func (d *htmlPage) alerts() {
	notes, tone := d.run.alerts(), "notice"
	if len(notes) == 0 {
		return
	}
	if slices.ContainsFunc(notes, func(n note) bool {
		return n.topic <= refused || n.topic == unjudged || n.topic == unavailable && n.tone == red
	}) {
		tone = "alert" // something is not known, or was not done
	}
	d.Put("<section class=\"%s\" aria-labelledby=\"alerts\">\n<h2 id=\"alerts\">Needs attention</h2>\n", tone)
	for i := range notes[:min(len(notes), maxGroups)] {
		d.note(&notes[i])
	}
	if more := len(notes) - maxGroups; more > 0 {
		d.Put("<p class=\"muted\">%s more: see the table below.</p>\n", count(more, "finding"))
	}
	d.Put("</section>\n")
}

// maxWords bounds a foreign text.
const maxWords = 2000

func (d *htmlPage) note(n *note) {
	tone := map[color]string{red: "bad", yellow: "warn", plain: "plain"}[n.tone]
	d.Put("<div class=\"note\">\n<p>")
	if n.title != "" {
		d.Put("<span class=\"badge %s\">%s</span> ", tone, n.title)
		tone = ""
	}
	d.Put("<span class=\"%s\">%s</span></p>\n", tone, cut(Clean(n.text), maxWords))
	if about := strings.TrimSpace(n.about + "  " + after("# ", n.at.at)); about != "" {
		d.Put("<p class=\"mono muted\">%s</p>\n", Clean(about))
	}
	if n.hint != "" {
		d.Put("<p><span class=\"good\">next:</span> %s</p>\n", cut(Clean(n.hint), maxWords))
	}
	for i := range n.parts[:min(len(n.parts), d.detail.causes)] {
		d.note(&n.parts[i])
	}
	if more := len(n.parts) - d.detail.causes; more > 0 {
		d.Put("<p class=\"muted\">%s more</p>\n", count(more, "cause"))
	}
	if len(n.rows) > 0 && n.lines {
		d.Put("<ul>")
		for _, r := range n.rows[:min(len(n.rows), maxNames)] {
			d.Put("<li>%s</li>", Clean(r.name))
		}
		d.Put("</ul>\n")
	} else {
		d.names(len(n.rows), func(i int) string {
			aside := cmp.Or(n.rows[i].aside, n.each)
			if aside != "" {
				aside = "(" + aside + ")"
			}
			return strings.TrimSpace(n.rows[i].name + "  " + after("# ", n.rows[i].at) + aside)
		})
	}
	d.Put("</div>\n")
}

// maxNames are listed of many. The table has them all.
const maxNames = 12

func (d *htmlPage) names(n int, at func(int) string) {
	if n == 0 {
		return
	}
	few := make([]string, min(n, maxNames))
	for i := range few {
		few[i] = Clean(at(i))
	}
	d.Put("<p class=\"names\">%s%s</p>\n", strings.Join(few, ", "), andMore(n-len(few)))
}

// groups are the changes, each kind once.
func (d *htmlPage) groups() {
	r := d.run
	if r.Plan == nil {
		return
	}
	title := "What differs"
	if r.Outcome != nil {
		title = "What was done"
	}
	d.Put("<section class=\"groups\" aria-labelledby=\"groups\">\n<h2 id=\"groups\">%s</h2>\n", title)
	made := newChangeSet(r.toMake())
	all := newChangeSet(slices.Concat(made.targets, r.unmade()))
	total := len(slices.Concat(all.blocks()...))
	if total > maxKinds {
		d.wishes(made)
		d.Put("<details><summary><b>%s of change</b></summary>\n<div>\n", count(total, "kind"))
	}
	shown, kinds, configs := 0, 0, 0
	for i, at := range all.targets {
		if shown < maxGroups {
			d.Put("<h3>%s</h3>\n", Clean(where(at.label, at.Target)))
		}
		for _, g := range all.blocks()[i] {
			if shown++; shown > maxGroups {
				kinds++
				configs += len(g.changes)
				continue
			}
			d.group(g, &at, shown == 1)
		}
	}
	switch {
	case shown == 0:
		d.Put("<p>%s</p>\n", paragraph(r, func(p *printer) {
			if r.Outcome != nil {
				p.line(0, text("Nothing was written."))
			} else {
				p.nothingDiffers(r, d.plan)
			}
		}))
	case kinds > 0:
		d.Put("<p class=\"muted\">%s more of change, on %s: see the table below.</p>\n", count(kinds, "kind"), count(configs, "config"))
	}
	if total > maxKinds {
		d.Put("</div>\n</details>\n")
	}
	d.Put("</section>\n")
}

// wishes are what configs are to have or have got, where there are too many kinds of change to
// read them all.
func (d *htmlPage) wishes(of *changeSet) {
	all := of.wishes()
	if len(all) == 0 {
		return
	}
	d.Put("<table class=\"cards\"><thead><tr><th>Wanted</th><th class=\"num\">Configs</th><th>Before</th><th>Risk</th><th>Declared at</th></tr></thead><tbody>\n")
	for i := range all[:min(len(all), maxGroups)] {
		w := &all[i]
		what := "delete"
		if w.setting < desired.NumSettings {
			what = w.setting.String() + arrow + w.after
		}
		d.Put("<tr><td class=\"mono\">%s</td><td class=\"num\" data-label=\"configs\">%d</td><td class=\"mono\" data-label=\"before\">%s</td><td data-label=\"risk\">%s</td><td class=\"mono muted\" data-label=\"at\">%s</td></tr>\n",
			Clean(what), len(w.changes), Clean(listed(w.befores...)), riskOfMany(w.risks, len(w.changes)), Clean(w.at))
	}
	d.Put("</tbody></table>\n")
	if more := len(all) - maxGroups; more > 0 {
		d.Put("<p class=\"muted\">%s: see the table below.</p>\n", count(more, "more value"))
	}
}

func (d *htmlPage) group(g block, at *targetChanges, open bool) {
	state, tone := at.verbs[g.action].sum+at.unmade, "warn"
	switch {
	case at.unmade != "":
		tone = "bad"
	case d.run.Outcome != nil:
		tone = "good"
	}
	attr := page.Markup("")
	if open {
		attr = " open"
	}
	title := howMany(g.changes, located.key)
	if len(g.changes) == 1 {
		title = Clean(g.changes[0].Name.String())
	}
	d.Put("<details%s><summary><span class=\"badge %s\">%s</span> <b>%s</b>", attr, tone, state, title)
	if risk := riskOf(g.changes[0].Change); risk != noRisk {
		d.Put(" <span class=\"badge %s\">%s</span>", riskTones[risk], riskTexts[risk])
	}
	if says := cmp.Or(g.at, g.settings()); says != "" {
		d.Put(" <span class=\"muted mono\">%s</span>", Clean(says))
	}
	d.Put("</summary>\n")
	if len(g.rows) > 0 {
		declared := slices.ContainsFunc(g.rows, func(row fieldRow) bool { return row.at != "" })
		d.Put("<table class=\"cards\"><thead><tr><th>Setting</th><th>Before</th><th>After</th>")
		if declared {
			d.Put("<th>Declared at</th>")
		}
		d.Put("</tr></thead><tbody>\n")
		for _, row := range g.rows {
			d.Put("<tr><td class=\"mono\">%s</td><td class=\"mono\" data-label=\"before\">%s</td><td class=\"mono\" data-label=\"after\">%s</td>", row.field, Clean(row.before), Clean(row.after))
			if declared {
				d.Put("<td class=\"mono muted\" data-label=\"at\">%s</td>", Clean(row.at))
			}
			d.Put("</tr>\n")
		}
		d.Put("</tbody></table>\n")
	}
	if g.changes[0].Final {
		d.Put("<p class=\"names bad\">%s</p>\n", finalText)
	}
	if len(g.changes) > 1 {
		d.names(len(g.changes), func(i int) string { return g.changes[i].Name.String() })
	}
	if authors := paragraph(d.run, func(p *printer) { p.authors(0, g.changes) }); authors != "" {
		for line := range strings.Lines(authors) {
			d.Put("<p class=\"names\">%s</p>\n", strings.TrimSpace(line))
		}
	}
	d.Put("</details>\n")
}

// targets are the numbers of each target, and of the guard.
func (d *htmlPage) targets() {
	r := d.run
	if r.Plan == nil || len(r.Plan.Targets) == 0 {
		return
	}
	d.Put("<section aria-labelledby=\"targets\">\n<h2 id=\"targets\">Targets</h2>\n<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Target</th>")
	columns := []string{"Declared", "In sync", "To write", "Written", "Failed", "Not read"}
	for _, c := range columns {
		d.Put("<th class=\"num\">%s</th>", c)
	}
	d.Put("</tr></thead><tbody>\n")
	for t := range slice.Pointers(r.Plan.Targets) {
		s := r.newTargetSummary(*t).(targetSummaryJSON).Summary
		declared := fmt.Sprint(t.Declared)
		if s.Declared == nil {
			declared = "unknown"
		}
		d.Put("<tr><td>%s</td><td class=\"num\" data-label=\"Declared\">%s</td>", Clean(where(t.Label, t.Target)), declared)
		c := r.counts(*t)
		inSync := c.InSync
		if o := r.Outcome.Of(t.Target); o != nil {
			inSync += settledIn(o)
		}
		for j, n := range []int{inSync, c.Changes(), s.Created + s.Changed + s.Deleted, s.Failed, c.Unreadable + c.NotExamined} {
			tone, told := "", fmt.Sprint(n)
			if j > 2 && n > 0 {
				tone = " bad"
			}
			if r.ChangesOnly && (j == 0 || j == 4) {
				told = "unknown"
			}
			d.Put("<td class=\"num%s\" data-label=\"%s\">%s</td>", tone, columns[j+1], told)
		}
		d.Put("</tr>\n")
	}
	d.Put("</tbody></table></div>\n")
	if len(r.Guard) > 0 {
		d.Put("<h3>Guard</h3>\n<ul class=\"counts\">")
		for _, l := range r.Guard {
			tone := ""
			if l.Exceeded() {
				tone = "bad"
			}
			d.Put("<li class=\"%s\">%s</li>", tone, l.String())
		}
		d.Put("</ul>\n")
	}
	d.Put("</section>\n")
}
