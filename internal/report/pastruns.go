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
func RunsText(w io.Writer, runs []history.Whole) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "No run is remembered here.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tVERB\tSTATE\tSTARTED\tAPPLIED\tFAILED\tLEFT\tTARGETS")
	for i := range runs {
		s := summarise(&runs[i])
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n",
			clean(s.Run), clean(s.Verb), clean(s.State), s.Started.Format(time.DateTime), s.Applied, s.Failed, s.Left, s.Targets)
	}
	return table.Flush()
}

// RunsJSON lists runs as one document.
func RunsJSON(w io.Writer, runs []history.Whole) error {
	list := make([]pastRun, len(runs))
	for i := range runs {
		list[i] = summarise(&runs[i])
	}
	return indented(w, struct {
		FormatVersion int       `json:"format_version"`
		Runs          []pastRun `json:"runs"`
	}{FormatVersion, list})
}

// RunJSON is one run with all its parts, as they are stored.
func RunJSON(w io.Writer, run history.Whole) error {
	return indented(w, struct {
		FormatVersion int `json:"format_version"`
		pastRun
		Parts []history.Record `json:"parts"`
	}{FormatVersion, summarise(&run), run.Parts})
}

// pastRun is a run in one line.
type pastRun struct {
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

func summarise(run *history.Whole) pastRun {
	s := pastRun{Run: run.Run, State: string(run.State()), Started: run.Started().UTC(), Incomplete: run.Incomplete()}
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

// RunText shows one run to a person: who, when, from what, and each change.
func RunText(w io.Writer, run history.Whole) error {
	var b strings.Builder
	s := summarise(&run)
	fmt.Fprintf(&b, "Run %s: %s, %s, started %s\n", clean(s.Run), clean(s.Verb), clean(s.State), s.Started.Format(time.DateTime))
	if s.Incomplete != "" {
		fmt.Fprintf(&b, "Not complete: %s\n", clean(s.Incomplete))
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
	fmt.Fprintf(&b, "\n%s, %d failed, %d left. Undo it with: eventinvoke rollback %s\n", countApplied(s.Applied), s.Failed, s.Left, clean(s.Run))
	_, err := io.WriteString(w, b.String())
	return err
}

func countApplied(n int) string { return fmt.Sprintf("%d applied", n) }

func writePart(b *strings.Builder, part *history.Record) {
	if part.Shard != (history.Shard{}) {
		fmt.Fprintf(b, "%s:\n", part.Shard)
	}
	fmt.Fprintf(b, "  eventinvoke %s on %s, process %d", clean(part.ToolVersion), clean(part.Host), part.PID)
	if !part.Finished.IsZero() {
		fmt.Fprintf(b, ", took %s", part.Finished.Sub(part.Started).Round(time.Millisecond))
	}
	b.WriteString("\n")
	if part.Stopped != "" {
		fmt.Fprintf(b, "  stopped early: %s\n", clean(part.Stopped))
	}
	if part.Failure != nil {
		fmt.Fprintf(b, "  failed: %s %s\n", clean(part.Failure.Kind), clean(part.Failure.Message))
	}
	for _, c := range part.Callers {
		fmt.Fprintf(b, "  %s/%s as %s\n", c.Account, clean(c.Region), clean(c.ARN))
	}
	for _, f := range part.Files {
		fmt.Fprintf(b, "  from %s (sha256 %.12s)\n", clean(f.Path), f.SHA256)
	}
	for _, t := range part.Targets {
		calls := int64(0)
		for _, o := range t.Operations {
			calls += o.Calls
		}
		fmt.Fprintf(b, "  %s/%s: %d keys declared, %d in sync, %d unreadable, %d calls\n", t.Account, clean(t.Region), t.Plan.Declared, t.Plan.InSync, t.Plan.Unreadable, calls)
	}
}

func writeItem(b *strings.Builder, item *history.Item) {
	fmt.Fprintf(b, "%s %s: %s", clean(item.Action.String()), clean(item.Key.String()), clean(item.Status))
	if item.Attempts > 1 {
		fmt.Fprintf(b, ", %d attempts", item.Attempts)
	}
	b.WriteString("\n")
	if f := item.Failure; f != nil {
		fmt.Fprintf(b, "    %s: %s", clean(f.Kind), clean(f.Message))
		if f.RequestID != "" {
			fmt.Fprintf(b, " [request %s]", clean(f.RequestID))
		}
		b.WriteString("\n")
	}
	c := reconcile.Change{Name: item.Key.Name, Action: item.Action, Before: item.Before, Want: &item.Request}
	if c.Action == reconcile.Modify && c.Before == nil {
		return // a record that somebody wrote by hand
	}
	for _, row := range c.Fields() {
		fmt.Fprintf(b, "    %s: %s → %s\n", row.Field, clean(spell(row.Before)), clean(spell(row.After)))
	}
}

func indented(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
