package history

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// JournalVersion is the version of the journal's format. It grows when a field
// goes away or changes its meaning; readers refuse a version they do not know.
const JournalVersion = 1

// lineJSON is one line of a journal. Exactly one of the four is there.
type lineJSON struct {
	Seq    int64       `json:"seq"`
	At     time.Time   `json:"at"`
	Begin  *beginJSON  `json:"begin,omitempty"`
	Intent *intentJSON `json:"intent,omitempty"`
	Result *resultJSON `json:"result,omitempty"`
	End    *endJSON    `json:"end,omitempty"`
}

// beginJSON is the first line.
type beginJSON struct {
	Version     int    `json:"format_version"`
	Run         string `json:"run_id"`
	ToolVersion string `json:"tool_version"`
}

// intentJSON is written before its write is sent.
type intentJSON struct {
	keyJSON
	Action   string              `json:"action"`
	Before   *reconcile.Settings `json:"before"`             // null: no record
	Modified int64               `json:"modified,omitempty"` // LastModified of the before-image, Unix milliseconds
	Request  *desired.Config     `json:"request"`            // what the write sends
}

// resultJSON is how an intent ended.
type resultJSON struct {
	Of       int64               `json:"of"` // the seq of the intent
	Status   string              `json:"status"`
	After    *reconcile.Settings `json:"after"`              // what AWS stored; null after a delete, and where nothing was stored
	Modified int64               `json:"modified,omitempty"` // LastModified of it
	// Unsure says that the write was not confirmed and may have been done.
	Unsure   bool       `json:"unsure,omitempty"`
	Attempts int        `json:"attempts"`
	Error    *errorJSON `json:"error,omitempty"`
}

// endJSON is the last line of a run that closed its journal.
type endJSON struct {
	Intents int64 `json:"intents"`
}

// errorJSON is an error without its free text.
type errorJSON struct {
	Kind      string `json:"kind"`
	Code      string `json:"code,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

func newIntent(key desired.Key, c *reconcile.Change) *intentJSON {
	return &intentJSON{
		keyJSON: newKey(key), Action: c.Action.String(),
		Before: c.Before, Modified: c.Modified, Request: new(c.Request()),
	}
}

func newResult(of int64, r *reconcile.Result) *resultJSON {
	out := &resultJSON{
		Of: of, Status: r.Status.String(), After: r.After,
		Unsure: unsure(r), Attempts: r.Stats.Attempts,
	}
	if r.After != nil {
		out.Modified = r.Modified
	}
	if call := callError(r.Err); call != nil {
		out.Error = &errorJSON{Kind: call.Kind.String(), Code: call.Code, RequestID: call.RequestID}
	} else if r.Err != nil {
		out.Error = &errorJSON{Kind: reconcile.KindUnknown.String()}
	}
	return out
}

// unsure reports whether a write without a confirmation may have been done. A
// write that was given up after an attempt counts as such, whatever the
// attempt's answer was: it costs nothing to allow for both states.
func unsure(r *reconcile.Result) bool {
	switch r.Status {
	case reconcile.NotAttempted:
		return r.Stats.Attempts > 0
	case reconcile.Failed:
		switch reconcile.KindOf(r.Err) {
		case reconcile.KindServer, reconcile.KindTransport, reconcile.KindBadAnswer, reconcile.KindUnknown:
			return true
		}
		return r.Stats.Faults > 0 || ratelimit.Ambiguous(r.Err)
	}
	return false
}

// encode is the line's bytes, with its newline.
func (l *lineJSON) encode() ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("history: line %d of the journal cannot be written: %w", l.Seq, err)
	}
	return append(text, '\n'), nil
}
