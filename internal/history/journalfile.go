package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// JournalVersion is the version of the journal's format. It grows when a field
// goes away or changes its meaning. Readers take this one and version 1, whose
// lines have no sums, and refuse others.
const JournalVersion = 2

// lineJSON is one line of a journal. Exactly one of the four is there, and in the
// file a sum follows: see appendSum.
type lineJSON struct {
	Seq    int64       `json:"seq"`
	At     time.Time   `json:"at"`
	Begin  *beginJSON  `json:"begin,omitempty"`
	Intent *Intent     `json:"intent,omitempty"`
	Result *Settlement `json:"result,omitempty"`
	End    *endJSON    `json:"end,omitempty"`
}

// beginJSON is the first line. Attempt is the name of the journal without its
// folder, so that one journal cannot stand in for another.
type beginJSON struct {
	Version     int    `json:"format_version"`
	Run         string `json:"run_id"`
	Attempt     string `json:"attempt,omitempty"`
	ToolVersion string `json:"tool_version"`
	Configs     int    `json:"configs,omitempty"` // of the fleet, whatever part of it the run was over
}

// Intent is what a write is about to do. It is stored before the write is sent.
type Intent struct {
	desired.Key
	Action   reconcile.Action    `json:"action"`
	Before   *reconcile.Settings `json:"before"`             // null: no record
	Modified int64               `json:"modified,omitempty"` // LastModified of the before-image, Unix milliseconds
	Request  desired.Config      `json:"request"`            // what the write sends
	Author   *LastAuthor         `json:"author,omitempty"`   // of the before-image; null where nobody told
}

// Settlement is how an intent ended.
type Settlement struct {
	Of       int64               `json:"of"` // the seq of the intent
	Status   reconcile.Status    `json:"status"`
	After    *reconcile.Settings `json:"after"`              // what AWS stored; null after a delete, and where nothing was stored
	Modified int64               `json:"modified,omitempty"` // LastModified of it
	// Ambiguous says that the write was not confirmed and may have been done.
	Ambiguous bool           `json:"unsure,omitempty"`
	Attempts  int            `json:"attempts"`
	Failure   *callerr.Error `json:"error,omitempty"`
}

// endJSON is the last line of a run that closed its journal.
type endJSON struct {
	Intents int64 `json:"intents"`
}

func newIntent(key desired.Key, c *reconcile.Change) *Intent {
	return &Intent{Key: key, Action: c.Action, Before: c.Before, Modified: c.Modified, Request: c.Request()}
}

func newSettlement(of int64, r *reconcile.ChangeResult) *Settlement {
	out := &Settlement{
		Of: of, Status: r.Status, After: r.After,
		Ambiguous: ambiguous(r), Attempts: r.Stats.Attempts, Failure: NewFailure(r.Err),
	}
	if r.After != nil {
		out.Modified = r.Modified
	}
	return out
}

// ambiguous reports whether a write without a confirmation may have been done. A
// write that was given up after an attempt counts as such, whatever the
// attempt's answer was: it costs nothing to allow for both states.
func ambiguous(r *reconcile.ChangeResult) bool {
	switch r.Status {
	case reconcile.NotAttempted:
		return r.Stats.Attempts > 0
	case reconcile.Failed:
		switch callerr.KindOf(r.Err) {
		case callerr.Server, callerr.Transport, callerr.BadAnswer, callerr.Unknown:
			return true
		}
		return r.Stats.Faults > 0 || ratelimit.Ambiguous(r.Err)
	}
	return false
}

// encode is the line's bytes, with its newline, and its sum, given that of the
// line before.
func (l *lineJSON) encode(previous string) (line []byte, sum string, err error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, "", fmt.Errorf("history: line %d of the journal cannot be written: %w", l.Seq, err)
	}
	line, sum = appendSum(text, lineForm, previous)
	return append(line, '\n'), sum, nil
}

// JournalEntry is one intent of a journal, with its result where there is one.
type JournalEntry struct {
	Intent
	Result *Settlement // nil: the run ended before the result was stored
}

// JournalFile is what a journal says.
type JournalFile struct {
	Version     int
	RunID       string
	Attempt     string
	ToolVersion string
	Configs     int            // of the run's fleet; 0: not known
	Entries     []JournalEntry // in the order of their intents
	Closed      bool           // the run came to its end

	sum    string // of the last line
	intent map[int64]int
}

// ParseJournal reads a journal. The last line may be torn off anywhere, as a
// crash leaves it: it is left out, because no write was sent on its strength.
// Any other damage is an error that names the line; the file then holds what the
// lines before it say.
func ParseJournal(data []byte) (JournalFile, error) {
	file := JournalFile{intent: map[int64]int{}}
	for number := int64(1); ; number++ {
		text, rest, complete := bytes.Cut(data, []byte("\n"))
		if !complete {
			return file, nil
		}
		if err := file.take(text, number); err != nil {
			return file, fmt.Errorf("line %d: %w", number, err)
		}
		data = rest
	}
}

// take adds one line.
func (f *JournalFile) take(text []byte, number int64) error {
	covered, sum, summed := cutSum(text, lineForm)
	var l lineJSON
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("it is not a line of a journal: %w", err)
	}
	if number == 1 && l.Begin != nil {
		if l.Begin.Version < 1 || l.Begin.Version > JournalVersion {
			return fmt.Errorf("it has format version %d and this program reads up to %d: use the version of eventinvoke that wrote it, or a newer one", l.Begin.Version, JournalVersion)
		}
		f.Version, f.RunID, f.Attempt, f.ToolVersion, f.Configs = l.Begin.Version, l.Begin.Run, l.Begin.Attempt, l.Begin.ToolVersion, l.Begin.Configs
	}
	switch {
	case l.Seq != number:
		return fmt.Errorf("it says that it is line %d", l.Seq)
	case f.Closed:
		return errors.New("it comes after the closing line")
	case (number == 1) != (l.Begin != nil):
		return errors.New("a journal has one begin, as its first line")
	case summed != (f.Version > 1), summed && sum != sumOf(f.sum, covered):
		return errors.New("its sum does not hold: this line, or one before it, was changed after it was written")
	}
	f.sum = sum
	switch {
	case l.Begin != nil:
	case l.Intent != nil:
		if err := l.Intent.check(); err != nil {
			return err
		}
		f.intent[l.Seq] = len(f.Entries)
		f.Entries = append(f.Entries, JournalEntry{Intent: *l.Intent})
	case l.Result != nil:
		i, known := f.intent[l.Result.Of]
		if !known || f.Entries[i].Result != nil {
			return fmt.Errorf("it is the result of line %d, which is no open intent", l.Result.Of)
		}
		f.Entries[i].Result = l.Result
	case l.End != nil:
		if l.End.Intents != int64(len(f.Entries)) {
			return fmt.Errorf("it counts %d intents and %d are there", l.End.Intents, len(f.Entries))
		}
		f.Closed = true
	default:
		return errors.New("it is neither an intent nor a result")
	}
	return nil
}

func (in *Intent) check() error {
	switch {
	case in.Action == reconcile.NoChange:
		return errors.New("its action is missing")
	case in.Action == reconcile.Create && in.Before != nil, (in.Action == reconcile.Update || in.Action == reconcile.Delete) && in.Before == nil:
		return fmt.Errorf("a %s does not go with its before-image", in.Action) // a restore goes with any
	case in.Account == "" || in.Region == "" || in.Function == "" || in.Qualifier == "":
		return errors.New("its config is incomplete")
	}
	return nil
}
