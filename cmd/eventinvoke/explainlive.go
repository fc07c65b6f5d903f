package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// liveState is what AWS said about a key, as JSON output spells it.
type liveState string

const (
	stateRecord           liveState = "record"
	stateNoRecord         liveState = "no_record"
	stateFunctionMissing  liveState = "function_missing"
	stateQualifierMissing liveState = "qualifier_missing"
	stateOrphan           liveState = "orphan"
	stateUnreadable       liveState = "unreadable"
)

// liveValue is the live record of a key, or why there is none to show.
type liveValue struct {
	State    liveState
	Settings reconcile.Settings // zero unless State is stateRecord
	Modified time.Time          // zero when unknown
	Err      error              // with stateUnreadable; with stateRecord, why nobody knows whether the qualifier exists
}

// known reports whether the settings are what AWS holds. No record is as good as
// an empty one.
func (l *liveValue) known() bool { return l.State == stateRecord || l.State == stateNoRecord }

// String is the state as a sentence.
func (l *liveValue) String() string {
	switch l.State {
	case stateRecord:
		said := "AWS holds a record"
		if !l.Modified.IsZero() {
			said += ", last modified " + l.Modified.Format(time.RFC3339)
		}
		if l.Err != nil {
			said += fmt.Sprintf("; whether its alias or version exists could not be read: %v", l.Err)
		}
		return said
	case stateNoRecord:
		return "AWS holds no record: the defaults of Lambda apply"
	case stateFunctionMissing:
		return "AWS has no such function"
	case stateQualifierMissing:
		return "AWS has the function, but no such alias or version"
	case stateOrphan:
		return "AWS has the function, but no such alias or version; its record is left over: remove: true deletes it"
	}
	return fmt.Sprintf("what AWS holds could not be read: %v", l.Err)
}

// keyWishes are those of one key: a reconcile.Wishes that reads the key's function
// in each target where it is declared, and its tags and aliases where a rule asks for
// them. All
// functions are listed only to say which keys are near one that nobody declares.
type keyWishes struct {
	reconcile.FleetWishes
	typed string
	query desired.KeyQuery
	keys  []explained // set by Resolve; of no target more than one
}

// Discoveries implements reconcile.Wishes.
func (w *keyWishes) Discoveries(ambient desired.Target) []desired.Discovery {
	all := w.FleetWishes.Discoveries(ambient)
	for i := range all {
		all[i].ListFunctions, all[i].Functions = false, []string{w.query.Function}
	}
	return all
}

// Resolve implements reconcile.Wishes.
func (w *keyWishes) Resolve(_ context.Context, ambient desired.Target, tags desired.Inventory) (desired.Fleet, reconcile.GuardBase, error) {
	for _, d := range w.Discoveries(ambient) {
		if d.IsZero() { // no rule there asks for tags
			tags[d.Target] = desired.TargetInventory{Aliases: tags[d.Target].Aliases}
		}
	}
	var err error
	fleet := desired.Fleet{Limits: desired.DefaultLimits()}
	if w.keys, err = declared(w.Document, ambient, tags, w.typed, w.query); err != nil {
		return fleet, reconcile.GuardBase{}, err
	}
	for _, k := range w.keys {
		fleet.Targets = append(fleet.Targets, desired.TargetSpec{Target: k.Key.Target, Label: k.Label, Entries: []desired.Entry{k.Entry}, Judged: k.Judged})
	}
	return fleet, reconcile.GuardBase{}, nil
}

// suggestionWishes look for what a key that is not declared may have meant, among all
// that rules choose. They only ever come to an error.
type suggestionWishes struct {
	reconcile.FleetWishes
	typed string
	wrong error // that the key is not declared
}

// Resolve implements reconcile.Wishes.
func (w suggestionWishes) Resolve(_ context.Context, ambient desired.Target, found desired.Inventory) (desired.Fleet, reconcile.GuardBase, error) {
	fleet, err := w.Document.Resolve(ambient, found, desired.Selection{})
	if err == nil {
		_, err = fleet.Find(w.typed)
	}
	return desired.Fleet{}, reconcile.GuardBase{}, cmp.Or(err, w.wrong)
}

// explainLive tells what the files say and what AWS holds. It opens only the target
// that was named, where one was.
func (a *app) explainLive(ctx context.Context, doc *desired.Document, typed string, query desired.KeyQuery, o *explainOptions) error {
	options := o.readOptions
	options.quiet = true
	if query.Where != "" && doc.DeclaresTargets() {
		options.targets = []string{query.Where}
	}
	base := reconcile.FleetWishes{Document: doc, Selection: options.selection()}
	wishes := &keyWishes{FleetWishes: base, typed: typed, query: query}
	look := func(w reconcile.Wishes) error {
		return a.execute(ctx, "explain", &options, func(x *execution) error {
			x.declared, x.Wishes, x.about = declaredIn(doc), w, aboutReading
			x.show = func(r *reconcile.RunResult) error {
				if r.Stopped != nil {
					return timeUp(r.Stopped)
				}
				keys := wishes.live(r)
				if len(keys) == 0 {
					return &desired.NotDeclaredError{Typed: typed, Hint: "AWS has no such function for a rule to choose"}
				}
				return a.showKeys(keys, doc, o)
			}
			return nil
		})
	}
	err := look(wishes)
	if unknown := (*desired.NotDeclaredError)(nil); errors.As(err, &unknown) {
		if near := look(suggestionWishes{base, typed, unknown}); errors.As(near, &unknown) {
			return unknown
		}
	}
	return err
}

// live is what AWS holds of the keys.
func (w *keyWishes) live(r *reconcile.RunResult) []explained {
	for i := range w.keys {
		k, plan := &w.keys[i], &r.Plan.Targets[i]
		k.Live, k.Unjudged = liveOf(k.Key, &r.Observed.Targets[i]), plan.Unjudged
		k.Breaches = slices.DeleteFunc(plan.Breaches, func(b reconcile.Breach) bool { return b.Name != k.Key.Name })
	}
	return slices.DeleteFunc(w.keys, func(e explained) bool {
		// Rules choose among what exists: of nothing there is no key.
		return e.Live.State == stateFunctionMissing && e.Entry.Origins.Entry.Layer == desired.LayerRule
	})
}

func liveOf(key desired.Key, target *reconcile.ObservedTarget) *liveValue {
	if target.Err != nil {
		return &liveValue{State: stateUnreadable, Err: target.Err}
	}
	function := target.Functions[0]
	switch {
	case function.State == reconcile.FunctionAbsent:
		return &liveValue{State: stateFunctionMissing}
	case function.State != reconcile.FunctionPresent:
		return &liveValue{State: stateUnreadable, Err: function.Err}
	case slices.Contains(function.Gone, key.Qualifier):
		if slices.ContainsFunc(function.Records, func(r reconcile.ObservedRecord) bool { return r.Qualifier == key.Qualifier }) {
			return &liveValue{State: stateOrphan}
		}
		return &liveValue{State: stateQualifierMissing}
	}
	for _, r := range function.Records {
		if r.Qualifier == key.Qualifier {
			v := &liveValue{State: stateRecord, Settings: *r.Settings}
			if r.Modified != 0 {
				v.Modified = time.UnixMilli(r.Modified).UTC()
			}
			if !function.Knows(key.Qualifier) {
				v.Err = function.QualifierErr
			}
			return v
		}
	}
	if function.QualifierErr != nil {
		return &liveValue{State: stateUnreadable, Err: function.QualifierErr}
	}
	return &liveValue{State: stateNoRecord}
}

// The types below are the JSON form of explain CONFIG, in the order of its output.

type explainDocument struct {
	FormatVersion int              `json:"format_version"`
	Configs       []explainKeyJSON `json:"configs"`
}

type explainKeyJSON struct {
	report.KeyJSON
	Remove      bool                  `json:"remove"`
	Origin      *report.OriginJSON    `json:"origin"`
	TagsUnknown bool                  `json:"tags_unknown"`
	Fields      []explainFieldJSON    `json:"fields"`
	Required    []explainRequiredJSON `json:"required"`
	Live        *explainLiveJSON      `json:"live"` // null without --live
}

// explainRequiredJSON is one item of require that is for the function.
type explainRequiredJSON struct {
	Origin   *report.OriginJSON  `json:"origin"`
	Breaches []explainBreachJSON `json:"breaches"` // null where nobody knows, as without --live
}

type explainBreachJSON struct {
	Setting string `json:"setting"`
	Message string `json:"message"`
	Now     bool   `json:"now"`     // as AWS holds it
	Planned bool   `json:"planned"` // once the files are applied
}

type explainFieldJSON struct {
	Setting string              `json:"setting"`
	Want    desired.Value       `json:"want"`    // null when the field is left as it is
	Live    desired.Value       `json:"live"`    // null when AWS holds nothing, or was not asked
	Differs bool                `json:"differs"` // in effect; false when AWS was not asked
	Sources []explainSourceJSON `json:"sources"` // strongest first
}

type explainSourceJSON struct {
	Value   desired.Value      `json:"value"`
	Applied bool               `json:"applied"`
	Rule    string             `json:"rule"` // its name; "" when it has none
	Origin  *report.OriginJSON `json:"origin"`
}

type explainLiveJSON struct {
	State        liveState      `json:"state"`
	LastModified *time.Time     `json:"last_modified"`
	Error        *callerr.Error `json:"error"`
}

func (e *explained) json() explainKeyJSON {
	out := explainKeyJSON{
		KeyJSON: report.NewKeyJSON(e.Label, e.Key),
		Remove:  e.Entry.Remove, Origin: report.NewOriginJSON(e.Entry.Origins.Entry), TagsUnknown: e.TagsUnknown,
	}
	out.Fields = slice.Map(e.Fields, e.fieldJSON)
	out.Required = []explainRequiredJSON{}
	for _, q := range e.required() {
		required := explainRequiredJSON{Origin: report.NewOriginJSON(q.Origin)}
		if e.Live != nil && e.Unjudged == nil {
			required.Breaches = []explainBreachJSON{}
		}
		for _, b := range e.breachesOf(q) {
			required.Breaches = append(required.Breaches, explainBreachJSON{b.Setting.String(), b.Message, b.Now, b.Planned})
		}
		out.Required = append(out.Required, required)
	}
	if l := e.Live; l != nil {
		out.Live = &explainLiveJSON{State: l.State, Error: reconcile.ErrorOf(l.Err)}
		if !l.Modified.IsZero() {
			out.Live.LastModified = &l.Modified
		}
	}
	return out
}

func (e *explained) fieldJSON(h desired.SettingSources) explainFieldJSON {
	field := explainFieldJSON{Setting: h.Setting.String(), Differs: e.differs(h), Sources: []explainSourceJSON{}}
	if applied := h.Applied(); applied != nil {
		field.Want = applied.Value
	}
	if e.Live != nil && e.Live.known() {
		field.Live = e.Live.Settings[h.Setting]
	}
	for _, s := range slices.Backward(h.Sources) {
		field.Sources = append(field.Sources, explainSourceJSON{Value: s.Value, Applied: s.Applied, Rule: s.Origin.Rule, Origin: report.NewOriginJSON(s.Origin)})
	}
	return field
}
