package report

import (
	"fmt"

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
		p.nothingDiffers(r, c)
		return
	}
	same, keys := 0, 0
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		tc := t.Counts()
		switch {
		case tc.Changes() > 0:
			p.gap()
			p.line(0, in(bold, where(t.Label, t.Target)),
				sayf(": %s; %d in sync", listed(some(tc.Creates, "to create"), some(tc.Updates, "to change"), some(tc.Deletes, "to delete")), tc.InSync))
			p.blocks(t.Changes, planVerbs)
		case tc.InSync > 0 && tc.Unreadable+tc.NotExamined+tc.UnreadableTargets == 0:
			same++
			keys += tc.InSync
		}
	}
	if same > 0 {
		p.gap()
		p.line(0, sayf("In %s more nothing differs: %s checked.", count(same, "target"), count(keys, "config")))
	}
}

// nothingDiffers never claims more than what was looked at.
func (p *page) nothingDiffers(r *Run, c reconcile.PlanCounts) {
	p.gap()
	if len(r.Plan.Targets) == 0 {
		p.line(0, in(green, "Nothing to do: this shard has no target."))
		return
	}
	if c.Declared > 0 && c.Skipped == c.Declared {
		p.line(0, in(red, fmt.Sprintf("Nothing was compared: %s that rules chose, on aliases or versions that no function has.", count(c.Skipped, "config"))))
		return
	}
	rest := listed(
		some(c.Unreadable, "could not be read"),
		some(c.UnknownTargets, "of the targets could not be read at all"),
		some(c.NotExamined, "not examined"),
		some(c.MissingFunctions+c.MissingQualifiers, "missing in AWS"))
	if rest == "" {
		as := "as declared"
		if r.Verb == "rollback" {
			as = "as before the run"
		}
		p.line(0, in(green, fmt.Sprintf("Nothing differs: %s checked, all %s.", count(c.InSync, "config"), as)))
		return
	}
	p.line(0, in(yellow, fmt.Sprintf("Nothing differs in the %s that could be checked; %s.", count(c.InSync, "config"), rest)))
}

// verbs say what a change does to one key, and to many.
type verbs map[reconcile.Action]struct{ one, many span }

var (
	planVerbs = verbs{
		reconcile.Create:  {in(green, "+ create"), in(green, "+ same create")},
		reconcile.Update:  {in(yellow, "~ change"), in(yellow, "~ same change")},
		reconcile.Delete:  {in(red, "- delete"), in(red, "- same delete")},
		reconcile.Restore: {in(yellow, "~ put back"), in(yellow, "~ same put back")},
	}
	outcomeVerbs = verbs{
		reconcile.Create:  {in(green, "+ created"), in(green, "+ same create made")},
		reconcile.Update:  {in(yellow, "~ changed"), in(yellow, "~ same change made")},
		reconcile.Delete:  {in(red, "- deleted"), in(red, "- same delete made")},
		reconcile.Restore: {in(yellow, "~ put back"), in(yellow, "~ same put back")},
	}
)

// blocks writes changes, each kind of change once.
func (p *page) blocks(changes []reconcile.Change, v verbs) {
	all := make([]*reconcile.Change, len(changes))
	for i := range changes {
		all[i] = &changes[i]
	}
	groups := blocks(all)
	shown := groups
	if !p.full && len(groups) > maxBlocks {
		shown = groups[:max(maxBlocks, deletes(groups))]
	}
	for _, b := range shown {
		p.block(b, v)
	}
	keys := 0
	for _, b := range groups[len(shown):] {
		keys += len(b.changes)
	}
	p.more(2, len(groups)-len(shown), " kinds of change, on "+count(keys, "config"))
}

// deletes is the number of blocks that delete; they come first.
func deletes(all []block) int {
	n := 0
	for n < len(all) && all[n].action == reconcile.Delete {
		n++
	}
	return n
}

func (p *page) block(b block, v verbs) {
	origin := ""
	if b.at != "" {
		origin = "  " + b.note()
	}
	if len(b.changes) == 1 {
		p.line(2, v[b.action].one, say(" "), in(bold, b.changes[0].Name.String()), in(dim, origin))
	} else {
		names := namesOf(b.changes, func(c *reconcile.Change) name { return c.Name })
		p.line(2, v[b.action].many, say(" on "), in(bold, howMany(names)), say(":"), in(dim, origin))
		p.names(4, names)
	}
	p.fieldRows(b.rows)
}
