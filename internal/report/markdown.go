package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const (
	// maxMarkdown is less than the 65,536 characters that GitHub takes for a comment.
	maxMarkdown = 60_000
	// maxAlerts is what of it may be said of what went wrong, so that it never
	// hides all of what would change.
	maxAlerts = 20_000
	// minName is what a name takes at least, with the comma behind it.
	minName = 3
	// markdownMark is the first line, by which a comment is found to be updated.
	markdownMark = "<!-- eventinvoke -->"
)

// Markdown writes a run for a comment on a pull request: numbers, risk and what
// went wrong on top, then each kind of change, folded. It has less than 60,000
// bytes for any run; what does not fit is counted, and what is left of them goes to names. Without ids, times and durations,
// the same plan gives the same bytes.
func Markdown(w io.Writer, r *Run) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n### eventinvoke %s\n\n**%s**\n", markdownMark, r.Verb, r.Headline())
	if risks := riskLine(r); risks != "" {
		fmt.Fprintf(&b, "\nRisk: %s.\n", risks)
	}
	if r.Plan != nil {
		if rests := paragraph(r, func(p *printer) { p.evidence(r) }); rests != "" {
			b.WriteString("\n" + fenced(rests))
		}
	}
	if alerts := paragraph(r, func(p *printer) { p.notes(r.alerts(), &p.detail.alerts) }); alerts != "" {
		b.WriteString("\n" + fenced(cut(alerts, maxAlerts)))
	}
	type part struct {
		block
		print func(listing int) string
		text  string
		fits  bool
	}
	var parts []*part
	made := newChangeSet(r.toMake())
	all := newChangeSet(slices.Concat(made.targets, r.unmade()))
	for i, at := range all.targets {
		for _, group := range all.blocks()[i] {
			print := func(listing int) string {
				body := paragraph(r, func(p *printer) {
					p.listing = listing
					p.block(group, at.verbs)
				})
				return fmt.Sprintf("\n<details><summary>%s: %s, %s%s%s</summary>\n\n%s\n</details>\n",
					html.EscapeString(Clean(where(at.label, at.Target))), group.action, count(len(group.changes), "config"), at.unmade, after(": ", group.settings()), fenced(body))
			}
			parts = append(parts, &part{block: group, print: print, text: print(0)})
		}
	}
	many := len(parts) > maxKinds
	if many {
		b.WriteString("\n" + fenced(cut(paragraph(r, func(p *printer) {
			p.detail = detail{wishes: maxKinds}
			p.kinds(made, "")
		}), maxAlerts)))
		fmt.Fprintf(&b, "\n<details><summary>%s of change</summary>\n", count(len(parts), "kind"))
	}
	// Of more than there is room for, what is lost in any target has it before the rest.
	first := slices.Clone(parts)
	slices.SortStableFunc(first, func(a, b *part) int {
		return cmp.Or(urgency[a.action]-urgency[b.action], len(b.changes)-len(a.changes))
	})
	largest := 0
	room := maxMarkdown - 200 - b.Len() // the line below has room
	hiddenKinds, hiddenConfigs := 0, 0
	for _, p := range first {
		if p.fits = len(p.text) <= room; p.fits {
			room -= len(p.text)
			largest = max(largest, len(p.changes))
			continue
		}
		hiddenKinds++
		hiddenConfigs += len(p.changes)
	}
	shown := slice.Filter(parts, func(p *part) bool { return p.fits })
	// Who approves the plan wants to see which functions it touches. The room that is left goes to
	// all kinds alike, so that the largest are the first of which names are only counted.
	more := func(listing int) (texts []string, spare int) {
		spare = room
		for _, p := range shown {
			text := p.text
			if listed := p.print(listing); len(listed) > len(text) {
				text = listed
			}
			texts, spare = append(texts, text), spare-len(text)+len(p.text)
		}
		return texts, spare
	}
	texts, _ := more(0)
	for least, most := 1, min(maxMarkdown/minName, largest); least <= most; {
		listing := (least + most) / 2
		if longer, spare := more(listing); spare >= 0 {
			texts, least = longer, listing+1
		} else {
			most = listing - 1
		}
	}
	for _, text := range texts {
		b.WriteString(text)
	}
	if many {
		b.WriteString("\n</details>\n")
	}
	if hiddenKinds > 0 {
		fmt.Fprintf(&b, "\nThere is no room here for %s of change, on %s.\n", count(hiddenKinds, "more kind"), count(hiddenConfigs, "config"))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the Markdown report: %w", err)
	}
	return nil
}

// paragraph is what write puts on a page, without the lines around it.
func paragraph(r *Run, write func(*printer)) string {
	var b bytes.Buffer
	p := newPrinter(&b, r, TextOptions{})
	p.stable = true
	write(p)
	p.w.Flush() // into memory
	return strings.Trim(b.String(), "\n")
}

// cut shortens text to at most n bytes, between lines where it has any.
func cut(text string, n int) string {
	const rest = "\n… (cut)"
	if len(text) <= n {
		return text
	}
	text = strings.ToValidUTF8(text[:n-len(rest)], "")
	if i := strings.LastIndexByte(text, '\n'); i > 0 {
		text = text[:i]
	}
	return text + rest
}

// fenced is text as a code block that nothing in the text can end.
func fenced(text string) string {
	text = strings.ReplaceAll(text, "```", "'''") // a longer fence could grow without end
	return "```text\n" + text + "\n```\n"
}

// risk is what a change may do to events.
type risk int

const (
	losesEvents risk = iota
	mayRunTwice
	noRisk
	numRisks
)

// riskOf is the worst risk of a change's settings.
func riskOf(c *reconcile.Change) risk {
	worst := noRisk
	for _, s := range c.SettingChanges() {
		worst = min(worst, riskOfSetting(s))
	}
	return worst
}

// settingRisk is what a change of a setting may do to events: one to less, or that takes a
// destination away, and one to more, or that brings a destination.
type settingRisk struct{ less, more risk }

// settingRisks does not compile while a setting has no row. An event that waits a shorter
// time, is tried less often or has no destination left may be lost; one that is tried more
// often, or longer, may run twice.
var settingRisks [desired.NumSettings]settingRisk = [...]settingRisk{
	desired.MaximumRetryAttempts:     {less: losesEvents, more: mayRunTwice},
	desired.MaximumEventAgeInSeconds: {less: losesEvents, more: mayRunTwice},
	desired.OnSuccess:                {less: noRisk, more: noRisk},
	desired.OnFailure:                {less: losesEvents, more: noRisk},
}

// riskOfSetting looks at what Lambda will do, with its default where nothing is set.
func riskOfSetting(s reconcile.SettingChange) risk {
	before, after := s.Before.Or(s.Setting.Default()), s.After.Or(s.Setting.Default())
	switch none := desired.NoDestination; {
	case after.Int() < before.Int(), after == none && before != none:
		return settingRisks[s.Setting].less
	case after.Int() > before.Int(), before == none && after != none:
		return settingRisks[s.Setting].more
	}
	return noRisk
}

// risksOf counts the changes of a run by their risk.
func risksOf(r *Run) (counts [numRisks]int) {
	for _, at := range r.toMake() {
		for _, c := range at.changes {
			counts[riskOf(c.Change)]++
		}
	}
	return counts
}

// riskLine says how many changes have which risk.
func riskLine(r *Run) string {
	counts := risksOf(r)
	return listed(some(counts[losesEvents], "may lose events"), some(counts[mayRunTwice], "may run events twice"), some(counts[noRisk], "harmless"))
}
