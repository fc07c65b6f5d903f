package history

import (
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// A rollback restores a record that was deleted, so there is none before it.
// The journal of a rollback must be read like any other: it is a run.
func TestARestoreGoesWithAnyBeforeImage(t *testing.T) {
	there := &reconcile.Settings{desired.MaximumRetryAttempts: desired.Number(1)}
	for _, row := range []struct {
		why    string
		action reconcile.Action
		before *reconcile.Settings
		ok     bool
	}{
		{"the record was deleted since", reconcile.Restore, nil, true},
		{"the record has a number that Update cannot unset", reconcile.Restore, there, true},
		{"nothing is created over a record", reconcile.Create, there, false},
		{"nothing that is not there is changed", reconcile.Update, nil, false},
		{"nothing that is not there is deleted", reconcile.Delete, nil, false},
	} {
		key := desired.Key{Target: testTarget, Name: desired.Name{Function: "f", Qualifier: desired.Latest}}
		line := lineJSON{Intent: &intentJSON{keyJSON: newKey(key), Action: row.action.String(), Before: row.before, Request: &desired.Config{}}}
		_, err := line.entry()
		if (err == nil) != row.ok {
			t.Errorf("%s: reading the intent: %v", row.why, err)
		}
	}
}
