package history

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
)

// TestNoSecretIsKept plants secrets wherever an error can carry one, and looks
// for them in every byte that a run leaves behind.
func TestNoSecretIsKept(t *testing.T) {
	const secret = "IQoJb3JpZ2luX2VjPLANTED"
	plain := errors.New("X-Amz-Security-Token: " + secret)
	errs := []error{
		plain,
		fmt.Errorf("put: %w", &callerr.Error{Op: "Put", Kind: callerr.Transport, Message: secret, Err: plain}),
		&callerr.Error{Op: "Put", Kind: callerr.Credentials, Status: 403, Code: "InvalidSignatureException",
			Message: "The Canonical String for this request should have been\nx-amz-security-token:" + secret},
		&callerr.Error{Op: "Put", Kind: callerr.Unknown, Message: secret},
		&callerr.Error{Op: "Put", Kind: callerr.Refused, Status: 400, Code: "InvalidParameterValueException",
			Message: "the role may not send to the queue", RequestID: "req-1", Err: plain},
	}
	eachStore(t, func(t *testing.T, s Store) {
		run := begin(t, s, "secret")
		record := testRecord("secret")
		target := reconcile.TargetPlan{Target: testTarget, Err: plain, Stopped: plain}
		outcome := reconcile.TargetOutcome{Target: testTarget, Stopped: plain}
		for i, err := range errs {
			change := modify(testKey(i), holding(2), retries(0))
			target.Changes = append(target.Changes, *change)
			target.Findings = append(target.Findings, reconcile.Finding{Name: desired.Name{Function: "f", Qualifier: "q"}, Err: err})
			outcome.Results = append(outcome.Results, *failed(change, err))
			if err := run.Journal().Intend(t.Context(), testKey(i), change); err != nil {
				t.Fatal(err)
			}
			run.Journal().Settle(testKey(i), failed(change, err))
		}
		record.SetPlan(&reconcile.Plan{Targets: []reconcile.TargetPlan{target}})
		record.SetOutcome(&reconcile.Outcome{Targets: []reconcile.TargetOutcome{outcome}})
		record.Failure = NewFailure(plain)
		if err := run.Finish(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		names, err := s.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			read := s.ReadLog
			if strings.HasSuffix(name, ".json") {
				read = readObject(s)
			}
			data, err := read(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		if strings.Contains(all.String(), secret) {
			t.Errorf("the secret is in\n%s", all.String())
		}
		for _, want := range []string{"the role may not send to the queue", "InvalidSignatureException", `"request_id":"req-1"`} {
			if !strings.Contains(all.String(), want) {
				t.Errorf("%q, which helps and is no secret, is not kept", want)
			}
		}
	})
}

func TestFailureIsACopy(t *testing.T) {
	answer := &callerr.Error{Kind: callerr.Denied, Message: "no", Hint: "allow it", Err: errors.New("below")}
	if kept := NewFailure(answer); kept.Message != "no" || kept.Err != nil || answer.Err == nil {
		t.Errorf("AWS's answer is kept: %+v", kept)
	}
	secret := &callerr.Error{Kind: callerr.Credentials, Message: "token", Hint: "log in"}
	if kept := NewFailure(secret); kept.Message != "" || kept.Hint != "log in" || secret.Message != "token" {
		t.Errorf("a text about credentials is not: %+v", kept)
	}
	if NewFailure(nil) != nil {
		t.Error("nothing failed")
	}
}
