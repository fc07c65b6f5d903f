// Package planfile saves a plan and reads it back, so that what one person
// approved is exactly what another applies.
//
// In come a reconcile.Plan, where its fleet was read from, and the digests of the
// files that were there; out comes versioned JSON that ends in its own fingerprint. Decode refuses a file
// that was cut off or changed by accident: the fingerprint is a checksum, which
// anybody can compute, and not a signature. So Decode also checks the plan as if it
// were a stranger's fleet file, and whoever applies it must check that each change is
// what the fleet files ask for.
//
// The package reads and writes no files, and decides nothing: whether a saved
// change still fits is for reconcile.FleetWishes.SavedPlan.
package planfile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

const (
	kind    = "eventinvoke plan"
	version = 1
)

// Saved is an approved-to-be plan and where it comes from.
type Saved struct {
	RunID       string
	ToolVersion string
	Created     time.Time
	Paths       []string           // of the fleet: files, folders, patterns; none in plans older than the field
	Files       []desired.FileInfo // the fleet files that were there, in the order they were read
	Plan        reconcile.Plan     // apply takes its changes alone

	// ChangesOnly is a file older than what stands beside the changes: of findings, what is in
	// sync and places in the fleet files it says nothing.
	ChangesOnly                         bool
	MissingFunctions, MissingQualifiers desired.MissingPolicy // as the fleet file has them

	// Fingerprint is of all the above. It is what a signature is of.
	Fingerprint string
	Signatures  []string // armored; whether they hold is for whoever asks for them
}

// document is the file. Field order is the order in the file.
type document struct {
	Kind          string             `json:"kind"`
	FormatVersion int                `json:"format_version"`
	RunID         string             `json:"run_id"`
	ToolVersion   string             `json:"tool_version"`
	Created       time.Time          `json:"created"`
	Paths         []string           `json:"fleet,omitempty"` // older plans keep their fingerprint without it
	Files         []desired.FileInfo `json:"fleet_files"`
	Targets       []targetDocument   `json:"targets"`
	Seen          *seenDocument      `json:"seen,omitempty"` // absent in older plans
	Fingerprint   string             `json:"fingerprint"`    // of the file without this field and the next
	Signatures    []string           `json:"signatures,omitempty"`
}

type targetDocument struct {
	desired.Target
	Label    string           `json:"label"`
	Declared int              `json:"declared"`
	Changes  []changeDocument `json:"changes"`
}

type changeDocument struct {
	desired.Name
	Action   reconcile.Action    `json:"action"`
	Want     *desired.Config     `json:"want"`
	Before   *reconcile.Settings `json:"before"`
	Modified int64               `json:"before_last_modified_ms"`
	Final    bool                `json:"final,omitempty"` // it cannot be put back
}

// Encode writes a plan. The same plan gives the same bytes.
func Encode(w io.Writer, s Saved) error {
	d := document{
		Kind: kind, FormatVersion: version, RunID: s.RunID, ToolVersion: s.ToolVersion,
		Created: s.Created.UTC(), Paths: s.Paths, Files: []desired.FileInfo{}, Targets: []targetDocument{},
	}
	d.Files = append(d.Files, s.Files...)
	for p := range slice.Pointers(s.Plan.Targets) {
		d.Targets = append(d.Targets, targetDocument{Target: p.Target, Label: p.Label, Declared: p.Declared,
			Changes: slice.Map(p.Changes, func(c reconcile.Change) changeDocument {
				return changeDocument{c.Name, c.Action, c.Want, c.Before, c.Modified, c.Final}
			})})
	}
	if !s.ChangesOnly {
		d.Seen = newSeen(&s)
	}
	var err error
	if d.Fingerprint, err = fingerprint(d); err != nil {
		return err
	}
	return d.write(w)
}

func (d *document) write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	return encoder.Encode(d)
}

// Sign adds a signature of the fingerprint of a saved plan to it. A plan may be signed
// by several people, one after the other.
func Sign(w io.Writer, data []byte, sign func(message []byte) (string, error)) error {
	d, err := parse(data)
	if err != nil {
		return fmt.Errorf("the saved plan %w; make it again with plan --out", err)
	}
	signature, err := sign([]byte(d.Fingerprint))
	if err != nil {
		return err
	}
	d.Signatures = append(d.Signatures, signature)
	return d.write(w)
}

func fingerprint(d document) (string, error) {
	d.Fingerprint, d.Signatures = "", nil
	text, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// Is reports whether data begins like a saved plan, and not like a fleet file.
func Is(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return bytes.HasPrefix(data, []byte("{")) && bytes.Contains(data[:min(len(data), 200)], []byte(`"`+kind+`"`))
}

// Decode reads a plan back. Its errors say where the file is wrong, how, and what to
// do. Anything but the bytes that Encode wrote, white space apart, is refused, and
// so is what Encode would never write, whoever computed the fingerprint.
func Decode(data []byte) (s Saved, err error) {
	d, err := parse(data)
	if err == nil {
		s, err = d.saved()
	}
	if err != nil {
		return Saved{}, fmt.Errorf("the saved plan %w; make it again with plan --out", err)
	}
	return s, nil
}

// parse reads the file and checks it against its fingerprint.
func parse(data []byte) (d document, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&d); {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return d, errors.New("is cut off")
	case err != nil:
		return d, fmt.Errorf("is damaged: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return d, errors.New("has something after its end")
	}
	if d.Kind != kind {
		return d, errors.New("is none: it is another kind of file")
	}
	if d.FormatVersion != version {
		return d, fmt.Errorf("has format version %d, and this eventinvoke reads %d", d.FormatVersion, version)
	}
	want, err := fingerprint(d)
	if err != nil {
		return d, err
	}
	if d.Fingerprint != want {
		return d, errors.New("was changed after it was made: its fingerprint does not fit")
	}
	return d, nil
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (d *document) saved() (Saved, error) {
	s := Saved{RunID: d.RunID, ToolVersion: d.ToolVersion, Created: d.Created, Paths: d.Paths, Files: d.Files, Fingerprint: d.Fingerprint, Signatures: d.Signatures}
	for i, path := range d.Paths {
		if path == "" || path == "-" {
			return Saved{}, fmt.Errorf("is wrong at fleet[%d]: %q is no path that can be read again", i, path)
		}
	}
	for i, f := range d.Files {
		if f.Path == "" || !digest.MatchString(f.SHA256) || slices.ContainsFunc(d.Files[:i], func(g desired.FileInfo) bool { return g.Path == f.Path }) {
			return Saved{}, fmt.Errorf("is wrong at fleet_files[%d]: %q needs a path of its own and the SHA-256 of its file", i, f.Path)
		}
	}
	for i := range d.Targets {
		t := &d.Targets[i]
		if i > 0 && d.Targets[i-1].Compare(t.Target) >= 0 {
			return Saved{}, fmt.Errorf("is wrong at targets[%d]: %s is there twice, or out of order", i, t.Target)
		}
		if err := t.check(); err != nil {
			return Saved{}, fmt.Errorf("is wrong at targets[%d], %s: %w", i, t.Target, err)
		}
		p := reconcile.TargetPlan{Target: t.Target, Label: t.Label, Declared: t.Declared}
		for j := range t.Changes {
			c := &t.Changes[j]
			if j > 0 && t.Changes[j-1].Compare(c.Name) >= 0 {
				return Saved{}, fmt.Errorf("is wrong at targets[%d].changes[%d]: %s is there twice, or out of order", i, j, c.Name)
			}
			if err := c.check(); err != nil {
				return Saved{}, fmt.Errorf("is wrong at targets[%d].changes[%d], %s: %w", i, j, c.Name, err)
			}
			p.Changes = append(p.Changes, reconcile.Change{Name: c.Name, Action: c.Action, Want: c.Want, Before: c.Before, Modified: c.Modified, Final: c.Final})
		}
		s.Plan.Targets = append(s.Plan.Targets, p)
	}
	if s.ChangesOnly = d.Seen == nil; !s.ChangesOnly {
		if err := d.Seen.into(&s); err != nil {
			return Saved{}, fmt.Errorf("is wrong at seen%w", err)
		}
	}
	return s, nil
}

// mostDeclared is more configs than a target has room for.
const mostDeclared = 1_000_000

func (t *targetDocument) check() error {
	wished := 0
	for _, c := range t.Changes {
		if c.Action != reconcile.Delete {
			wished++
		}
	}
	switch {
	case !t.Valid():
		return errors.New("an account has twelve digits, and a region looks like eu-west-1")
	case t.Declared < wished || t.Declared >= mostDeclared:
		return fmt.Errorf("declared is %d, and %d changes are of declared configs; it must be from %d to %d", t.Declared, wished, wished, mostDeclared-1)
	}
	return nil
}

func checkName(name desired.Name) error {
	n, err := desired.ParseName(name.Function + ":" + name.Qualifier)
	if err == nil && n != (desired.ParsedName{Function: name.Function, Qualifier: name.Qualifier}) {
		err = errors.New("a function is written by its name alone, with its qualifier beside it")
	}
	return err
}

func (c *changeDocument) check() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	for _, s := range desired.AllSettings() {
		for _, values := range [][desired.NumSettings]desired.Value{*cmp.Or(c.Want, &desired.Config{}), *cmp.Or(c.Before, &reconcile.Settings{})} {
			if err := checkValue(s, values[s]); err != nil {
				return err
			}
		}
	}
	var reason string
	switch {
	case c.Action == reconcile.Create && (c.Want == nil || c.Before != nil),
		c.Action == reconcile.Update && (c.Want == nil || c.Before == nil),
		c.Action == reconcile.Delete && c.Before == nil,
		c.Action != reconcile.Create && c.Action != reconcile.Update && c.Action != reconcile.Delete:
		reason = "its want and before do not go with it"
	case c.Action != reconcile.Delete && reconcile.Matches(*c.Want, *cmp.Or(c.Before, &reconcile.Settings{})):
		reason = "the record already says what is wanted"
	case c.Modified < 0, c.Before == nil && c.Modified != 0:
		reason = "before_last_modified_ms is not the time of its record"
	default:
		return nil
	}
	return fmt.Errorf("it is not a plan's %s: %s", c.Action, reason)
}

// destinationForm is what a destination looks like, whichever service it is of: that
// it is one of the fleet files is for whoever applies the plan to check.
var destinationForm = regexp.MustCompile(`^arn:aws[a-z-]*:[a-z0-9-]+:[^\s[:cntrl:]]*$`)

// longestDestination is Lambda's limit.
const longestDestination = 350

func checkValue(s desired.Setting, v desired.Value) error {
	if err := s.Check(v); err != nil {
		return err
	}
	if to := v.Text(); to != "" && (len(to) > longestDestination || !destinationForm.MatchString(to)) {
		return fmt.Errorf("%s is %q, which is not an ARN of at most %d characters", s, to, longestDestination)
	}
	return nil
}
