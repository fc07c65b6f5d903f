package report

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

// The lists of a document, each made while it is written.

// each converts a slice, element by element.
func each[A, B any](all []A, convert func(A) B) iter.Seq[B] {
	return func(yield func(B) bool) {
		for _, a := range all {
			if !yield(convert(a)) {
				return
			}
		}
	}
}

// plans are the targets of the plan; none when there is no plan.
func (r *Run) plans() []reconcile.TargetPlan {
	if r.Plan == nil {
		return nil
	}
	return r.Plan.Targets
}

func (r *Run) targets() iter.Seq[targetSummaryJSON] {
	return each(r.plans(), func(t reconcile.TargetPlan) targetSummaryJSON { return r.newTargetSummary(&t) })
}

// items are the changes, with their results where something was tried.
func (r *Run) items() iter.Seq[itemJSON] {
	return func(yield func(itemJSON) bool) {
		plans := r.plans()
		for i := range plans {
			t := newTarget(plans[i].Target, plans[i].Label)
			if o := r.outcomeOf(plans[i].Target); o != nil {
				for j := range o.Results {
					if !yield(newResult(t, &o.Results[j])) {
						return
					}
				}
				continue
			}
			for j := range plans[i].Changes {
				if !yield(newPlanned(t, &plans[i].Changes[j])) {
					return
				}
			}
		}
	}
}

// found walks the findings of some kinds in the plan's order.
func (r *Run) found(kinds ...reconcile.FindingKind) iter.Seq2[targetJSON, *reconcile.Finding] {
	return func(yield func(targetJSON, *reconcile.Finding) bool) {
		plans := r.plans()
		for i := range plans {
			t := newTarget(plans[i].Target, plans[i].Label)
			for j := range plans[i].Findings {
				f := &plans[i].Findings[j]
				if slices.Contains(kinds, f.Kind) && !yield(t, f) {
					return
				}
			}
		}
	}
}

func (r *Run) findings(kinds ...reconcile.FindingKind) iter.Seq[findingJSON] {
	return func(yield func(findingJSON) bool) {
		for t, f := range r.found(kinds...) {
			if !yield(newFinding(t, f)) {
				return
			}
		}
	}
}

func (r *Run) undeclared(kind reconcile.FindingKind) iter.Seq[undeclaredJSON] {
	return func(yield func(undeclaredJSON) bool) {
		for t, f := range r.found(kind) {
			if !yield(newUndeclared(t, f)) {
				return
			}
		}
	}
}

func (r *Run) ignored() iter.Seq[ignoredJSON] {
	return func(yield func(ignoredJSON) bool) {
		for _, p := range r.plans() {
			t := newTarget(p.Target, p.Label)
			for _, g := range p.Ignored {
				if !yield(ignoredJSON{keyJSON: newKey(t, g.Name), Origin: newOriginJSON(g.By)}) {
					return
				}
			}
		}
	}
}

// marshal is v on one line, with <, > and & as they are: AWS's messages are
// full of them, and the output is no HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
