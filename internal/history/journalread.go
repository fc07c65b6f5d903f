package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Entry is one intent of a journal, with its result where there is one.
type Entry struct {
	Seq      int64
	At       time.Time
	Key      desired.Key
	Action   reconcile.Action
	Before   *reconcile.Settings // nil: no record
	Modified int64               // LastModified of the before-image, Unix milliseconds
	Request  desired.Config
	Result   *Settlement // nil: the run ended before the result was stored
}

// Settlement is the result of an intent.
type Settlement struct {
	Status    reconcile.Status
	After     *reconcile.Settings // what AWS stored; nil where it stored nothing
	Modified  int64
	Unsure    bool // it was not confirmed and may have been done
	Attempts  int
	Kind      string // of the error, as reconcile.Kind spells it; "" for none
	Code      string
	RequestID string
}

// JournalFile is what a journal says.
type JournalFile struct {
	Run         string
	ToolVersion string
	Entries     []Entry // in the order of their intents
	Closed      bool    // the run came to its end
}

// ParseJournal reads a journal. The last line may be torn off anywhere, as a
// crash leaves it: it is left out, because no write was sent on its strength.
// Any other damage is an error that names the line.
func ParseJournal(data []byte) (JournalFile, error) {
	var file JournalFile
	byIntent := map[int64]int{}
	for number := 1; ; number++ {
		text, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return file, nil
		}
		if err := file.take(text, int64(number), byIntent); err != nil {
			return JournalFile{}, fmt.Errorf("line %d: %w; the lines before it can be trusted: bring the journal back from a backup, or cut it off there and run plan to see what AWS holds", number, err)
		}
		data = rest
	}
}

// take adds one line. byIntent maps the seq of an intent to its entry.
func (f *JournalFile) take(text []byte, number int64, byIntent map[int64]int) error {
	var l lineJSON
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("it is not a line of a journal: %w", err)
	}
	switch {
	case l.Seq != number:
		return fmt.Errorf("it says that it is line %d", l.Seq)
	case f.Closed:
		return errors.New("it comes after the closing line")
	case (number == 1) != (l.Begin != nil):
		return errors.New("a journal has one begin, as its first line")
	}
	switch {
	case l.Begin != nil:
		if l.Begin.Version != JournalVersion {
			return fmt.Errorf("it has format version %d and this program reads %d: use the version of eventinvoke that wrote it, or a newer one", l.Begin.Version, JournalVersion)
		}
		f.Run, f.ToolVersion = l.Begin.Run, l.Begin.ToolVersion
	case l.Intent != nil:
		entry, err := l.entry()
		if err != nil {
			return err
		}
		byIntent[l.Seq] = len(f.Entries)
		f.Entries = append(f.Entries, entry)
	case l.Result != nil:
		i, known := byIntent[l.Result.Of]
		if !known || f.Entries[i].Result != nil {
			return fmt.Errorf("it is the result of line %d, which is no open intent", l.Result.Of)
		}
		settlement, err := l.Result.settlement()
		if err != nil {
			return err
		}
		f.Entries[i].Result = settlement
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

func (l *lineJSON) entry() (Entry, error) {
	in := l.Intent
	action, known := actions[in.Action]
	switch {
	case !known:
		return Entry{}, fmt.Errorf("action %q is not known", in.Action)
	case action == reconcile.Create && in.Before != nil, (action == reconcile.Update || action == reconcile.Delete) && in.Before == nil:
		return Entry{}, fmt.Errorf("a %s does not go with its before-image", in.Action) // a restore goes with any
	case in.Account == "" || in.Region == "" || in.Function == "" || in.Qualifier == "":
		return Entry{}, errors.New("its key is not complete")
	}
	return Entry{
		Seq: l.Seq, At: l.At, Key: in.key(), Action: action,
		Before: in.Before, Modified: in.Modified, Request: requestOf(in.Request),
	}, nil
}

func (r *resultJSON) settlement() (*Settlement, error) {
	status, known := statuses[r.Status]
	if !known {
		return nil, fmt.Errorf("status %q is not known", r.Status)
	}
	s := &Settlement{Status: status, After: r.After, Modified: r.Modified, Unsure: r.Unsure, Attempts: r.Attempts}
	if r.Error != nil {
		s.Kind, s.Code, s.RequestID = r.Error.Kind, r.Error.Code, r.Error.RequestID
	}
	return s, nil
}

// actions and statuses turn spellings back.
var (
	actions  = bySpelling(reconcile.Create, reconcile.Update, reconcile.Delete, reconcile.Restore)
	statuses = bySpelling(reconcile.NotAttempted, reconcile.Applied, reconcile.Mismatched, reconcile.Failed)
)

func bySpelling[T fmt.Stringer](values ...T) map[string]T {
	m := make(map[string]T, len(values))
	for _, v := range values {
		m[v.String()] = v
	}
	return m
}
