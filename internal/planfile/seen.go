package planfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// seenDocument is what the plan told beside its changes: for whoever approves it, who sees what
// was not read. The fingerprint is of it too, and nothing that is applied.
type seenDocument struct {
	MissingFunctions  desired.MissingPolicy `json:"missing_functions"`
	MissingQualifiers desired.MissingPolicy `json:"missing_qualifiers"`
	Origins           []originsDocument     `json:"origins,omitempty"` // each once, as a fleet has few of them
	Targets           []seenTarget          `json:"targets,omitempty"` // those of the plan, in its order
}

type originsDocument struct {
	Entry    desired.Origin            `json:"entry,omitzero"`
	Settings map[string]desired.Origin `json:"settings,omitempty"`
}

// The origins of a change or a finding are counted from 1 in the document's; 0 is none.

type seenTarget struct {
	InSync   int               `json:"in_sync"`
	Skipped  int               `json:"skipped"`
	Changes  []int             `json:"change_origins,omitempty"`
	Findings []findingDocument `json:"findings,omitempty"`
	Ignored  []desired.Ignored `json:"ignored,omitempty"`
}

type findingDocument struct {
	desired.Name
	Kind    reconcile.FindingKind `json:"kind"`
	Origins int                   `json:"origins,omitempty"`
	Record  *reconcile.Settings   `json:"record,omitempty"`
	Error   *callerr.Error        `json:"error,omitempty"`
}

func newSeen(s *Saved) *seenDocument {
	d := &seenDocument{MissingFunctions: s.MissingFunctions, MissingQualifiers: s.MissingQualifiers}
	known := map[desired.Origins]int{}
	number := func(o *desired.Origins) int {
		if o == nil {
			return 0
		}
		if known[*o] == 0 {
			doc := originsDocument{Entry: o.Entry, Settings: map[string]desired.Origin{}}
			for _, f := range desired.AllSettings() {
				if !o.Settings[f].IsZero() {
					doc.Settings[f.String()] = o.Settings[f]
				}
			}
			d.Origins = append(d.Origins, doc)
			known[*o] = len(d.Origins)
		}
		return known[*o]
	}
	for p := range slice.Pointers(s.Plan.Targets) {
		d.Targets = append(d.Targets, seenTarget{
			InSync: p.InSync, Skipped: p.Skipped, Ignored: p.Ignored,
			Changes: slice.Map(p.Changes, func(c reconcile.Change) int { return number(c.Origins) }),
			Findings: slice.Map(p.Findings, func(f reconcile.Finding) findingDocument {
				return findingDocument{f.Name, f.Kind, number(f.Origins), f.Record, reconcile.ErrorOf(f.Err).Stored()}
			}),
		})
	}
	return d
}

// into fills in what the changes alone do not say. Its errors begin with where it is wrong.
func (d *seenDocument) into(s *Saved) error {
	s.MissingFunctions, s.MissingQualifiers = d.MissingFunctions, d.MissingQualifiers
	origins := make([]*desired.Origins, 1, 1+len(d.Origins))
	for _, doc := range d.Origins {
		o := &desired.Origins{Entry: doc.Entry}
		for _, f := range desired.AllSettings() {
			o.Settings[f] = doc.Settings[f.String()]
		}
		origins = append(origins, o)
	}
	wrong := func(n int) bool { return n < 0 || n >= len(origins) }
	if len(d.Targets) != len(s.Plan.Targets) {
		return errors.New(".targets: they are not those of the plan")
	}
	for i := range d.Targets {
		t, p := &d.Targets[i], &s.Plan.Targets[i]
		switch {
		case len(t.Changes) != len(p.Changes), slices.ContainsFunc(t.Changes, wrong):
			return fmt.Errorf(".targets[%d].change_origins: they are not of the plan's changes", i)
		case t.InSync < 0, t.Skipped < 0, t.Skipped > p.Declared-t.InSync:
			return fmt.Errorf(".targets[%d]: %d configs in sync and %d skipped are not of %d declared", i, t.InSync, t.Skipped, p.Declared)
		}
		p.InSync, p.Skipped, p.Ignored = t.InSync, t.Skipped, t.Ignored
		for j, n := range t.Changes {
			p.Changes[j].Origins = origins[n]
		}
		for j, f := range t.Findings {
			if err := checkName(f.Name); err != nil || wrong(f.Origins) {
				return fmt.Errorf(".targets[%d].findings[%d], %s: %w", i, j, f.Name, cmp.Or(err, errNoOrigins))
			}
			finding := reconcile.Finding{Name: f.Name, Kind: f.Kind, Origins: origins[f.Origins], Record: f.Record}
			if f.Error != nil {
				finding.Err = f.Error
			}
			p.Findings = append(p.Findings, finding)
		}
	}
	return nil
}

var errNoOrigins = errors.New("its origins are not there")
