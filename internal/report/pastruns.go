package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/eventinvoke/eventinvoke/internal/history"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// RunsText lists runs as a table, in their order.
func RunsText(w io.Writer, runs []history.Run) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "No run is remembered here.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tVERB\tSTATE\tSTARTED (UTC)\tAPPLIED\tFAILED\tLEFT\tTARGETS")
	for i := range runs {
		s := summarise(&runs[i])
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n",
			Clean(s.Run), Clean(s.Verb), Clean(s.State), s.Started.Format(time.DateTime), s.Applied, s.Failed, s.Left, s.Targets)
	}
	return table.Flush()
}

// RunsJSON lists runs as one document.
func RunsJSON(w io.Writer, runs []history.Run) error {
	list := make([]runLine, len(runs))
	for i := range runs {
		list[i] = summarise(&runs[i])
	}
	return indented(w, struct {
		FormatVersion int       `json:"format_version"`
		Runs          []runLine `json:"runs"`
	}{FormatVersion, list})
}

// runLine is a run in one line.
type runLine struct {
	Run        string    `json:"run_id"`
	Verb       string    `json:"verb"`
	State      string    `json:"state"`
	Started    time.Time `json:"started"`
	Applied    int       `json:"applied"`
	Failed     int       `json:"failed"`
	Left       int       `json:"left"` // stale, or not attempted
	Targets    int       `json:"targets"`
	Incomplete string    `json:"incomplete"` // what is missing; "" when nothing is
}

func summarise(run *history.Run) runLine {
	s := runLine{Run: run.Run, State: string(run.State()), Started: run.Started().UTC(), Incomplete: run.Incomplete()}
	for _, part := range run.Latest() {
		s.Verb = part.Verb
		s.Targets += len(part.Targets)
	}
	for _, item := range run.Items() {
		switch item.Status {
		case reconcile.Applied.String():
			s.Applied++
		case reconcile.Failed.String(), reconcile.Mismatched.String():
			s.Failed++
		default:
			s.Left++
		}
	}
	return s
}

func indented(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// PastRun is one run, with what its record alone does not tell.
type PastRun struct {
	history.Run
	// Journal is what the run did to each record, as far as its journal says. It
	// is told where the record cannot: of a run that died, or is at work.
	Journal []history.Undo
	// Undo is the command that rolls the run back, or "" where nothing was written.
	Undo string
}

// RunJSON is one run with all its parts, as they are stored.
func RunJSON(w io.Writer, run PastRun) error {
	return indented(w, struct {
		FormatVersion int `json:"format_version"`
		runLine
		Undo    string           `json:"undo"`
		Parts   []history.Record `json:"parts"`
		Journal []history.Undo   `json:"journal"`
	}{FormatVersion, summarise(&run.Run), run.Undo, run.Attempts, append([]history.Undo{}, run.Journal...)})
}

// RunText shows one run to a person: who, when, from what, and each change.
func RunText(w io.Writer, run PastRun) error {
	var b strings.Builder
	s := summarise(&run.Run)
	fmt.Fprintf(&b, "Run %s: %s, %s, started %s UTC\n", Clean(s.Run), Clean(s.Verb), Clean(s.State), s.Started.Format(time.DateTime))
	sharded := len(run.Attempts) > 0 && run.Attempts[0].Shard != (history.Shard{})
	if sharded && s.Incomplete != "" { // of a run that is whole, the state has said it
		fmt.Fprintf(&b, "Not complete: %s\n", Clean(s.Incomplete))
	}
	for _, part := range run.Latest() {
		writePart(&b, &part)
	}
	items := run.Items()
	if len(items) > 0 {
		b.WriteString("\n")
	}
	for i := range items {
		writeItem(&b, &items[i])
	}
	if len(run.Journal) > 0 {
		writeJournal(&b, run.Journal)
	} else {
		fmt.Fprintf(&b, "\n%d applied, %d failed, %d left.\n", s.Applied, s.Failed, s.Left)
	}
	if run.Undo != "" {
		fmt.Fprintf(&b, "Undo it with: %s\n", Clean(run.Undo))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeJournal tells of a run whose record says only that it began.
func writeJournal(b *strings.Builder, undos []history.Undo) {
	b.WriteString("\nThe record has no end. The journal says:\n")
	for i := range undos {
		u := &undos[i]
		fmt.Fprintf(b, "  %s: %s\n", Clean(u.Key.String()), inWords[u.Status])
	}
}

var inWords = map[history.UndoStatus]string{
	history.Written: "written", history.Unwritten: "not written", history.Unknown: "may have been written",
}

func writePart(b *strings.Builder, part *history.Record) {
	if part.Shard != (history.Shard{}) {
		fmt.Fprintf(b, "%s:\n", part.Shard)
	}
	fmt.Fprintf(b, "  eventinvoke %s on %s, process %d", Clean(part.ToolVersion), Clean(part.Host), part.PID)
	if !part.Finished.IsZero() {
		fmt.Fprintf(b, ", took %s", part.Finished.Sub(part.Started).Round(time.Millisecond))
	}
	b.WriteString("\n")
	if part.Stopped != "" {
		fmt.Fprintf(b, "  stopped early: %s\n", Clean(part.Stopped))
	}
	if part.Failure != nil && part.Failure.Message != "" {
		fmt.Fprintf(b, "  failed: %s %s\n", Clean(part.Failure.Kind.String()), Clean(part.Failure.Message))
	}
	if part.Job != "" {
		fmt.Fprintf(b, "  started by %s\n", Clean(part.Job))
	}
	for _, c := range part.Callers {
		fmt.Fprintf(b, "  %s/%s as %s\n", c.Account, Clean(c.Region), Clean(c.ARN))
	}
	for _, f := range part.Files {
		fmt.Fprintf(b, "  from %s (sha256 %.12s)\n", Clean(f.Path), f.SHA256)
	}
	for _, t := range part.Targets {
		calls := int64(0)
		for _, o := range t.Operations {
			calls += o.Calls
		}
		fmt.Fprintf(b, "  %s/%s: %s declared, %d in sync, %d unreadable, %s\n",
			t.Account, Clean(t.Region), count(t.Plan.Declared, "config"), t.Plan.InSync, t.Plan.Unreadable, count(calls, "call"))
	}
}

func writeItem(b *strings.Builder, item *history.Item) {
	fmt.Fprintf(b, "%s %s: %s", Clean(item.Action.String()), Clean(item.Key.String()), Clean(item.Status))
	if item.Attempts > 1 {
		fmt.Fprintf(b, ", %d attempts", item.Attempts)
	}
	b.WriteString("\n")
	if f := item.Failure; f != nil {
		fmt.Fprintf(b, "    %s: %s", Clean(f.Kind.String()), Clean(f.Message))
		if f.RequestID != "" {
			fmt.Fprintf(b, " [request %s]", Clean(f.RequestID))
		}
		b.WriteString("\n")
	}
	c := reconcile.Change{Name: item.Key.Name, Action: item.Action, Before: item.Before, Want: &item.Request}
	if c.Action == reconcile.Update && c.Before == nil {
		return // a record that somebody wrote by hand
	}
	for _, row := range c.Settings() {
		fmt.Fprintf(b, "    %s: %s → %s\n", row.Setting, Clean(row.Setting.Format(row.Before)), Clean(row.Setting.Format(row.After)))
	}
}
