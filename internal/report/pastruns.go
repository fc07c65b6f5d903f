package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// RunsText lists runs as a table, in their order.
func RunsText(w io.Writer, runs []PastRun, o TextOptions) error {
	p := newPrinter(w, &Run{}, o)
	if len(runs) == 0 {
		p.line(0, text("No run is remembered here."))
		return p.flush()
	}
	table := [][]string{{"RUN", "VERB", "STATE", "STARTED (UTC)", "APPLIED", "FAILED", "LEFT", "TARGETS"}}
	for _, s := range slice.Map(runs, summarise) {
		applied := fmt.Sprint(s.Applied)
		if s.Unconfirmed > 0 {
			applied += "+" // and perhaps more
		}
		table = append(table, []string{s.Run, s.Verb, s.State, s.Started.Format(time.DateTime), applied, fmt.Sprint(s.Failed), fmt.Sprint(s.Left), fmt.Sprint(s.Targets)})
	}
	p.table(0, table, "STARTED (UTC)", "TARGETS", "VERB") // most ids begin with when
	return p.flush()
}

// runLine is a run in one line.
type runLine struct {
	Run         string    `json:"run_id"`
	Verb        string    `json:"verb"`
	State       string    `json:"state"`
	Started     time.Time `json:"started"`
	Applied     int       `json:"applied"`
	Unconfirmed int       `json:"unconfirmed"` // of a run that died, or is at work: may have been applied
	Failed      int       `json:"failed"`
	Left        int       `json:"left"` // stale, or not attempted
	Targets     int       `json:"targets"`
	Incomplete  string    `json:"incomplete"` // what is missing; "" when nothing is
}

func summarise(run PastRun) runLine {
	s := runLine{Run: run.Run.ID, State: string(run.State()), Started: run.Started().UTC(), Incomplete: run.Incomplete()}
	for _, attempt := range run.Latest() {
		s.Verb = attempt.Verb
		s.Targets += len(attempt.Targets)
	}
	items, untold := run.told()
	for _, u := range untold {
		switch u.Status {
		case history.Unknown:
			s.Unconfirmed++
		case history.Written:
			s.Applied++
		}
	}
	for i := range items {
		switch {
		case items[i].Status == reconcile.Applied.String():
			s.Applied++
		case tried(&items[i]):
			s.Failed++
		case items[i].Status == history.Unconfirmed:
			s.Unconfirmed++
		default:
			s.Left++
		}
	}
	return s
}

// tried reports whether the record of a change says how a write ended.
func tried(i *history.Item) bool {
	return slices.Contains([]string{reconcile.Applied.String(), reconcile.Failed.String(), reconcile.Mismatched.String()}, i.Status)
}

// told is each change once, by its record or by the journal, which is of all parts of the
// run: it tells of what no record has, and of what one attempt left to the next.
func (run *PastRun) told() (items []history.Item, untold []history.Trace) {
	byKey := map[desired.Key]history.Trace{}
	for _, u := range run.Journal {
		byKey[u.Key] = u
	}
	for _, i := range run.Items() {
		if u, is := byKey[i.Key]; is && !tried(&i) && u.Status != history.Unwritten {
			continue
		}
		delete(byKey, i.Key)
		items = append(items, i)
	}
	return items, slice.Filter(run.Journal, func(u history.Trace) bool { _, is := byKey[u.Key]; return is })
}

// PastRun is one run, with what its record alone does not tell.
type PastRun struct {
	history.Run
	// Journal is what the run did to each record, as far as its journal says. It
	// is told where the record cannot: of a run that died, or is at work.
	Journal []history.Trace
	// Undo is the command that rolls the run back, or "" where nothing was written.
	Undo string
}

// RunText shows one run to a person: who, when, from what, and what became of its
// changes, each kind of change once, as in a plan.
func RunText(w io.Writer, run PastRun, o TextOptions) error {
	past := Past(run)
	made := newChangeSet(past.toMake())
	unmade := groupBy(past.unmade(), func(at targetChanges) string { return at.rest },
		func(_ string, of []targetChanges) *changeSet { return newChangeSet(of) })
	return fitted(w, past, o, func(p *printer) {
		s := summarise(run)
		p.flow(0, 2, textf("Run %s: %s, %s, started %s UTC", s.Run, s.Verb, s.State, s.Started.Format(time.DateTime)))
		sharded := len(run.Attempts) > 0 && run.Attempts[0].Shard != (shard.Shard{})
		if sharded && s.Incomplete != "" { // of a run that is whole, the state has said it
			p.flow(0, 2, textf("Not complete: %s", s.Incomplete))
		}
		for _, attempt := range run.Latest() {
			p.attempt(&attempt)
		}
		p.who(past)
		if past.Outcome != nil {
			p.kinds(made, "")
			for _, s := range unmade {
				p.kinds(s, s.targets[0].rest)
			}
			p.notes(between(past.notes(false), again, notAttempted), &p.detail.alerts)
		}
		if _, untold := run.told(); len(untold) > 0 {
			p.journal(&run, untold)
			p.gap()
		} else if s.Verb != "audit" { // which changes nothing
			p.gap()
			p.line(0, textf("%d applied, %d failed, %d left.", s.Applied, s.Failed, s.Left))
		}
		if run.Undo != "" {
			p.line(0, textf("Undo it with: %s", run.Undo))
		}
		p.last()
	})
}

// part tells who ran one part of a run, and from what.
func (p *printer) attempt(attempt *history.RunRecord) {
	if attempt.Shard != (shard.Shard{}) {
		p.line(0, textf("%s:", attempt.Shard.Name()))
	}
	took := ""
	if !attempt.Finished.IsZero() {
		took = fmt.Sprintf(", took %s", (attempt.Finished.Sub(attempt.Started) - time.Duration(attempt.AskedMS)*time.Millisecond).Round(time.Millisecond))
	}
	p.flow(2, 4, textf("eventinvoke %s on %s, process %d%s", attempt.ToolVersion, attempt.Host, attempt.PID, took))
	if attempt.Stopped != "" {
		p.flow(2, 4, textf("stopped early: %s", attempt.Stopped))
	}
	if attempt.Failure != nil && attempt.Failure.Message != "" {
		p.flow(2, 4, textf("failed: %s %s", attempt.Failure.Kind, attempt.Failure.Message))
	}
	if attempt.Job != "" {
		p.flow(2, 4, textf("started by %s", attempt.Job))
	}
	for _, c := range attempt.Callers {
		p.flow(2, 4, textf("%s as %s", c.Target, c.ARN))
	}
	for _, f := range attempt.Files {
		p.flow(2, 4, textf("from %s (sha256 %.12s)", f.Path, f.SHA256))
	}
	for _, t := range attempt.Targets {
		calls := int64(0)
		for _, o := range t.Operations {
			calls += o.Calls
		}
		if t.Failure != nil {
			p.flow(2, 4, textf("%s: could not be read (%s), %s", where(t.Label, t.Target), t.Failure.Kind, count(calls, "call")))
			continue
		}
		p.flow(2, 4, textf("%s: %s declared, %d in sync, %d unreadable, %s",
			where(t.Label, t.Target), count(t.Plan.Declared, "config"), t.Plan.InSync, t.Plan.Unreadable, count(calls, "call")))
	}
	for i := range attempt.Targets {
		p.audited(&attempt.Targets[i])
	}
	if len(attempt.Approvers) > 0 {
		p.flow(2, 4, textf("approved by %s", strings.Join(attempt.Approvers, ", ")))
	}
	if attempt.GuardOff != "" {
		p.flow(2, 4, colored(yellow, "guard: off: "), text(attempt.GuardOff))
	}
	for _, g := range attempt.Guard {
		exceeded := span{}
		if g.Exceeded() {
			exceeded = colored(red, ", exceeded")
		}
		p.flow(2, 4, textf("guard: %s", g), exceeded)
	}
}

// changeOf is the change that an item is of. A record that somebody wrote by hand may
// lack what every change has.
func changeOf(i *history.Item) reconcile.Change {
	c := reconcile.Change{Name: i.Name, Action: i.Action, Before: i.Before, Want: &i.Request}
	if c.Before == nil && c.Action != reconcile.Create && c.Action != reconcile.Restore {
		c.Before = &reconcile.Settings{}
	}
	return c
}

// journal tells of a run with a record that says only that it began, and what was written.
func (p *printer) journal(run *PastRun, untold []history.Trace) {
	p.gap()
	says := "This run did not finish. From its journal:"
	if run.State() == history.Running {
		says = "This run is at work, or was killed within the last minute. Its journal so far:"
	}
	p.line(0, text(says))
	type end struct {
		target desired.Target
		status history.TraceStatus
	}
	var targets []targetChanges
	for e, undos := range slice.Group(untold, func(u history.Trace) end { return end{u.Target, u.Status} }) {
		p.line(2, textf("%s: %d %s", e.target, len(undos), inWords[e.status]))
		p.names(4, span{}, len(undos), func(i int) string { return undos[i].Name.String() })
		at := targetChanges{Target: e.target, verbs: &outcomeVerbs}
		if e.status == history.Unknown {
			at.verbs, at.rest = &planVerbs, "; "+inWords[e.status]
		}
		for _, u := range undos {
			c := &reconcile.Change{Name: u.Name, Action: reconcile.Update, Before: u.Before, Want: &desired.Config{}}
			switch {
			case e.status == history.Unwritten:
				continue
			case u.After == nil:
				c.Action = reconcile.Delete
			case u.Before == nil:
				c.Action = reconcile.Create
			}
			if u.After != nil {
				*c.Want = desired.Config(*u.After)
			}
			at.changes = append(at.changes, located{&at.Target, c})
		}
		if len(at.changes) > 0 {
			targets = append(targets, at)
		}
	}
	for rest, targets := range slice.Group(targets, func(at targetChanges) string { return at.rest }) {
		p.kinds(newChangeSet(targets), rest)
	}
}

var inWords = map[history.TraceStatus]string{
	history.Written: "written", history.Unwritten: "not written", history.Unknown: "may have been written",
}

// audited tells what an audit found in one target.
func (p *printer) audited(t *history.TargetRecord) {
	for _, kind := range slices.Sorted(maps.Keys(t.Findings)) {
		p.flow(2, 4, textf("%s: %d %s", t.Target, t.Findings[kind], strings.ReplaceAll(kind, "_", " ")))
	}
	if t.Plan.Breaches > 0 {
		p.flow(2, 4, textf("%s: %s of what is required", t.Target, count(t.Plan.Breaches, "breach")))
	}
	if len(t.Drift) > 0 {
		p.flow(2, 4, textf("%s: %s drifted", t.Target, count(len(t.Drift), "config")))
		p.drift(4, t.Drift)
	}
}

// drift names what has drifted, the longest first.
func (p *printer) drift(indent int, drift []history.Drift) {
	drift = slices.Clone(drift)
	slices.SortStableFunc(drift, func(a, b history.Drift) int { return a.Since.Compare(b.Since) })
	for since, drift := range slice.Group(drift, func(d history.Drift) time.Time { return d.Since.UTC() }) {
		p.line(indent, textf("%d since %s UTC:", len(drift), since.Format(time.DateTime)))
		p.names(indent+2, span{}, len(drift), func(i int) string { return drift[i].Name.String() })
	}
}

// TrendsText shows how drift went in each target, from audit to audit; audit is the command that
// leaves what is missing.
func TrendsText(w io.Writer, audit string, trends []history.Trend, damaged []string, o TextOptions) error {
	p := newPrinter(w, &Run{}, o)
	if len(trends) == 0 {
		p.flow(0, 2, textf("No audit of a whole target is remembered here. `eventinvoke %s` leaves a record.", audit))
	}
	for _, t := range trends {
		latest := t.Audits[len(t.Audits)-1]
		p.gap()
		found := fmt.Sprintf("%d of %s drifted", latest.Drifted, count(latest.Declared, "config"))
		switch {
		case latest.Failed:
			found = listed("could not be read by the last audit", latest.Reason)
		case latest.Unreadable > 0:
			found += fmt.Sprintf(", %d could not be read", latest.Unreadable)
		}
		at := where(t.Label, t.Target)
		if t.Target == (desired.Target{}) {
			at = "No target known"
		}
		p.line(0, colored(bold, at), text(": "+Clean(found)))
		table := [][]string{{"AUDITED (UTC)", "DRIFTED", "NEW", "UNREADABLE", "MISSING", "UNDECLARED", "BREACHES", "RUN"}}
		for _, a := range t.Audits {
			known := func(n int) string {
				if a.Failed {
					return "unknown"
				}
				return fmt.Sprint(n)
			}
			table = append(table, []string{a.Started.UTC().Format(time.DateTime),
				known(a.Drifted), known(a.New), known(a.Unreadable), known(a.Missing), known(a.Undeclared), known(a.Breaches), a.RunID})
		}
		p.table(2, table, "RUN", "UNDECLARED", "BREACHES") // a run's id says no more than when
		p.drift(2, t.Drift)
	}
	if len(damaged) > 0 {
		p.gap()
		been := "audits"
		if len(damaged) == 1 {
			been = "an audit"
		}
		p.wrapped(0, colored(yellow, "! "), plain, fmt.Sprintf("%s could not be read, and may have been %s: %s; see: `eventinvoke history verify`", count(len(damaged), "record"), been, strings.Join(damaged, ", ")))
	}
	if p.short {
		p.last()
	}
	return p.flush()
}
