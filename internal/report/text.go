package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// TextOptions are the reader's wishes.
type TextOptions struct {
	Color bool // use ANSI colours
	Width int  // columns of the terminal, 60 to 200; 0 where they are not known, for 100
	ASCII bool // the terminal shows nothing else
	Full  bool // list every key, however many are alike
	Fold  bool // break the stable lines as well: a person reads them, and no program
}

// screen is how many lines a page has, unless the reader asks for all: a plan is read where it
// is approved, and what has scrolled away was not read.
const screen = 40

// detail is how much is said of what there may be much of.
type detail struct {
	wishes  int  // of changes, those that are shown; 0 shows every kind of change
	brief   bool // and of these no more than what is wanted, and of how many
	at      bool // and where that is declared
	names   bool // whose they are
	alerts  int  // of what failed or is not known, that are spelt out
	notes   int  // and of what was found
	causes  int  // of a note
	rows    int  // of a list
	authors int  // of a kind of change
	least   bool // one author, and no slowest target
}

const all = math.MaxInt

// details are from the finest to the coarsest. Whatever there is, its head counts it.
var details = []detail{
	{names: true, alerts: all, notes: all, causes: 20, rows: 5, authors: 3},
	{names: true, alerts: all, notes: all, causes: 3, rows: 3},
	{names: true, alerts: 2, notes: 2, causes: 2, rows: 1},
	{names: true, alerts: all, notes: all, causes: 3, rows: 3, wishes: 12, authors: 1},
	{names: true, alerts: 3, notes: 3, causes: 2, rows: 1, wishes: 12, authors: 1},
	{alerts: 3, notes: 3, causes: 2, rows: 1, wishes: 12},
	{alerts: 2, notes: 1, causes: 1, rows: 1, wishes: 12},
	{alerts: 1, causes: 1, rows: 1, wishes: 12},
	{alerts: 1, notes: 1, causes: 1, rows: 1, wishes: 12, brief: true, at: true},
	{alerts: 1, notes: 1, causes: 1, rows: 1, wishes: 12, brief: true},
	{alerts: 1, causes: 1, rows: 1, wishes: 12, brief: true},
	{alerts: 1, causes: 1, rows: 1, wishes: 6, brief: true},
	{alerts: 1, causes: 1, rows: 1, wishes: 3, brief: true},
	{wishes: 1, brief: true, least: true},
}

// Text writes a run for people: what was written and what failed where there is
// an Outcome, what a plan would do where there is none.
//
// The numbers, the risk and what was found come first, then what could not be read, since
// that says how far the rest can be trusted. The last line of a plan, and the last but
// one of an outcome, is stable: see docs/output.md.
func Text(w io.Writer, r *Run, o TextOptions) error {
	notes := slices.DeleteFunc(r.notes(false), func(n note) bool { return n.topic == authors }) // the head has them
	trouble, unwritten, findings := between(notes, runStopped, notExamined), between(notes, again, notAttempted), between(notes, membership, passedOver)
	head, risks, changes := found(notes), riskLine(r), newChangeSet(r.toMake())
	return fitted(w, r, o, func(p *printer) {
		if r.Plan == nil {
			p.notes(notes, &p.detail.alerts)
			p.gap()
			p.headline(r)
			return
		}
		p.opening(r)
		if risks != "" {
			p.wrapped(0, colored(bold, "Risk: "), plain, risks+".")
		}
		if head != "" {
			p.wrapped(0, colored(bold, "Found: "), plain, head+".")
		}
		p.who(r)
		p.notes(trouble, &p.detail.alerts)
		if r.Outcome == nil {
			p.changes(r, changes)
			p.notes(unwritten, &p.detail.alerts)
			p.notes(findings, &p.detail.notes)
			p.gap()
			p.guard(r.Guard, r.GuardOff)
			p.cost(r)
			if r.Refused != nil {
				for _, n := range between(notes, refused, refused) { // however little room there is
					p.gap()
					p.note(0, &n)
				}
			}
			p.last()
			p.headline(r)
			return
		}
		p.kinds(changes, "")
		p.notes(unwritten, &p.detail.alerts)
		p.notes(findings, &p.detail.notes)
		p.last()
		p.headline(r)
		p.line(0, textf("Run %s", r.ID))
		if r.Undo != "" && r.Outcome.Wrote() {
			p.line(0, textf("Undo it with: %s", r.Undo))
		}
	})
}

// fitted writes a page in as much detail as fits on a screen.
func fitted(w io.Writer, r *Run, o TextOptions, write func(*printer)) error {
	if o.Full {
		p := newPrinter(w, r, o)
		write(p)
		return p.flush()
	}
	var page bytes.Buffer
	for _, d := range details {
		page.Reset()
		p := newPrinter(&page, r, o)
		p.detail = d
		write(p)
		_ = p.flush() // into memory
		if bytes.Count(page.Bytes(), []byte("\n")) <= screen {
			break
		}
	}
	if _, err := w.Write(page.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// opening says what was read, so that the reader can judge whether it is all.
func (p *printer) opening(r *Run) {
	c := r.Plan.Counts()
	if r.Saved {
		p.flow(0, 2, textf("Saved plan of run %s, made %s UTC by eventinvoke %s from %s: changes of %s in %s.",
			r.ID, r.Started.UTC().Format(time.DateTime), r.ToolVersion, files(r.Fleet.Files), count(c.Declared, "config"), count(len(r.Plan.Targets), "target")))
		return
	}
	reads, writes := r.traffic()
	examined := c.Declared - c.Unreadable - c.NotExamined
	tone, of := plain, count(c.Declared, "config")
	if examined < c.Declared {
		tone = red
	}
	if c.UnknownTargets > 0 {
		tone, of = red, "? configs"
	}
	pace := paced(r.API)
	if r.Outcome != nil {
		pace = "" // the rate by now is that of writing
	}
	verb := "Read "
	if sum, _ := r.evidence(); sum.Carried > 0 {
		verb = "Compared "
	}
	p.flow(0, 2,
		text(verb), colored(tone, fmt.Sprintf("%d of %s", examined, of)),
		textf(" (%s), %s, %s: ", files(r.Fleet.Files), count(len(r.Plan.Targets), "target"), formatDuration(r.Surveyed.Sub(r.Started))),
		text(reads.spell(pace)))
	p.evidence(r)
	if r.Outcome != nil {
		p.flow(0, 2,
			textf("Wrote %d of %s, %s: ", r.Outcome.Counts().Applied(), count(c.Changes(), "change"), formatDuration(r.Finished.Sub(r.Surveyed)-r.Asked)),
			text(writes.spell(paced(r.API))))
	}
}

// files names the fleet file where there is one, else the folder that places are told without.
func files(paths []string) string {
	if len(paths) == 1 {
		return paths[0]
	}
	return count(len(paths), "file") + after(" in ", Folder(paths))
}

// Folder is the folder that all of some files are in, with the slash behind it; "" where they
// are named from where the reader is, who then finds them as they are.
func Folder(paths []string) string {
	shared := ""
	for i, path := range paths {
		if !filepath.IsAbs(path) && !strings.Contains(path, "://") {
			return ""
		}
		if i == 0 {
			shared = path
		}
		n := 0
		for n < len(shared) && n < len(path) && shared[n] == path[n] {
			n++
		}
		shared = shared[:strings.LastIndexAny(shared[:n], `/\`)+1]
	}
	return shared
}

// who is who made what differs what it is: of many authors, those who made most. One stands
// beside the change.
func (p *printer) who(r *Run) {
	most := 3
	switch {
	case p.full:
		most = all
	case p.detail.least:
		most = 1
	}
	beside := p.detail.wishes == 0 && p.detail.authors > 0 && len(r.Insights.Authors) == 1
	if told := r.told(most, p.stable); told != nil && !beside {
		p.wrapped(0, colored(bold, "Who: "), plain, listed(told...)+".")
	}
}

// changes is what a plan would change, and where nothing is.
func (p *printer) changes(r *Run, all *changeSet) {
	c := r.Plan.Counts()
	if c.Changes() == 0 {
		p.nothingDiffers(r, c)
		return
	}
	rest := ""
	if !r.ChangesOnly {
		rest = fmt.Sprintf("; %d in sync", c.InSync)
	}
	p.kinds(all, rest)
	same, configs := 0, 0
	for i := range r.Plan.Targets {
		if tc := r.Plan.Targets[i].Counts(); tc.Changes() == 0 && tc.InSync > 0 && tc.Unreadable+tc.NotExamined+tc.UnreadableTargets == 0 {
			same++
			configs += tc.InSync
		}
	}
	if same > 0 {
		p.gap()
		p.line(0, textf("In %s more nothing differs: %s checked.", count(same, "target"), count(configs, "config")))
	}
}

// nothingDiffers never claims more than what was looked at.
func (p *printer) nothingDiffers(r *Run, c reconcile.PlanCounts) {
	as := "as declared"
	if r.Verb == "rollback" {
		as = "as before the run"
	}
	missing := c.MissingFunctions + c.MissingQualifiers
	are := func(n int, one, many string) string {
		if n == 1 {
			many = one
		}
		return some(n, many)
	}
	tone, says := green, fmt.Sprintf("Nothing differs: %s checked, all %s.", count(c.InSync, "config"), as)
	rest := listed(
		some(c.Unreadable, "could not be read"),
		are(c.UnknownTargets, "target could not be read at all", "targets could not be read at all"),
		are(c.NotExamined, "was not examined", "were not examined"),
		are(c.MissingFunctions, "names a function that does not exist", "name functions that do not exist"),
		are(c.MissingQualifiers, "names an alias or version that does not exist", "name aliases or versions that do not exist"))
	switch {
	case r.ChangesOnly:
		tone, says = plain, "The plan changes nothing."
	case len(r.Plan.Targets) == 0:
		says = "Nothing to do: this shard has no target."
	case c.Declared > 0 && c.Skipped == c.Declared:
		tone, says = red, fmt.Sprintf("Nothing was compared: %s that rules chose, on aliases or versions that no function has.", count(c.Skipped, "config"))
	case c.Declared > 0 && c.Skipped+missing == c.Declared:
		tone, says = red, fmt.Sprintf("Nothing was compared: %s, of functions, aliases or versions that do not exist.", count(c.Declared, "config"))
	case rest != "" && c.InSync == 0:
		tone, says = yellow, fmt.Sprintf("No config could be checked: %s.", rest)
	case rest != "" && c.InSync == 1:
		tone, says = yellow, fmt.Sprintf("Nothing differs in the one config that could be checked; %s.", rest)
	case rest != "":
		tone, says = yellow, fmt.Sprintf("Nothing differs in the %d configs that could be checked; %s.", c.InSync, rest)
	}
	p.gap()
	p.flow(0, 2, colored(tone, says))
}

func (p *printer) hint(indent int, hint string) {
	if hint != "" {
		p.wrapped(indent, colored(green, "next: "), plain, hint)
	}
}

// Headline is what became of a run in one line.
func (r *Run) Headline() string {
	switch {
	case r.Checked != "":
		return r.Checked
	case r.Plan == nil:
		return "No plan: nothing was compared, and nothing was written."
	case r.Outcome != nil:
		return outcomeLine(r.Outcome.Counts())
	}
	return planLine(r.counts(r.Plan.Targets...), r.ChangesOnly)
}

func (p *printer) headline(r *Run) {
	if p.fold {
		p.flow(0, 2, colored(bold, r.Headline()))
		return
	}
	p.line(0, colored(bold, r.Headline()))
}

// planLine is the stable last line of a plan: the same five numbers in the same
// order, so that scripts can look for it. Only a run that ended early adds a
// sixth, since its numbers are not those of the whole fleet.
func planLine(c reconcile.PlanCounts, changesOnly bool) string {
	ignored, unreadable := fmt.Sprint(c.Ignored), fmt.Sprint(c.Unreadable)
	if changesOnly {
		ignored = "unknown" // never a number that nobody counted
	}
	if changesOnly || c.UnknownTargets > 0 {
		unreadable = "unknown"
	}
	line := listed(
		fmt.Sprintf("Plan: %d to create, %d to change, %d to delete, %s ignored, %s unreadable",
			c.Creates, c.Updates, c.Deletes, ignored, unreadable),
		some(c.NotExamined, "not examined"))
	return line + "."
}

// outcomeLine is the stable line of an application; its six numbers always
// stand. Only saved plans and rollbacks have stale changes: a run that makes its
// own plan reads before it writes.
func outcomeLine(t reconcile.OutcomeCounts) string {
	return fmt.Sprintf("Applied: %d created, %d changed, %d deleted, %d failed, %d stale, %d not attempted.",
		t.Created, t.Updated, t.Deleted, t.Failed, t.Stale, t.NotAttempted)
}

func (p *printer) guard(lines []reconcile.GuardLine, off string) {
	if off != "" {
		p.wrapped(0, colored(yellow, "Guard: off: "), plain, off)
	}
	for _, l := range lines {
		rest := span{}
		if l.Exceeded() {
			rest = colored(red, "  ! exceeded")
		}
		p.flow(0, 2, textf("Guard: %s", l), rest)
	}
}
