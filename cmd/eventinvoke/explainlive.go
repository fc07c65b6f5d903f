package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// liveState is what AWS said about a key, as JSON output spells it.
type liveState string

const (
	stateRecord           liveState = "record"
	stateNoRecord         liveState = "no_record"
	stateFunctionMissing  liveState = "function_missing"
	stateQualifierMissing liveState = "qualifier_missing"
	stateUnreadable       liveState = "unreadable"
)

// liveValue is the live record of a key, or why there is none to show.
type liveValue struct {
	State    liveState
	Settings reconcile.Settings // zero unless State is stateRecord
	Modified time.Time          // zero when unknown
	Err      error              // with stateUnreadable
}

// known reports whether the settings are what AWS holds. No record is as good as
// an empty one.
func (l *liveValue) known() bool { return l.State == stateRecord || l.State == stateNoRecord }

// String is the state as a sentence.
func (l *liveValue) String() string {
	switch l.State {
	case stateRecord:
		if l.Modified.IsZero() {
			return "AWS holds a record"
		}
		return "AWS holds a record, last modified " + l.Modified.Format(time.RFC3339)
	case stateNoRecord:
		return "AWS holds no record: the defaults of Lambda apply"
	case stateFunctionMissing:
		return "AWS has no such function"
	case stateQualifierMissing:
		return "AWS has the function, but no such alias or version"
	}
	return fmt.Sprintf("what AWS holds could not be read: %v", l.Err)
}

// readLive surveys the keys, of which no target has more than one.
func readLive(ctx context.Context, site *site, keys []explained) {
	fleet := desired.Fleet{Guard: desired.DefaultGuard()}
	for _, k := range keys {
		fleet.Targets = append(fleet.Targets, desired.TargetSpec{Target: k.Key.Target, Label: k.Label, Entries: []desired.Entry{k.Entry}})
	}
	live := reconcile.Survey(ctx, fleet, site.readLanes(), nil)
	for i := range keys {
		keys[i].Live = liveOf(keys[i].Key, &live.Targets[i])
	}
}

func liveOf(key desired.Key, target *reconcile.ObservedTarget) *liveValue {
	if target.Err != nil {
		return &liveValue{State: stateUnreadable, Err: target.Err}
	}
	function := target.Functions[0]
	switch {
	case function.State == reconcile.FunctionAbsent:
		return &liveValue{State: stateFunctionMissing}
	case function.State != reconcile.Present:
		return &liveValue{State: stateUnreadable, Err: function.Err}
	case slices.Contains(function.NoQualifier, key.Qualifier):
		return &liveValue{State: stateQualifierMissing}
	}
	for _, r := range function.Records {
		if r.Qualifier == key.Qualifier {
			v := &liveValue{State: stateRecord, Settings: *r.Settings}
			if r.Modified != 0 {
				v.Modified = time.UnixMilli(r.Modified).UTC()
			}
			return v
		}
	}
	if function.QualifierErr != nil {
		return &liveValue{State: stateUnreadable, Err: function.QualifierErr}
	}
	return &liveValue{State: stateNoRecord}
}
