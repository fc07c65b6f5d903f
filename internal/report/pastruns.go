package report

import (
	"encoding/json"
	"fmt"
	"io"
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
