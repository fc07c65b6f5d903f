package planfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
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
	Files       []desired.FileInfo // the fleet files, in the order they were read
	Plan        reconcile.Plan     // its changes; findings are not saved
}

// document is the file. Field order is the order in the file.
type document struct {
	Kind          string           `json:"kind"`
	FormatVersion int              `json:"format_version"`
	RunID         string           `json:"run_id"`
	ToolVersion   string           `json:"tool_version"`
	Created       time.Time        `json:"created"`
	Files         []fileDocument   `json:"fleet_files"`
	Targets       []targetDocument `json:"targets"`
	Fingerprint   string           `json:"fingerprint"` // of the file without this field
}

type fileDocument struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

type targetDocument struct {
	Account  string           `json:"account"`
	Region   string           `json:"region"`
	Label    string           `json:"label"`
	Declared int              `json:"declared"`
	Changes  []changeDocument `json:"changes"`
}

type changeDocument struct {
	Function  string              `json:"function"`
	Qualifier string              `json:"qualifier"`
	Action    string              `json:"action"`
	Want      *desired.Config     `json:"want"`
	Before    *reconcile.Settings `json:"before"`
	Modified  int64               `json:"before_last_modified_ms"`
}

// Encode writes a plan. The same plan gives the same bytes.
func Encode(w io.Writer, s Saved) error {
	d := document{
		Kind: kind, FormatVersion: version, RunID: s.RunID, ToolVersion: s.ToolVersion,
		Created: s.Created.UTC(), Files: []fileDocument{}, Targets: []targetDocument{},
	}
	for _, f := range s.Files {
		d.Files = append(d.Files, fileDocument(f))
	}
	for i := range s.Plan.Targets {
		p := &s.Plan.Targets[i]
		t := targetDocument{Account: p.Account, Region: p.Region, Label: p.Label, Declared: p.Declared, Changes: []changeDocument{}}
		for _, c := range p.Changes {
			t.Changes = append(t.Changes, changeDocument{
				Function: c.Function, Qualifier: c.Qualifier, Action: c.Action.String(),
				Want: c.Want, Before: c.Before, Modified: c.Modified,
			})
		}
		d.Targets = append(d.Targets, t)
	}
	var err error
	if d.Fingerprint, err = fingerprint(d); err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	return encoder.Encode(d)
}

func fingerprint(d document) (string, error) {
	d.Fingerprint = ""
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

// Decode reads a plan back. Its errors say what is wrong with the file; anything
// but the very bytes that Encode wrote, white space apart, is refused.
func Decode(data []byte) (Saved, error) {
	var d document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&d); {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Saved{}, errors.New("the saved plan is cut off; make it again with plan --out")
	case err != nil:
		return Saved{}, fmt.Errorf("the saved plan is damaged: %w; make it again with plan --out", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Saved{}, errors.New("the saved plan has something after its end; make it again with plan --out")
	}
	if d.Kind != kind {
		return Saved{}, errors.New("this is not a saved plan; make one with plan --out")
	}
	if d.FormatVersion != version {
		return Saved{}, fmt.Errorf("the saved plan has format version %d, this eventinvoke reads %d; make it again with this version", d.FormatVersion, version)
	}
	want, err := fingerprint(d)
	if err != nil {
		return Saved{}, err
	}
	if d.Fingerprint != want {
		return Saved{}, errors.New("the saved plan was changed after it was made: its fingerprint does not fit; make it again with plan --out")
	}
	return d.saved()
}

func (d *document) saved() (Saved, error) {
	s := Saved{RunID: d.RunID, ToolVersion: d.ToolVersion, Created: d.Created}
	for _, f := range d.Files {
		s.Files = append(s.Files, desired.FileInfo(f))
	}
	for _, t := range d.Targets {
		p := reconcile.TargetPlan{Target: desired.Target{Account: t.Account, Region: t.Region}, Label: t.Label, Declared: t.Declared}
		for _, c := range t.Changes {
			change, err := c.change()
			if err != nil {
				return Saved{}, err
			}
			p.Changes = append(p.Changes, change)
		}
		if !slices.IsSortedFunc(p.Changes, func(a, b reconcile.Change) int { return a.Name.Compare(b.Name) }) {
			return Saved{}, errors.New("the saved plan is not in order; make it again with plan --out")
		}
		s.Plan.Targets = append(s.Plan.Targets, p)
	}
	return s, nil
}

func (c changeDocument) change() (reconcile.Change, error) {
	change := reconcile.Change{
		Name: desired.Name{Function: c.Function, Qualifier: c.Qualifier},
		Want: c.Want, Before: c.Before, Modified: c.Modified,
	}
	for _, a := range []reconcile.Action{reconcile.Create, reconcile.Update, reconcile.Delete} {
		if a.String() == c.Action {
			change.Action = a
		}
	}
	fits := map[reconcile.Action]bool{
		reconcile.Create: c.Want != nil && c.Before == nil,
		reconcile.Update: c.Want != nil && c.Before != nil,
		reconcile.Delete: c.Before != nil,
	}
	if !fits[change.Action] {
		return reconcile.Change{}, fmt.Errorf("the saved plan has a change of %s that makes no sense (%q); make it again with plan --out", change.Name, c.Action)
	}
	return change, nil
}
