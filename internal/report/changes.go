package report

import (
	"fmt"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// maxBlocks is how many different changes of one target are shown unless the
// reader asks for all. Deletes are always shown, since what is lost cannot be
// guessed from the rest.
const maxBlocks = 40

// changes writes what differs, target by target.
func (p *page) changes(r *Run) {
	c := r.Plan.Counts()
	if c.Changes() == 0 {
		p.gap()
		p.line(0, in(green, nothingDiffers(c)))
		return
	}
	same := 0
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if len(t.Changes) == 0 {
			same++
			continue
		}
		p.targetChanges(t)
	}
	if same > 0 {
		p.gap()
		p.line(0, sayf("%s more: nothing differs there.", count(same, "target")))
	}
}

// nothingDiffers never claims more than what was looked at.
func nothingDiffers(c reconcile.Counts) string {
	checked := c.InSync
	line := fmt.Sprintf("Nothing differs: %s checked, all as declared", count(checked, "key"))
	rest := listed(
		some(c.Unreadable, "could not be read"),
		some(c.NotExamined, "not examined"),
		some(c.MissingFunctions+c.MissingQualifiers, "missing in AWS"))
	if rest != "" {
		line = fmt.Sprintf("Nothing differs in the %s that could be checked; %s", count(checked, "key"), rest)
	}
	return line + "."
}

func (p *page) targetChanges(t *reconcile.TargetPlan) {
	c := t.Counts()
	p.gap()
	p.line(0,
		in(bold, where(t.Label, t.Target)),
		sayf(": %s; %d in sync", listed(some(c.Creates, "to create"), some(c.Modifies, "to change"), some(c.Deletes, "to delete")), c.InSync))
	all := blocks(t.Changes)
	shown := all
	if !p.full && len(all) > maxBlocks {
		shown = all[:max(maxBlocks, deletes(all))]
	}
	for _, b := range shown {
		p.block(b)
	}
	if hidden := all[len(shown):]; len(hidden) > 0 {
		keys := 0
		for _, b := range hidden {
			keys += len(b.changes)
		}
		p.line(2, in(yellow, sayf("… and %s more, on %s: --full lists them", count(len(hidden), "different change"), count(keys, "key")).text))
	}
}

// deletes is the number of blocks that delete; they come first.
func deletes(all []block) int {
	n := 0
	for n < len(all) && all[n].action == reconcile.Delete {
		n++
	}
	return n
}

var marks = map[reconcile.Action]struct {
	mark, verb string
	ink        ink
}{
	reconcile.Create: {"+", "create", green},
	reconcile.Modify: {"~", "change", yellow},
	reconcile.Delete: {"-", "delete", red},
}

func (p *page) block(b block) {
	m := marks[b.action]
	names := make([]desired.Name, len(b.changes))
	for i, c := range b.changes {
		names[i] = c.Name
	}
	mark := in(m.ink, m.mark+" "+m.verb)
	origin := ""
	if b.origin != "" {
		origin = "  # " + b.origin
	}
	switch {
	case len(names) == 1:
		p.line(2, mark, say(" "), in(bold, names[0].String()), in(dim, origin))
	case p.full:
		p.line(2, mark, sayf(", the same on %s:", howMany(names)), in(dim, origin))
		for _, n := range names {
			p.line(4, say(n.String()))
		}
	default:
		p.line(2, mark, sayf(", the same on %s:", howMany(names)), in(dim, origin))
		p.line(4, say(few(names, columns-4)))
	}
	p.fieldRows(b.rows)
}

// howMany counts functions where every key is another function, else keys.
func howMany(names []desired.Name) string {
	for i := 1; i < len(names); i++ {
		if names[i].Function == names[i-1].Function {
			return count(len(names), "key")
		}
	}
	return count(len(names), "function")
}

// few names as many as a line has room for, and counts the rest.
func few(names []desired.Name, room int) string {
	var b strings.Builder
	for i, n := range names {
		more := ""
		if left := len(names) - i - 1; left > 0 {
			more = fmt.Sprintf(" … and %d more", left)
		}
		next := clean(n.String())
		if i > 0 && width(b.String())+2+width(next)+width(more) > room {
			fmt.Fprintf(&b, " … and %d more", len(names)-i)
			return b.String()
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(next)
	}
	return b.String()
}
