package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// TestErrorForm: every error of a run has the one form, and it reads back.
func TestErrorForm(t *testing.T) {
	full := &callerr.Error{
		Service: "lambda", Op: "ListAliases", Subject: "111111111111/eu-west-1/f", Kind: callerr.Denied, Code: "AccessDeniedException",
		Status: 403, Message: "no", RequestID: "r", Hint: "allow it", Destination: "d", Err: errors.New("below"),
	}
	tests := []struct {
		why  string
		err  error
		want *callerr.Error
	}{
		{"none", nil, nil},
		{"a failed call, wrapped", fmt.Errorf("survey: %w", full), full},
		{"its text is in the cause", &callerr.Error{Kind: callerr.Transport, Err: errors.New("reset")}, &callerr.Error{Kind: callerr.Transport, Message: "reset"}},
		{"one function was throttled, and no other", fmt.Errorf("%w: %w", &ratelimit.GivenUpError{Result: ratelimit.Throttled, Alone: true},
			&callerr.Error{Kind: callerr.Throttled, Message: "Rate exceeded", Hint: "other callers spend the same quota"}),
			&callerr.Error{Kind: callerr.Throttled, Message: "Rate exceeded",
				Hint: "AWS served other functions meanwhile, so the quota is not spent: see what else changes this function, and run again"}},
		{"the fleet file", desired.Problems{}, &callerr.Error{Kind: callerr.FleetFile, Message: desired.Problems{}.Error()}},
		{"the guard", &reconcile.GuardError{}, &callerr.Error{Kind: callerr.Guard, Message: (&reconcile.GuardError{}).Error()}},
		{"not all was read", reconcile.ErrIncomplete, &callerr.Error{Kind: callerr.Incomplete, Message: reconcile.ErrIncomplete.Error()}},
		{"too many failures", reconcile.ErrErrorBudget, &callerr.Error{Kind: callerr.ErrorBudget, Message: reconcile.ErrErrorBudget.Error()}},
		{"anything else", errors.New("disk full"), &callerr.Error{Message: "disk full"}},
	}
	inJSON := cmpopts.IgnoreFields(callerr.Error{}, "Err", "Destination")
	for _, tt := range tests {
		got := reconcile.ErrorOf(tt.err)
		if d := cmp.Diff(tt.want, got, inJSON); d != "" {
			t.Errorf("%s: %s", tt.why, d)
		}
		data, err := json.Marshal(got)
		var back *callerr.Error
		if err == nil {
			err = json.Unmarshal(data, &back)
		}
		if d := cmp.Diff(tt.want, back, inJSON); err != nil || d != "" {
			t.Errorf("%s: read back: %v\n%s", tt.why, err, d)
		}
	}
	const want = `{"service":"lambda","operation":"ListAliases","subject":"111111111111/eu-west-1/f","kind":"denied","code":"AccessDeniedException","status":403,"message":"no","request_id":"r","hint":"allow it"}`
	if data, _ := json.Marshal(full); string(data) != want {
		t.Errorf("got %s", data)
	}
	var later callerr.Error
	if err := json.Unmarshal([]byte(`{"kind":"of_tomorrow"}`), &later); err != nil || later.Kind != callerr.Unknown {
		t.Errorf("a kind of a later version: %v, %v", later.Kind, err)
	}
}
